# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila schedules import``: schedules that a lost database had, made again by a user."""

import argparse
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, TypeVar

from karbor_manila.cli import columns
from karbor_manila.cli.errors import KarborRefused, KarborTransient, WrongUsage
from karbor_manila.cli.tenant import printed
from karbor_manila.cli.tenant.base import TenantLister
from karbor_manila.common.schedules import content, given, when

_COLUMNS = ("Schedule", "Name", "Plan", "Operation", "Trigger", "State")

_MADE, _THERE = "made", "there already"

T = TypeVar("T")

Schedule = Mapping[str, Any]

#: A schedule, its id now, and what was done.
_Done = tuple[Schedule, str | None, str]


class SchedulesImport(TenantLister):
    """Make the schedules of this project again that a lost database of Karbor had.

    FILE is what the operator's 'karbor-manila plans list -f json' printed. Each schedule runs with
    a trust of whoever calls this command. One that is there already, with whatever id, is left
    alone, so it may be repeated; of what two who call it at once have both made, one stays. Exit
    code 3: one could not be made again.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """As above, and from where."""
        parser = super().get_parser(prog_name)
        parser.add_argument("file", metavar="FILE", help="A file; - for the standard input.")
        parser.add_argument(
            "--dry-run", action="store_true", help="Only show what would be made; change nothing."
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line for each schedule."""
        wanted = _wanted(printed.load(parsed_args.file), self.karbor.project_id())
        self._triggers, there = self._listed()
        self._there = {of: ids[0] for of, ids in there.items()}
        self._plans = {plan["id"] for plan in self.karbor.plans()}
        done = [(each, *self._made(each, parsed_args.dry_run)) for each in wanted]
        if any(state == _MADE for _schedule, _id, state in done):
            done = self._each_once(done)
        return _COLUMNS, [self._row(*each) for each in done]

    def _listed(self) -> tuple[dict[tuple[str, ...], str], dict[tuple[str, ...], list[str]]]:
        """The id of a trigger by when it fires, and those of schedules by what they are to do."""
        triggers = {each["id"]: each for each in self.karbor.triggers()}
        there: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for each in self.karbor.schedules():
            if each["trigger_id"] in triggers:
                there[content({**each, "trigger": triggers[each["trigger_id"]]})].append(each["id"])
        return {when(each): each["id"] for each in triggers.values()}, there

    def _each_once(self, done: list[_Done]) -> list[_Done]:
        """Remove what somebody else has made as well, who ran this at the same moment: Karbor makes
        a second one of everything without a word.

        Who makes one looks afterwards, and of several the one with the smallest id stays. So it is
        the same one whoever looks, it is never removed, and the last to look finds no other one.
        What was there before is not among them: then none was made.
        """
        try:
            _triggers, there = self._listed()
        except (KarborRefused, KarborTransient) as error:
            self.not_well()
            said = f"made; whether somebody else made it, too, is not known: {error}"
            return [(of, at, said if state == _MADE else state) for of, at, state in done]
        return [
            (of, *self._once(at, there[content(of)])) if state == _MADE and at else (of, at, state)
            for of, at, state in done
        ]

    def _once(self, made_id: str, there: list[str]) -> tuple[str, str]:
        """The id that stays of those that were made at the same moment, and what was done."""
        stays = min([made_id, *there])
        for other in there:
            if other == stays:
                continue
            try:
                self.karbor.remove_schedule(other)
            except (KarborRefused, KarborTransient) as error:
                self.not_well()
                return stays, f"there twice, as {other}, too, which could not be removed: {error}"
        return stays, _MADE if stays == made_id else _THERE

    @staticmethod
    def _row(schedule: Schedule, made_id: str | None, state: str) -> tuple[Any, ...]:
        trigger = schedule["trigger"]
        return (
            columns.Text(made_id),
            schedule["name"],
            schedule["operation_definition"]["plan_id"],
            schedule["operation_type"],
            f"{trigger['name']}: {trigger['properties'].get('pattern', '')}",
            state,
        )

    def _made(self, schedule: Schedule, dry_run: bool) -> tuple[str | None, str]:
        """The schedule's id now, and what was done. One that is refused does not keep the others
        from being made."""
        if known := self._there.get(content(schedule)):
            return known, _THERE
        plan_id = schedule["operation_definition"]["plan_id"]
        if plan_id not in self._plans:
            self.not_well()
            return None, "its plan is not there: an operator runs karbor-manila plans import first"
        if not schedule["enabled"]:
            return None, "it was disabled and is left out"
        if dry_run:
            return None, "to be made"
        try:
            made_id = self._make(schedule)
        except (KarborRefused, KarborTransient) as error:
            self.not_well()
            return None, f"failed: {error}"
        self._there[content(schedule)] = made_id
        return made_id, _MADE

    def _make(self, schedule: Schedule) -> str:
        """Its trigger, unless one like it is there, and the schedule. Who dies in between leaves a
        trigger that the next call finds."""
        trigger = schedule["trigger"]
        if when(trigger) not in self._triggers:
            made = self.karbor.make_trigger(
                trigger["name"], trigger["type"], _properties(trigger["properties"])
            )
            self._triggers[when(trigger)] = made["id"]
        made = self.karbor.make_schedule(
            name=schedule["name"],
            operation_type=schedule["operation_type"],
            trigger_id=self._triggers[when(trigger)],
            operation_definition=dict(schedule["operation_definition"]),
            **({"description": schedule["description"]} if schedule["description"] else {}),
        )
        return str(made["id"])


def _properties(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a trigger as Karbor's API takes them."""
    properties = given(stored)
    if "window" in properties:
        properties["window"] = int(properties["window"])
    return properties


def _wanted(rows: Any, project_id: str) -> list[Schedule]:
    """The schedules of a project in what the list of plans printed, each once.

    All of them are looked at before the first one is made: nothing is made of a damaged file.

    :raises WrongUsage: it is not that
    """
    found: list[Schedule] = []
    try:
        for row in printed.rows(rows):
            if row["Project"] == project_id:
                every = (
                    *printed.rows(row["Schedules"]),
                    *printed.rows(row["Lost Schedules"]),
                )
                found += {_known_by(each): each for each in every}.values()
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise WrongUsage(
            "The file is not what 'karbor-manila plans list -f json' prints."
        ) from error
    return found


def _known_by(schedule: Schedule) -> tuple[str, ...]:
    """By what it is known again. Whatever is made of it is read here, and raises here."""
    _a(str, schedule["operation_definition"]["plan_id"])
    _a(bool, schedule["enabled"])
    _a((str, type(None)), schedule["description"])
    _properties(schedule["trigger"]["properties"])
    return content(schedule)


def _a(kind: type[T] | tuple[type[T], ...], value: Any) -> T:
    """A value of a kind. Raises TypeError for one of another."""
    if not isinstance(value, kind):
        raise TypeError(value)
    return value

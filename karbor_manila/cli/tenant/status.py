# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila status``: are all plans well?"""

import argparse
from collections.abc import Sequence
from typing import Any

from karbor_manila.cli import columns, numbers
from karbor_manila.cli.tenant import reading
from karbor_manila.cli.tenant.base import HOUR, TenantLister, add_plans, chosen_plans


class Status(TenantLister):
    """Tell how well each plan of the project is protected.

    One line for each plan: its newest good checkpoint and the age of it, checkpoints in error,
    stuck, held, or waiting for their deletion, and the last drill. A checkpoint is good when it is
    available, holds all that it should and is no copy. Exit code 3: a plan has no good checkpoint,
    or none that is young enough (--max-age), or its last run missed something that is broken, or a
    run of its schedule made none since, or its last drill failed.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Which plans, and what is late."""
        parser = super().get_parser(prog_name)
        add_plans(parser)
        parser.add_argument(
            "--stuck-after",
            type=numbers.fraction(),
            default=24.0,
            metavar="HOURS",
            help="a checkpoint that is worked on for longer counts as stuck (default: 24).",
        )
        parser.add_argument(
            "--long",
            action="store_true",
            help="show all columns, as formats other than the table do.",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line for each plan."""
        from karbor_manila.cli.tenant.overview import Overview  # noqa: PLC0415
        from karbor_manila.cli.views.plans import age_of, wrong  # noqa: PLC0415

        now = self.time.utcnow()
        plans = chosen_plans(self.karbor, parsed_args.plan)
        names = {item["id"]: item["name"] for item in self.karbor.providers()} if plans else {}
        states = Overview(self.karbor, now, parsed_args.stuck_after * HOUR).states(plans)
        rows = []
        for state in states:
            age = age_of(state.made_at, now)
            phrases = list(wrong(state, age, parsed_args.max_age))
            if phrases:
                self.not_well()
            rows.append(_row(state, names, age, phrases))
        shown = _ALL if parsed_args.long or parsed_args.formatter != "table" else _short(states)
        return shown, [[row[name] for name in shown] for row in rows]


_ALL = (
    "Plan", "ID", "Provider", "Shares", "Newest Good", "Made At", "Age", "In Error", "Stuck",
    "Held", "Deletion Waits", "Drill", "Drilled", "Drilled At", "Drill Signed By", "Not Well",
)  # fmt: skip
_SHORT = ("Plan", "Provider", "Shares", "Newest Good", "Age", "In Error", "Stuck", "Drill",
          "Not Well")  # fmt: skip


def _short(states: Sequence[Any]) -> tuple[str, ...]:
    """The columns of a table: what few plans have is there when one has it."""
    few = {"Held": any(state.held for state in states)}
    few["Deletion Waits"] = any(state.waiting for state in states)
    return tuple(name for name in _ALL if name in _SHORT or few.get(name))


class _Shares(columns.FormattableColumn[int | None]):
    """How many shares; those of a whole project change, so it is the newest checkpoint's number."""

    def human_readable(self) -> str:
        return "project" if self._value is None else f"project ({self._value})"


class _Age(columns.Seconds):
    """Not exact, because Karbor gives only the day."""

    def human_readable(self) -> str:
        return f"at most {super().human_readable()}"


class _Count(columns.Lines):
    """Ids, of which people see how many."""

    def human_readable(self) -> str:
        return str(len(self._value) or "")


def _row(state: Any, names: dict[str, str], age: float | None, wrong: list[str]) -> dict[str, Any]:
    plan, drill = state.plan, state.drill
    age = None if age is None else round(age)
    if any(item["type"] == reading.PROJECT for item in plan["resources"]):
        held = len(reading.shares(state.newest)) if state.newest else None
        number: Any = _Shares(held)
    else:
        number = sum(item["type"] == reading.SHARE for item in plan["resources"])
    return {
        "Plan": plan["name"] or plan["id"],
        "ID": plan["id"],
        "Provider": names.get(plan["provider_id"], plan["provider_id"]),
        "Shares": number,
        "Newest Good": columns.Text(state.newest["id"] if state.newest else None),
        "Made At": columns.Moment(state.made_at),
        "Age": columns.Seconds(age) if state.exact else _Age(age),
        "In Error": _Count(state.failed),
        "Stuck": _Count(state.stuck),
        "Held": _Count(state.held),
        "Deletion Waits": _Count(state.waiting),
        "Drill": _DrillWord(drill),
        "Drilled": columns.Text(drill.checkpoint_id if drill else None),
        "Drilled At": columns.Moment(drill.at if drill else None),
        "Drill Signed By": columns.Names(drill.signed_by if drill else []),
        "Not Well": columns.Lines(wrong),
    }


class _DrillWord(columns.FormattableColumn[Any]):
    """How the last drill went; people see in the same column when it was."""

    def human_readable(self) -> str:
        if not self._value:
            return "never"
        when = columns.Moment(self._value.at).human_readable()
        return f"{self._value.word}, {when}" if when else str(self._value.word)

    def machine_readable(self) -> str | None:
        return self._value.word if self._value else None

# SPDX-License-Identifier: Apache-2.0
"""Copies of Karbor's plans and schedules in a bank, for the day on which the database is lost.

One object for each plan, ``/karbor-manila/plans/<provider>/<project>/<plan>``, says what Karbor's
database says. Of what that does not say any more only that goes which was seen to be deleted: a
database that was put back from a backup, or made anew, knows less than the bank.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from oslo_log import log as logging

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import identity
from karbor_manila.bank.errors import RecordInvalid, RecordVersionUnknown
from karbor_manila.common import validators
from karbor_manila.common.schedules import content
from karbor_manila.schemas import PLAN_SCHEMA

LOG = logging.getLogger(__name__)

VERSION = 1

_PREFIX = identity.PREFIX + "/plans/"
_WHAT = "copy of a plan"

View = Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """Where the copy of a plan is."""

    provider_id: str
    project_id: str
    plan_id: str

    @property
    def key(self) -> str:
        """Its key in the bank."""
        return f"{_PREFIX}{self.provider_id}/{self.project_id}/{self.plan_id}"


@dataclass(frozen=True)
class PlanCopy:
    """A plan with its schedules (schemas/plan.json).

    :ivar lost_schedules: those that the database had, that nobody was seen to delete, and that it
        does not have
    """

    plan: View
    schedules: tuple[View, ...] = ()
    lost_schedules: tuple[View, ...] = ()

    @property
    def place(self) -> Place:
        """Where it is kept."""
        plan = self.plan
        return Place(str(plan["provider_id"]), str(plan["project_id"]), str(plan["id"]))

    def after(self, before: "PlanCopy", deleted: Collection[str] = ()) -> "PlanCopy":
        """This, as the database has it now, with the schedules of an earlier copy that it lacks.

        :param deleted: the ids of schedules that were seen to go
        """
        known = {each["id"] for each in self.schedules}
        alike = {content(each) for each in self.schedules}
        lost = {
            each["id"]: each
            for each in (*before.lost_schedules, *before.schedules)
            # What was put back has another id.
            if each["id"] not in known and each["id"] not in deleted and content(each) not in alike
        }
        return replace(self, lost_schedules=tuple(lost.values()))

    def as_lost(self) -> "PlanCopy":
        """This, when the database is about to get the plan, and has none of its schedules."""
        return PlanCopy(self.plan).after(self)


def places(bank: Any, provider_id: str) -> list[Place]:
    """Where the copies of a provider's plans are, by one list.

    :raises BankUnreadable: the bank cannot be listed
    """
    prefix = f"{_PREFIX}{provider_id}/"
    keys = bank_access.ask(lambda: bank.list_objects(prefix), "list its copies of plans")
    found = []
    for key in sorted(keys):
        parts = key.removeprefix(_PREFIX).split("/")
        if len(parts) == 3:
            found.append(Place(*parts))
    return found


def read(bank: Any, place: Place, *, listed: bool = False) -> PlanCopy | None:
    """A copy; None when there is none.

    :param listed: whether a list has just shown it
    :raises RecordInvalid: it cannot be understood, or is of another plan
    :raises BankUnreadable: the bank does not give it
    """
    stored = bank_access.ask(
        lambda: _look(bank, place.key, listed=listed), f"give the copy of plan {place.plan_id}"
    )
    if stored.is_absent:
        return None
    if stored.outcome is bank_access.Outcome.DAMAGED:
        raise RecordInvalid(_WHAT, "it is damaged")
    found = _load(stored.value)
    if found.place != place:
        raise RecordInvalid(_WHAT, "it is of another plan than its key says")
    return found


def everything(bank: Any, provider_id: str) -> Iterator[tuple[Place, PlanCopy | RecordInvalid]]:
    """All copies of a provider's plans; of one that cannot be understood, why.

    :raises BankUnreadable: the bank cannot be read
    """
    for place in places(bank, provider_id):
        try:
            found = read(bank, place, listed=True)
        except RecordInvalid as error:
            yield place, error
            continue
        if found:
            yield place, found


def write(bank: Any, copy: PlanCopy) -> None:
    """Keep a copy.

    :raises BankUnreadable: the bank does not take it
    """
    content = _dump(copy)
    place = copy.place
    bank_access.ask(
        lambda: bank.update_object(place.key, content), f"take the copy of plan {place.plan_id}"
    )


def remove(bank: Any, place: Place) -> None:
    """Have no copy.

    :raises BankUnreadable: it may still be there
    """
    bank_access.remove(bank, place.key, f"remove the copy of plan {place.plan_id}")


def is_storable(plan: View) -> bool:
    """Whether a plan's ids can be parts of a key; others are not copied."""
    parts: Iterable[Any] = (plan["provider_id"], plan["project_id"], plan["id"])
    return all(isinstance(part, str) and part and "/" not in part for part in parts)


def _look(bank: Any, key: str, *, listed: bool) -> bank_access.Stored:
    """By the list first, unless it may lag: Karbor's banks write a log with a traceback of what is
    not there, and a new plan has no copy. Raises what the bank's client raises."""

    def is_listed() -> bool:
        return key in bank.list_objects(key.rpartition("/")[0] + "/")

    if not listed and not bank_access.lists_lag(bank) and not is_listed():
        return bank_access.Stored(bank_access.Outcome.ABSENT)
    return bank_access.look(lambda: bank.get_object(key), is_listed)


def _dump(copy: PlanCopy) -> dict[str, Any]:
    content = {
        "version": VERSION,
        "plan": dict(copy.plan),
        "schedules": [dict(each) for each in copy.schedules],
        "lost_schedules": [dict(each) for each in copy.lost_schedules],
    }
    wrong = validators.worst(PLAN_SCHEMA, content)
    if wrong is not None:
        raise RecordInvalid(_WHAT, f"{wrong.json_path}: {wrong.message}")
    return content


def _load(stored: Any) -> PlanCopy:
    version = stored.get("version") if isinstance(stored, Mapping) else None
    if isinstance(version, int) and version > VERSION:
        raise RecordVersionUnknown(_WHAT, version)
    wrong = validators.worst(PLAN_SCHEMA, stored)
    if wrong is not None:
        raise RecordInvalid(_WHAT, f"{wrong.json_path}: {wrong.message}")
    return PlanCopy(stored["plan"], tuple(stored["schedules"]), tuple(stored["lost_schedules"]))

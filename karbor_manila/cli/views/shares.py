# SPDX-License-Identifier: Apache-2.0
"""Every share: protected, too old or not protected, with what was promised and what went wrong."""

import datetime
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from karbor_manila.cli.tenant import reading
from karbor_manila.cli.views.advice import advice
from karbor_manila.cli.views.covered import Covered
from karbor_manila.cli.views.listed import Listed, View
from karbor_manila.cli.views.plan_state import made_at, verified_at
from karbor_manila.cli.views.plans import (
    NOT_PROTECTED,
    PROTECTED,
    TOO_OLD,
    PlanView,
    age_of,
)
from karbor_manila.common import durations

# In the metadata of shares that are not the user's (karbor_manila/manila/marks.py): those of a
# drill or a copy.
_PURPOSE = "karbor_manila_purpose"

_ORDER = (NOT_PROTECTED, TOO_OLD, PROTECTED)


@dataclass(frozen=True)
class ShareDrill:
    """The last drill of a share.

    :ivar seconds: until its content was back; None when it did not get there
    :ivar compared: what of its content was compared, a phrase; empty when nothing was
    :ivar signed_by: the id of the operator's key under what is kept of it
    """

    good: bool
    under_way: bool
    at: datetime.datetime | None
    seconds: float | None
    reason: str
    checkpoint_id: str
    compared: str
    signed_by: str


@dataclass(frozen=True)
class ShareView:
    """One share.

    :ivar plans: names of the plans that have it; empty when none has
    :ivar state: as of a plan
    :ivar left_out: whether its owner has left it out on purpose
    :ivar newest: id of the newest checkpoint that has it whole; empty when there is none
    :ivar age: seconds; at most that when it is not exact
    :ivar oldest: seconds that the age may reach; None when nothing is promised
    :ivar held: whether a checkpoint that has it is held
    :ivar failure: why its last protection failed or left it out, in the words that were given
    :ivar advice: what to do next
    """

    id: str
    name: str
    project_id: str
    plans: tuple[str, ...]
    state: str
    left_out: bool
    newest: str
    made_at: datetime.datetime | None
    exact: bool
    age: float | None
    oldest: float | None
    next_run: datetime.datetime | None
    drill: ShareDrill | None
    held: bool
    failure: str
    advice: str


@dataclass(frozen=True)
class Totals:
    """How many shares there are, and how many stand how. ``left_out`` are none of the three."""

    protected: int
    too_old: int
    not_protected: int
    left_out: int

    @property
    def all(self) -> int:
        """All shares."""
        return self.protected + self.too_old + self.not_protected + self.left_out


def totals(found: Iterable[ShareView]) -> Totals:
    """The three numbers on top."""
    found = list(found)
    counted = [share.state for share in found if not share.left_out]
    return Totals(
        protected=counted.count(PROTECTED),
        too_old=counted.count(TOO_OLD),
        not_protected=counted.count(NOT_PROTECTED),
        left_out=len(found) - len(counted),
    )


def shares(listed: Listed, plans: Sequence[PlanView]) -> list[ShareView]:
    """All shares, the worst first.

    :param plans: the views of the plans
    """
    makes = _Maker(listed, plans)
    found = [makes.view(share) for share in _all(listed, plans)]
    return sorted(found, key=_worst_first)


def _worst_first(share: ShareView) -> tuple[object, ...]:
    late = (share.age or 0.0) / share.oldest if share.oldest else 0.0
    well = not (share.failure or (share.drill and share.drill.reason))
    return share.left_out, _ORDER.index(share.state), well, -late, share.name, share.id


def _all(listed: Listed, plans: Sequence[PlanView]) -> list[View]:
    """What Manila lists, without what we made ourselves; or else what plans are about."""
    if listed.shares is not None:
        return [s for s in listed.shares if not (s.get("metadata") or {}).get(_PURPOSE)]
    known: dict[str, View] = {}
    by_id = {item["id"]: item for item in listed.checkpoints}
    for plan in plans:
        for each in reading.shares(by_id[plan.newest]) if plan.newest else ():
            known[each.id] = {"id": each.id, "name": each.name, "project_id": plan.project_id}
    for given in listed.plans:
        for item in given["resources"]:
            if item["type"] == reading.SHARE:
                known.setdefault(item["id"], {"id": item["id"], "name": item.get("name")})
    return list(known.values())


class _Maker:
    """Makes the view of each share, from what is looked up once for all."""

    def __init__(self, listed: Listed, plans: Sequence[PlanView]) -> None:
        self._listed = listed
        self._covered = Covered(listed.plans, plans)
        self._newest: dict[str, tuple[float, View]] = {}
        self._held: set[str] = set()
        self._failures: dict[str, str] = {}
        for items in listed.of_plan.values():
            seen: set[str] = set()
            for checkpoint in items:
                self._look(checkpoint, seen)
        self._verifications: dict[str, list[dict[str, Any]]] = {}
        for verification in listed.verifications:
            of = self._verifications.setdefault(verification["checkpoint_id"], [])
            of.append(verification)
        self._drilled = self._drills()

    def _look(self, checkpoint: View, seen: set[str]) -> None:
        """What one checkpoint says of shares.

        :param seen: the shares that newer ones of its plan have whole
        """
        whole = reading.held_shares(checkpoint)
        if reading.hold(checkpoint, self._listed.at) is not None:
            self._held.update(share.id for share in whole)
        if reading.is_copy(checkpoint):
            return
        for share_id, said in _reasons(checkpoint).items():
            if share_id not in seen:
                self._failures.setdefault(share_id, said)
        began = self._began(checkpoint)
        for share in whole:
            seen.add(share.id)
            if share.id not in self._newest or began > self._newest[share.id][0]:
                self._newest[share.id] = began, checkpoint

    def _began(self, checkpoint: View) -> float:
        begun, _exact = made_at(self._listed.logs_of.get(checkpoint["id"], ()), dict(checkpoint))
        return begun.timestamp() if begun else -math.inf

    def _drills(self) -> Mapping[str, ShareDrill]:
        found: dict[str, ShareDrill] = {}
        for verification in self._listed.drills:
            outcomes = [
                each for each in reading.outcomes(verification) if each[0] and each[0] not in found
            ]
            if not outcomes:
                continue
            checkpoint_id = verification["checkpoint_id"]
            logs = self._listed.logs_of.get(checkpoint_id, [])
            at = verified_at(logs, self._verifications[checkpoint_id], verification)
            for share_id, status, reason in outcomes:
                told = reading.details(reason) or {}
                found[share_id] = ShareDrill(
                    good=status == "available",
                    under_way=verification["status"] == reading.GOING and status != "error",
                    at=reading.moment(told.get("at")) or at,
                    seconds=durations.told(told.get("seconds")),
                    reason=reading.sentence(reason) if status == "error" else "",
                    checkpoint_id=checkpoint_id,
                    compared=reading.compared(told),
                    signed_by=str(told.get("signed_by") or ""),
                )
        return found

    def view(self, share: View) -> ShareView:
        """That of one share."""
        share_id, project_id = share["id"], str(share.get("project_id") or "")
        of = self._covered.by(share)
        _began, newest = self._newest.get(share_id, (0.0, None))
        begun, exact = (
            made_at(self._listed.logs_of.get(newest["id"], ()), dict(newest))
            if newest
            else (None, True)
        )
        age = age_of(begun, self._listed.at)
        oldest = min((plan.oldest for plan in of if plan.oldest is not None), default=None)
        if newest is None:
            state = NOT_PROTECTED
        else:
            state = TOO_OLD if oldest is not None and (age is None or age > oldest) else PROTECTED
        left_out = self._covered.left_out(share)
        why_not = "" if of else self._covered.why_not(share)
        failure = self._failures.get(share_id, "") or _of_plans(of, begun)
        return ShareView(
            id=share_id,
            name=share.get("name") or share_id,
            project_id=project_id,
            plans=tuple(dict.fromkeys(plan.name for plan in of)),
            state=state,
            left_out=left_out,
            newest=newest["id"] if newest else "",
            made_at=begun,
            exact=exact,
            age=age,
            oldest=oldest,
            next_run=min((run for plan in of if (run := plan.promise.next_run)), default=None),
            drill=self._drilled.get(share_id),
            held=share_id in self._held,
            failure="" if left_out else failure,
            advice="" if left_out else f"{why_not} {advice(state, of, failure)}".strip(),
        )


def _of_plans(plans: Iterable[PlanView], since: datetime.datetime | None) -> str:
    """Why a run of a plan of the share has made nothing since then."""
    failures = [plan.failure for plan in plans if plan.failure and plan.failure.reason]
    later = (run.reason for run in failures if not (since and run.began and run.began < since))
    return next(later, "")


def _reasons(checkpoint: View) -> Mapping[str, str]:
    """By share why it failed in this checkpoint, or is not in it and should be."""
    info = reading.extra_info(checkpoint)
    said = info.get("reasons")
    found = {
        key.partition("#")[2]: reading.sentence(str(reason))
        for key, reason in (said.items() if isinstance(said, dict) else ())
        if key.startswith(f"{reading.SHARE}#")
    }
    for item in reading.broken(checkpoint):
        if item.get("type") == reading.SHARE and item.get("id"):
            found[str(item["id"])] = f"It was left out: {item.get('reason')}."
    return found

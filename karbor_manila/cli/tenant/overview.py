# SPDX-License-Identifier: Apache-2.0
"""How well each plan of a project is protected, gathered from what Karbor's API lists."""

import datetime
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from karbor_manila.cli.errors import KarborRefused
from karbor_manila.cli.tenant import reading
from karbor_manila.cli.tenant.api import PAGE, Karbor, View
from karbor_manila.cli.tenant.logs import Logs

#: So many checkpoints that are not listed any more are looked up for their drills.
_LOOK_UPS = 20

#: So many failures are read at most, to find those of runs that made no checkpoint.
_FAILURES = PAGE

#: From so many plans of a provider on, its checkpoints are listed together: a list for each plan is
#: a request each, while a page holds those of many plans.
_TOGETHER = 3


@dataclass(frozen=True)
class Drill:
    """The last drill of a plan."""

    status: str
    checkpoint_id: str
    at: datetime.datetime | None
    reasons: list[str]

    @property
    def word(self) -> str:
        """As people call it."""
        return {"success": "good", reading.GOING: "under way"}.get(self.status, "bad")


@dataclass(frozen=True)
class PlanState:
    """One plan. Times are UTC.

    :ivar newest: the newest good checkpoint: a whole one that is no copy
    :ivar made_at: when the newest good checkpoint was begun; what was written later is not in it
    :ivar exact: whether that is to the second; if not, it is the beginning of that day
    :ivar failed, stuck: ids of checkpoints
    :ivar missing: what is wrong with the checkpoint that would be newer, a phrase each
    :ivar missed: why the last run of a schedule made no checkpoint, if none was made since
    """

    plan: View
    newest: View | None
    made_at: datetime.datetime | None
    exact: bool
    failed: list[str]
    stuck: list[str]
    drill: Drill | None
    missing: list[str]
    missed: str


def made_at(logs: Iterable[View], checkpoint: View) -> tuple[datetime.datetime | None, bool]:
    """When a checkpoint was begun, and whether that is exact.

    :param logs: all operation logs of the checkpoint

    Karbor shows the day only; the time stands in the operation log. The log of a deletion is called
    one of a protection as well, but begins later.
    """
    begun = [
        reading.moment(log["started_at"]) for log in logs if log["operation_type"] == "protect"
    ]
    known = [moment for moment in begun if moment]
    return (min(known), True) if known else (reading.moment(checkpoint.get("created_at")), False)


class Overview:
    """Gathers the states of plans.

    :param stuck_after: seconds after which a checkpoint that is still worked on counts as stuck
    """

    def __init__(self, karbor: Karbor, now: datetime.datetime, stuck_after: float) -> None:
        self._karbor = karbor
        self._now = now
        self._stuck_after = stuck_after
        self._verifications = _Kept(karbor.verifications())
        self._logs = Logs(karbor)
        self._failures = _Kept(itertools.islice(karbor.logs(status="error"), _FAILURES))
        # By checkpoint, and the providers of which it is known for the newest checkpoints.
        self._plan_of: dict[str, str] = {}
        self._seen: set[str] = set()

    def states(self, plans: Iterable[View]) -> list[PlanState]:
        """The state of each of these plans."""
        plans = list(plans)
        listed = self._listed(plans)
        drills = self._drills(listed) if plans else {}
        timed = {drill["checkpoint_id"] for drill in drills.values()}
        timed |= {found["id"] for items in listed.values() if (found := _newest(items))}
        self._logs.read(
            [
                item
                for items in listed.values()
                for item in items
                if item["id"] in timed or item["status"] in reading.IN_WORK
            ]
        )
        return [self._state(plan, listed[plan["id"]], drills.get(plan["id"])) for plan in plans]

    def _listed(self, plans: list[View]) -> dict[str, list[View]]:
        """The checkpoints of each plan, newest first."""
        listed: dict[str, list[View]] = {plan["id"]: [] for plan in plans}
        of_provider: dict[str, list[str]] = {}
        for plan in plans:
            of_provider.setdefault(plan["provider_id"], []).append(plan["id"])
        for provider_id, plan_ids in of_provider.items():
            if len(plan_ids) < _TOGETHER:
                for plan_id in plan_ids:
                    listed[plan_id] = list(self._karbor.checkpoints(provider_id, plan_id))
                continue
            self._seen.add(provider_id)
            for checkpoint in self._karbor.checkpoints(provider_id):
                plan_id = _plan_in(checkpoint)
                self._plan_of[checkpoint["id"]] = plan_id
                if plan_id in plan_ids:
                    listed[plan_id].append(checkpoint)
        return listed

    def _state(self, plan: View, checkpoints: list[View], drill: View | None) -> PlanState:
        newest = _newest(checkpoints)
        begun, exact = made_at(self._logs.of(newest["id"]), newest) if newest else (None, True)
        return PlanState(
            plan=plan,
            newest=newest,
            made_at=begun,
            exact=exact,
            failed=[item["id"] for item in checkpoints if item["status"] in reading.FAILED],
            stuck=[item["id"] for item in checkpoints if self._is_stuck(item)],
            drill=self._drill(drill) if drill else None,
            missing=_missing(checkpoints, newest),
            missed=self._missed(plan["id"], begun),
        )

    def _missed(self, plan_id: str, since: datetime.datetime | None) -> str:
        """Why the last run of a schedule of the plan made no checkpoint; empty when it made one.
        Karbor's manager writes the log of such a run (karbor_manila/service/missed_runs.py)."""
        for log in self._failures:
            if log.get("plan_id") != plan_id or log.get("checkpoint_id"):
                continue
            # Logs are listed by when they were written: of such a run that may be much later.
            began = reading.moment(log["started_at"])
            if not (since and began and began < since):
                return reading.sentence(log.get("error_info"))
        return ""

    def _is_stuck(self, checkpoint: View) -> bool:
        if checkpoint["status"] not in reading.IN_WORK:
            return False
        begun, _exact = made_at(self._logs.of(checkpoint["id"]), checkpoint)
        return begun is None or (self._now - begun).total_seconds() > self._stuck_after

    def _drills(self, listed: dict[str, list[View]]) -> dict[str, View]:
        """The newest drill of each plan."""
        for plan_id, items in listed.items():
            self._plan_of.update((item["id"], plan_id) for item in items)
        newest: dict[str, View] = {}
        look_ups = _LOOK_UPS
        for verification in self._verifications:
            if reading.depth(verification) != "drill":
                continue
            checkpoint_id = verification["checkpoint_id"]
            if checkpoint_id not in self._plan_of:
                self._see(verification["provider_id"])
            if checkpoint_id not in self._plan_of and look_ups:
                look_ups -= 1
                self._plan_of[checkpoint_id] = self._looked_up(verification)
            newest.setdefault(self._plan_of.get(checkpoint_id, ""), verification)
            if newest.keys() >= listed.keys():
                break
        return newest

    def _see(self, provider_id: str) -> None:
        """Of which plans a provider's newest checkpoints are: one request for many of them."""
        if provider_id in self._seen:
            return
        self._seen.add(provider_id)
        try:
            for item in itertools.islice(self._karbor.checkpoints(provider_id), PAGE):
                self._plan_of.setdefault(item["id"], _plan_in(item))
        except KarborRefused:
            return  # each is looked up

    def _looked_up(self, verification: View) -> str:
        """The plan of a checkpoint that is not listed: deleted, or another provider's."""
        try:
            checkpoint = self._karbor.checkpoint(
                verification["provider_id"], verification["checkpoint_id"]
            )
        except KarborRefused:
            return ""
        return _plan_in(checkpoint)

    def _drill(self, verification: View) -> Drill:
        bad = verification["status"] not in (reading.SUCCESS, reading.GOING)
        return Drill(
            status=verification["status"],
            checkpoint_id=verification["checkpoint_id"],
            at=_verified_at(
                self._logs.of(verification["checkpoint_id"]), self._verifications, verification
            ),
            reasons=reading.why_failed(verification) if bad else [],
        )


def _plan_in(checkpoint: View) -> str:
    """The id of a checkpoint's plan, empty when that is not told."""
    return (checkpoint.get("protection_plan") or {}).get("id") or ""


def _newest(checkpoints: list[View]) -> View | None:
    """The newest good one."""
    return next(filter(reading.is_whole, checkpoints), None)


def _missing(checkpoints: list[View], newest: View | None) -> list[str]:
    """What keeps the newest ended checkpoint of a plan from being its newest good one.

    A run that failed for something else says nothing of it, so the one before is asked.

    :param checkpoints: the newest first
    :param newest: the newest good one of them
    """
    for checkpoint in checkpoints:
        if newest is not None and checkpoint["id"] == newest["id"]:
            break
        if reading.is_copy(checkpoint) or checkpoint["status"] in reading.IN_WORK:
            continue
        if phrases := reading.gaps(checkpoint):
            return phrases
    return []


class _Kept:
    """Entries, asked for as far as somebody reads, and only once. May be read repeatedly."""

    def __init__(self, source: Iterator[View]) -> None:
        self._source = source
        self._known: list[View] = []

    def __iter__(self) -> Iterator[View]:
        for number in itertools.count():
            if number == len(self._known):
                item = next(self._source, None)
                if item is None:
                    return
                self._known.append(item)
            yield self._known[number]


def _verified_at(
    logs: Iterable[View], verifications: Iterable[View], verification: View
) -> datetime.datetime | None:
    """When a verification began; None when that is not known.

    A verification has no time in Karbor's API, and its operation log does not name it. Both come
    newest first; one that was refused has no log. So they are counted, and nothing is said when
    they do not fit each other.
    """
    checkpoint_id = verification["checkpoint_id"]
    before = []
    for item in verifications:
        if item["checkpoint_id"] == checkpoint_id and not _was_refused(item):
            before.append(item)
        if item["id"] == verification["id"]:
            break
    verified = [log for log in logs if log["operation_type"] == "verify"]
    if not before or before[-1]["id"] != verification["id"] or len(verified) < len(before):
        return None
    fit = all(log["status"] == item["status"] for log, item in zip(verified, before, strict=False))
    return reading.moment(verified[len(before) - 1]["started_at"]) if fit else None


def _was_refused(verification: View) -> bool:
    """Refused as a whole, before Karbor wrote a log of it."""
    reasons = verification.get("resources_reason") or {}
    return verification["status"] == "fail" and (
        not reasons or any(key.startswith("checkpoint#") for key in reasons)
    )

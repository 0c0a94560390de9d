# SPDX-License-Identifier: Apache-2.0
"""How well one plan is protected: plain values in, as Karbor's API lists them, one state out."""

import datetime
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from karbor_manila.cli.tenant import kept, reading

View = dict[str, Any]


@dataclass(frozen=True)
class Drill:
    """The last drill of a plan. ``signed_by`` are the keys under what is kept of it."""

    status: str
    checkpoint_id: str
    at: datetime.datetime | None
    reasons: list[str]
    signed_by: list[str] = field(default_factory=list)

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
    :ivar failed, stuck, held: ids of checkpoints
    :ivar waiting: ids of checkpoints whose deletion waits
    :ivar missing: what is wrong with the checkpoint that would be newer, a phrase each
    :ivar missed: why the last run of a schedule made no checkpoint, if none was made since
    """

    plan: View
    newest: View | None
    made_at: datetime.datetime | None
    exact: bool
    failed: list[str]
    stuck: list[str]
    held: list[str]
    waiting: list[str]
    drill: Drill | None
    missing: list[str]
    missed: str


def made_at(logs: Iterable[View], checkpoint: View) -> tuple[datetime.datetime | None, bool]:
    """When a checkpoint was begun, and whether that is exact.

    :param logs: all operation logs of the checkpoint

    Karbor shows the day only; the time stands in the operation log. The log of a deletion is called
    one of a protection as well, but begins later. Logs may be purged: then it is what our manager
    has written into the checkpoint.
    """
    begun = [
        reading.moment(log["started_at"]) for log in logs if log["operation_type"] == "protect"
    ]
    if known := [moment for moment in begun if moment]:
        return min(known), True
    told, exact = kept.made_at(checkpoint)
    return (told, True) if exact else (reading.moment(checkpoint.get("created_at")), False)


def newest_good(checkpoints: Iterable[View]) -> View | None:
    """The newest good one: a whole checkpoint that is no copy.

    :param checkpoints: of one plan, the newest first
    """
    return next(filter(reading.is_whole, checkpoints), None)


def plan_of(checkpoint: View) -> str:
    """The id of a checkpoint's plan, empty when that is not told."""
    return (checkpoint.get("protection_plan") or {}).get("id") or ""


@dataclass(frozen=True)
class Sources:
    """What the states of all plans are made from.

    :ivar logs_of: gives all operation logs of a checkpoint, the newest first
    :ivar verifications: all of them, the newest first; read as far as is needed
    :ivar failures: operation logs of what failed, the newest first; read as far as is needed
    :ivar now: UTC
    :ivar stuck_after: seconds after which a checkpoint that is still worked on counts as stuck
    """

    logs_of: Callable[[str], Sequence[View]]
    verifications: Iterable[View]
    failures: Iterable[View]
    now: datetime.datetime
    stuck_after: float


def state_of(
    plan: View, checkpoints: Sequence[View], drilled: View | None, sources: Sources
) -> PlanState:
    """The state of one plan.

    :param checkpoints: those of the plan, the newest first
    :param drilled: the verification that was its last drill
    """
    newest = newest_good(checkpoints)
    begun, exact = made_at(sources.logs_of(newest["id"]), newest) if newest else (None, True)
    return PlanState(
        plan=plan,
        newest=newest,
        made_at=begun,
        exact=exact,
        failed=[item["id"] for item in checkpoints if item["status"] in reading.FAILED],
        stuck=[item["id"] for item in checkpoints if _is_stuck(item, sources)],
        held=[item["id"] for item in checkpoints if reading.hold(item, sources.now)],
        waiting=[item["id"] for item in checkpoints if reading.waits(item)],
        drill=_drill(drilled, sources) if drilled else None,
        missing=_missing(checkpoints, newest),
        missed=_missed(plan["id"], begun, sources.failures),
    )


def _missed(plan_id: str, since: datetime.datetime | None, failures: Iterable[View]) -> str:
    """Why the last run of a schedule of the plan made no checkpoint; empty when it made one.
    Karbor's manager writes the log of such a run (karbor_manila/service/missed_runs.py)."""
    for log in failures:
        if log.get("plan_id") != plan_id or log.get("checkpoint_id"):
            continue
        # Logs are listed by when they were written: of such a run that may be much later.
        began = reading.moment(log["started_at"])
        if not (since and began and began < since):
            return reading.sentence(log.get("error_info"))
    return ""


def _is_stuck(checkpoint: View, sources: Sources) -> bool:
    if checkpoint["status"] not in reading.IN_WORK:
        return False
    begun, _exact = made_at(sources.logs_of(checkpoint["id"]), checkpoint)
    return begun is None or (sources.now - begun).total_seconds() > sources.stuck_after


def _drill(verification: View, sources: Sources) -> Drill:
    bad = verification["status"] not in (reading.SUCCESS, reading.GOING)
    return Drill(
        status=verification["status"],
        checkpoint_id=verification["checkpoint_id"],
        at=verified_at(
            sources.logs_of(verification["checkpoint_id"]), sources.verifications, verification
        )
        or _told_at(verification),
        reasons=reading.why_failed(verification) if bad else [],
        signed_by=reading.signed_by(verification),
    )


def _missing(checkpoints: Iterable[View], newest: View | None) -> list[str]:
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


def verified_at(
    logs: Iterable[View], verifications: Iterable[View], verification: View
) -> datetime.datetime | None:
    """When a verification began; None when that is not known.

    A verification has no time in Karbor's API, and its operation log does not name it. Both come
    newest first; one that was refused, or held the checkpoint, has no log. So they are counted, and
    nothing is said when they do not fit each other.
    """
    checkpoint_id = verification["checkpoint_id"]
    before = []
    for item in verifications:
        if item["checkpoint_id"] == checkpoint_id and not _has_no_log(item):
            before.append(item)
        if item["id"] == verification["id"]:
            break
    verified = [log for log in logs if log["operation_type"] == "verify"]
    if not before or before[-1]["id"] != verification["id"] or len(verified) < len(before):
        return None
    fit = all(log["status"] == item["status"] for log, item in zip(verified, before, strict=False))
    return reading.moment(verified[len(before) - 1]["started_at"]) if fit else None


def _told_at(verification: View) -> datetime.datetime | None:
    """When the last share of a drill was restored, as the drill itself tells; None when none was.
    Karbor's logs may be purged, or fit no more."""
    told = [reading.details(reason) or {} for _id, _of, reason in reading.outcomes(verification)]
    moments = [reading.moment(each.get("at")) for each in told]
    return max(filter(None, moments), default=None)


def _has_no_log(verification: View) -> bool:
    """Carried out without a flow, or refused as a whole before Karbor wrote a log of it."""
    if reading.depth(verification) in reading.OF_A_CHECKPOINT:
        return True
    reasons = verification.get("resources_reason") or {}
    return verification["status"] == "fail" and (
        not reasons or any(key.startswith("checkpoint#") for key in reasons)
    )

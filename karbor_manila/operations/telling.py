# SPDX-License-Identifier: Apache-2.0
"""Tells of the operation on one share: that it begins, and what came of it.

When nobody listens, nothing is looked up and no event is made.
"""

import weakref
from collections import Counter
from typing import TYPE_CHECKING, Any

from karbor_manila.bank.record import Intent
from karbor_manila.operations.parameters import BROWSE, DRILL, VerifyOptions
from karbor_manila.operations.share_job import ShareJob
from karbor_manila.telemetry import events
from karbor_manila.telemetry.events import BrowseEvent, Event, ShareEvent

if TYPE_CHECKING:
    from karbor_manila.operations.share_operation import ShareOperation

#: What became of a share, among what :func:`count` has counted.
OK, FAILED = "ok", "failed"

# By what is claimed for a flow, as long as somebody holds the numbers.
_counted: weakref.WeakValueDictionary[str, Counter[str]] = weakref.WeakValueDictionary()


def count(claimed_id: str) -> Counter[str]:
    """Count from now on to which ends the shares of a flow come.

    :param claimed_id: of the checkpoint, or of Karbor's restore or verification
    :returns: the numbers; they are counted as long as somebody holds them
    """
    numbers = _counted[claimed_id] = Counter()
    return numbers


class Silent:
    """Of what nobody is told."""

    def done(self) -> None:
        """It is done."""

    def left_out(self, error: Exception) -> None:
        """The others go on as if the share had never been among them."""

    def failed(self, reason: str, *, followed: bool) -> None:
        """It failed."""


class Telling(Silent):
    """Of an operation on one share.

    :param kind: the operation, as events call it
    """

    def __init__(self, kind: str, job: ShareJob) -> None:
        self._kind = kind
        self._job = job
        self._began = job.flow.clock.now()
        if kind != BROWSE:  # it begins when access is given
            self._emit(events.START)

    def done(self) -> None:
        """It is done. Of a browse, what it did is told where it is done."""
        self._count(OK)
        if self._kind != BROWSE:
            self._emit(events.END, made_id=self._job.made or "", **self._took())

    def left_out(self, error: Exception) -> None:
        """The share is left out, for this error."""
        self._emit(events.END, reason=str(error), left_out=True, **self._took())

    def failed(self, reason: str, *, followed: bool) -> None:
        """It failed.

        :param reason: in our sentences
        :param followed: whether the reconciliation still brings it to another end
        """
        self._count(FAILED)
        if self._kind == BROWSE:
            events.emit(lambda: _browse(self._job, events.ERROR, reason=reason), self._job.context)
        else:
            self._emit(events.ERROR, reason=reason, followed=followed, **self._took())

    def _count(self, what: str) -> None:
        claimed_id = _request_id(self._job) or str(self._job.checkpoint.id)
        if (numbers := _counted.get(claimed_id)) is not None:
            numbers[what] += 1

    def _took(self) -> dict[str, float]:
        return {"seconds": round(self._job.flow.clock.now() - self._began, 1)}

    def _emit(self, phase: str, **fields: Any) -> None:
        def make() -> Event:
            job = self._job
            return ShareEvent(
                operation=self._kind,
                phase=phase,
                driver=job.intent.driver if job.intent else "",
                **_ids(job),
                **fields,
            )

        events.emit(make, self._job.context)


_SILENT = Silent()


def begins(operation: "ShareOperation", job: ShareJob) -> Silent:
    """An operation on a share begins.

    :returns: is told what came of it
    """
    if not (operation.told_as and events.is_heard()):
        return _SILENT
    kind = _kind(operation.told_as, job)
    return Telling(kind, job) if kind else _SILENT


def access_given(job: ShareJob, intent: Intent) -> None:
    """Somebody may mount what is kept, from now on, or for longer."""
    events.emit(lambda: _browse(job, events.START, intent), job.context)


def access_taken_back(job: ShareJob, intent: Intent) -> None:
    """Nobody may any more whom this intent was about, if anybody ever might."""
    if intent.browse and intent.browse.until:
        events.emit(lambda: _browse(job, events.END, intent), job.context)


def _kind(told_as: str, job: ShareJob) -> str:
    """The operation as events call it; empty for a share that its user does not want."""
    if told_as not in ("restore", "verify"):
        return told_as
    try:
        options = job.flow.restores.options(job.share_id, job.given)
    except Exception:  # noqa: BLE001 - whatever is wrong with them: the operation itself fails by it
        return told_as
    if not options.include:
        return ""
    if not isinstance(options, VerifyOptions):
        return "revert" if options.is_revert else told_as
    return options.depth if options.depth in (DRILL, BROWSE) else told_as


def _ids(job: ShareJob) -> dict[str, Any]:
    return {
        **of_checkpoint(job.checkpoint),
        "share_id": job.share_id,
        "request_id": _request_id(job),
    }


def _request_id(job: ShareJob) -> str:
    request = job.extras.get("restore") or job.extras.get("verify")
    return "" if request is None else str(request.id)


def of_checkpoint(checkpoint: Any) -> dict[str, Any]:
    """What every event of a checkpoint has."""
    plan = checkpoint.protection_plan or {}
    return {
        "provider_id": str(checkpoint.provider_id),
        "checkpoint_id": str(checkpoint.id),
        "project_id": str(checkpoint.project_id),
        "plan_id": str(plan.get("id") or ""),
    }


def _browse(job: ShareJob, phase: str, intent: Intent | None = None, reason: str = "") -> Event:
    fields = _ids(job)
    if intent and intent.browse:
        given = intent.browse
        fields |= {
            "request_id": intent.mark.restore,
            "snapshot_id": given.snapshot_id,
            "access_type": given.access_type,
            "access_to": given.access_to,
            "until": given.until or "",
        }
    return BrowseEvent(operation="browse", phase=phase, reason=reason, **fields)

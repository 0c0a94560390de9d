# SPDX-License-Identifier: Apache-2.0
"""Rolls back what a failed operation made. The one rule: what is complete is never rolled back.

A protection or a copy is complete once its record is in the bank, a restore once its share is
available, a revert once the share is put back. After that there are final writes (a status, the
report, the removal of the intent): one of them that fails is a line in the log, and the
reconciliation makes it later, by the intent that stays.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank.errors import BankUnreadable, RecordForeign, RecordInvalid
from karbor_manila.bank.record import BROWSE, Intent, ShareRecord
from karbor_manila.common.errors import ClaimLost, KarborManilaError
from karbor_manila.manila.marks import COPY
from karbor_manila.operations import (
    browse_end,
    final_status,
    in_doubt,
    kept_together,
    restore_end,
    revert_end,
)
from karbor_manila.operations.in_doubt import intent_kept
from karbor_manila.operations.share_job import ShareJob

LOG = logging.getLogger(__name__)

_KEPT_IN_A_CHECKPOINT = frozenset({"protect", COPY})


# -- what is complete -----------------------------------------------------------------------------


def keep(job: ShareJob, intent: Intent, record: ShareRecord) -> None:
    """Complete a protection or a copy: the record first, then its final writes.

    :raises BankUnreadable: the record is not there, or that is in doubt
    """
    job.section.complete(record)
    end_kept(job, intent)


def end_kept(job: ShareJob, intent: Intent | None) -> None:
    """Make the final writes of a protection or a copy whose record is there."""
    job.complete = True

    def write_final() -> None:
        job.section.status(constants.RESOURCE_STATUS_AVAILABLE)
        if intent:
            end_intent(job, intent)

    last(job, write_final)


def end_intent(job: ShareJob, intent: Intent) -> None:
    """Forget a protection or a copy that is complete.

    :raises KarborManilaError: what made the share of a copy left something temporary; the intent
        stays, by which the reconciliation tries again
    """
    if intent.operation == COPY:
        driver = job.driver(intent.restored_by)
        driver.forget_restore(intent.mark.of_clone(), project_id=intent.project_id)
    job.section.end(intent)


def last(job: ShareJob, write_final: Callable[[], Any]) -> bool:
    """Do what comes after the completion; a failure is a line in the log and undoes nothing.

    :returns: whether it was done
    :raises ClaimLost: another process has taken over
    """
    try:
        write_final()
    except ClaimLost:
        raise  # the work is another process's: nothing more is for us to write
    except Exception:  # whatever a bank, a database or Manila raises: the work is complete
        LOG.warning(
            "Share %s, checkpoint %s is complete, but not all of it could be recorded; the "
            "reconciliation records it",
            job.share_id,
            job.checkpoint.id,
            exc_info=True,
        )
        return False
    return True


# -- what is not ----------------------------------------------------------------------------------


def roll_back(job: ShareJob, intent: Intent, *, unclear: bool = False) -> None:
    """Remove what a failed operation made, and its intent; that of a drill is left to the caller
    (``undone``). What cannot be removed keeps the intent, by which the deletion of the checkpoint
    or the reconciliation finds it.

    :param job: ``made`` and ``clone_id`` are removed, and all that bears the intent's mark
    :param intent: as it was when the operation began, or later
    :param unclear: a request that creates may still be on its way to Manila
    """
    if not may_undo(job, intent):
        return
    remove, remark = _BY_OPERATION[intent.operation]
    try:
        remove(job, intent, unclear)
    except KarborManilaError as error:
        LOG.error(
            "What the %s of share %s, checkpoint %s made (%s) could not be removed: %s",
            intent.operation,
            job.share_id,
            job.checkpoint.id,
            " ".join(filter(None, (job.made, job.clone_id))) or "by its mark",
            error,
        )
        job.remarks.append(f"{remark}: {error}")


def may_undo(job: ShareJob, intent: Intent) -> bool:
    """Whether what a failed operation made may be removed: whether it is certainly not complete.

    The record of a protection or a copy may be in the bank although the reply to its write was
    lost. If that is not known, the work is left as it is, for the reconciliation.
    """
    if intent.operation not in _KEPT_IN_A_CHECKPOINT:
        return not job.complete
    try:
        kept = job.complete or job.section.record() is not None
    except RecordForeign:
        kept = True
    except RecordInvalid:
        kept = False  # our own write of it was cut short
    except BankUnreadable as error:
        LOG.warning("Share %s, checkpoint %s: %s", job.share_id, job.checkpoint.id, error)
        kept = True
    if kept:
        job.followed = final_status.leave_open(job.checkpoint)
        job.unsettled = True
        LOG.warning(
            "Share %s, checkpoint %s: nothing is removed, it may be complete",
            job.share_id,
            job.checkpoint.id,
        )
    return not kept


def _protection(job: ShareJob, intent: Intent, unclear: bool) -> None:  # noqa: FBT001 - a table's
    # What is in doubt keeps its intent: a deletion of the checkpoint looks for it again.
    in_time = not unclear or job.made or in_doubt.find(job, intent, since=job.now())
    with job.flow.rolling_back:
        if kept_together.is_of_others(job, intent):
            # It is theirs, too, and goes with the last of them.
            if in_time:
                job.section.end(intent)
            return
    kept_together.remove(job, intent)
    if in_time:
        job.section.end(intent)


def _copy(job: ShareJob, intent: Intent, unclear: bool) -> None:  # noqa: FBT001 - a table's
    in_time = not unclear or _copy_has_settled(job, intent)
    driver, project_id = job.driver(intent.driver), intent.project_id
    kept = intent_kept(intent, job.made) if job.made else None
    driver.delete(kept, intent.mark, project_id=project_id, undo=True)
    clone = intent.mark.of_clone()
    job.flow.shares.delete_clone(clone, job.clone_id, project_id=project_id, undo=True)
    job.driver(intent.restored_by).forget_restore(clone, project_id=project_id)
    if in_time:
        job.section.end(intent)


def _copy_has_settled(job: ShareJob, intent: Intent) -> bool:
    """Wait while what was asked for last may still appear; whether that is known or was found."""
    if job.clone_id is None:
        clone = dataclasses.replace(intent, mark=intent.mark.of_clone())
        return in_doubt.find_share(job, clone, since=job.now()) is not None
    return job.made is not None or in_doubt.find(job, intent, since=job.now()) is not None


def _restore(job: ShareJob, intent: Intent, unclear: bool) -> None:  # noqa: FBT001 - a table's
    if job.made and intent.keep_failed:
        job.remarks.append(f"The new share {job.made} is kept for inspection (keep_failed).")
        last(job, lambda: restore_end.end(job, intent))
        return
    _discard(job, intent, unclear=unclear)
    restore_end.end(job, intent)


def _drill(job: ShareJob, intent: Intent, unclear: bool) -> None:  # noqa: FBT001 - a table's
    # Its intent goes once its failure is kept: by it whoever comes after a death knows of it.
    _discard(job, intent, unclear=unclear)
    job.undone = True


def _discard(job: ShareJob, intent: Intent, *, unclear: bool) -> None:
    if unclear and job.made is None:
        in_doubt.find_share(job, intent, since=job.now())
    if job.flow.shares.discard(intent.mark, job.made, project_id=intent.project_id):
        job.remarks.append("The new share was removed again.")


def _revert(job: ShareJob, intent: Intent, unclear: bool) -> None:  # noqa: FBT001 - a table's
    # The bank has what came to the intent since the revert began.
    intent = job.section.restore(intent.mark.restore) or intent
    kept = revert_end.end(job, intent, sent=job.now() if unclear else None)
    if kept:
        job.remarks.append(f"The copy {kept} of the content of before is complete and stays.")


def _browse(job: ShareJob, intent: Intent, unclear: bool) -> None:  # noqa: FBT001 - a table's
    browse_end.end(job, intent, sent=job.now() if unclear else None)


#: By the operation of an intent: what removes what it made, and what is remarked if that fails.
_BY_OPERATION: dict[str, tuple[Callable[[ShareJob, Intent, bool], None], str]] = {
    "protect": (_protection, "What was begun could not be removed and goes with the checkpoint"),
    COPY: (_copy, "What was begun could not be removed and goes with the checkpoint"),
    "restore": (_restore, "The new share could not be removed"),
    "drill": (_drill, "The new share could not be removed"),
    revert_end.REVERT: (_revert, "What was begun besides is ended later"),
    BROWSE: (_browse, "What was granted could not be taken back, and Karbor goes on trying"),
}

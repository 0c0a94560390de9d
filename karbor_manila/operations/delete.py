# SPDX-License-Identifier: Apache-2.0
"""Delete: what the record, the intent or the mark lead to, until it is gone; then the section.

It is idempotent, and works from whatever is left: no record, half a record, a record that cannot be
understood, or a snapshot that is already gone are all roads to the same end.
"""

from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants
from oslo_log import log as logging
from oslo_utils import strutils

from karbor_manila.bank import checkpoints
from karbor_manila.bank.errors import RecordForeign, RecordInvalid
from karbor_manila.bank.record import Intent
from karbor_manila.drivers.base import Driver
from karbor_manila.hooks.base import DELETE
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.marks import COPY, Mark
from karbor_manila.manila.views import View
from karbor_manila.operations import (
    browse_end,
    copy,
    drill_results,
    elsewhere,
    hooking,
    in_doubt,
    parameters,
    reporting,
    restore_end,
    revert_end,
    undo,
)
from karbor_manila.operations.left import Left
from karbor_manila.operations.share_job import ShareJob
from karbor_manila.operations.share_operation import ShareOperation

LOG = logging.getLogger(__name__)


class DeleteOperation(ShareOperation):
    """Removes a share from a checkpoint."""

    verb = "Deletion"
    told_as = "delete"
    failure = karbor_exception.DeleteResourceFailed

    def run(self, job: ShareJob) -> None:
        """What is in Manila first, and the bank last: a crash leaves what a repetition needs."""
        left = read_section(job)
        if not left.is_nothing:
            hooking.prepare(job, DELETE)
            hooking.enter(job)
        begun = job.section.begun()
        browse_end.revoke_before_deletion(job, begun.browses)
        for restore_id in begun.restores:
            end_restore(job, restore_id, undo=False)
        remove(job, left)
        hooking.leave(job, {}, lambda _result: None)
        for browse_id in begun.browses:
            browse_end.forget(job, browse_id)
        job.section.erase()
        undo.last(job, lambda: job.section.status(constants.RESOURCE_STATUS_DELETED))

    def point_of(self, job: ShareJob) -> str:
        """Of all shares the same."""
        return DELETE

    def failed(self, job: ShareJob, reason: str) -> None:
        """Into the checkpoint, and the status of the resource."""
        reporting.to_checkpoint(job, reason)
        job.section.status(constants.RESOURCE_STATUS_ERROR)


def read_section(job: ShareJob) -> Left:
    """What the bank says is left of the share.

    :raises RecordForeign: before anything is touched, for what another release or a driver that is
        not here has written: a guess would leave its data behind, or remove what it shares
    """
    left = _left(job)
    for restore_id in job.section.restores():
        _intent_of(job, restore_id)
    job.section.status(constants.RESOURCE_STATUS_DELETING)
    return left


def _left(job: ShareJob) -> Left:
    mark = bare_mark(job)
    is_copy = checkpoints.is_copy(job.checkpoint)
    damaged: tuple[str, ...] = ()
    try:
        record = job.section.record()
        if record:
            job.flow.recorded_driver(record.driver, "record")
            elsewhere.check(job, record)
            # Karbor's own plugin sets no marks: there is nothing to look for.
            marked = mark if record.mark else None
            # A copy is made by any user who may, from a share of any project.
            whose = None if is_copy else record.project_id
            return Left(
                (record.driver,),
                record.kept(),
                marked,
                is_copy,
                record.clone_id,
                copy.not_forgotten_by(job) if is_copy else None,
                whose,
            )
    except RecordInvalid as error:
        damaged = _drivers_of_damage(job, error, "record")
    try:
        intent = job.section.intent()
        if intent:
            job.flow.recorded_driver(intent.driver, "intent")
            clone_id = copy.find_clone(job, intent) if intent.operation == COPY else None
            return Left(
                (intent.driver,),
                _made(job, intent),
                mark,
                is_copy,
                clone_id,
                intent.restored_by if intent.operation == COPY else None,
                intent.project_id,
            )
    except RecordInvalid as error:
        damaged = _drivers_of_damage(job, error, "intent")
    if damaged:
        return Left(damaged, None, mark, is_copy)
    # An intent is written before anything is asked for, and stays while a request is in doubt:
    # here is nothing, and Manila may be too old, or away.
    return Left((), None, None)


def marking_drivers(job: ShareJob) -> tuple[str, ...]:
    """The drivers that may have marked something, when no object says which one did."""
    return tuple(job.flow.drivers.catalogue.configured())


def _drivers_of_damage(job: ShareJob, error: RecordInvalid, what: str) -> tuple[str, ...]:
    """Whose marks are looked for in place of a damaged object; raises it when it is not."""
    if isinstance(error, RecordForeign):
        raise error
    LOG.warning(
        "Share %s, checkpoint %s: %s What bears its mark is removed all the same.",
        job.share_id,
        job.checkpoint.id,
        error,
    )
    if error.driver is None:
        return marking_drivers(job)
    job.flow.recorded_driver(error.driver, what)
    return (error.driver,)


def end_restore(
    job: ShareJob, restore_id: str, requested: tuple[str, Any] | None = None, *, undo: bool = True
) -> None:
    """End what a restore or a drill of the share began.

    A restored share that is complete, or that Karbor's restore tells its user of, is the user's.
    One that is under way is waited for: it fails when its snapshot goes. The rest is removed. Of a
    drill it is kept first that it came to no end (:func:`.drill_results.keep_death`).

    :param requested: Karbor's restore or verification and its operation, if the caller has it
    :param undo: within the undo timeout; else within the delete timeout
    :raises RecordForeign: another release or driver began it
    :raises BankUnreadable: that a drill came to no end could not be kept; nothing was removed
    :raises DatabaseUnreadable: what was reported to its user is not known; nothing was touched
    """
    intent = _intent_of(job, restore_id)
    if intent and intent.operation == revert_end.REVERT:
        # The share that was put back is the user's own: it is looked at and nothing more.
        revert_end.end(job, intent, sent=intent.since)
        return
    mark = intent.mark if intent else bare_mark(job, restore_id)
    whose = intent.project_id if intent else job.checkpoint.project_id
    requested = requested or job.flow.requested(restore_id)
    if _is_temporary(intent, requested):
        # Whoever removes it first, a user's deletion too: no trace of the drill would be left.
        drill_results.keep_death(job, restore_id, requested[1] if requested else None, intent)
    if mark:
        for name in (intent.driver,) if intent else marking_drivers(job):
            _end_share(job, intent, mark, whose, job.driver(name), requested, undo=undo)
    job.section.end_restore(restore_id)


def _end_share(
    job: ShareJob,
    intent: Intent | None,
    mark: Mark,
    whose: str,
    driver: Driver,
    requested: tuple[str, Any] | None,
    *,
    undo: bool,
) -> None:
    shares = job.flow.shares
    if intent:
        share_id = intent.created_id or _id_of(in_doubt.find_share(job, intent))
    else:
        share_id = next((str(view["id"]) for view in shares.find(mark, project_id=whose)), None)
    if share_id:
        if _is_temporary(intent, requested):
            shares.discard(mark, share_id, project_id=whose, undo=undo)
        elif _is_the_users(job, intent, share_id, requested):
            LOG.info("Share %s, of restore %s, is its user's", share_id, mark.restore)
        elif not restore_end.is_complete(job, mark, share_id):
            shares.discard(mark, share_id, project_id=whose, undo=undo)
    if intent is None:
        for kept in driver.find(mark, project_id=whose):
            driver.delete(kept, project_id=whose)
    driver.forget_restore(mark, project_id=whose)


def _intent_of(job: ShareJob, restore_id: str) -> Intent | None:
    """The intent of a restore; None when it is gone, or damaged."""
    try:
        intent = job.section.restore(restore_id)
        if intent:
            job.flow.recorded_driver(intent.driver, "intent")
    except RecordInvalid as error:
        _drivers_of_damage(job, error, "intent")
        return None
    return intent


def _is_temporary(intent: Intent | None, requested: tuple[str, Any] | None) -> bool:
    """Whether what was made is a drill's, which never outlives its verification."""
    if intent:
        return intent.operation == "drill"
    return requested is not None and requested[0] == constants.OPERATION_VERIFY


def _is_the_users(
    job: ShareJob, intent: Intent | None, share_id: str, requested: tuple[str, Any] | None
) -> bool:
    """Whether the share of a restore is not ours to remove, whatever state it is in just now."""
    if requested is None:
        LOG.warning(
            "Share %s, made of share %s, checkpoint %s, is left to its project: Karbor does not "
            "know its restore any more",
            share_id,
            job.share_id,
            job.checkpoint.id,
        )
        return True
    if reporting.is_reported_available(job, requested[1], share_id) or (
        intent and intent.keep_failed
    ):
        return True
    # Intents of older releases do not say it.
    given = parameters.merge(requested[1].parameters, constants.SHARE_RESOURCE_TYPE, job.share_id)
    return bool(strutils.bool_from_string(given.get("keep_failed", False)))


def _id_of(view: View | None) -> str | None:
    return str(view["id"]) if view else None


def remove(job: ShareJob, left: Left) -> None:
    """It is gone from Manila."""
    if left.is_nothing:
        job.flow.no_wait(job.share_id)
        return
    project_id = left.project_id or job.checkpoint.project_id
    for name in left.drivers:
        driver = job.driver(name)
        if left.kept or left.mark:
            driver.delete(left.kept, left.mark, project_id=project_id)
    if left.is_copy or left.clone_id:
        mark = left.mark.of_clone() if left.mark else None
        job.flow.shares.delete_clone(mark, left.clone_id, project_id=project_id)
        if mark and left.restored_by:
            job.driver(left.restored_by).forget_restore(mark, project_id=project_id)
    if not left.kept:
        job.flow.no_wait(job.share_id)


def bare_mark(job: ShareJob, restore_id: str = "") -> Mark | None:
    """The mark of what was made to keep the share, or to restore it.

    Marks count only in a bank that says who it is; without one nothing is looked for.
    """
    bank_id = job.flow.stored_bank_id
    return job.mark(bank_id, restore_id) if bank_id else None


def _made(job: ShareJob, intent: Intent) -> Kept | None:
    """What an intent led to, as far as there is anything."""
    if intent.created_id:
        return in_doubt.intent_kept(intent, intent.created_id)
    return in_doubt.find(job, intent)

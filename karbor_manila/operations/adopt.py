# SPDX-License-Identifier: Apache-2.0
"""What a dead process began on a share, brought to its end: adopted when it is good, else removed.

These operations run under the reconciliation, with Karbor's own user. They leave everything as it
is when Manila or the bank is away, so that the next attempt finds what this one found.
"""

from typing import Any

from karbor.common import constants
from oslo_db import exception as db_exception
from oslo_log import log as logging
from sqlalchemy import exc as sqlalchemy_exception

from karbor_manila.bank.errors import BankUnreadable, RecordForeign, RecordInvalid
from karbor_manila.bank.record import Intent
from karbor_manila.common.errors import ClaimLost, DeadlineExceeded, Taken
from karbor_manila.database.errors import DatabaseUnreadable
from karbor_manila.manila.errors import (
    ManilaTransient,
    ManilaUnavailable,
    Misconfigured,
    ResourceFailed,
    SnapshotDoubtful,
    SnapshotGone,
)
from karbor_manila.operations import (
    copy,
    delete,
    in_doubt,
    protect,
    reporting,
    restore,
    restore_plan,
    revert,
    undo,
)
from karbor_manila.operations.errors import HalfCopied, Interrupted, ManilaShowsNothing, Unsettled
from karbor_manila.operations.share_operation import ShareJob, ShareOperation, ShareTask

LOG = logging.getLogger(__name__)

#: What is final about a share or snapshot in Manila: it will not become what it was to be.
_SPOILT = (
    ResourceFailed,
    DeadlineExceeded,
    SnapshotDoubtful,
    RecordInvalid,
    HalfCopied,
)

#: What may be otherwise the next time, the operator's configuration too. The database is where a
#: restore is told of. What a later release or another driver wrote waits for that one.
PASSING = (
    ManilaUnavailable,
    ManilaTransient,
    ManilaShowsNothing,
    Misconfigured,
    BankUnreadable,
    ClaimLost,
    DatabaseUnreadable,
    RecordForeign,
    Taken,
    Unsettled,
    db_exception.DBError,
    sqlalchemy_exception.SQLAlchemyError,
)


def is_kept(job: ShareJob, intent: Intent | None) -> bool:
    """Whether the share is in the checkpoint for good; then its last words are said, too.

    :raises SnapshotGone: its record is there, and its snapshot is not
    :raises RecordForeign: another release or driver made it
    """
    try:
        record = job.section.record()
    except RecordForeign:
        raise
    except RecordInvalid:
        if intent is None:
            raise
        return False  # the write of it was cut short; the intent says what it was to be
    if record is None:
        return False
    if job.recorded_driver(record.driver, "record").show(record.snapshot_id) is None:
        raise SnapshotGone(record.snapshot_id)
    undo.end_kept(job, intent)
    return True


class AdoptSnapshot(ShareTask):
    """The share is in the checkpoint, or nothing of the attempt is left."""

    def execute(self, job: ShareJob) -> None:
        intent = job.section.intent()
        if is_kept(job, intent):
            return
        snapshot_id = self.find(job, intent) if intent else None
        if intent is None or snapshot_id is None:
            # The intent stays: a request in doubt may make something still, and the deletion of the
            # checkpoint looks for it by the mark.
            raise Interrupted("protection", job.share_id, "Protect the plan again.")
        driver = job.driver(intent.driver)
        try:
            driver.wait_protected(snapshot_id)
            kept = driver.verify(snapshot_id, job.share_id)
            protect.complete(job, intent, kept, driver.access_rules(job.share_id))
        except _SPOILT:
            protect.roll_back(job, intent, snapshot_id)
            raise
        LOG.info(
            "Snapshot %s of share %s, checkpoint %s is adopted from a dead process",
            snapshot_id,
            job.share_id,
            job.checkpoint.id,
        )

    @staticmethod
    def find(job: ShareJob, intent: Intent) -> str | None:
        """The snapshot that an intent led to, if it did; its id is put down."""
        if intent.created_id:
            return intent.created_id
        view = in_doubt.find(job, intent)
        if view is None:
            return None
        job.section.created(intent, view["id"])
        return str(view["id"])


class AdoptCopy(ShareTask):
    """The copy of the share is whole, or nothing of the attempt is left."""

    def execute(self, job: ShareJob) -> None:
        intent = job.section.intent()
        if is_kept(job, intent):
            return
        made = copy.Made()
        if intent:
            made.clone_id = copy.find_clone(job, intent)
        if intent is None or made.clone_id is None:
            raise Interrupted("copy", job.share_id, "Copy the plan again.")
        if not intent.clone_id:
            intent = job.section.cloned(intent, made.clone_id, intent.since)
        made.snapshot_id = AdoptSnapshot.find(job, intent)
        driver = job.driver(intent.driver)
        try:
            if made.snapshot_id is None:
                # Another snapshot would belong to the project of Karbor's own user.
                raise HalfCopied(job.share_id)
            driver.wait_restored(made.clone_id)
            driver.wait_protected(made.snapshot_id)
            driver.verify(made.snapshot_id, made.clone_id)
            copy.complete(job, intent, made.snapshot_id)
        except _SPOILT:
            copy.roll_back(job, intent, made)
            raise
        LOG.info(
            "Share %s and its snapshot %s, made for the copy of share %s, checkpoint %s, are "
            "adopted from a dead process",
            made.clone_id,
            made.snapshot_id,
            job.share_id,
            job.checkpoint.id,
        )


class AdoptShare(ShareTask):
    """The restored share is there and told of, or nothing of the attempt is left."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        super().__init__()
        self._wanted = wanted

    def execute(self, job: ShareJob) -> None:
        intent = job.section.restore(job.request.id)
        told = _told_share(job, intent)
        if told:
            # Complete, but for the last words: the share is the user's, whatever became of it.
            job.made, job.complete = told, True
            if intent:
                undo.last(job, lambda: job.section.end(intent))
            return
        record = job.section.record()
        known = intent or record
        name = known.driver if known else str(job.flow.settings.default_driver)
        share_id = self._find(job, intent, name)
        if share_id is None:
            if intent:
                job.section.end(intent)
            raise Interrupted("restore", job.share_id, "Restore it again.")
        job.made = share_id
        try:
            view = job.driver(name).wait_restored(share_id)
        except _SPOILT:
            if intent and self._wanted["keep_failed"]:
                restore.keep_failed(job, intent, share_id)
            elif intent:
                restore.roll_back(job, intent, share_id)
            raise
        if record:
            plan = restore_plan.new_share(job.checkpoint.id, record, self._wanted)
            restore.finish(job, plan, intent, view)
        else:
            restore.tell_made(job, intent, view["status"])
        LOG.info(
            "Share %s, made from share %s, checkpoint %s, is adopted from a dead process",
            share_id,
            job.share_id,
            job.checkpoint.id,
        )

    @staticmethod
    def _find(job: ShareJob, intent: Intent | None, driver: str) -> str | None:
        if intent and intent.created_id:
            return intent.created_id
        if intent:
            view = in_doubt.find(job, intent)
            return str(view["id"]) if view else None
        # Complete, but for the last word in Karbor's database; or not even begun.
        mark = delete.bare_mark(job, job.request.id)
        whose = job.request.get("project_id")  # whoever restored it: not always the checkpoint's
        found = job.driver(driver).find(mark, project_id=whose) if mark else []
        return str(found[0]["id"]) if found else None


def _told_share(job: ShareJob, intent: Intent | None) -> str | None:
    """The new share that the restore tells its user to be his, if it does."""
    made = intent.created_id if intent else None
    if made and reporting.says_available(job, job.request, made):
        return made
    return reporting.restored_as(job, job.request)


class Recovery(ShareOperation):
    """What the operations of a recovery have in common."""

    def is_final(self, error: Exception) -> bool:
        """The reconciliation comes back to what may be otherwise the next time."""
        return not isinstance(error, PASSING)


class RecoverProtectOperation(Recovery, protect.ProtectOperation):
    """Ends a share's protection that a dead process began."""

    verb = "Recovery of the protection"

    def steps(self, job: ShareJob) -> list[ShareTask]:
        """The steps, in order."""
        return [AdoptSnapshot()]


class RecoverCopyOperation(RecoverProtectOperation):
    """Ends a share's copy that a dead process began."""

    verb = "Recovery of the copy"

    def steps(self, job: ShareJob) -> list[ShareTask]:
        """The steps, in order."""
        return [AdoptCopy()]


class RecoverRestoreOperation(Recovery, restore.RestoreOperation):
    """Ends a share's restore that a dead process began."""

    verb = "Recovery of the restore"

    def steps(self, job: ShareJob) -> list[ShareTask]:
        """The steps, in order."""
        wanted = restore_plan.check(job.share_id, job.given)
        if not wanted["include"]:
            return [restore.LeaveOut()]
        return [revert.AdoptRevert() if wanted["share_id"] else AdoptShare(wanted)]


class RecoverDeleteOperation(Recovery, delete.DeleteOperation):
    """Ends a share's deletion that a dead process began."""

    verb = "Recovery of the deletion"


class EndLeftover(ShareTask):
    """Nothing temporary is left of a restore or a verification that has ended."""

    def execute(self, job: ShareJob) -> None:
        kind = constants.OPERATION_RESTORE
        if "restore" not in job.extras:
            kind = constants.OPERATION_VERIFY
        delete.end_restore(job, job.request.id, (kind, job.request))


class EndKept(ShareTask):
    """The last words of a protection or a copy that is complete are said."""

    def execute(self, job: ShareJob) -> None:
        if job.section.record():
            job.complete = True
            job.section.status(constants.RESOURCE_STATUS_AVAILABLE)
            intent = job.section.intent()
            if intent:
                job.section.end(intent)


class EndKeptOperation(Recovery, protect.ProtectOperation):
    """Says what a protection or a copy could not say itself."""

    verb = "Last words of the protection"

    def steps(self, job: ShareJob) -> list[ShareTask]:
        """The steps, in order."""
        return [EndKept()]

    def is_final(self, error: Exception) -> bool:
        """It is tried again for ever, and told of in the log."""
        return False


class EndLeftoverOperation(restore.RestoreOperation):
    """Removes what an ended restore or verification could not remove itself."""

    verb = "Removal of what is left"

    def steps(self, job: ShareJob) -> list[ShareTask]:
        """The steps, in order."""
        return [EndLeftover()]

    def is_final(self, error: Exception) -> bool:
        """It is tried again for ever, and told of in the log."""
        return False

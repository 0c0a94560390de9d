# SPDX-License-Identifier: Apache-2.0
"""The operations of a recovery: what a dead process began on a share is brought to its end.

It is adopted when it is good, else removed. These operations run under the reconciliation, with
Karbor's own user. They leave everything as it is when Manila or the bank is away, so that the next
attempt finds what this one found.
"""

from collections.abc import Sequence

from karbor.common import constants
from oslo_db import exception as db_exception
from sqlalchemy import exc as sqlalchemy_exception

from karbor_manila.bank.errors import BankUnreadable, RecordForeign
from karbor_manila.common.errors import ClaimLost, Taken
from karbor_manila.database.errors import DatabaseUnreadable
from karbor_manila.manila.errors import ManilaTransient, ManilaUnavailable, Misconfigured
from karbor_manila.operations import delete, protect, restore, undo
from karbor_manila.operations.adopt_protect import adopt_copy, adopt_snapshot
from karbor_manila.operations.adopt_restore import adopt_revert, adopt_share
from karbor_manila.operations.errors import ManilaShowsNothing, Unsettled
from karbor_manila.operations.share_job import ShareJob
from karbor_manila.operations.share_operation import ShareOperation

#: What the next attempt may not meet again: transient errors, and what the operator can mend. The
#: database is where a restore is reported. What a later release or another driver wrote waits for
#: that one.
RETRIED_LATER = (
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


class Recovery(ShareOperation):
    """What the operations of a recovery have in common."""

    told_as = ""  # it is told once for all shares, when the whole item is settled

    def begin_all(self, jobs: Sequence[ShareJob]) -> None:
        """Nothing is asked for again."""

    def is_final(self, error: Exception) -> bool:
        """The reconciliation tries again after what the next attempt may not meet."""
        return not isinstance(error, RETRIED_LATER)


class RecoverProtectOperation(Recovery, protect.ProtectOperation):
    """Ends a share's protection that a dead process began."""

    verb = "Recovery of the protection"

    def run(self, job: ShareJob) -> None:
        """It is adopted, or removed."""
        adopt_snapshot(job)


class RecoverCopyOperation(RecoverProtectOperation):
    """Ends a share's copy that a dead process began."""

    verb = "Recovery of the copy"

    def run(self, job: ShareJob) -> None:
        """It is adopted, or removed."""
        adopt_copy(job)


class RecoverRestoreOperation(Recovery, restore.RestoreOperation):
    """Ends a share's restore that a dead process began."""

    verb = "Recovery of the restore"

    def run(self, job: ShareJob) -> None:
        """It is adopted, or removed."""
        options = job.flow.restores.options(job.share_id, job.given)
        if not options.include:
            restore.leave_out(job)
        elif options.is_revert:
            adopt_revert(job)
        else:
            adopt_share(job, options)


class RecoverDeleteOperation(Recovery, delete.DeleteOperation):
    """Ends a share's deletion that a dead process began."""

    verb = "Recovery of the deletion"


def _end_leftover(job: ShareJob) -> None:
    """Nothing temporary is left of a restore or a verification that has ended."""
    is_restore = "restore" in job.extras
    kind = constants.OPERATION_RESTORE if is_restore else constants.OPERATION_VERIFY
    delete.end_restore(job, job.request.id, (kind, job.request))


def _end_kept(job: ShareJob) -> None:
    """The final writes of a protection or a copy that is complete are made."""
    if job.section.record():
        job.complete = True
        job.section.status(constants.RESOURCE_STATUS_AVAILABLE)
        intent = job.section.intent()
        if intent:
            undo.end_intent(job, intent)


class EndKeptOperation(Recovery, protect.ProtectOperation):
    """Makes the final writes that a protection or a copy could not make itself."""

    verb = "Final writes of the protection"

    def run(self, job: ShareJob) -> None:
        """The share comes to its end."""
        _end_kept(job)

    def is_final(self, error: Exception) -> bool:
        """It is retried for ever, and logged."""
        return False


class EndLeftoverOperation(restore.RestoreOperation):
    """Removes what an ended restore or verification could not remove itself."""

    verb = "Removal of what is left"
    told_as = ""

    def run(self, job: ShareJob) -> None:
        """The share comes to its end."""
        _end_leftover(job)

    def is_final(self, error: Exception) -> bool:
        """It is retried for ever, and logged."""
        return False

# SPDX-License-Identifier: Apache-2.0
"""What a dead process began on a share, brought to its end: adopted when it is good, else removed.

These operations run under the reconciliation, with Karbor's own user. They leave everything as it
is when Manila or the bank is away, so that the next attempt finds what this one found.
"""

import dataclasses

from karbor import exception as karbor_exception
from oslo_log import log as logging

from karbor_manila import exception
from karbor_manila.operations import delete, late, protect, restore
from karbor_manila.operations.base import Job, JobTask
from karbor_manila.record import Intent

LOG = logging.getLogger(__name__)

#: What is final about a thing in Manila: it will not become what it was to be.
_SPOILT = (
    exception.ResourceFailed,
    exception.DeadlineExceeded,
    exception.SnapshotDoubtful,
    exception.RecordInvalid,
)

#: What may be otherwise the next time.
PASSING = (exception.ManilaUnavailable, exception.ManilaPassing, exception.BankUnreadable)


class AdoptSnapshot(JobTask):
    """The share is in the checkpoint, or nothing of the attempt is left."""

    def execute(self, job: Job) -> None:
        intent = job.ledger.intent()
        if job.ledger.record():
            if intent:
                job.ledger.end(intent)
            return
        snapshot_id = self._find(job, intent) if intent else None
        if intent is None or snapshot_id is None:
            if intent:
                job.ledger.end(intent)
            raise exception.Interrupted("protection", job.share_id, "Protect the plan again.")
        driver = job.driver(intent.driver)
        try:
            driver.wait_protected(snapshot_id)
            driver.verify(snapshot_id, job.share_id)
            protect.complete(job, intent, snapshot_id)
        except _SPOILT:
            protect.withdraw(job, intent, snapshot_id)
            raise
        LOG.info(
            "Snapshot %s of share %s, checkpoint %s is adopted from a dead process",
            snapshot_id,
            job.share_id,
            job.checkpoint.id,
        )

    @staticmethod
    def _find(job: Job, intent: Intent) -> str | None:
        if intent.created_id:
            return intent.created_id
        view = late.find(job, intent)
        if view is None:
            return None
        job.ledger.created(intent, view["id"])
        return str(view["id"])


class AdoptShare(JobTask):
    """The restored share is there and told of, or nothing of the attempt is left."""

    def execute(self, job: Job) -> None:
        restore_id = job.extras["restore"].id
        intent = job.ledger.restore(restore_id)
        share_id = self._find(job, intent, restore_id)
        if share_id is None:
            if intent:
                job.ledger.end(intent)
            raise exception.Interrupted("restore", job.share_id, "Restore it again.")
        job.made = share_id
        driver = job.driver(self._driver(job, intent))
        try:
            view = driver.wait_restored(share_id)
        except _SPOILT:
            if intent:
                restore.withdraw(job, intent, share_id)
            raise
        restore.report(job, share_id, view["status"])
        if intent:
            job.ledger.end(intent)
        LOG.info(
            "Share %s, made from share %s, checkpoint %s, is adopted from a dead process",
            share_id,
            job.share_id,
            job.checkpoint.id,
        )

    def _find(self, job: Job, intent: Intent | None, restore_id: str) -> str | None:
        if intent and intent.created_id:
            return intent.created_id
        if intent:
            view = late.find(job, intent)
            return str(view["id"]) if view else None
        # Complete, but for the last word in Karbor's database; or not even begun.
        bare = delete.bare_mark(job)
        if bare is None:
            return None
        mark = dataclasses.replace(bare, restore=restore_id)
        found = job.driver(self._driver(job, None)).find(mark)
        return str(found[0]["id"]) if found else None

    @staticmethod
    def _driver(job: Job, intent: Intent | None) -> str:
        if intent:
            return intent.driver
        record = job.ledger.record()
        return record.driver if record else str(job.shared.settings.default_driver)


class RecoverProtectOperation(protect.ProtectOperation):
    """Ends a share's protection that a dead process began."""

    verb = "Recovery of the protection"
    failure = karbor_exception.CreateResourceFailed

    def steps(self) -> list[JobTask]:
        """The steps, in order."""
        return [AdoptSnapshot()]

    def is_final(self, error: Exception) -> bool:
        """The reconciliation comes back to what may be otherwise the next time."""
        return not isinstance(error, PASSING)


class RecoverRestoreOperation(restore.RestoreOperation):
    """Ends a share's restore that a dead process began."""

    verb = "Recovery of the restore"
    failure = karbor_exception.RestoreResourceFailed

    def steps(self) -> list[JobTask]:
        """The steps, in order."""
        return [AdoptShare()]

    def is_final(self, error: Exception) -> bool:
        """As above."""
        return not isinstance(error, PASSING)


class RecoverDeleteOperation(delete.DeleteOperation):
    """Ends a share's deletion that a dead process began."""

    verb = "Recovery of the deletion"
    failure = karbor_exception.DeleteResourceFailed

    def is_final(self, error: Exception) -> bool:
        """As above."""
        return not isinstance(error, PASSING)

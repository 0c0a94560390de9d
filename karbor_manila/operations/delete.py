# SPDX-License-Identifier: Apache-2.0
"""Delete: whatever the record, the intent or the mark lead to, until it is gone; then the pages.

It is idempotent, and works from whatever is left: no record, half a record, a record that cannot be
understood, or a snapshot that is already gone are all roads to the same end.
"""

from dataclasses import dataclass

from karbor import exception as karbor_exception
from karbor.common import constants
from oslo_log import log as logging

from karbor_manila import exception, identity
from karbor_manila.mark import Mark
from karbor_manila.operations import reasons
from karbor_manila.operations.base import Job, JobTask, ShareOperation

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Left:
    """What is left to remove: an id, a mark, both or neither."""

    driver: str
    snapshot_id: str | None
    mark: Mark | None


class ReadPages(JobTask):
    """What the bank says is left of the share."""

    default_provides = "left"

    def execute(self, job: Job) -> Left:
        job.ledger.status(constants.RESOURCE_STATUS_DELETING)
        mark = self._mark(job)
        try:
            record = job.ledger.record()
            if record:
                # Karbor's own plugin sets no marks: there is nothing to look for.
                return Left(record.driver, record.snapshot_id, mark if record.mark else None)
            intent = job.ledger.intent()
            if intent:
                return Left(intent.driver, intent.created_id, mark)
        except exception.RecordInvalid as error:
            LOG.warning(
                "Share %s, checkpoint %s: %s What bears its mark is removed all the same.",
                job.share_id,
                job.checkpoint.id,
                error,
            )
        return Left(job.shared.settings.default_driver, None, mark)

    @staticmethod
    def _mark(job: Job) -> Mark | None:
        """Marks count only in a bank that says who it is; without one nothing is looked for."""
        bank_id = job.shared.once(
            "bank (read)", lambda: identity.read(job.checkpoint.checkpoint_section.bank)
        )
        return job.mark(bank_id) if bank_id else None


class Remove(JobTask):
    """It is gone from Manila."""

    def execute(self, job: Job, left: Left) -> None:
        if left.snapshot_id or left.mark:
            job.driver(left.driver).delete(
                left.mark, left.snapshot_id, project_id=job.checkpoint.project_id
            )
        if not left.snapshot_id:
            job.shared.excuse(job.share_id)


class Erase(JobTask):
    """It is gone from the bank; last, so that a crash before leaves what a repetition needs."""

    def execute(self, job: Job) -> None:
        job.ledger.erase()
        job.ledger.status(constants.RESOURCE_STATUS_DELETED)


class DeleteOperation(ShareOperation):
    """Removes a share from a checkpoint."""

    verb = "Deletion"
    failure = karbor_exception.DeleteResourceFailed

    def steps(self) -> list[JobTask]:
        """The steps, in order."""
        return [ReadPages(), Remove(), Erase()]

    def failed(self, job: Job, reason: str) -> None:
        """Into the checkpoint, and the status of the resource."""
        reasons.to_checkpoint(job, reason)
        job.ledger.status(constants.RESOURCE_STATUS_ERROR)

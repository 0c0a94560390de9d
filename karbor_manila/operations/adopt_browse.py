# SPDX-License-Identifier: Apache-2.0
"""What the reconciliation does with access to a snapshot that is open, under the claim on it."""

from karbor import exception as karbor_exception
from karbor.common import constants

from karbor_manila.bank.errors import RecordInvalid
from karbor_manila.operations import browse_end, elsewhere, reporting
from karbor_manila.operations.share_job import ShareJob
from karbor_manila.operations.share_operation import ShareOperation


class EndBrowseOperation(ShareOperation):
    """Ends what is over, or was cut short.

    The hook has ``browse_id``, and ``verify`` when the verification that gave the access has just
    been settled: what that does not tell its user of ends, too.
    """

    verb = "End of access"
    failure = karbor_exception.VerifyResourceFailed

    def run(self, job: ShareJob) -> None:
        """It ends, or its keys are as they should be."""
        browse_id = str(job.extras["browse_id"])
        intent = job.section.browse(browse_id)
        if intent is None:
            browse_end.forget(job, browse_id)
        elif browse_end.is_over(job, browse_end.opened(intent)) or not _is_told(job):
            _require_its_manila(job)
            browse_end.end(job, intent, sent=None if intent.created_id else intent.since)
        else:
            browse_end.keep_key(job, intent)

    def is_final(self, error: Exception) -> bool:
        """It is retried for ever, and logged."""
        return False

    def failed(self, job: ShareJob, reason: str) -> None:
        """Nobody waits for it."""


def _require_its_manila(job: ShareJob) -> None:
    """Another one shows no snapshot, and access to it would stay open in the first.

    :raises ManilaElsewhere: it is asked
    """
    try:
        record = job.section.record()
    except RecordInvalid:
        return
    if record:
        elsewhere.check(job, record)


def _is_told(job: ShareJob) -> bool:
    if "verify" not in job.extras:
        return True
    return reporting.reported_status(job) == constants.RESOURCE_STATUS_AVAILABLE

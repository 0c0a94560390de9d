# SPDX-License-Identifier: Apache-2.0
"""The end of a restore or a drill that made a share, whoever ends it: what its driver made besides
the share goes, then the intent."""

from oslo_log import log as logging

from karbor_manila.bank.errors import RecordForeign, RecordInvalid
from karbor_manila.bank.record import Intent
from karbor_manila.manila.errors import ResourceFailed
from karbor_manila.manila.marks import Mark
from karbor_manila.operations.parameters import RestoreOptions
from karbor_manila.operations.restore_plan import new_share
from karbor_manila.operations.share_job import ShareJob

LOG = logging.getLogger(__name__)


def end(job: ShareJob, intent: Intent) -> None:
    """Forget a restore that is complete, or whose share was removed.

    :raises KarborManilaError: something temporary is still there; the intent stays, by which the
        reconciliation tries again
    """
    job.driver(intent.driver).forget_restore(intent.mark, project_id=intent.project_id)
    job.section.end(intent)


def is_complete(job: ShareJob, mark: Mark, share_id: str) -> bool:
    """Wait for the share of a restore that its sender does not wait for any more; whether it has
    its content, by the driver that the share's record names. Without a record that can be read,
    being available is all that can be known.

    :param mark: of the restore, whose intent may be damaged
    """
    try:
        record = job.section.record()
    except RecordForeign:
        raise  # its own release or driver knows
    except RecordInvalid as error:
        LOG.warning("Share %s, checkpoint %s: %s", job.share_id, job.checkpoint.id, error)
        record = None
    try:
        if record:
            plan = new_share(job.checkpoint.id, record, RestoreOptions.usual())
            driver = job.flow.recorded_driver(record.driver, "record")
            driver.complete_restore(plan.kept, plan.target(mark), share_id)
        else:
            job.flow.shares.wait_restored(share_id)
    except ResourceFailed:
        return False
    return True

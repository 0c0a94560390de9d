# SPDX-License-Identifier: Apache-2.0
"""The end of a restore or a drill that made a share, whoever ends it: what its driver made besides
the share goes, then the intent."""

from karbor_manila.bank.record import Intent
from karbor_manila.manila.errors import ResourceFailed
from karbor_manila.operations.parameters import RestoreOptions
from karbor_manila.operations.restore_plan import new_share
from karbor_manila.operations.share_job import ShareJob


def end(job: ShareJob, intent: Intent) -> None:
    """Forget a restore that is complete, or whose share was removed.

    :raises KarborManilaError: something temporary is still there; the intent stays, by which the
        reconciliation tries again
    """
    job.driver(intent.driver).forget_restore(intent.mark, project_id=intent.project_id)
    job.section.end(intent)


def is_complete(job: ShareJob, intent: Intent | None, share_id: str) -> bool:
    """Wait for the share of a restore that its sender does not wait for any more; whether it has
    its content. Without an intent, or a record, being available is all that can be known."""
    record = job.section.record() if intent else None
    try:
        if intent and record:
            plan = new_share(job.checkpoint.id, record, RestoreOptions.usual())
            driver = job.driver(intent.driver)
            driver.complete_restore(plan.kept, plan.target(intent.mark), share_id)
        else:
            job.flow.shares.wait_restored(share_id)
    except ResourceFailed:
        return False
    return True

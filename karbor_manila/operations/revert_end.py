# SPDX-License-Identifier: Apache-2.0
"""The end of what a restore in place began, whoever ends it: the restore itself when it fails, the
recovery after a death, the deletion of the checkpoint.

The protected share is only ever looked at.
"""

from collections.abc import Collection

from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank.record import Intent
from karbor_manila.common.errors import DeadlineExceeded
from karbor_manila.drivers.base import Target
from karbor_manila.manila import statuses
from karbor_manila.manila.errors import ResourceFailed
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.views import NewShare, View
from karbor_manila.operations import in_doubt, remove_newer, reporting
from karbor_manila.operations.share_job import ShareJob

LOG = logging.getLogger(__name__)

#: The operation of an intent of a restore in place.
REVERT = "revert"


def end(job: ShareJob, intent: Intent, *, sent: str | None) -> str | None:
    """Remove what is temporary, and forget the intent. A safety copy that is complete is the
    user's and stays; one that is not is of no use to anybody.

    :param sent: when a request for a safety copy may have been sent last without the
        answer of: it may still be carried out; None when there is none
    :returns: the id of the safety copy that stays, if there is one
    :raises KarborManilaError: not everything could be ended; the intent stays
    """
    remove_newer.settle(job, intent)
    kept = _end_safety_copy(job, intent, sent) if intent.safety_copy else None
    if kept:
        report_copy(job, kept)
    forget(job, intent)
    return kept


def forget(job: ShareJob, intent: Intent) -> None:
    """Forget a restore in place. What the driver made besides a safety copy goes first.

    :raises KarborManilaError: it is still there; the intent stays
    """
    if intent.safety_copy:
        job.driver(intent.driver).forget_restore(intent.mark, project_id=intent.project_id)
    job.section.end(intent)


def report_copy(job: ShareJob, copy_id: str) -> None:
    """Name the safety copy in Karbor's restore, so that the user finds it. A deletion of the
    checkpoint has no restore to write to: the copy bears the restore's mark and its name."""
    record = job.extras.get("restore")
    if record is None:
        LOG.warning(
            "Share %s, checkpoint %s: the safety copy %s of a restore in place stays",
            job.share_id,
            job.checkpoint.id,
            copy_id,
        )
        return
    what = f"What share {job.share_id} held before this restore (safety_copy)."
    available = constants.RESOURCE_STATUS_AVAILABLE
    reporting.guard(reporting.to_record, job, record, copy_id, available, what)


def _end_safety_copy(job: ShareJob, intent: Intent, sent: str | None) -> str | None:
    driver, shares, whose = job.driver(intent.driver), job.flow.shares, intent.project_id
    copies = shares.find(intent.mark, project_id=whose)
    if sent and intent.asked is None and not copies:
        if in_doubt.find(job, intent, since=sent):
            in_doubt.find_share(job, intent, since=sent)  # it is asked for after the snapshot
        copies = shares.find(intent.mark, project_id=whose)
    temporary = driver.find(intent.mark, project_id=whose)
    whole = [view for view in copies if _is_reported(job, intent, str(view["id"]))]
    whole = whole or [view for view in copies if _is_whole(job, intent, view, temporary)]
    if copies and not whole:
        shares.discard(intent.mark, None, project_id=whose)
    for kept in temporary:
        driver.delete(kept, project_id=whose, undo=True)
    return str(whole[0]["id"]) if whole else None


def _is_reported(job: ShareJob, intent: Intent, copy_id: str) -> bool:
    """Whether Karbor's restore names a copy to its user: it was complete, and is his, whatever he
    has done to it since."""
    record = job.extras.get("restore")
    if record is None and (requested := job.flow.requested(intent.mark.restore)):
        record = requested[1]
    return record is not None and reporting.is_reported_available(job, record, copy_id)


def _is_whole(job: ShareJob, intent: Intent, view: View, temporary: Collection[Kept]) -> bool:
    """Whether a share has what it is a copy of. What it is made from goes once that is so; as long
    as it is there, only the driver knows: a share may be available before it is filled."""
    if view["id"] == job.share_id or view["status"] != statuses.AVAILABLE:
        return False
    described = NewShare(view.get("name"), view.get("description"), int(view["size"]))
    target = Target(intent.mark, described, str(view.get("share_proto")))
    try:
        for kept in list(temporary)[:1]:
            job.driver(intent.driver).complete_restore(kept, target, str(view["id"]))
    except (ResourceFailed, DeadlineExceeded) as error:
        LOG.warning("Share %s, of a safety copy: %s", view["id"], error)
        return False
    return True

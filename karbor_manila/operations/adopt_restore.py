# SPDX-License-Identifier: Apache-2.0
"""A restore of a share that a dead process began comes to an end: its share is there and reported,
or nothing of it is left. A revert is never asked for again."""

import dataclasses

from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank.record import Intent
from karbor_manila.common.errors import DeadlineExceeded
from karbor_manila.manila import statuses
from karbor_manila.manila.errors import ResourceFailed, RevertFailed
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.views import Source, View
from karbor_manila.operations import (
    delete,
    elsewhere,
    in_doubt,
    interruption,
    into_share,
    not_restored,
    reporting,
    restore,
    restore_end,
    restore_plan,
    revert,
    revert_end,
    undo,
)
from karbor_manila.operations.adopt_protect import UNUSABLE
from karbor_manila.operations.errors import Interrupted, RevertUnknown
from karbor_manila.operations.parameters import RestoreOptions
from karbor_manila.operations.restore_plan import RestorePlan
from karbor_manila.operations.share_job import ShareJob

LOG = logging.getLogger(__name__)


def adopt_share(job: ShareJob, options: RestoreOptions) -> None:
    """The restored share is there and reported, or nothing of the attempt is left."""
    intent = job.section.restore(job.request.id)
    reported = _reported_share(job, intent)
    if reported:
        # Complete, but for the final writes: the share is the user's, whatever its state is.
        job.made, job.complete = reported, True
        if intent:
            undo.last(job, lambda: restore_end.end(job, intent))
        return
    record = job.section.record()
    if record:  # the share is where its snapshot is
        elsewhere.check(job, record)
    share_id = _find(job, intent)
    if share_id is None:
        if intent:
            restore_end.end(job, intent)
        elif interruption.was_left_out(job):
            return
        raise interruption.of_restore(job)
    job.made = share_id
    plan = restore_plan.new_share(job.checkpoint.id, record, options) if record else None
    try:
        view = _complete(job, plan, intent, share_id)
    except UNUSABLE:
        if intent:
            # Intents of older releases do not say whether it is kept.
            keep_failed = options.keep_failed
            undo.roll_back(job, dataclasses.replace(intent, keep_failed=keep_failed))
        raise
    if plan:
        restore.finish(job, plan, intent, view)
    else:
        restore.report_made(job, intent, view["status"])
    LOG.info(
        "Share %s, made from share %s, checkpoint %s, is adopted from a dead process",
        share_id,
        job.share_id,
        job.checkpoint.id,
    )


def _complete(
    job: ShareJob, plan: RestorePlan | None, intent: Intent | None, share_id: str
) -> View:
    """The restored share, when it has its content; without what it was to be made of, being there
    is all that can be known."""
    if plan is None or intent is None:
        return job.flow.shares.wait_restored(share_id)
    driver = job.driver(intent.driver)
    return driver.complete_restore(plan.kept, plan.target(intent.mark), share_id)


def _find(job: ShareJob, intent: Intent | None) -> str | None:
    if intent and intent.created_id:
        return intent.created_id
    if intent:
        view = in_doubt.find_share(job, intent)
        return str(view["id"]) if view else None
    # Complete, but for the final status in Karbor's database; or not even begun.
    mark = delete.bare_mark(job, job.request.id)
    whose = job.request.get("project_id")  # of the restore: not always the checkpoint's
    found = job.flow.shares.find(mark, project_id=whose) if mark else []
    return str(found[0]["id"]) if found else None


def _reported_share(job: ShareJob, intent: Intent | None) -> str | None:
    """The new share that the restore reports to its user, if it does."""
    made = intent.created_id if intent else None
    if made and reporting.is_reported_available(job, job.request, made):
        return made
    return reporting.restored_as(job, job.request)


def adopt_revert(job: ShareJob) -> None:
    """A restore in place that a dead process began comes to an end.

    Nothing is ever asked again: the share may have been written to since.
    """
    intent = job.section.restore(job.request.id)
    job.target = intent.target if intent else _asked_target(job)
    if reporting.reported_status(job) == constants.RESOURCE_STATUS_AVAILABLE:
        # Complete, but for the final writes.
        job.complete = True
        if intent:
            undo.last(job, lambda: revert_end.end(job, intent, sent=None))
        return
    if intent is None:
        if interruption.was_left_out(job):
            return
        raise interruption.of_restore(job)
    if intent.asked is None:
        kept = revert_end.end(job, intent, sent=intent.since)
        copy = f" The copy {kept} of its content is complete and stays." if kept else ""
        raise Interrupted(
            "restore", job.share_id, f"The share is untouched.{copy} Restore it again."
        )
    seen, view = _await_end(job, intent)
    if not seen:
        revert_end.end(job, intent, sent=None)
        raise RevertUnknown(job.target_id, str(intent.snapshot_id))
    # Reported first: another attempt would not see it.
    revert.report(
        job,
        _plan_of(intent),
        intent,
        view,
        lambda: revert_end.end(job, intent, sent=None),
    )


def _asked_target(job: ShareJob) -> str | None:
    """The share that the user named, when there is no intent that says it."""
    return job.flow.restores.options(job.share_id, job.given).share_id


def _await_end(job: ShareJob, intent: Intent) -> tuple[bool, View]:
    """Whether the revert was seen under way, and the share once it is over."""
    driver = job.driver(intent.driver)
    # The request may still be on its way: "not known" is reported only after that time.
    view = in_doubt.settled(
        job,
        str(intent.asked),
        lambda: job.flow.shares.show(job.target_id),
        seen=lambda share: share is None or share["status"] != statuses.AVAILABLE,
    )
    snapshot = driver.show(str(intent.snapshot_id))
    # Manila says "restoring" of the snapshot that a share is being put back to.
    ours = snapshot is not None and snapshot["status"] == "restoring"
    under_way = view is not None and view["status"] in statuses.SHARE_REVERTING
    try:
        return ours and under_way, into_share.wait(job, intent)
    except (RevertFailed, ResourceFailed, DeadlineExceeded):
        revert_end.end(job, intent, sent=None)
        raise


def _plan_of(intent: Intent) -> RestorePlan:
    """As much of the plan as its intent holds, for the report."""
    another = intent.target not in (None, intent.mark.resource)
    return RestorePlan(
        way=restore_plan.INTO_ANOTHER if another else restore_plan.IN_PLACE,
        driver=intent.driver,
        kept=Kept(intent.driver, str(intent.snapshot_id), intent.mark.resource),
        source=Source(str(intent.snapshot_id), intent.mark.resource, 0, "", None, None, None),
        removes=sorted(intent.removing or {}),
        safety_copy=intent.safety_copy,
        not_restored=[not_restored.LEFT_ALONE],
        into=intent.target,
    )

# SPDX-License-Identifier: Apache-2.0
"""Restore in place: the plan, intent, safety copy, newer snapshots, revert, its end, the report.

What can be undone comes first and what cannot comes last: the copy, then the newer snapshots, then
the revert. The protected share is never removed, whatever goes wrong.
"""

from collections.abc import Callable
from typing import Any

from karbor.common import constants
from oslo_log import log as logging
from oslo_serialization import jsonutils

from karbor_manila.bank.record import Intent
from karbor_manila.common.errors import ClaimLost, KarborManilaError
from karbor_manila.drivers.base import ProtectOptions, Target, protect_one
from karbor_manila.hooks.base import REVERT
from karbor_manila.manila.errors import ManilaUnavailable, TargetMissing
from karbor_manila.manila.views import NewShare, View
from karbor_manila.operations import (
    hooking,
    into_share,
    newer_snapshots,
    remove_newer,
    reporting,
    revert_end,
    undo,
)
from karbor_manila.operations.restore_plan import RestorePlan
from karbor_manila.operations.share_job import ShareJob

LOG = logging.getLogger(__name__)


def carry_out(job: ShareJob, plan: RestorePlan) -> None:
    """Carry out the plan of a restore in place."""
    job.target = plan.into
    hooks = hooking.prepare(job, REVERT)
    intent = begin(job, plan, hooks)
    hooking.enter(job)
    if plan.safety_copy:
        intent = keep_present(job, plan, intent)
    if plan.removes:
        intent = remove_newer.remove(job, intent, plan.removes)
    asked = ask(job, plan, intent)
    view = into_share.wait(job, asked)

    def end() -> None:
        remove_newer.settle(job, asked)
        revert_end.forget(job, asked)

    report(job, plan, asked, view, end)


def begin(job: ShareJob, plan: RestorePlan, hooks: tuple[str, ...] = ()) -> Intent:
    """Write the intent: from here on a crash leaves in the bank what may be in Manila.

    :param hooks: the names of those around it
    """
    return job.begin(
        revert_end.REVERT,
        plan.driver,
        job.context.project_id,
        restore_id=job.request.id,
        snapshot_id=plan.source.snapshot_id,
        safety_copy=plan.safety_copy,
        target=plan.into,
        hooks=hooks,
    )


def keep_present(job: ShareJob, plan: RestorePlan, intent: Intent) -> Intent:
    """Keep the present content, in a share of its own.

    A snapshot alone would be newer than the one that is put back, and in its way; so a share is
    made from it, and it goes again.
    """
    driver, shares = job.driver(intent.driver), job.flow.shares
    name = f"before-restore-{job.checkpoint.id}"
    share = shares.show(job.share_id)
    if share is None:
        raise TargetMissing(job.share_id)
    temporary = ProtectOptions(name, "Temporary; it is removed by itself", force=True)
    kept = driver.wait(protect_one(driver, share, intent.mark, temporary))
    described = f"What share {job.share_id} held before it was restored in place"
    new = NewShare(
        name=name,
        description=described,
        size=int(share["size"]),
        encryption_key_ref=share.get("encryption_key_ref"),
    )
    target = Target(intent.mark, new, plan.source.share_proto)
    made = driver.restore(kept, target)
    intent = job.section.created(intent, made)
    driver.complete_restore(kept, target, made)
    driver.delete(kept, project_id=intent.project_id)
    revert_end.report_copy(job, made)
    return intent


def ask(job: ShareJob, plan: RestorePlan, intent: Intent) -> Intent:
    """Ask for the revert. Until Manila has taken the request the share is untouched."""
    if plan.safety_copy or plan.removes:
        # All that took time, and a user may have made another snapshot.
        found = into_share.look(job, intent.driver, plan.kept, plan.into, intent.project_id)
        newer_snapshots.refuse(
            job,
            plan.source.snapshot_id,
            newer_snapshots.identify(job, found.newer),
            removed=False,
        )
    intent = job.section.going_to_revert(intent, job.now())
    restoring = constants.RESOURCE_STATUS_RESTORING
    reporting.guard(reporting.to_record, job, job.request, job.target_id, restoring)
    if job.flow.hold:
        job.flow.hold.share(job.target_id).confirm()
    again = bool(plan.removes or plan.safety_copy)
    try:
        into_share.begin(job, intent.driver, plan.kept, plan.into, retry_conflict=again)
    except ManilaUnavailable:
        job.remarks.append(
            "Whether the share was put back is not known: look at it, or restore it again."
        )
        raise
    return intent


def report(
    job: ShareJob, plan: RestorePlan, intent: Intent, view: View, end: Callable[[], object]
) -> None:
    """Report a share that was put back; nothing that fails from here on is a failure of that.

    :param end: ends the intent, once that is reported
    """
    job.complete = True
    places: list[str] = []
    missing = list(plan.not_restored)
    try:
        places = job.flow.shares.export_locations(job.target_id)
    except ClaimLost:
        raise
    except KarborManilaError as error:
        missing.append(str(error))
    except Exception as error:  # whatever a driver raises: the share was put back; reported
        LOG.exception("Share %s, checkpoint %s", job.share_id, job.checkpoint.id)
        missing.append(f"Its export locations: an error ({type(error).__name__}).")
    text = {
        "restored_from": {"share_id": job.share_id, "snapshot_id": plan.source.snapshot_id},
        "way": plan.way,
        "export_locations": places,
        "not_restored": missing,
        "removed": plan.removes,
        "safety_copy": intent.created_id,
    }

    def tell(told: dict[str, Any]) -> None:
        told_as = jsonutils.dumps(told)
        reporting.to_record(job, job.request, job.target_id, view["status"], told_as)

    text = hooking.leave(job, text, tell)

    def report_final() -> None:
        tell(text)
        end()

    undo.last(job, report_final)
    hooking.written(job)

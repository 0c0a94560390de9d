# SPDX-License-Identifier: Apache-2.0
"""Restore: the plan, intent, new share, its end, its access rules, the report."""

from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants
from oslo_log import log as logging
from oslo_serialization import jsonutils

from karbor_manila.bank.record import Intent
from karbor_manila.common.errors import (
    ClaimLost,
    InvalidParameter,
    KarborManilaError,
    NotSupported,
)
from karbor_manila.hooks.base import RESTORE, REVERT
from karbor_manila.hooks.errors import HookSkip
from karbor_manila.operations import hooking, reporting, restore_end, restore_plan, revert, undo
from karbor_manila.operations.restore_plan import RestorePlan
from karbor_manila.operations.share_job import ShareJob
from karbor_manila.operations.share_operation import ShareOperation

LOG = logging.getLogger(__name__)

LEFT_OUT = "Left out, as asked for (include)."


class RestoreOperation(ShareOperation):
    """Gives a share back from a checkpoint."""

    verb = "Restore"
    told_as = "restore"
    failure = karbor_exception.RestoreResourceFailed

    def run(self, job: ShareJob) -> None:
        """A new share, or the protected share put back (:mod:`.revert`)."""
        options = job.flow.restores.options(job.share_id, job.given)
        if not options.include:
            leave_out(job)
            return
        plan = restore_plan.plan(job, options)
        if options.is_revert:
            revert.carry_out(job, plan)
            return
        hooks = hooking.prepare(job, RESTORE)
        intent = begin(job, plan, "restore", keep_failed=options.keep_failed, hooks=hooks)
        hooking.enter(job)
        finish(job, plan, intent, make(job, plan, intent))

    def point_of(self, job: ShareJob) -> str | None:
        """As it is asked for."""
        try:
            options = job.flow.restores.options(job.share_id, job.given)
        except (InvalidParameter, NotSupported):
            return None  # its own run reports that
        return (REVERT if options.is_revert else RESTORE) if options.include else None

    def passes_over(self, job: ShareJob, error: Exception) -> bool:
        """A share that a hook skips is no failure, unless its content was to be replaced."""
        return skipped(job, error)

    def failed(self, job: ShareJob, reason: str) -> None:
        """Of the new share when there is one, else of the share that was to be restored."""
        report(job, job.made or job.target_id, constants.RESOURCE_STATUS_ERROR, reason)


def leave_out(job: ShareJob, why: str = LEFT_OUT) -> None:
    """The user does not want this share, or a hook."""
    job.flow.no_wait(job.share_id)
    report(job, job.share_id, constants.RESOURCE_STATUS_UNDEFINED, why)


def skipped(job: ShareJob, error: Exception) -> bool:
    """Report that a hook has left a share out, if that is what stopped its restore or drill."""
    if not isinstance(error, HookSkip) or job.hooks is None or job.hooks.point == REVERT:
        return False
    leave_out(job, str(error))
    return True


def begin(
    job: ShareJob,
    plan: RestorePlan,
    operation: str,
    *,
    keep_failed: bool = False,
    hooks: tuple[str, ...] = (),
) -> Intent:
    """Write the intent: from here on a crash leaves in the bank what may be in Manila.

    :param operation: ``restore``, or ``drill`` for a share that never outlives the operation
    :param keep_failed: whether a share that fails is kept for inspection
    :param hooks: the names of those around it
    """
    return job.begin(
        operation,
        plan.driver,
        job.context.project_id,
        restore_id=job.request.id,
        keep_failed=keep_failed,
        hooks=hooks,
    )


def make(job: ShareJob, plan: RestorePlan, intent: Intent) -> dict[str, Any]:
    """Make the new share; the source is never touched.

    :returns: its view, when it is complete
    """
    driver, target = job.driver(intent.driver), plan.target(intent.mark)
    job.made = driver.restore(plan.kept, target)
    job.section.created(intent, job.made)
    if intent.operation == "restore":
        reporting.guard(_report_made, job, constants.RESOURCE_STATUS_RESTORING)
    return driver.complete_restore(plan.kept, target, job.made)


def finish(job: ShareJob, plan: RestorePlan, intent: Intent | None, view: dict[str, Any]) -> None:
    """Give a share that is complete its access rules, report it, and forget the intent.

    A share that is there is not given up, whatever fails from here on.
    """
    job.complete = True
    missing, places = list(plan.not_restored), []
    try:
        shares = job.flow.shares
        if plan.access_rules:
            missing += shares.grant(view["id"], plan.access_rules)
        places = shares.export_locations(view["id"])
    except ClaimLost:
        raise
    except KarborManilaError as error:
        missing.append(str(error))
    except Exception as error:  # whatever a driver raises: the share is there; reported
        LOG.exception("Share %s, made for checkpoint %s", view["id"], job.checkpoint.id)
        missing.append(f"What comes after its content: an error ({type(error).__name__}).")
    details = {
        "restored_from": {"share_id": job.share_id, "snapshot_id": plan.source.snapshot_id},
        "way": plan.way,
        "export_locations": places,
        "not_restored": missing,
    }

    def again(amended: dict[str, Any]) -> None:
        _report_made(job, view["status"], jsonutils.dumps(amended))

    details = hooking.leave(job, details, again)
    report_made(job, intent, view["status"], jsonutils.dumps(details))
    hooking.written(job)


def report_made(job: ShareJob, intent: Intent | None, status: str, what: str | None = None) -> None:
    """Report a share that is complete; the intent goes once that is done and nothing temporary is
    left."""
    job.complete = True

    def report_final() -> None:
        _report_made(job, status, what)
        if intent:
            restore_end.end(job, intent)

    undo.last(job, report_final)


def _report_made(job: ShareJob, status: str, what: str | None = None) -> None:
    report(job, str(job.made), status, what)


def report(job: ShareJob, share_id: str, status: str, reason: str | None = None) -> None:
    """Report in Karbor's restore or verification what became of a share."""
    reporting.to_record(job, job.request, share_id, status, reason)

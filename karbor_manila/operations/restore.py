# SPDX-License-Identifier: Apache-2.0
"""Restore: the plan, intent, new share, its end, its access rules, the report."""

from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants
from oslo_log import log as logging
from oslo_serialization import jsonutils
from taskflow.types.failure import Failure

from karbor_manila.bank.record import Intent
from karbor_manila.common.errors import ClaimLost, KarborManilaError
from karbor_manila.drivers.base import Target
from karbor_manila.operations import in_doubt, reporting, restore_plan, revert, undo
from karbor_manila.operations.parameters import RestoreOptions
from karbor_manila.operations.restore_plan import RestorePlan
from karbor_manila.operations.share_job import ShareJob
from karbor_manila.operations.share_operation import ShareOperation, ShareTask

LOG = logging.getLogger(__name__)

LEFT_OUT = "Left out, as asked for (include)."


class LeaveOut(ShareTask):
    """The user does not want this share."""

    def execute(self, job: ShareJob) -> None:
        job.flow.no_wait(job.share_id)
        report(job, job.share_id, constants.RESOURCE_STATUS_UNDEFINED, LEFT_OUT)


class PlanRestore(ShareTask):
    """What is to be done, when it can be done."""

    default_provides: Any = "plan"

    def __init__(self, options: RestoreOptions) -> None:
        super().__init__()
        self._options = options

    def execute(self, job: ShareJob) -> RestorePlan:
        return restore_plan.plan(job, self._options)


class WriteIntent(ShareTask):
    """The intent: from here on a crash leaves in the bank what may be in Manila.

    :param operation: ``restore``, or ``drill`` for a share that never outlives the operation
    :param keep_failed: whether a share that fails is kept for inspection
    """

    default_provides = "intent"

    def __init__(self, operation: str, *, keep_failed: bool = False) -> None:
        super().__init__()
        self._operation = operation
        self._keep_failed = keep_failed

    def execute(self, job: ShareJob, plan: RestorePlan) -> Intent:
        return job.begin(
            self._operation,
            plan.driver,
            job.context.project_id,
            restore_id=job.request.id,
            keep_failed=self._keep_failed,
        )


class CreateShare(ShareTask):
    """Begins the new share. Its revert removes it, unless it is to be kept for inspection; the
    source is never touched."""

    default_provides = "new_share_id"

    def execute(self, job: ShareJob, plan: RestorePlan, intent: Intent) -> str:
        job.made = job.driver(intent.driver).restore(
            plan.kept, Target(intent.mark, plan.share(), plan.source.share_proto)
        )
        job.section.created(intent, str(job.made))
        if intent.operation == "restore":
            reporting.guard(_report_made, job, constants.RESOURCE_STATUS_RESTORING)
        return str(job.made)

    def revert(self, job: ShareJob, intent: Intent, result: Any, **_kwargs: Any) -> None:
        unclear = isinstance(result, Failure) and in_doubt.is_unclear(result)
        undo.roll_back(job, intent, unclear=unclear)


class AwaitShare(ShareTask):
    """The new share is complete."""

    default_provides = "view"

    def execute(self, job: ShareJob, intent: Intent, new_share_id: str) -> dict[str, Any]:
        return job.flow.shares.wait_restored(new_share_id)


class Finish(ShareTask):
    """What the share had besides its content, and what the user reads of it."""

    def execute(
        self, job: ShareJob, plan: RestorePlan, intent: Intent, view: dict[str, Any]
    ) -> None:
        finish(job, plan, intent, view)


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
    report_made(job, intent, view["status"], jsonutils.dumps(details))


def report_made(job: ShareJob, intent: Intent | None, status: str, what: str | None = None) -> None:
    """Report a share that is complete; the intent goes once that is done."""
    job.complete = True

    def report_final() -> None:
        _report_made(job, status, what)
        if intent:
            job.section.end(intent)

    undo.last(job, report_final)


def _report_made(job: ShareJob, status: str, what: str | None = None) -> None:
    report(job, str(job.made), status, what)


def report(job: ShareJob, share_id: str, status: str, reason: str | None = None) -> None:
    """Report in Karbor's restore or verification what became of a share."""
    reporting.to_record(job, job.request, share_id, status, reason)


class RestoreOperation(ShareOperation):
    """Gives a share back from a checkpoint."""

    verb = "Restore"
    failure = karbor_exception.RestoreResourceFailed

    def steps(self, job: ShareJob) -> list[ShareTask]:
        """The steps, in order."""
        options = job.flow.restores.options(job.share_id, job.given)
        if not options.include:
            return [LeaveOut()]
        if options.is_revert:
            return [PlanRestore(options), *revert.tasks()]
        return [
            PlanRestore(options),
            WriteIntent("restore", keep_failed=options.keep_failed),
            CreateShare(),
            AwaitShare(),
            Finish(),
        ]

    def failed(self, job: ShareJob, reason: str) -> None:
        """Of the new share when there is one, else of the share that was to be restored."""
        report(job, job.made or job.share_id, constants.RESOURCE_STATUS_ERROR, reason)

# SPDX-License-Identifier: Apache-2.0
"""Verify, in three depths: what the record says, what a restore would do, a restore as a drill."""

import dataclasses
from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants
from oslo_log import log as logging
from oslo_serialization import jsonutils

from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.bank.record import Intent
from karbor_manila.common import command
from karbor_manila.common.errors import DeadlineExceeded
from karbor_manila.manila import marks
from karbor_manila.manila.errors import ManilaRefused, ManilaUnavailable, NeedsAdministrator
from karbor_manila.operations import reporting, restore
from karbor_manila.operations.parameters import DRILL, PLAN, RestoreOptions
from karbor_manila.operations.restore import report
from karbor_manila.operations.restore_plan import RestorePlan
from karbor_manila.operations.share_job import ShareJob
from karbor_manila.operations.share_operation import ShareOperation, ShareTask

LOG = logging.getLogger(__name__)


class CheckRecord(ShareTask):
    """The record, and the snapshot that it names."""

    def execute(self, job: ShareJob) -> None:
        record = job.flow.restores.record(job.share_id)
        kept = job.flow.recorded_driver(record.driver, "record").check(record.kept())
        report(job, job.share_id, kept.status)


class ReportPlan(ShareTask):
    """The plan of a restore, for the user to read."""

    def execute(self, job: ShareJob, plan: RestorePlan) -> None:
        report(job, job.share_id, constants.RESOURCE_STATUS_AVAILABLE, plan.as_report())


class PlanDrill(restore.PlanRestore):
    """As of a restore, but of a temporary share; and when it begins, in the clock's seconds."""

    default_provides: Any = ("plan", "began")

    def execute(self, job: ShareJob) -> tuple[RestorePlan, float]:  # type: ignore[override]
        plan = super().execute(job)
        new = dataclasses.replace(
            plan.share(),
            name=f"drill-{job.checkpoint.id}",
            description=f"Drill of verification {job.request.id}; it is removed by itself",
            metadata={marks.PURPOSE: DRILL},
            is_public=False,
        )
        return dataclasses.replace(plan, new=new), job.flow.clock.now()


class CheckShare(ShareTask):
    """The operator's command says whether the share is good; without one it is, being there."""

    default_provides = "found"

    def __init__(self, options: RestoreOptions) -> None:
        super().__init__()
        self._options = options

    def execute(
        self, job: ShareJob, plan: RestorePlan, began: float, view: dict[str, Any]
    ) -> dict[str, Any]:
        restored_in = job.flow.clock.now() - began
        settings, shares = job.flow.settings, job.flow.shares
        # Of what the share lacks, a check that has to mount it is interested in the rules.
        missing = list(plan.not_restored) if self._options.access_rules else []
        missing += shares.grant(view["id"], plan.access_rules) if plan.access_rules else []
        found = {
            "depth": DRILL,
            "at": job.now(),
            "seconds": round(restored_in, 1),
            "not_restored": missing,
        }
        if settings.drill_command:
            places = shares.export_locations(view["id"])
            command.run(
                settings.drill_command,
                {
                    "KARBOR_MANILA_SHARE_ID": view["id"],
                    "KARBOR_MANILA_SOURCE_SHARE_ID": job.share_id,
                    "KARBOR_MANILA_SNAPSHOT_ID": plan.source.snapshot_id,
                    "KARBOR_MANILA_CHECKPOINT_ID": job.checkpoint.id,
                    "KARBOR_MANILA_PROJECT_ID": job.checkpoint.project_id,
                    "KARBOR_MANILA_EXPORT_LOCATION": places[0] if places else "",
                    "KARBOR_MANILA_EXPORT_LOCATIONS": "\n".join(places),
                },
                settings.drill_timeout,
            )
        return found | {"check": "passed" if settings.drill_command else "none is configured"}


class ReportDrill(ShareTask):
    """How the drill went, for the user to read, whatever becomes of its share."""

    def execute(self, job: ShareJob, found: dict[str, Any]) -> None:
        report(job, job.share_id, constants.RESOURCE_STATUS_AVAILABLE, jsonutils.dumps(found))


# What can keep the share of a good drill from going. It does not make the drill a bad one.
_STAYS = (
    DeadlineExceeded,
    NeedsAdministrator,
    ManilaRefused,
    ManilaUnavailable,
)


class RemoveShare(ShareTask):
    """The temporary share is gone; or its intent stays, by which the reconciliation removes it."""

    def execute(
        self, job: ShareJob, intent: Intent, new_share_id: str, found: dict[str, Any]
    ) -> None:
        try:
            shares = job.flow.shares
            shares.discard(intent.mark, new_share_id, project_id=intent.project_id, undo=False)
        except _STAYS as error:
            _log_left(job, new_share_id, error)
            left = f"The temporary share {new_share_id} is not gone yet: {error} {_LATER}"
            text = jsonutils.dumps(found | {"left": left})
            available = constants.RESOURCE_STATUS_AVAILABLE
            reporting.guard(reporting.to_record, job, job.request, job.share_id, available, text)
            return
        try:
            job.section.end(intent)
        except BankUnreadable as error:
            _log_left(job, "(removed; its intent stays)", error)


_LATER = "Karbor goes on trying to remove it by itself."


def _log_left(job: ShareJob, left: str, error: Exception) -> None:
    LOG.warning(
        "Drill of share %s, checkpoint %s: its share %s is left to the reconciliation: %s",
        job.share_id,
        job.checkpoint.id,
        left,
        error,
    )


class VerifyOperation(ShareOperation):
    """Tells whether a share could be given back from a checkpoint."""

    verb = "Verification"
    failure = karbor_exception.VerifyResourceFailed

    def steps(self, job: ShareJob) -> list[ShareTask]:
        """The steps, in order."""
        options = job.flow.restores.verify_options(job.share_id, job.given)
        if not options.include:
            return [restore.LeaveOut()]
        if options.depth == PLAN:
            return [restore.PlanRestore(options), ReportPlan()]
        if options.depth == DRILL:
            return [
                PlanDrill(options),
                restore.WriteIntent(DRILL),
                restore.CreateShare(),
                restore.AwaitShare(),
                CheckShare(options),
                ReportDrill(),
                RemoveShare(),
            ]
        return [CheckRecord()]

    def failed(self, job: ShareJob, reason: str) -> None:
        """Into the verification."""
        report(job, job.share_id, constants.RESOURCE_STATUS_ERROR, reason)

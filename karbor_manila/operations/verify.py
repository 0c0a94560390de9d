# SPDX-License-Identifier: Apache-2.0
"""Verify: what the record says, what a restore would do, a restore as a drill; or a look inside."""

import dataclasses
from collections.abc import Callable
from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants
from oslo_log import log as logging
from oslo_serialization import jsonutils

from karbor_manila.bank.record import Intent
from karbor_manila.common import command
from karbor_manila.common.errors import (
    ClaimLost,
    InvalidParameter,
    KarborManilaError,
    NotSupported,
)
from karbor_manila.hooks import values
from karbor_manila.hooks.base import DRILL as POINT
from karbor_manila.hooks.errors import HookSkip
from karbor_manila.manila import marks
from karbor_manila.manila.errors import SnapshotGone
from karbor_manila.operations import (
    browse,
    content,
    drill_results,
    hooking,
    managed_again,
    reporting,
    restore,
    restore_end,
    restore_plan,
)
from karbor_manila.operations.parameters import BROWSE, DRILL, PLAN, RestoreOptions
from karbor_manila.operations.restore import report
from karbor_manila.operations.restore_plan import RestorePlan
from karbor_manila.operations.share_job import ShareJob
from karbor_manila.operations.share_operation import ShareOperation

LOG = logging.getLogger(__name__)


class VerifyOperation(ShareOperation):
    """Tells whether a share could be given back from a checkpoint."""

    verb = "Verification"
    told_as = "verify"
    failure = karbor_exception.VerifyResourceFailed

    def run(self, job: ShareJob) -> None:
        """As deep as it was asked for."""
        options = job.flow.restores.verify_options(job.share_id, job.given)
        if not options.include:
            restore.leave_out(job)
        elif options.depth == PLAN:
            plan = restore_plan.plan(job, options)
            report(job, job.share_id, constants.RESOURCE_STATUS_AVAILABLE, plan.as_report())
        elif options.depth == DRILL:
            drill(job, options)
        elif options.depth == BROWSE:
            browse.carry_out(job, options)
        else:
            check_record(job)

    def point_of(self, job: ShareJob) -> str | None:
        """A drill's."""
        try:
            options = job.flow.restores.verify_options(job.share_id, job.given)
        except (InvalidParameter, NotSupported):
            return None  # its own run reports that
        return POINT if options.include and options.depth == DRILL else None

    def passes_over(self, job: ShareJob, error: Exception) -> bool:
        """A share that a hook skips is no failure."""
        if isinstance(error, HookSkip):
            end_undone(job)  # there is no result to keep before
        return restore.skipped(job, error)

    def failed(self, job: ShareJob, reason: str) -> None:
        """Into the verification; of a drill into the bank first, which may be there when the
        database is not."""
        is_kept = job.began is None or reporting.guard(drill_results.keep_failure, job, reason)
        if is_kept:
            end_undone(job)
        report(job, job.share_id, constants.RESOURCE_STATUS_ERROR, reason)


def check_record(job: ShareJob) -> None:
    """Look at the record, and the snapshot that it names."""
    record = job.flow.restores.record(job.share_id)
    driver = job.flow.recorded_driver(record.driver, "record")
    try:
        kept = driver.check(record.kept())
    except SnapshotGone:
        managed_again.remark(job, record)
        raise
    report(job, job.share_id, kept.status)


def drill(job: ShareJob, options: RestoreOptions) -> None:
    """Restore into a temporary share, let the operator's command look at it, and remove it."""
    job.began = job.flow.clock.now()
    drill_results.signer(job)
    plan = plan_drill(job, options)
    began = job.flow.clock.now()
    intent = restore.begin(job, plan, DRILL, hooks=hooking.prepare(job, POINT))
    hooking.enter(job)
    view = restore.make(job, plan, intent)
    found = check_share(job, options, plan, view, job.flow.clock.now() - began)

    def tell(told: dict[str, Any]) -> None:
        report(job, job.share_id, constants.RESOURCE_STATUS_AVAILABLE, jsonutils.dumps(told))

    found = hooking.leave(job, found, tell)
    found = drill_results.keep(job, found)
    # Good from here on: what fails now must not make a second result of it, a bad one.
    tell_last(job, lambda: tell(found))
    hooking.written(job)
    remove_share(job, intent, str(job.made), found)


def plan_drill(job: ShareJob, options: RestoreOptions) -> RestorePlan:
    """As of a restore, but of a temporary share."""
    plan = restore_plan.plan(job, options)
    new = dataclasses.replace(
        plan.share(),
        name=f"drill-{job.checkpoint.id}",
        description=f"Drill of verification {job.request.id}; it is removed by itself",
        metadata={marks.PURPOSE: DRILL},
        is_public=False,
    )
    return dataclasses.replace(plan, new=new)


def check_share(
    job: ShareJob,
    options: RestoreOptions,
    plan: RestorePlan,
    view: dict[str, Any],
    restored_in: float,
) -> dict[str, Any]:
    """The operator's command says whether the share is good; without one it is, being there.

    :param restored_in: seconds
    :returns: what the user reads of the drill
    """
    settings, shares = job.flow.settings, job.flow.shares
    # Of what the share lacks, a check that has to mount it is interested in the rules.
    missing = list(plan.not_restored) if options.access_rules else []
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
    found |= {"check": "passed" if settings.drill_command else "none is configured"}
    return found | content.compare(job, str(view["id"]))


_LATER = "Karbor goes on trying to remove it by itself."


def tell_last(job: ShareJob, tell: Callable[[], None]) -> None:
    """Tell of a drill that is good, whatever becomes of its share. What the database does not take
    stays in the record, which Karbor saves once more when the verification ends.

    :raises ClaimLost: another process has taken over
    """
    try:
        tell()
    except ClaimLost:
        raise
    except Exception:  # whatever a database raises: the drill is as good as its check says
        LOG.warning(
            "Share %s, checkpoint %s: its drill was good, but its record could not be saved; that "
            "is tried again at the end of the verification",
            job.share_id,
            job.checkpoint.id,
            exc_info=True,
        )


def remove_share(job: ShareJob, intent: Intent, new_share_id: str, found: dict[str, Any]) -> None:
    """Remove the temporary share; or its intent stays, by which the reconciliation removes it.

    That it stays does not make the drill a bad one, whatever the reason is.

    :raises ClaimLost: another process has taken over
    """
    try:
        shares = job.flow.shares
        shares.discard(intent.mark, new_share_id, project_id=intent.project_id, undo=False)
    except ClaimLost:
        raise
    except Exception as error:  # noqa: BLE001 - whatever Manila or a driver raises is logged
        _log_left(job, new_share_id, error)
        left = f"The temporary share {new_share_id} is not gone yet: {values.sentence(error)}"
        text = jsonutils.dumps(found | {"left": f"{left} {_LATER}"})
        available = constants.RESOURCE_STATUS_AVAILABLE
        reporting.guard(reporting.to_record, job, job.request, job.share_id, available, text)
        return
    _end(job, intent)


def end_undone(job: ShareJob) -> None:
    """Forget a failed drill, if nothing is left of it but its intent.

    :raises ClaimLost: another process has taken over
    """
    if job.intent and job.undone:
        _end(job, job.intent)


def _end(job: ShareJob, intent: Intent) -> None:
    try:
        restore_end.end(job, intent)
    except ClaimLost:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a bank or a driver raises is logged
        _log_left(job, "(removed; its intent stays)", error)


def _log_left(job: ShareJob, left: str, error: Exception) -> None:
    LOG.warning(
        "Drill of share %s, checkpoint %s: its share %s is left to the reconciliation: %s",
        job.share_id,
        job.checkpoint.id,
        left,
        error,
        exc_info=not isinstance(error, KarborManilaError),
    )

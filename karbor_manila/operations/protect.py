# SPDX-License-Identifier: Apache-2.0
"""Protect: parameters, preflight, intent, snapshot, its id, its end, the record."""

from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants
from oslo_log import log as logging
from taskflow.types.failure import Failure

from karbor_manila.bank import record
from karbor_manila.bank.record import Intent
from karbor_manila.manila import statuses
from karbor_manila.manila.errors import ManilaRefused, ShareGone
from karbor_manila.manila.views import Rule
from karbor_manila.operations import in_doubt, leaving_out, parameters, preflight, reporting, undo
from karbor_manila.operations.parameters import ProtectOptions
from karbor_manila.operations.share_job import ShareJob
from karbor_manila.operations.share_operation import ShareOperation, ShareTask

LOG = logging.getLogger(__name__)

View = dict[str, Any]


class ResolveOptions(ShareTask):
    """The plan's parameters for this share."""

    default_provides = "options"

    def execute(self, job: ShareJob) -> ProtectOptions:
        return parameters.protect_options(job.given)


class InspectShare(ShareTask):
    """The share, when it can be protected: the flow's preflight, then patience if it is busy."""

    default_provides = "share"

    def execute(self, job: ShareJob, options: ProtectOptions) -> View:
        job.section.status(constants.RESOURCE_STATUS_PROTECTING)
        share = job.flow.preflight.share(job.share_id)
        check_description(job, job.flow.driver_name(share), options)
        return share if options.force else preflight.await_idle(job.flow, share)


def check_description(job: ShareJob, driver: str, options: ProtectOptions) -> None:
    """Refuse a description that does not fit beside the mark, before anything is made.

    :param driver: the name of the share's driver
    :raises InvalidParameter:
    """
    room = job.driver(driver).room(job.mark(job.flow.bank_id))
    parameters.check_description(options.description, room)


class WriteIntent(ShareTask):
    """From here on a crash leaves something in the bank that tells what may be in Manila."""

    default_provides = "intent"

    def execute(self, job: ShareJob, share: View) -> Intent:
        driver = job.flow.driver_name(share)
        return job.begin("protect", driver, share["project_id"], share=record.describe(share))


class TakeSnapshot(ShareTask):
    """Begins what keeps the share. Its revert removes that, or leaves the intent for delete."""

    default_provides = "snapshot_id"

    def execute(self, job: ShareJob, options: ProtectOptions, share: View, intent: Intent) -> str:
        driver = job.driver(intent.driver)
        deadline = job.flow.clock.now() + job.flow.settings.share_busy_timeout
        while True:
            try:
                snapshot_id = driver.protect(
                    share,
                    intent.mark,
                    name=options.name or f"checkpoint-{job.checkpoint.id}",
                    description=options.description,
                    force=options.force,
                )
            except ManilaRefused as refused:
                # The share may have become busy since the preflight; that passes.
                waited = job.flow.clock.now() > deadline
                if refused.status not in (400, 404) or waited:
                    raise
                again = preflight.look_again(job.flow, job.share_id)
                if options.force:
                    raise
                if again["status"] == statuses.AVAILABLE:
                    raise
                preflight.await_idle(job.flow, again)
            else:
                job.made = snapshot_id
                job.section.created(intent, snapshot_id)
                return str(snapshot_id)

    def revert(self, job: ShareJob, intent: Intent, result: Any, **_kwargs: Any) -> None:
        unclear = isinstance(result, Failure) and in_doubt.is_unclear(result)
        undo.roll_back(job, intent, unclear=unclear)


class ReadAccess(ShareTask):
    """Who may mount the share; asked for while Manila makes the snapshot."""

    default_provides = "rules"

    def execute(self, job: ShareJob, intent: Intent, snapshot_id: str) -> list[Rule] | None:
        return job.driver(intent.driver).access_rules(job.share_id)


class AwaitSnapshot(ShareTask):
    """The snapshot is complete."""

    default_provides = "kept"

    def execute(self, job: ShareJob, intent: Intent, snapshot_id: str) -> View:
        view: View = job.driver(intent.driver).wait_protected(snapshot_id)
        return view


class CompleteRecord(ShareTask):
    """The record that everything later works from; with it the share counts as protected."""

    def execute(self, job: ShareJob, intent: Intent, kept: View, rules: list[Rule] | None) -> None:
        complete(job, intent, kept, rules)


def complete(job: ShareJob, intent: Intent, kept: View, rules: list[Rule] | None) -> None:
    """The snapshot is there: the record of it takes the place of the intent.

    Its size is that of the snapshot: the share may have been extended since the preflight, and
    Manila makes no share that is smaller than the snapshot.
    """
    made = record.complete(intent, kept["id"], job.now(), size=kept.get("size"), access_rules=rules)
    undo.keep(job, intent, made)


class ProtectOperation(ShareOperation):
    """Keeps a share in a checkpoint."""

    verb = "Protection"
    failure = karbor_exception.CreateResourceFailed

    def steps(self, job: ShareJob) -> list[ShareTask]:
        """The steps, in order."""
        return [
            ResolveOptions(),
            InspectShare(),
            WriteIntent(),
            TakeSnapshot(),
            ReadAccess(),
            AwaitSnapshot(),
            CompleteRecord(),
        ]

    def passes_over(self, job: ShareJob, error: Exception) -> bool:
        """A share that has gone since its project was listed is left out."""
        return isinstance(error, ShareGone) and leaving_out.leave_out(job, error)

    def failed(self, job: ShareJob, reason: str) -> None:
        """Into the checkpoint, and the status of the resource."""
        reporting.to_checkpoint(job, reason)
        job.section.status(constants.RESOURCE_STATUS_ERROR)

# SPDX-License-Identifier: Apache-2.0
"""Protect one share, from its parameters to its record: the story of a protection, top to bottom.

What all shares of a flow have in common is done once, by the first hook that needs it: the
preflight (:mod:`.preflight`), and the requests for what keeps them (:mod:`.protection`).
"""

from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants
from taskflow.types.failure import Failure

from karbor_manila.bank import record_values
from karbor_manila.bank.record import Intent
from karbor_manila.drivers.base import ProtectOptions
from karbor_manila.manila import statuses
from karbor_manila.manila.errors import ManilaRefused, ShareGone
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.views import Rule, View
from karbor_manila.operations import in_doubt, leaving_out, preflight, reporting, undo
from karbor_manila.operations.share_job import ShareJob
from karbor_manila.operations.share_operation import ShareOperation, ShareTask

# Manila refuses a snapshot of a share that is busy, or whose busy replica it does not find
# (manila/share/api.py, create_snapshot).
_MAY_BE_BUSY = (400, 404)


class ResolveOptions(ShareTask):
    """1. The plan's parameters for this share."""

    default_provides = "options"

    def execute(self, job: ShareJob) -> ProtectOptions:
        return job.flow.protection.options(job.share_id, job.given)


class InspectShare(ShareTask):
    """2. The share, when it can be protected: the flow's preflight; a busy share is waited for."""

    default_provides = "share"

    def execute(self, job: ShareJob, options: ProtectOptions) -> View:
        job.section.status(constants.RESOURCE_STATUS_PROTECTING)
        share = job.flow.preflight.share(job.share_id)
        check_options(job, job.flow.driver_name(share), options)
        return share if options.force else preflight.await_idle(job.flow, share)


def check_options(job: ShareJob, driver: str, options: ProtectOptions) -> None:
    """Refuse what the share's driver cannot take, before anything is made; sends no request.

    :raises InvalidParameter: such as a description that does not fit beside the mark
    """
    job.driver(driver).check_options(options, job.mark(job.flow.bank_id))


class Begin(ShareTask):
    """3. The intent, then the request for what keeps the share, then its id in the intent: from the
    intent on a crash leaves in the bank what may be in Manila.

    Its revert removes what was made, or leaves the intent for the deletion of the checkpoint.
    """

    default_provides = ("intent", "begun")

    def execute(self, job: ShareJob, options: ProtectOptions, share: View) -> tuple[Intent, Kept]:
        deadline = job.flow.clock.now() + job.flow.settings.share_busy_timeout
        while True:
            try:
                return job.flow.protection.take(job, share, options)
            except ManilaRefused as refused:
                # The share may have become busy since the preflight.
                if refused.status not in _MAY_BE_BUSY or job.flow.clock.now() > deadline:
                    raise
                share = preflight.look_again(job.flow, job.share_id)
                if options.force or share["status"] == statuses.AVAILABLE:
                    raise
                share = preflight.await_idle(job.flow, share)

    def revert(self, job: ShareJob, result: Any, **_kwargs: Any) -> None:
        intent = job.flow.protection.intent_of(job.share_id)
        if intent:
            unclear = isinstance(result, Failure) and in_doubt.is_unclear(result)
            undo.roll_back(job, intent, unclear=unclear)


class ReadAccess(ShareTask):
    """4. Who may mount the share; asked for while Manila makes the snapshot."""

    default_provides = "rules"

    def execute(self, job: ShareJob, begun: Kept) -> list[Rule] | None:
        return job.flow.shares.access_rules(job.share_id)


class AwaitKept(ShareTask):
    """5. What keeps the share is complete."""

    default_provides = "kept"

    def execute(self, job: ShareJob, intent: Intent, begun: Kept) -> Kept:
        return job.driver(intent.driver).wait(begun)


class CompleteRecord(ShareTask):
    """6. The record that everything later works from; with it the share counts as protected."""

    def execute(self, job: ShareJob, intent: Intent, kept: Kept, rules: list[Rule] | None) -> None:
        complete(job, intent, kept, rules)


def complete(job: ShareJob, intent: Intent, kept: Kept, rules: list[Rule] | None) -> None:
    """What keeps the share is there: the record of it takes the place of the intent.

    Its size is that of the snapshot: the share may have been extended since the preflight, and
    Manila makes no share that is smaller than the snapshot.
    """
    made = record_values.complete(
        intent, kept.id, job.now(), size=kept.size, access_rules=rules, data=kept.data
    )
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
            Begin(),
            ReadAccess(),
            AwaitKept(),
            CompleteRecord(),
        ]

    def passes_over(self, job: ShareJob, error: Exception) -> bool:
        """A share that has gone since its project was listed is left out."""
        return isinstance(error, ShareGone) and leaving_out.leave_out(job, error)

    def failed(self, job: ShareJob, reason: str) -> None:
        """Into the checkpoint, and the status of the resource."""
        reporting.to_checkpoint(job, reason)
        job.section.status(constants.RESOURCE_STATUS_ERROR)

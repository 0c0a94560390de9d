# SPDX-License-Identifier: Apache-2.0
"""What the operations have in common: one hook, one taskflow flow, one way to fail."""

import abc
from typing import Any, ClassVar

import taskflow.engines
from karbor import exception as karbor_exception
from karbor.common import constants
from karbor.services.protection import protection_plugin
from oslo_log import log as logging
from taskflow import task
from taskflow.patterns import linear_flow

from karbor_manila.common.errors import ClaimLost, KarborManilaError
from karbor_manila.operations import reporting
from karbor_manila.operations.errors import Unsettled
from karbor_manila.operations.flow import FlowContext
from karbor_manila.operations.share_job import ShareJob

LOG = logging.getLogger(__name__)


class ShareTask(task.Task):
    """A step of an operation. ``execute`` and ``revert`` get the job and what earlier steps gave.

    A ``revert`` never raises what it can name: it would hide the error that is being undone. What
    it may undo at all :mod:`.undo` says.
    """


class ShareOperation(protection_plugin.Operation, abc.ABC):
    """An operation on one share: its steps run as a taskflow flow in Karbor's main hook.

    Undoing has to happen inside the hook, because Karbor never passes ``revert`` to its tasks
    (karbor/services/protection/resource_flow.py).
    """

    #: For the log and the name of the flow.
    verb: ClassVar[str]
    #: What Karbor gets for a failure.
    failure: ClassVar[type[karbor_exception.KarborException]]

    def __init__(self, flow: FlowContext) -> None:
        super().__init__()
        self.flow = flow

    @abc.abstractmethod
    def steps(self, job: ShareJob) -> list[ShareTask]:
        """The steps, in order. Raises InvalidParameter or NotSupported for what was asked."""

    def is_final(self, error: Exception) -> bool:
        """Whether nothing retries after this error, so that it is reported to the user."""
        return not (isinstance(error, Unsettled) and error.followed)

    def passes_over(self, job: ShareJob, error: Exception) -> bool:
        """Whether the others of the flow go on as if this share had never been among them, which
        is written down then."""
        return False

    @abc.abstractmethod
    def failed(self, job: ShareJob, reason: str) -> None:
        """Write the reason of a failure where the user of this operation reads it."""

    def on_main(
        self, checkpoint: Any, resource: Any, context: Any, parameters: Any, **kwargs: Any
    ) -> None:
        """Karbor's main hook; it runs in parallel with those of the flow's other resources.

        :raises karbor.exception.KarborException: the operation failed for this share
        """
        job = ShareJob.of_hook(self.flow, checkpoint, resource, context, parameters, kwargs)
        self._log(LOG.info, job, "begins")
        try:
            flow = linear_flow.Flow(f"{self.verb} {job.share_id}").add(*self.steps(job))
            taskflow.engines.run(flow, store={"job": job}, engine="serial")
        except Exception as error:  # noqa: BLE001 - Karbor gets all of them, as errors of its own
            self.flow.no_wait(job.share_id)
            if self.passes_over(job, error):
                self._log(LOG.info, job, f"passed over: {error}")
                return
            raise self._report(job, error) from job.cause
        self._log(LOG.info, job, "done")

    def _report(self, job: ShareJob, error: Exception) -> karbor_exception.KarborException:
        """Write down why the operation failed.

        :returns: the error that Karbor gets
        """
        job.cause = error
        reason = " ".join([_sentence(error), *job.remarks])
        if isinstance(error, ClaimLost):
            # It is another's now: not even the reason is for us to write.
            self._log(LOG.warning, job, f"stopped: {reason}")
            return self._failure(job, reason)
        if not isinstance(error, KarborManilaError):
            self._log(LOG.exception, job, "unexpected error")
        if job.unsettled:
            job.cause = error = Unsettled(job.share_id, reason, followed=job.followed)
            reason = str(error)
        self._log(LOG.error, job, f"failed: {reason}")
        failure = self._failure(job, reason)
        if self.is_final(error):
            if reporting.guard(self.failed, job, reason):
                reporting.mark_reported(failure)
            reporting.guard(reporting.to_operation_log, job, reason)
        return failure

    def _failure(self, job: ShareJob, reason: str) -> karbor_exception.KarborException:
        return self.failure(
            name="Share",
            reason=reason,
            resource_id=job.share_id,
            resource_type=constants.SHARE_RESOURCE_TYPE,
        )

    def _log(self, write: Any, job: ShareJob, what: str) -> None:
        write("%s of share %s, checkpoint %s: %s", self.verb, job.share_id, job.checkpoint.id, what)


def _sentence(error: Exception) -> str:
    """What the user reads. An error that is not ours may hold anything, so only its kind is named;
    the log has the rest."""
    if isinstance(error, KarborManilaError):
        return str(error)
    return f"An unexpected error ({type(error).__name__}) stopped it; Karbor's log has the rest."

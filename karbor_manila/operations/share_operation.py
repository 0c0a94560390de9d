# SPDX-License-Identifier: Apache-2.0
"""What the operations have in common: Karbor's hook, side by side for many shares, one way to fail.

Our engine (:mod:`karbor_manila.service.flows.engine`) makes one taskflow task of the main hooks of
all shares that may run at the same time. Within it an operation is plain code: a task of its own
for each step of each share cost more than all that the steps do.
"""

import abc
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from karbor import exception as karbor_exception
from karbor.common import constants
from karbor.services.protection import protection_plugin
from oslo_log import log as logging

from karbor_manila.common.errors import ClaimLost, KarborManilaError
from karbor_manila.drivers.parallel import as_they_come
from karbor_manila.operations import hooking, in_doubt, reporting, telling, undo
from karbor_manila.operations.errors import SharesFailed, Unsettled
from karbor_manila.operations.flow import FlowContext
from karbor_manila.operations.share_job import ShareJob

LOG = logging.getLogger(__name__)


class ShareOperation(protection_plugin.Operation, abc.ABC):
    """An operation on shares: what Karbor's main hook does.

    What fails is rolled back inside the hook, because Karbor never passes ``revert`` to its tasks
    (karbor/services/protection/resource_flow.py).
    """

    #: For the log.
    verb: ClassVar[str]
    #: For events; empty for what nobody is told of.
    told_as: ClassVar[str] = ""
    #: What Karbor gets for a failure.
    failure: ClassVar[type[karbor_exception.KarborException]]

    def __init__(self, flow: FlowContext) -> None:
        super().__init__()
        self.flow = flow

    @abc.abstractmethod
    def run(self, job: ShareJob) -> None:
        """The operation on one share, from its parameters to its end.

        Whatever it raises after it has written an intent (:meth:`.ShareJob.begin`) is rolled back.
        """

    def begin_all(self, jobs: Sequence[ShareJob]) -> Callable[[], None] | None:
        """What is done once for all shares, beside :meth:`run` of each. It raises nothing: what
        fails in it is raised to the shares that need it."""
        return None

    def await_begun(self, job: ShareJob) -> None:
        """Wait, when a share has failed, until what :meth:`begin_all` does for it is done."""

    def point_of(self, job: ShareJob) -> str | None:
        """At which point the shares of a flow meet the hooks that they share, if they do."""
        return None

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

    # -- Karbor's hooks -----------------------------------------------------------------------

    def on_main(
        self, checkpoint: Any, resource: Any, context: Any, parameters: Any, **kwargs: Any
    ) -> None:
        """Karbor's main hook of one share, for an engine that is not ours.

        :raises karbor.exception.KarborException: the operation failed for this share
        """
        self.attempt(self.job(checkpoint, resource, context, parameters, **kwargs))

    def run_together(self, hooks: Iterable[Mapping[str, Any]]) -> None:
        """The main hooks of many shares, side by side; each comes to its own end.

        :param hooks: of each share the arguments of :meth:`on_main`
        :raises karbor.exception.KarborException: the operation failed for one share
        :raises SharesFailed: it failed for several
        """
        jobs = [self.job(**hook) for hook in hooks]
        if self.flow.hooks:
            hooking.gather_by_point(self.flow, jobs, self.point_of)
        first = self.begin_all(jobs)
        works: list[Callable[[], None]] = [first] if first else []
        works += [functools.partial(self.attempt, job) for job in jobs]
        outcomes = as_they_come(works, lambda work: work(), self.flow.at_a_time)
        failures = [outcome for _, outcome in outcomes if outcome is not None]
        if len(failures) == 1:
            raise failures[0]
        if failures:
            raise SharesFailed(failures, len(jobs))

    def job(
        self, checkpoint: Any, resource: Any, context: Any, parameters: Any, **extras: Any
    ) -> ShareJob:
        """The job of a hook, by its arguments."""
        return ShareJob.of_hook(self.flow, checkpoint, resource, context, parameters, extras)

    def attempt(self, job: ShareJob) -> None:
        """The operation on one share, to its end.

        :raises karbor.exception.KarborException: it failed, which is reported
        """
        self._log(LOG.debug, job, "begins")
        told = telling.begins(self, job)
        try:
            self._run_or_roll_back(job)
        except Exception as error:  # noqa: BLE001 - Karbor gets all of them, as errors of its own
            self.flow.no_wait(job.share_id)
            if self.passes_over(job, error):
                self._log(LOG.info, job, f"passed over: {error}")
                told.left_out(error)
                return
            failure = self._report(job, error)
            told.failed(failure.kwargs["reason"], followed=self._is_followed(job))
            raise failure from job.cause
        self._log(LOG.info, job, "done")
        told.done()

    def _run_or_roll_back(self, job: ShareJob) -> None:
        """A green thread that is killed rolls nothing back: the reconciliation settles it."""
        try:
            self.run(job)
        except Exception as error:
            self.await_begun(job)
            hooking.failed(job, error)
            hooking.release(job)
            if job.intent:
                undo.roll_back(job, job.intent, unclear=in_doubt.is_unclear(error))
            raise
        hooking.ended(job)

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

    def _is_followed(self, job: ShareJob) -> bool:
        """Whether another process, or the reconciliation, brings a failed job to its end."""
        error = job.cause
        return error is None or isinstance(error, ClaimLost) or not self.is_final(error)

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

# SPDX-License-Identifier: Apache-2.0
"""The hooks around what a driver does for one share, and around what it does for all shares of a
flow that are asked for together.

Hooks of scope checkpoint come first and leave last: within them each share has those of scope share
for itself.
"""

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from oslo_log import log as logging

from karbor_manila.bank.record import HookFacts
from karbor_manila.common.errors import ClaimLost
from karbor_manila.common.lazy import Once
from karbor_manila.hooks import runner, values
from karbor_manila.hooks.base import CHECKPOINT, COPY, FAILED, PROTECT, SHARE, SUCCESS, Outcome
from karbor_manila.hooks.errors import NotAllowed
from karbor_manila.operations import hook_calls, hook_results, reporting
from karbor_manila.operations.share_job import ShareJob

if TYPE_CHECKING:
    from karbor_manila.operations.flow import FlowContext

LOG = logging.getLogger(__name__)

Result = dict[str, Any]
#: Writes a result that was amended after it had been written.
Again = Callable[[Result], None]

_IN_A_CHECKPOINT = (PROTECT, COPY)
_MOST_NAMED = 3  # shares in the sentence about those that failed


class Together:
    """The hooks of scope checkpoint around what is asked for together at one point.

    :param jobs: of the shares; each says when it is done with the driver
    :param views: what is known of them, as far as it is
    """

    def __init__(
        self,
        flow: "FlowContext",
        point: str,
        jobs: Mapping[str, ShareJob],
        views: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self.point = point
        self.members: dict[str, ShareHooks] = {}
        self._flow = flow
        self._jobs = jobs
        self._views = views
        self._once = Once(flow.clock, flow.settings.outage_timeout)
        self._lock = threading.Lock()
        self._pending = set(jobs)
        self._results: dict[str, Result] = {}
        self._errors: dict[str, str] = {}
        self._is_entered = False

    @property
    def round(self) -> runner.Round | None:
        """The hooks that are called for these; made once, by the first who asks."""
        return self._once("round", self._make)

    def _make(self) -> runner.Round | None:
        if not hook_calls.hooks_at(self._flow, self.point, CHECKPOINT):
            return None  # what is known of the shares is asked for only where it is needed
        views = (
            self._views.get(share_id) or hook_calls.view_of(job, self.point)
            for share_id, job in self._jobs.items()
        )
        call = hook_calls.call_of(self._flow, self.point, CHECKPOINT, tuple(map(dict, views)))
        return hook_calls.round_of(self._flow, call, list(self._jobs))

    def enter(self) -> None:
        """Call the pres: the first who comes does, and the others wait for it."""
        entered = self.round
        if entered:
            self._is_entered = True
            self._once("enter", entered.enter)

    def done(self, share_id: str, result: Result | None, error: str = "") -> None:
        """A share is done with the driver; with the last one the posts are called.

        :param result: what came of it; None when it failed, or was not asked for
        :raises ClaimLost: another process has taken over
        """
        with self._lock:
            if share_id not in self._pending:
                return
            self._pending.remove(share_id)
            if result is not None:
                self._results[share_id] = result
            elif error:
                self._errors[share_id] = error
            if self._pending or not self._is_entered:
                return
        self._leave()

    def _leave(self) -> None:
        left = self.round
        if left is None:
            return
        listed = [f"Share {share_id}: {why}" for share_id, why in self._errors.items()]
        more = len(listed) - _MOST_NAMED
        told = " ".join(listed[:_MOST_NAMED] + ([f"And {more} more."] if more > 0 else []))
        status = FAILED if self._errors else SUCCESS
        left.leave(Outcome(status=status, error=told, result=dict(self._results)))
        if left.failures and self.point in _IN_A_CHECKPOINT:
            reporting.remark(self._flow, reporting.ALL_SHARES, " ".join(left.failures.values()))
        for share_id in self._results:
            amended = None if left.timed_out else left.result.get(share_id)
            self.members[share_id].take_from_all(amended, left.failures)


class ShareHooks:
    """The hooks around what a driver does for one share, at one point.

    :param view: what is known of the share
    :param together: those that it has with others, or has alone, of scope checkpoint
    :raises HookError: one does not say whether it is called for this
    """

    def __init__(
        self, job: ShareJob, point: str, view: Mapping[str, Any], together: Together
    ) -> None:
        self.point = point
        self.is_over = False
        self.together = together
        together.members[job.share_id] = self
        self._job = job
        call = hook_calls.call_of(job.flow, point, SHARE, (dict(view),))
        self._own = hook_calls.round_of(job.flow, call, [job.share_id])
        self._rounds = [each for each in (together.round, self._own) if each]
        #: The names of the hooks, in their order.
        self.names = tuple(name for each in self._rounds for name in each.names)
        #: Why posts failed, by the names of their hooks.
        self.failed: dict[str, str] = {}
        self._thawed_early = False
        self._lock = threading.Lock()
        self._result: Result = {}
        self._again: Again | None = None
        self._is_written = self._is_changed = False

    def enter(self) -> None:
        """Call the pres. What it raises stops the work, and :meth:`fail` follows."""
        self.together.enter()
        if self._own:
            self._own.enter()

    # -- the driver is done -------------------------------------------------------------------

    def leave(self, result: Result, again: Again) -> Result:
        """Call the posts: the driver has done its work.

        :param again: writes a result that others change after :meth:`written`
        :returns: the result, amended; what its user reads has the remarks in it
        :raises ClaimLost: another process has taken over
        """
        self.is_over = True
        self._again = again
        self._thawed_early = any(each.timed_out for each in self._rounds)
        if self._own:
            self._own.leave(Outcome(status=SUCCESS, result=result))
            self._thawed_early = self._thawed_early or self._own.timed_out
            self.failed |= self._own.failures
            result = self._amended(result, self._own)
        self._result = result
        self.together.done(self._job.share_id, result)
        with self._lock:
            self._is_changed = False
            result = self._result
        if self.point in _IN_A_CHECKPOINT and (said := self._remarks(self._own)):
            reporting.remark(self._job.flow, reporting.key(self._job.share_id), " ".join(said))
        return self._told(result)

    def _amended(self, result: Result, left: runner.Round) -> Result:
        if not left.timed_out:
            return dict(left.result)
        try:  # what posts gave when the work was not complete yet
            return hook_results.amend(self.point, result, left.result)
        except NotAllowed as error:
            LOG.warning("Share %s: %s", self._job.share_id, error)
            return result

    def take_from_all(self, amended: Result | None, failures: Mapping[str, str]) -> None:
        """The posts of scope checkpoint were called."""
        with self._lock:
            changed = bool(failures) or (amended is not None and amended != self._result)
            self.failed |= failures
            if amended is not None:
                self._result = dict(amended)
            self._is_changed = self._is_changed or changed
            if not (changed and self._is_written):
                return
        self._write_again()

    def written(self) -> None:
        """What came of it is written. What others have amended meanwhile is written again."""
        with self._lock:
            self._is_written = True
            if not self._is_changed:
                return
        self._write_again()

    def _write_again(self) -> None:
        self._is_changed = False
        again, result = self._again, self._told(self._result)
        if again is None:
            return
        try:
            again(result)
        except ClaimLost:
            raise
        except Exception:  # whatever a bank or a database raises: the share is complete
            LOG.warning(
                "Share %s, checkpoint %s: what hooks amended is not written",
                self._job.share_id,
                self._job.checkpoint.id,
                exc_info=True,
            )

    def _told(self, result: Result) -> Result:
        if self.point in _IN_A_CHECKPOINT or not (said := self._remarks(*self._rounds)):
            return result
        return {**result, hook_results.REMARKS: said}

    def _remarks(self, *rounds: runner.Round | None) -> list[str]:
        """What the user should know of these, a sentence each."""
        said = [why for each in rounds if each for why in each.failures.values()]
        if self._thawed_early:
            limit = self._job.flow.settings.hook_freeze_timeout
            said.insert(
                0,
                f"The hooks were ended after {limit:g} seconds (hook_freeze_timeout), before it "
                f"was complete: its content may not be consistent.",
            )
        return said

    def facts(self) -> HookFacts | None:
        """For the record; None when no hook was called."""
        if not self.names:
            return None
        return HookFacts(
            ran=self.names,
            thawed_early=self._thawed_early,
            annotations=hook_results.annotations(self._result),
            failed=dict(self.failed),
        )

    def release(self) -> None:
        """The work on this share is over, that on others may take hours."""
        if self._own:
            self._own.release()

    # -- the work has failed ------------------------------------------------------------------

    def fail(self, error: Exception) -> list[str]:
        """Call the posts, unless that was done: the work has failed.

        :returns: why posts failed, a sentence each
        :raises ClaimLost: another process has taken over
        """
        if self.is_over:
            return []
        self.is_over = True
        if isinstance(error, ClaimLost):
            for each in self._rounds:
                each.give_up()
            return []
        why = values.sentence(error)
        if self._own:
            self._own.leave(Outcome(status=FAILED, error=why))
        self.together.done(self._job.share_id, None, why)
        for each in self._rounds:
            self.failed |= each.failures
        return list(self.failed.values())

# SPDX-License-Identifier: Apache-2.0
"""Runs the hooks around one piece of work: pres in order, then the posts in reverse of every pre
that began, whatever became of them and of the work."""

import dataclasses
import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from oslo_log import log as logging

from karbor_manila.common.errors import ClaimLost, KarborManilaError
from karbor_manila.hooks import deadline, values
from karbor_manila.hooks.base import FAILED, TIMED_OUT, Call, Hook, Outcome
from karbor_manila.hooks.errors import GivenUp, HookSkip, NotAllowed
from karbor_manila.hooks.terms import FREEZES, Begun, Entered, Keeper, Terms, Time

LOG = logging.getLogger(__name__)

#: Makes of a result, and of what a post gave, the amended result. Raises NotAllowed.
Amend = Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]

_LOOK = 1.0  # seconds between two looks of one who waits for posts


class Round:
    """The hooks around one piece of work. Its methods may be called from several threads.

    :param hooks: those that are called for this, in their order
    :param call: what they are called for; each gets a ``remember`` of its own
    """

    def __init__(
        self,
        hooks: Sequence[Hook],
        call: Call,
        terms: Terms,
        keeper: Keeper,
        time: Time,
        amend: Amend,
    ) -> None:
        self._hooks = hooks
        self._call = call
        self._about = values.about(call)
        self._terms = terms
        self._keeper = keeper
        self._time = time
        self._amend = amend
        self._news = threading.Condition()
        self._entered: list[Entered] = []
        self._outcome: Outcome | None = None
        self._is_left = False
        self._cancel: Callable[[], None] = lambda: None
        #: Whether nothing is called any more: another process does.
        self.is_given_up = False
        #: Whether the freeze time was over before the work was.
        self.timed_out = False
        #: The result as the posts have amended it, once it is left.
        self.result: Mapping[str, Any] = {}
        #: Why posts failed, by the names of their hooks; none when such errors are suppressed.
        self.failures: dict[str, str] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Of its hooks, in their order."""
        return tuple(hook.name for hook in self._hooks)

    @property
    def is_over(self) -> bool:
        """Whether its posts are called, or have been."""
        return self._outcome is not None

    # -- before the work ----------------------------------------------------------------------

    def enter(self) -> None:
        """Call the pres. When it raises, the posts have been called.

        :raises HookError: one failed, which is not suppressed
        :raises HookSkip: one wants this to be left out
        :raises ClaimLost: another process has taken over; no post is called here
        :raises KarborManilaError: the bank does not take which hooks begin
        """
        try:
            if self._terms.pre:
                self._call_pres()
            else:
                self._entered = [Entered(hook) for hook in self._hooks]
                self._keep()
        except ClaimLost:
            self.give_up()
            raise
        except Exception as error:
            self.leave(Outcome(status=FAILED, error=values.sentence(error)))
            raise
        except BaseException:  # nothing is swallowed: it is killed, and the reconciliation thaws
            self.give_up()
            raise

    def _call_pres(self) -> None:
        for hook in self._hooks:
            entry = Entered(hook, is_running=True)
            with self._news:
                if self.is_over:
                    return  # the freeze time is over: what is not frozen stays so
                self._entered.append(entry)
            try:
                self._keep()
            except BaseException:  # nothing is swallowed: it has not begun, and gets no post
                self._entered.remove(entry)
                raise
            if hook is self._hooks[0] and self._terms.post and self._call.point in FREEZES:
                self._cancel = self._time.after(self._terms.freeze_timeout, self._thaw)
            self._pre(entry)
        if self._entered and self._entered[-1].data is not None:
            self._keep()

    def _pre(self, entry: Entered) -> None:
        hook, call = entry.hook, self._call_of(entry)
        try:
            pre = functools.partial(hook.pre, call=call)
            late = functools.partial(self._late, entry)
            given = self._time.call(pre, self._terms.timeout, late)
            if given is not None:
                entry.data = values.plain(given)
        except GivenUp as error:
            if error.has_ended:  # else it may still be running: _late
                entry.pre_error = values.sentence(error)
                self._pre_is_over(entry)
            self._pre_failed(entry, error)
        except ClaimLost:
            self._hand_over(entry)
            raise
        except HookSkip as skip:
            self._pre_is_over(entry)
            skip.hook = hook.name
            raise
        except Exception as error:  # noqa: BLE001 - whatever a hook raises is its error
            entry.pre_error = values.sentence(error)
            self._pre_is_over(entry)
            self._pre_failed(entry, error)
        else:
            self._pre_is_over(entry)

    def _pre_failed(self, entry: Entered, error: Exception) -> None:
        failure = values.error_of(entry.hook, "pre", self._call.point, error)
        entry.pre_error = str(failure)
        LOG.warning("%s: %s", self._about, failure, exc_info=values.not_ours(error))
        if not self._terms.suppress_pre:
            raise failure from error

    def _pre_is_over(self, entry: Entered) -> None:
        """A pre has ended. Its post comes at the end of the work; is that over, now, once more."""
        with self._news:
            entry.is_running = False
            if not self.is_over:
                return
        if self._terms.post and not self.is_given_up:
            self._await_left()
            self._keeper.confirm()
            self._post(entry, self._outcome or Outcome(status=FAILED))
            self._settle()

    def _late(self, entry: Entered, ended: deadline.Ended[Any]) -> None:
        """A pre that was given up has ended, in whose thread this runs: nothing stays frozen."""
        LOG.warning("%s: the pre of %r has ended too late", self._about, entry.hook.name)
        try:
            entry.data = values.of_late(ended.result, self._about) or entry.data
            self._pre_is_over(entry)
            if not self.is_over:
                self._keep()
            elif self.is_given_up:
                self._hand_over(entry)
        except ClaimLost as lost:
            LOG.warning("%s: the reconciliation calls its post: %s", self._about, lost)
            self._hand_over(entry)
        except Exception:  # whatever a bank raises; the run stays there for the reconciliation
            LOG.exception("%s", self._about)

    # -- after the work -----------------------------------------------------------------------

    def leave(self, outcome: Outcome) -> None:
        """Call the posts, unless that was done; returns once they have ended.

        :raises ClaimLost: another process has taken over, and thaws
        """
        with self._news:
            is_mine = not self.is_over
            if is_mine:
                self._outcome, self.result = outcome, outcome.result
                self.timed_out = outcome.status == TIMED_OUT
        if not is_mine:
            self._await_left()
            return
        self._cancel()
        try:
            if self._terms.post and not self.is_given_up:
                for entry in reversed(self._entered):
                    self._keeper.confirm()
                    self._post(entry, outcome)
                self._settle()
        except ClaimLost:
            self.is_given_up = True
            raise
        finally:
            with self._news:
                self._is_left = True
                self._news.notify_all()

    def give_up(self) -> None:
        """Call nothing any more: whoever takes over the claim does."""
        self.is_given_up = True
        self._cancel()

    def release(self) -> None:
        """What is not through waits no longer for work under the same claim."""
        left = self._open() if self._is_left and not self.is_given_up else []
        if left and self._terms.post and not any(each.is_running for each in self._entered):
            self._keeper.release(left)

    def _thaw(self) -> None:
        """The freeze time is over: that in which this process did not run counts, too."""
        with self._news:
            if self.is_over or self.is_given_up:
                return
        limit = f"after {self._terms.freeze_timeout:g} seconds (hook_freeze_timeout)"
        LOG.warning("%s: thawed %s, the work goes on", self._about, limit)
        try:
            self.leave(Outcome(status=TIMED_OUT, error=f"The work was not complete {limit}."))
            self.release()
        except ClaimLost as lost:
            LOG.warning("%s: %s", self._about, lost)
        except Exception:  # whatever a bank raises; the run stays there for the reconciliation
            LOG.exception("%s", self._about)

    def _await_left(self) -> None:
        with self._news:
            while not self._is_left and not self.is_given_up:
                self._time.clock.wait(self._news, _LOOK)

    def _post(self, entry: Entered, outcome: Outcome) -> None:
        told = dataclasses.replace(outcome, pre_error=entry.pre_error, result=self.result)
        call, hook = self._call_of(entry), entry.hook
        try:
            post = functools.partial(hook.post, call=call, data=entry.data, outcome=told)
            given = self._time.call(post, self._terms.timeout)
        except ClaimLost:
            self._hand_over(entry)
            raise
        except Exception as error:  # noqa: BLE001 - whatever a hook raises is its error
            self._post_failed(entry, error)
            # What its pre did is undone in any case: the reconciliation tries again.
            entry.is_through = self._terms.suppress_post and not hook.needs_post
            return
        entry.is_through = True
        try:
            amended = values.plain(given)
            if amended is not None:
                self.result = self._amend(self.result, amended)
        except NotAllowed as error:
            self._post_failed(entry, error)

    def _post_failed(self, entry: Entered, error: Exception) -> None:
        failure = values.error_of(entry.hook, "post", self._call.point, error)
        LOG.warning("%s: %s", self._about, failure, exc_info=values.not_ours(error))
        if not self._terms.suppress_post:
            self.failures[entry.hook.name] = str(failure)

    # -- what is kept of it -------------------------------------------------------------------

    def _open(self) -> list[Begun]:
        """What has begun and is not through. A pre that still runs may freeze something yet."""
        kept = [each for each in self._entered if each.is_running or not each.is_through]
        return [(each.hook.name, each.data) for each in kept]

    def _keep(self) -> None:
        if self._terms.post:
            self._keeper.keep(self._open)

    def _settle(self) -> None:
        """The posts were called; what is not through stays for the reconciliation."""
        try:
            self._keep()
        except ClaimLost:
            raise
        except KarborManilaError as error:
            LOG.warning("%s: the reconciliation calls its posts again: %s", self._about, error)

    def _hand_over(self, entry: Entered) -> None:
        """A hook learned in its work that the claim is lost: its last request may have been carried
        out after the posts of whoever took over."""
        self._keeper.hand_over([(entry.hook.name, entry.data)])

    def _call_of(self, entry: Entered) -> Call:
        def remember(given: Mapping[str, Any]) -> None:
            entry.data = values.plain(given)
            self._keep()

        return dataclasses.replace(self._call, remember=remember)

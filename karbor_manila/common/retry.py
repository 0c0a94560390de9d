# SPDX-License-Identifier: Apache-2.0
"""The one retry policy: transient errors, with backoff, until a timeout is over (tenacity)."""

import functools
import logging as levels
import math
from collections.abc import Callable
from typing import TypeVar

import tenacity
from oslo_log import log as logging

from karbor_manila.common.clock import STALL, Clock, queued
from karbor_manila.common.errors import KarborManilaError, TransientError

LOG = logging.getLogger(__name__)

T = TypeVar("T")


def is_transient(error: BaseException) -> bool:
    """Whether an error is one of ours after which the same request may succeed."""
    return isinstance(error, TransientError)


class _Budget:
    """What the repetitions may still spend, for tenacity: its stop and its waits."""

    def __init__(
        self,
        timeout: float,
        attempts: int | None,
        attempt_takes: float,
        backoff: tenacity.wait.wait_base,
        clock: Clock,
        began: tuple[float, float],
    ) -> None:
        self._left = timeout
        self._attempts = attempts
        self._attempt_takes = attempt_takes
        self._backoff = backoff
        self._clock = clock
        self._began, self._queued = began
        #: Whether the last attempt failed when the timeout was over.
        self.timed_out = False

    def begin(self, state: tenacity.RetryCallState) -> None:
        """An attempt begins; the first one has ended already."""
        if state.attempt_number > 1:
            self._began, self._queued = self._clock.now(), queued()

    def pause(self, state: tenacity.RetryCallState) -> float:
        """Seconds until the next attempt, of which the last is at the end of the timeout."""
        took = self._clock.now() - self._began - (queued() - self._queued)
        stalled = took > self._attempt_takes + STALL
        self._left -= min(took, self._attempt_takes)
        self.timed_out = self._left <= 0 and not stalled
        error = state.outcome.exception() if state.outcome else None
        asked_for = error.retry_after if isinstance(error, TransientError) else 0.0
        pause = min(max(self._backoff(state), asked_for), max(self._left, 0.0))
        self._left -= pause  # as planned, however long it takes
        return pause

    def is_over(self, state: tenacity.RetryCallState) -> bool:
        """Whether the attempt that has just failed was the last."""
        return self.timed_out or state.attempt_number == self._attempts


def retry(
    attempt: Callable[[], T],
    *,
    timeout: float = math.inf,
    attempts: int | None = None,
    transient: Callable[[BaseException], bool] = is_transient,
    first: float = 0.2,
    longest: float = 5.0,
    attempt_takes: float = 60.0,
    clock: Clock | None = None,
    sleep: Callable[[float], None] | None = None,
    level: int = levels.WARNING,
) -> T:
    """Repeat ``attempt`` until it does not end in a transient error.

    ``attempt`` must be safe to repeat: what creates something has to look for it first. The pauses
    are random, up to ``first`` seconds and then twice as many each time, ``longest`` at most; a
    server's Retry-After makes them longer. Only time in which this process ran counts: a pause as
    long as it was to take, an attempt ``attempt_takes`` at most; after an attempt that took longer
    there is another one. Time in which a request waited for its turn does not count: it is no
    outage.

    :param timeout: seconds after which a transient error counts as final
    :param attempts: how many there are at most; None for as many as the timeout allows
    :param transient: whether an error is a transient one; what is no ``Exception``, such as the end
        of a killed green thread, never is
    :param attempt_takes: seconds that an attempt takes in a process that runs
    :param sleep: how to let seconds pass between two attempts; by default the clock's
    :param level: at which a transient error is logged, of :mod:`logging`
    :raises KarborManilaError: what the transient error is once it went on for longer than
        ``timeout`` (:meth:`.errors.TransientError.gave_up`)
    :raises Exception: the error of the last of ``attempts``, or one that is not transient
    """
    clock = clock or Clock()
    began = clock.now(), queued()
    failed: list[Exception] = []
    try:
        # Nearly every one succeeds at once, and a Retrying costs more than most of them.
        return attempt()
    except Exception as error:
        if not transient(error):
            raise
        failed.append(error)

    def again() -> T:
        if failed:
            raise failed.pop()
        return attempt()

    backoff = tenacity.wait_random_exponential(multiplier=first, max=longest)
    budget = _Budget(timeout, attempts, attempt_takes, backoff, clock, began)
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda e: isinstance(e, Exception) and transient(e)),
        before=budget.begin,
        wait=budget.pause,
        stop=budget.is_over,
        sleep=sleep or clock.sleep,
        before_sleep=functools.partial(_log, level),
        reraise=True,
    )
    try:
        return retrying(again)
    except TransientError as error:
        if budget.timed_out:
            raise error.gave_up(timeout) from error
        raise


def _log(level: int, state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    # Of a client's own error only the kind: it may hold headers.
    why = error if isinstance(error, KarborManilaError) else type(error).__name__
    LOG.log(level, "Attempt %d failed and is repeated: %s", state.attempt_number, why)

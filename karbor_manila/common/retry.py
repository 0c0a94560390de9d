# SPDX-License-Identifier: Apache-2.0
"""The one retry policy: transient errors, with backoff, while a timeout lasts (tenacity)."""

from collections.abc import Callable
from typing import TypeVar

import tenacity
from oslo_log import log as logging

from karbor_manila.common.clock import STALL, Clock
from karbor_manila.common.errors import TransientError

LOG = logging.getLogger(__name__)

T = TypeVar("T")


class _Budget:
    """What a repetition may still spend, for tenacity: its stop and its waits."""

    def __init__(self, timeout: float, attempt_takes: float, clock: Clock) -> None:
        self._left = timeout
        self._attempt_takes = attempt_takes
        self._clock = clock
        self._fallback = tenacity.wait_random_exponential(multiplier=0.2, max=5)
        self._over = False
        self._began = clock.now()

    def begin(self, _state: tenacity.RetryCallState) -> None:
        """An attempt begins."""
        self._began = self._clock.now()

    def pause(self, state: tenacity.RetryCallState) -> float:
        """Seconds until the next attempt, of which the last is at the end of the timeout."""
        took = self._clock.now() - self._began
        stalled = took > self._attempt_takes + STALL
        self._left -= min(took, self._attempt_takes)
        self._over = self._left <= 0 and not stalled
        error = state.outcome.exception() if state.outcome else None
        asked_for = error.retry_after if isinstance(error, TransientError) else 0.0
        pause = min(max(self._fallback(state), asked_for), max(self._left, 0.0))
        self._left -= pause  # as planned, however long it takes
        return pause

    def is_over(self, _state: tenacity.RetryCallState) -> bool:
        """Whether the attempt that has just failed was the last."""
        return self._over


def retry(
    attempt: Callable[[], T],
    *,
    timeout: float,
    attempt_takes: float = 60.0,
    clock: Clock | None = None,
) -> T:
    """Repeat ``attempt`` until it does not end in a transient error.

    ``attempt`` must be safe to repeat: what creates something has to look for it first. Only time
    in which this process ran counts: a pause as long as it was to take, an attempt
    ``attempt_takes`` at most; after an attempt that took longer there is another one.

    :param timeout: seconds after which the transient error counts as final
    :param attempt_takes: seconds that an attempt takes in a process that runs
    :raises KarborManilaError: what the transient error is once it went on for too long
        (:meth:`.errors.TransientError.gave_up`)
    """
    clock = clock or Clock()
    budget = _Budget(timeout, attempt_takes, clock)

    def note(state: tenacity.RetryCallState) -> None:
        LOG.warning(
            "Attempt %d failed and is repeated: %s",
            state.attempt_number,
            state.outcome.exception() if state.outcome else None,
        )

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TransientError),
        before=budget.begin,
        wait=budget.pause,
        stop=budget.is_over,
        sleep=clock.sleep,
        before_sleep=note,
        reraise=True,
    )
    try:
        return retrying(attempt)
    except TransientError as error:
        raise error.gave_up(timeout) from error

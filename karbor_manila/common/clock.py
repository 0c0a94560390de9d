# SPDX-License-Identifier: Apache-2.0
"""Time that tests can set, and deadlines that count only time in which this process ran.

A machine that was asleep has not seen Manila fail to answer.
"""

import contextvars
import datetime
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from oslo_log import log as logging

LOG = logging.getLogger(__name__)

T = TypeVar("T")

#: A pause that takes so many seconds longer than it was to, or a request that does, is one in which
#: the process did not run: it was stopped, or its machine was.
STALL = 5.0


# Seconds that the requests of this (green) thread have waited for their turn among those of others.
_queued: contextvars.ContextVar[float] = contextvars.ContextVar("queued", default=0.0)


def queued() -> float:
    """Seconds that the requests of this (green) thread have waited for their turn so far.

    In such time nothing was asked of Manila, so that it is no outage; and the process ran, so that
    a deadline does not move.
    """
    return _queued.get()


def note_queued(seconds: float) -> None:
    """A request has waited for its turn for so long."""
    if seconds > 0:
        _queued.set(_queued.get() + seconds)


class Clock:
    """Monotonic seconds and the ways to let them pass, and the time of the day."""

    def now(self) -> float:
        """Seconds since some fixed moment."""
        return time.monotonic()

    def utcnow(self) -> datetime.datetime:
        """The time of the day, UTC."""
        return datetime.datetime.now(datetime.UTC)

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        time.sleep(seconds)

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """Let at most ``seconds`` pass, or less if ``condition`` (held) is notified."""
        condition.wait(seconds)


class Deadline:
    """The moment at which a timeout is over; time in which the process did not run moves it.

    :param timeout: seconds
    """

    def __init__(self, timeout: float, clock: Clock) -> None:
        self._clock = clock
        self._at = clock.now() + timeout
        self._chances = 1

    @property
    def left(self) -> float:
        """Seconds until then; negative afterwards."""
        return self._at - self._clock.now()

    def move(self, seconds: float) -> None:
        """Have it so many seconds later."""
        self._at += seconds

    def last_chance(self, seconds: float) -> bool:
        """Once, for a thread that did not run up to the end: so many seconds from now are left.

        :returns: whether they are; not a second time
        """
        self._chances -= 1
        if self._chances >= 0:
            self._at = self._clock.now() + seconds
        return self._chances >= 0

    def spend(self, action: Callable[[], T], at_most: float) -> tuple[T, bool]:
        """Do something that takes ``at_most`` so many seconds in a process that runs, once the turn
        of its requests has come.

        :returns: what it gave, and whether the process did not run meanwhile; what time that took
            does not count
        """
        began, waited = self._clock.now(), queued()
        try:
            result = action()
        finally:
            stalled = self.forgive(began, max(0.0, at_most) + queued() - waited)
        return result, stalled

    def forgive(self, began: float, at_most: float) -> bool:
        """As :meth:`spend`, for something that began at ``began`` and has just ended."""
        excess = self._clock.now() - began - max(0.0, at_most)
        if excess <= STALL:
            return False
        LOG.warning("This process did not run for about %.0f seconds", excess)
        self._at += excess
        return True

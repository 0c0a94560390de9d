# SPDX-License-Identifier: Apache-2.0
"""Patience: one watcher for everything that a flow waits for, and repetition of what may pass.

Every wait has a deadline. Time comes from a :class:`Clock`, so that tests can set it.
"""

import datetime
import random
import threading
import time
from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Any, TypeVar

import tenacity
from oslo_log import log as logging

from karbor_manila import exception

LOG = logging.getLogger(__name__)

T = TypeVar("T")

#: What a judge returns while there is nothing to say yet.
PENDING: Any = object()

View = dict[str, Any]
Look = Callable[[Collection[str]], Mapping[str, View | None]]
Judge = Callable[[View | None], T]

# A look is due after this share of the time already waited, so that what took a minute is seen to
# be ready within seconds and what takes an hour is not asked for a thousand times.
_GROWTH = 0.15

# While the flow's other shares are still being asked for, nothing is ready anyway: look rarely.
_WHILE_ASKING = 2.0


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


class Once:
    """What the resources of one flow share: the first to arrive does it, the others wait for it.

    There is no barrier between the resources of a Karbor flow, so each asks for what it needs. An
    error is shared like a result; otherwise a hundred shares would ride out the same outage one
    after the other.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[Hashable, threading.Lock] = {}
        self._results: dict[Hashable, tuple[Any, Exception | None]] = {}

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        """The result of ``make`` for ``key``, made at most once; raises what ``make`` raised."""
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._results:
                try:
                    self._results[key] = (make(), None)
                except Exception as error:  # noqa: BLE001 - raised below, to everybody who asks
                    self._results[key] = (None, error)
        result, failure = self._results[key]
        if failure:
            raise failure
        kept: T = result
        return kept

    def peek(self, key: Hashable) -> Any:
        """The result for ``key`` if there is one already, else None."""
        return self._results.get(key, (None, None))[0]


class Watcher:
    """Looks at many things with one request, for all who wait for one of them.

    There is no thread of its own: whoever waits and finds that a look is due does it for all.
    Passing errors of a look are ridden out until the deadlines of those who wait; a refusal is
    theirs too.

    :param look: gives the views of the things with these ids, None for what is not there;
        raises ManilaPassing or ManilaRefused
    :param expected: how many things the flow will wait for in all; until they have all been
        announced (by :meth:`wait` or :meth:`excuse`), looks are rare
    :param shortest, longest: bounds of the interval between looks, in seconds
    """

    def __init__(
        self,
        look: Look,
        *,
        expected: int = 1,
        shortest: float = 0.1,
        longest: float = 15.0,
        clock: Clock | None = None,
    ) -> None:
        self._look = look
        self._expected = expected
        self._shortest = shortest
        self._longest = longest
        self._clock = clock or Clock()
        self._condition = threading.Condition()
        self._announced: set[str] = set()
        self._settled_at = self._clock.now()
        self._wanted: dict[str, int] = {}
        self._views: dict[str, tuple[int, View | None]] = {}
        self._round = 0
        self._looking = False
        self._due = self._clock.now()
        self._trouble: exception.KarborManilaError | None = None
        self._refusal: tuple[int, exception.ManilaRefused] | None = None

    def excuse(self, name: str) -> None:
        """``name`` (any distinct name of one of the expected things) will not be waited for."""
        with self._condition:
            self._announce(name)
            self._condition.notify_all()

    def wait(self, key: str, judge: Judge[T], timeout: float, awaited: str) -> T:
        """Wait until ``judge`` says something of the thing with the id ``key``.

        :param judge: gets the view, or None when the thing is not there; returns PENDING to go on
            waiting, anything else to return it; may raise to end the wait
        :param timeout: seconds
        :param awaited: what is waited for, for the error
        :raises DeadlineExceeded: it did not happen in time
        :raises ManilaRefused: Manila does not let us look
        """
        deadline = self._clock.now() + timeout
        with self._condition:
            if key in self._announced:
                # It is waited for again, because something was done to it: look soon.
                self._settled_at = self._clock.now()
                self._due = min(self._due, self._settled_at + self._shortest)
            self._announce(key)
            self._wanted[key] = self._wanted.get(key, 0) + 1
            # A look that is under way began before this wait and says nothing about it.
            since = self._round + self._looking
            self._due = min(self._due, deadline)
            try:
                while True:
                    if self._refusal and self._refusal[0] > since:
                        raise self._refusal[1]
                    seen, view = self._views.get(key, (0, None))
                    if seen > since:
                        since = seen
                        verdict = judge(view)
                        if verdict is not PENDING:
                            return verdict
                    self._let_pass(deadline, timeout, awaited, key)
            finally:
                self._wanted[key] -= 1
                if not self._wanted[key]:
                    del self._wanted[key]
                # Whoever looked for all may be leaving: somebody else has to take over.
                self._condition.notify_all()

    def _announce(self, name: str) -> None:
        if name not in self._announced:
            self._announced.add(name)
            self._settled_at = self._clock.now()
            if len(self._announced) >= self._expected:
                self._due = min(self._due, self._settled_at + self._shortest)

    def _let_pass(self, deadline: float, timeout: float, awaited: str, key: str) -> None:
        """One turn of waiting: do the look that is due, or wait for it or for the deadline."""
        now = self._clock.now()
        if now >= self._due and not self._looking:
            self._look_once()
        elif now >= deadline:
            raise exception.DeadlineExceeded(awaited, timeout, self._last_seen(key))
        elif self._looking:
            self._clock.wait(self._condition, deadline - now)
        else:
            self._clock.wait(self._condition, min(self._due, deadline) - now)

    def _look_once(self) -> None:
        keys = frozenset(self._wanted)
        self._looking = True
        self._condition.release()
        views: Mapping[str, View | None] = {}
        trouble: exception.KarborManilaError | None = None
        refusal = None
        try:
            views = self._look(keys)
        except exception.ManilaPassing as error:
            trouble = error
            LOG.warning("A look at %d things failed and is repeated: %s", len(keys), error)
        except exception.ManilaRefused as error:
            refusal = error
        finally:
            self._condition.acquire()
            self._looking = False
            self._round += 1
            self._trouble = trouble
            if refusal:
                self._refusal = (self._round, refusal)
            self._views.update({key: (self._round, view) for key, view in views.items()})
            self._due = self._clock.now() + self._interval(trouble)
            self._condition.notify_all()

    def _interval(self, trouble: exception.KarborManilaError | None) -> float:
        if len(self._announced) < self._expected:
            shortest = max(self._shortest, _WHILE_ASKING)
        else:
            shortest = self._shortest
        waited = self._clock.now() - self._settled_at
        interval = max(shortest, waited * _GROWTH) * random.uniform(0.9, 1.1)  # noqa: S311
        if isinstance(trouble, exception.ManilaPassing):
            interval = max(interval, 1.0, trouble.retry_after)
        return min(interval, self._longest)

    def _last_seen(self, key: str) -> str:
        if self._trouble:
            return str(self._trouble)
        seen, view = self._views.get(key, (0, None))
        if not seen:
            return "nothing"
        return f"status {view.get('status')!r}" if view else "not there"


def persist(attempt: Callable[[], T], *, patience: float, clock: Clock | None = None) -> T:
    """Repeat ``attempt`` until it does not end in a passing error.

    ``attempt`` must be safe to repeat: what creates something has to look for it first.

    :param patience: seconds after which the passing error counts as final
    :raises ManilaUnavailable: the error did not pass in time
    """
    clock = clock or Clock()
    start = clock.now()
    fallback = tenacity.wait_random_exponential(multiplier=0.2, max=5)

    def pause(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked_for = error.retry_after if isinstance(error, exception.ManilaPassing) else 0.0
        return max(fallback(state), asked_for)

    def give_up(state: tenacity.RetryCallState) -> bool:
        return clock.now() - start + (state.upcoming_sleep or 0.0) > patience

    def note(state: tenacity.RetryCallState) -> None:
        LOG.warning(
            "Attempt %d failed and is repeated: %s",
            state.attempt_number,
            state.outcome.exception() if state.outcome else None,
        )

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(exception.ManilaPassing),
        wait=pause,
        stop=give_up,
        sleep=clock.sleep,
        before_sleep=note,
        reraise=True,
    )
    try:
        return retrying(attempt)
    except exception.ManilaPassing as error:
        raise exception.ManilaUnavailable(error.asked, patience, error.cause) from error

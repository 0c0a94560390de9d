# SPDX-License-Identifier: Apache-2.0
"""Timeouts: one watcher for everything that a flow waits for, and retries of transient errors.

Every wait has a deadline, and only time in which this process ran counts: a machine that was asleep
has not seen Manila fail to answer. Time comes from a :class:`Clock`, so that tests can set it.
"""

import contextvars
import datetime
import random
import threading
import time
from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Any, TypeVar

import tenacity
from oslo_log import log as logging

from karbor_manila.common.errors import (
    CircularNeed,
    DeadlineExceeded,
    KarborManilaError,
    RefusedError,
    TransientError,
)

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

# A pause that takes so many seconds longer than it was to, or a request that does, is one in which
# the process did not run: it was stopped, or its machine was.
_STALL = 5.0

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


class Deadline:
    """A moment up to which something is waited for; time in which the process did not run moves it.

    :param patience: seconds
    """

    def __init__(self, patience: float, clock: Clock) -> None:
        self._clock = clock
        self._at = clock.now() + patience
        self._chances = 1

    @property
    def left(self) -> float:
        """Seconds until then; negative afterwards."""
        return self._at - self._clock.now()

    def last_chance(self) -> bool:
        """Whether there is one more; for whoever did not run up to the end."""
        self._chances -= 1
        return self._chances >= 0

    def spend(self, action: Callable[[], T], at_most: float) -> tuple[T, bool]:
        """Do something that takes ``at_most`` so many seconds in a process that runs.

        :returns: what it gave, and whether the process did not run meanwhile; what time that took
            does not count
        """
        began = self._clock.now()
        try:
            result = action()
        finally:
            stalled = self.forgive(began, at_most)
        return result, stalled

    def forgive(self, began: float, at_most: float) -> bool:
        """As :meth:`spend`, for something that began at ``began`` and has just ended."""
        excess = self._clock.now() - began - max(0.0, at_most)
        if excess <= _STALL:
            return False
        LOG.warning("This process did not run for about %.0f seconds", excess)
        self._at += excess
        return True


class _Making:
    """One attempt to make a value; ``awaits`` is the attempt that it waits for itself, if it does.

    Compared by identity: there may be a later one for the same key.
    """

    def __init__(self) -> None:
        self.awaits: _Making | None = None


# What the (green) thread that reads it is making, the outermost first: each has a context of its
# own, which no other one shares, whether or not eventlet has patched the threads.
_MAKING: contextvars.ContextVar[tuple[_Making, ...]] = contextvars.ContextVar("making", default=())

# So long does one who waits for a value sleep before it looks around again, in seconds.
_LOOK_AROUND = 5.0

# So much longer than an outage may take is somebody waited for who is at it, in seconds.
_GIVEN_UP = 3600.0


class Once:
    """What the resources of one flow share: the first to arrive does it, the others wait for it.

    There is no barrier between the resources of a Karbor flow, so each asks for what it needs. An
    error is shared like a result; otherwise a hundred shares would wait for the end of the same
    outage one after the other. What ends the one who makes it (a killed green thread, a timeout of
    eventlet's) is his alone: the next one makes it.

    No lock is held while a value is made, only a note that somebody is at it. Nobody waits for
    ever: not for himself, however many others are between, and not for one who was stopped.

    :param outage: seconds for which a value may be asked for while Manila is away
    """

    def __init__(self, clock: Clock | None = None, outage: float = 120.0) -> None:
        self._clock = clock or Clock()
        # Who does not come back with a value is given up by those who wait, and one makes it.
        self._patience = 2 * outage + _GIVEN_UP
        self._news = threading.Condition()
        self._making: dict[Hashable, _Making] = {}
        self._results: dict[Hashable, tuple[Any, Exception | None]] = {}

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        """The result of ``make`` for ``key``, made at most once; raises what ``make`` raised.

        :raises CircularNeed: the value is needed to make itself
        """
        mine = self._await_turn(key)
        if mine:
            self._make(key, make, mine)
        result, failure = self._results[key]
        if failure:
            raise failure
        kept: T = result
        return kept

    def peek(self, key: Hashable) -> Any:
        """The result for ``key`` if there is one already, else None."""
        return self._results.get(key, (None, None))[0]

    def _await_turn(self, key: Hashable) -> _Making | None:
        """Wait until the value is there (None), or until it is the caller's to make."""
        waited_for: _Making | None = None
        waited = 0.0
        while True:
            with self._news:
                if key in self._results:
                    return None
                other = self._making.get(key)
                if other is not waited_for:
                    waited_for, waited = other, 0.0
                if other is None or waited >= self._patience:
                    if other:
                        LOG.warning("%r has not come about in %.0f seconds", key, waited)
                    mine = self._making[key] = _Making()
                    return mine
                waited += self._wait(key, other)

    def _wait(self, key: Hashable, other: _Making) -> float:
        """Wait for news for a moment; the seconds that this took in a process that runs."""
        stack = _MAKING.get()
        for own in stack:
            own.awaits = other
        try:
            link: _Making | None = other
            seen: set[int] = set()
            while link and id(link) not in seen:
                if link in stack:
                    raise CircularNeed(key)
                seen.add(id(link))
                link = link.awaits
            began = self._clock.now()
            self._clock.wait(self._news, _LOOK_AROUND)
            return min(_LOOK_AROUND, self._clock.now() - began)
        finally:
            for own in stack:
                own.awaits = None

    def _make(self, key: Hashable, make: Callable[[], T], mine: _Making) -> None:
        outcome: tuple[Any, Exception | None] | None = None
        stack = _MAKING.set((*_MAKING.get(), mine))
        try:
            outcome = (make(), None)
        except Exception as error:  # noqa: BLE001 - raised to everybody who asks
            outcome = (None, error)
        finally:
            with self._news:
                if outcome:
                    self._results.setdefault(key, outcome)
                if self._making.get(key) is mine:
                    del self._making[key]
                self._news.notify_all()
            _MAKING.reset(stack)


class Poller:
    """Looks at many objects of Manila with one request, for all who wait for one of them.

    There is no thread of its own: whoever waits and finds that a look is due does it for all.
    Transient errors of a look are retried until the deadlines of those who wait; a refusal is
    theirs too. Whoever was not run until after his deadline looks once more.

    :param look: gives the views of those with these ids, None for what is not there;
        raises TransientError or RefusedError
    :param expected: how many objects the flow will wait for in all; until they have all been
        announced (by :meth:`wait` or :meth:`excuse`), looks are rare
    :param shortest, longest: bounds of the interval between looks, in seconds
    :param look_takes: seconds that a look takes at most in a process that runs
    """

    def __init__(
        self,
        look: Look,
        *,
        expected: int = 1,
        shortest: float = 0.1,
        longest: float = 15.0,
        look_takes: float = 60.0,
        clock: Clock | None = None,
    ) -> None:
        self._look = look
        self._look_takes = look_takes
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
        self._trouble: KarborManilaError | None = None
        self._refusal: tuple[int, RefusedError] | None = None

    def excuse(self, name: str) -> None:
        """``name`` (any distinct name of one of those expected) will not be waited for."""
        with self._condition:
            self._announce(name)
            self._condition.notify_all()

    def wait(self, key: str, judge: Judge[T], timeout: float, awaited: str) -> T:
        """Wait until ``judge`` says something of the object with the id ``key``.

        :param judge: gets the view, or None when it is not there; returns PENDING to go on
            waiting, anything else to return it; may raise to end the wait
        :param timeout: seconds
        :param awaited: what is waited for, for the error
        :raises DeadlineExceeded: it did not happen in time
        :raises RefusedError: Manila does not let us look
        """
        deadline = Deadline(timeout, self._clock)
        with self._condition:
            if key in self._announced:
                # It is waited for again, because something was done to it: look soon.
                self._settled_at = self._clock.now()
                self._due = min(self._due, self._settled_at + self._shortest)
            self._announce(key)
            self._wanted[key] = self._wanted.get(key, 0) + 1
            # A look that is under way began before this wait and says nothing about it.
            since = self._round + self._looking
            self._due = min(self._due, self._clock.now() + deadline.left)
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

    def _let_pass(self, deadline: Deadline, timeout: float, awaited: str, key: str) -> None:
        """One turn of waiting: do the look that is due, or wait for it or for the deadline."""
        until_due = self._due - self._clock.now()
        if until_due <= 0 and not self._looking:
            _, stalled = deadline.spend(self._look_once, self._look_takes)
        elif deadline.left <= 0:
            raise DeadlineExceeded(awaited, timeout, self._last_seen(key))
        else:
            seconds = deadline.left if self._looking else min(until_due, deadline.left)
            _, stalled = deadline.spend(lambda: self._clock.wait(self._condition, seconds), seconds)
        if stalled and (deadline.left > 0 or deadline.last_chance()):
            self._due = min(self._due, self._clock.now())

    def _look_once(self) -> None:
        keys = frozenset(self._wanted)
        self._looking = True
        self._condition.release()
        views: Mapping[str, View | None] = {}
        trouble: KarborManilaError | None = None
        refusal = None
        try:
            views = self._look(keys)
        except TransientError as error:
            trouble = error
            LOG.warning("A look at %d things failed and is repeated: %s", len(keys), error)
        except RefusedError as error:
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

    def _interval(self, trouble: KarborManilaError | None) -> float:
        if len(self._announced) < self._expected:
            shortest = max(self._shortest, _WHILE_ASKING)
        else:
            shortest = self._shortest
        waited = self._clock.now() - self._settled_at
        interval = max(shortest, waited * _GROWTH) * random.uniform(0.9, 1.1)  # noqa: S311
        if isinstance(trouble, TransientError):
            interval = max(interval, 1.0, trouble.retry_after)
        return min(interval, self._longest)

    def _last_seen(self, key: str) -> str:
        if self._trouble:
            return str(self._trouble)
        seen, view = self._views.get(key, (0, None))
        if not seen:
            return "nothing"
        return f"status {view.get('status')!r}" if view else "not there"


class _Budget:
    """What a repetition may still spend, for tenacity: its stop and its waits."""

    def __init__(self, patience: float, longest: float, clock: Clock) -> None:
        self._left = patience
        self._longest = longest
        self._clock = clock
        self._fallback = tenacity.wait_random_exponential(multiplier=0.2, max=5)
        self._over = False
        self._began = clock.now()

    def begin(self, _state: tenacity.RetryCallState) -> None:
        """An attempt begins."""
        self._began = self._clock.now()

    def pause(self, state: tenacity.RetryCallState) -> float:
        """Seconds until the next attempt, of which the last is at the end of the patience."""
        took = self._clock.now() - self._began
        stalled = took > self._longest + _STALL
        self._left -= min(took, self._longest)
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
    patience: float,
    longest: float = 60.0,
    clock: Clock | None = None,
) -> T:
    """Repeat ``attempt`` until it does not end in a transient error.

    ``attempt`` must be safe to repeat: what creates something has to look for it first. Only time
    in which this process ran counts: a pause as long as it was to take, an attempt ``longest`` at
    most; after an attempt that took longer there is another one.

    :param patience: seconds after which the transient error counts as final
    :param longest: seconds that an attempt takes in a process that runs
    :raises KarborManilaError: what the transient error is once it went on for too long
        (:meth:`.errors.TransientError.gave_up`)
    """
    clock = clock or Clock()
    budget = _Budget(patience, longest, clock)

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
        raise error.gave_up(patience) from error

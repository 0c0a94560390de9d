# SPDX-License-Identifier: Apache-2.0
"""The one poll loop: one look serves all who wait, and every wait has a deadline."""

import random
import threading
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from oslo_log import log as logging

from karbor_manila.common.clock import Clock, Deadline
from karbor_manila.common.errors import (
    DeadlineExceeded,
    KarborManilaError,
    RefusedError,
    TransientError,
)

LOG = logging.getLogger(__name__)

T = TypeVar("T")

#: What a judge returns while there is no result yet.
PENDING: Any = object()

View = dict[str, Any]
Look = Callable[[Collection[str]], Mapping[str, View | None]]
Judge = Callable[[View | None], T]

# A look is due after this share of the time already waited, so that what took a minute is seen to
# be ready within seconds and what takes an hour is not asked for a thousand times.
_GROWTH = 0.15

# While the flow's other shares are still being asked for, nothing is ready anyway: look rarely.
_WHILE_ASKING = 2.0


class Poller:
    """Looks at many objects of Manila with one request, for all who wait for one of them.

    There is no thread of its own: a waiting thread that finds a look due does it for all.
    Transient errors of a look are retried until the deadlines of those who wait; a refusal is
    raised to each of them. A thread that was not run until after its deadline looks once more.

    :param look: gives the views of those with these ids, None for what is not there;
        raises TransientError or RefusedError
    :param expected: how many objects the flow will wait for in all; until they have all been
        announced (by :meth:`wait` or :meth:`no_wait`), looks are rare
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

    def no_wait(self, name: str) -> None:
        """``name`` (any distinct name of one of those expected) will not be waited for."""
        with self._condition:
            self._announce(name)
            self._condition.notify_all()

    def wait(self, key: str, judge: Judge[T], timeout: float, awaited: str) -> T:
        """Wait until ``judge`` has a result for the object with the id ``key``.

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
                # The thread that looked for all may be leaving: another one has to take over.
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
            LOG.warning("A look at %d objects failed and is repeated: %s", len(keys), error)
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


def poll(
    look: Callable[[], T],
    is_final: Callable[[T], bool],
    *,
    timeout: float,
    clock: Clock,
    shortest: float = 0.1,
    longest: float = 15.0,
    look_takes: float = 60.0,
) -> T:
    """Look until what is seen is final, or a timeout is over: a :class:`Poller` for one alone.

    The last look begins when the timeout is over or later, so that who asks whether something has
    happened meanwhile knows it.

    :param look: retries transient errors itself, if they are not to count as a look without result
    :param timeout: seconds; with 0 or less there is one look
    :param shortest, longest: bounds of the interval between looks, in seconds
    :param look_takes: seconds that a look takes at most in a process that runs
    :returns: what the last look gave, final or not; raises what the last look raised
    """
    poller = Poller(
        lambda keys: {key: {"seen": look()} for key in keys},
        shortest=shortest,
        longest=longest,
        look_takes=look_takes,
        clock=clock,
    )

    def judge(view: View | None) -> Any:
        seen: Any = view and view["seen"]
        return seen if is_final(seen) else PENDING

    if timeout > 0:
        try:
            return poller.wait("it", judge, timeout, "its end")
        except DeadlineExceeded:
            LOG.debug("Nothing final was seen in %.0f seconds", timeout)
    return look()

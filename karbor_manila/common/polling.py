# SPDX-License-Identifier: Apache-2.0
"""The one poll loop: one look serves all who wait, and every wait has a deadline."""

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from oslo_log import log as logging

from karbor_manila.common.clock import STALL, Clock, Deadline, queued
from karbor_manila.common.errors import (
    DeadlineExceeded,
    RefusedError,
    TransientError,
)
from karbor_manila.common.pace import Pace

LOG = logging.getLogger(__name__)

T = TypeVar("T")

#: What a judge returns while there is no result yet.
PENDING: Any = object()

View = dict[str, Any]
Look = Callable[[Collection[str]], Mapping[str, View | None]]
Judge = Callable[[View | None], T]


@dataclass(eq=False, slots=True)
class _Wait:
    """One who waits, and what became of that."""

    key: str
    judge: Judge[Any]
    deadline: Deadline
    woken: threading.Condition
    verdict: Any = PENDING
    error: Exception | None = None
    seen: str = "nothing"

    @property
    def is_over(self) -> bool:
        return self.verdict is not PENDING or self.error is not None


class Poller:
    """Looks at many objects of Manila with one request, for all who wait for one of them.

    There is no thread of its own: one of the waiting threads keeps the time, looks when that is due
    and judges for all. The others sleep until there is something for them, or their deadline is
    over; when the one who keeps the time leaves, the next one does it.
    Transient errors of a look are retried until the deadlines of those who wait; a refusal is
    raised to each of them. A thread that was not run until after its deadline gets one more look.

    :param look: gives the views of those with these ids, None for what is not there;
        raises TransientError or RefusedError
    :param expected: how many objects the flow will wait for in all; until they have all been
        announced (by :meth:`wait` or :meth:`no_wait`), looks are rare
    :param shortest, longest: bounds of the interval between looks, in seconds; within them it grows
        with the time waited, and with what looks take
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
        self._pace = Pace(expected, shortest, longest)
        self._clock = clock or Clock()
        self._lock = threading.RLock()
        self._announced: set[str] = set()
        self._settled_at = self._clock.now()
        self._waits: dict[_Wait, None] = {}  # a set that keeps its order
        self._keeper: _Wait | None = None
        self._looking = False
        self._due = self._clock.now()
        self._silent_until = self._due  # the one who keeps the time is to go on then
        self._trouble: TransientError | None = None

    def no_wait(self, name: str) -> None:
        """``name`` (any distinct name of one of those expected) will not be waited for."""
        with self._lock:
            self._announce(name)

    def wait(
        self, key: str, judge: Judge[T], timeout: float, awaited: str, *, begun: bool = False
    ) -> T:
        """Wait until ``judge`` has a result for the object with the id ``key``.

        :param judge: gets the view, or None when it is not there; returns PENDING to go on
            waiting, anything else to return it; may raise to end the wait. It is called by whoever
            looks, and those after it wait meanwhile
        :param timeout: seconds
        :param awaited: what is waited for, for the error
        :param begun: it was begun just now: a look at once would show nothing
        :raises DeadlineExceeded: it did not happen in time
        :raises RefusedError: Manila does not let us look
        """
        deadline = Deadline(timeout, self._clock)
        with self._lock:
            mine = _Wait(key, judge, deadline, threading.Condition(self._lock))
            if key in self._announced:
                # It is waited for again, because something was done to it: look soon.
                self._settled_at = self._clock.now()
                self._look_by(self._settled_at + self._pace.soon)
            elif begun and not self._waits and not self._looking:
                self._due = self._clock.now() + self._pace.while_asking
            self._announce(key)
            self._look_by(self._clock.now() + deadline.left)
            self._waits[mine] = None
            try:
                while not mine.is_over:
                    self._let_pass(mine, timeout, awaited)
            finally:
                del self._waits[mine]
                if self._keeper is mine:
                    self._hand_over()
        if mine.error is not None:
            raise mine.error
        verdict: T = mine.verdict
        return verdict

    def _announce(self, name: str) -> None:
        if name not in self._announced:
            self._announced.add(name)
            self._settled_at = self._clock.now()
            if len(self._announced) >= self._expected:
                self._look_by(self._settled_at + self._pace.soon)

    def _look_by(self, moment: float) -> None:
        """Have a look no later than then."""
        if moment < self._due:
            self._due = moment
            if self._keeper and not self._looking:
                self._keeper.woken.notify_all()

    def _hand_over(self) -> None:
        """The one who keeps the time leaves; whatever ends it, another one goes on."""
        self._keeper = next((wait for wait in self._waits if not wait.is_over), None)
        if self._keeper:
            self._keeper.woken.notify_all()

    def _let_pass(self, mine: _Wait, timeout: float, awaited: str) -> None:
        """One turn of waiting: do the look that is due, or sleep until there is news."""
        until_due = self._due - self._clock.now()
        left = mine.deadline.left
        if until_due <= 0 and not self._looking:
            self._keeper = mine
            self._look_for_all()
        elif left <= 0:
            raise DeadlineExceeded(awaited, timeout, str(self._trouble or mine.seen))
        else:
            self._sleep(mine, until_due, left)

    def _sleep(self, mine: _Wait, until_due: float, left: float) -> None:
        self._keeper = self._keeper or mine
        seconds = min(until_due, left) if self._keeper is mine else left
        until = self._clock.now() + seconds
        if self._keeper is mine:
            self._silent_until = until
        self._clock.wait(mine.woken, seconds)
        self._forgive(until, self._clock.now())

    def _look_for_all(self) -> None:
        asked = list(self._waits)
        began, waited = self._clock.now(), queued()
        ended = None
        self._looking = True
        self._silent_until = began + self._look_takes
        self._lock.release()
        try:
            views = self._ask(asked)
            ended = self._clock.now() - (queued() - waited)
            self._judge(asked, views)
        finally:
            self._lock.acquire()
            self._looking = False
            now = self._clock.now()
            if ended is not None:
                self._pace.note(ended - began)
            over = [wait for wait in asked if wait.is_over]
            self._due = now + self._interval(bool(over))
            self._forgive(began + self._look_takes, now if ended is None else ended)
            for wait in over:
                wait.woken.notify_all()
            for wait in self._waits.keys() - asked:  # they came meanwhile
                self._look_by(now + wait.deadline.left)

    def _ask(self, asked: list[_Wait]) -> Mapping[str, View | None]:
        try:
            views = self._look(frozenset(wait.key for wait in asked))
            self._trouble = None
            return views
        except TransientError as error:
            self._trouble = error
            LOG.warning("A look at %d objects failed and is repeated: %s", len(asked), error)
        except RefusedError as error:
            for wait in asked:
                wait.error = error
        return {}

    def _judge(self, asked: list[_Wait], views: Mapping[str, View | None]) -> None:
        for wait in asked:
            if wait.key not in views or wait not in self._waits:
                continue
            view = views[wait.key]
            wait.seen = f"status {view.get('status')!r}" if view else "not there"
            try:
                wait.verdict = wait.judge(view)
            except Exception as error:  # noqa: BLE001 - raised to the one who waits
                wait.error = error

    def _forgive(self, until: float, now: float) -> None:
        """Time in which this process did not run moves the deadlines of all who wait. This thread
        was to go on at ``until``, and did at ``now``."""
        excess = now - self._silent_until  # the first to go on counts it for all
        if min(now - until, excess) <= STALL:
            return
        self._silent_until = now
        LOG.warning("This process did not run for about %.0f seconds", excess)
        for wait in self._waits:
            wait.deadline.move(excess)
            if wait.deadline.left > 0 or wait.deadline.last_chance(self._look_takes):
                self._due = min(self._due, now)

    def _interval(self, news: bool) -> float:
        """Seconds from a look, which ended a wait if there is ``news``, to the next one."""
        return self._pace.interval(
            self._clock.now() - self._settled_at,
            asking=len(self._announced) < self._expected,
            news=news,
            trouble=self._trouble,
        )


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

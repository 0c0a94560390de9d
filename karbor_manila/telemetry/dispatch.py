# SPDX-License-Identifier: Apache-2.0
"""Who listens to events, each in a thread of its own behind a queue of its own.

A listener that raises, hangs or is too slow changes nothing but a counter and a line in the log:
:meth:`Dispatcher.put` never waits, and what does not fit into the queue of a listener is dropped.
The threads are Karbor's green ones where it has patched them, real ones in a command.
"""

import abc
import contextvars
import functools
import os
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from oslo_config import cfg
from oslo_log import log as logging

from karbor_manila.common.clock import Clock
from karbor_manila.telemetry import events
from karbor_manila.telemetry.events import Event
from karbor_manila.telemetry.seldom import Seldom

LOG = logging.getLogger(__name__)

# Whether this (green) thread is a listener's: what it does is no news, or it would never end.
_LISTENING: contextvars.ContextVar[bool] = contextvars.ContextVar("listening", default=False)

# So long does a listener's thread wait before it looks around again, in seconds.
_LOOK_AROUND = 60.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way.

    :ivar context: Karbor's request context of who asked for the work; None for Karbor's own user.
        It has a token, for who has to ask a service in that name: it goes into no message
    """

    event: Event
    context: Any


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the events for one listener since it began.

    :ivar delivered: how many it has taken
    :ivar dropped: how many did not fit into its queue, or were left in it at the end
    :ivar failed: how many it raised an error for
    :ivar waiting: how many are in its queue
    """

    delivered: int
    dropped: int
    failed: int
    waiting: int


class Listener(abc.ABC):
    """Gets every event, in order. Found by its entry point in ``karbor_manila.listeners``.

    All but ``__init__`` and :meth:`check` run in a thread that is the listener's alone: they may
    wait for others, with a timeout of their own. What they raise is counted and logged.

    :param name: of the entry point, as in ``event_listeners``
    :param settings: the group ``[manila_share_protection]`` of karbor.conf, with :attr:`options`
    """

    #: In the group above; their names begin with the listener's own word.
    options: ClassVar[Collection[cfg.Opt]] = ()
    #: So many events at most are given to :meth:`deliver` at once.
    most: ClassVar[int] = 1

    def __init__(self, *, name: str, settings: Any) -> None:
        self.name = name
        self.settings = settings

    def check(self) -> None:  # noqa: B027 - most listeners take every value
        """Whether the options can be as they are; asks nobody.

        :raises cfg.Error: they cannot, and the service does not start
        """

    def start(self) -> None:  # noqa: B027 - as above
        """Before the first event. After an error here, :meth:`deliver` is called all the same."""

    @abc.abstractmethod
    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Take one event, or up to :attr:`most`, in their order. Nobody repeats what fails."""

    def stop(self) -> None:  # noqa: B027 - as above
        """After the last event."""


class Outlet:
    """The queue and the thread of one listener.

    :param size: so many events wait at most
    """

    def __init__(self, listener: Listener, size: int, clock: Clock) -> None:
        self.listener = listener
        self._size = size
        self._clock = clock
        self._queue: deque[Delivery] = deque()
        self._news = threading.Condition()
        self._ending = self._given_up = self._over = False
        self._delivered = self._dropped = self._failed = 0
        self._full, self._broken = Seldom(clock=clock), Seldom(clock=clock)

    def put(self, delivery: Delivery) -> None:
        """Have it delivered; or dropped, when the queue is full. Never waits for the listener."""
        with self._news:
            if len(self._queue) < self._size and not self._ending:
                self._queue.append(delivery)
                self._news.notify_all()
                return
            self._dropped += 1
            missed = self._full.due()
        if missed is not None:
            LOG.warning(
                "The listener %s does not keep up: its queue of %d events is full, and %d events "
                "were dropped so far",
                self.listener.name,
                self._size,
                self._dropped,
            )

    def run(self) -> None:
        """Deliver until it is ended; what the thread of the listener does."""
        _LISTENING.set(True)
        try:
            self._guarded(self.listener.start, "start")
            while batch := self._next():
                done = self._guarded(functools.partial(self.listener.deliver, batch), "take events")
                with self._news:
                    self._delivered += len(batch) if done else 0
                    self._failed += 0 if done else len(batch)
            self._guarded(self.listener.stop, "stop")
        finally:
            with self._news:
                self._over = True
                self._news.notify_all()

    def end(self) -> None:
        """Take nothing more, and end once the queue is empty."""
        with self._news:
            self._ending = True
            self._news.notify_all()

    def await_end(self, deadline: float) -> bool:
        """Wait until it has ended, by the clock at most until ``deadline``. Then the rest is
        dropped, and its thread left to itself.

        :returns: whether it has ended
        """
        with self._news:
            while not self._over and (left := deadline - self._clock.now()) > 0:
                self._clock.wait(self._news, left)
            if not self._over:
                self._given_up = True
                self._dropped += len(self._queue)
                self._queue.clear()
            return self._over

    def counts(self) -> Counts:
        """What became of its events so far."""
        with self._news:
            return Counts(self._delivered, self._dropped, self._failed, len(self._queue))

    def _next(self) -> list[Delivery]:
        """The next events, when there are some; none at the end."""
        with self._news:
            while not (self._queue or self._ending):
                self._clock.wait(self._news, _LOOK_AROUND)
            if self._given_up:
                return []
            number = min(len(self._queue), max(1, self.listener.most))
            return [self._queue.popleft() for _ in range(number)]

    def _guarded(self, action: Callable[[], object], what: str) -> bool:
        try:
            action()
        except BaseException as error:  # whatever it is, a Timeout of eventlet or sys.exit() too
            # The end of a green thread; greenlet need not be installed where this runs.
            if type(error).__name__ == "GreenletExit":
                raise
            if (missed := self._broken.due()) is not None:
                LOG.exception(
                    "The listener %s could not %s (and %d more times since the last line)",
                    self.listener.name,
                    what,
                    missed,
                )
            return False
        return True


def _in_thread(outlet: Outlet) -> None:
    threading.Thread(target=outlet.run, name=f"events-{outlet.listener.name}", daemon=True).start()


class Dispatcher:
    """Gives each event to every listener.

    :param size: so many events wait for each listener at most
    :param spawn: has :meth:`Outlet.run` run beside everything else
    """

    def __init__(
        self,
        listeners: Collection[Listener],
        *,
        size: int,
        clock: Clock | None = None,
        spawn: Callable[[Outlet], None] = _in_thread,
    ) -> None:
        self._clock = clock or Clock()
        self._spawn = spawn
        self._outlets = [Outlet(listener, size, self._clock) for listener in listeners]
        self._runs = False

    def start(self) -> None:
        """Have all events from now on delivered; without a listener nothing is begun, and nothing
        twice: a SIGHUP has Karbor start its service once more."""
        if self._runs or not self._outlets:
            return
        self._runs = True
        for outlet in self._outlets:
            self._spawn(outlet)
        events.listen(self.put)

    def put(self, event: Event, context: Any) -> None:
        """Have an event delivered (:class:`.events.Sink`); never waits."""
        if _LISTENING.get():
            return
        delivery = Delivery(event, context)
        for outlet in self._outlets:
            outlet.put(delivery)

    def stop(self, timeout: float) -> bool:
        """Deliver what waits, for at most so many seconds, and end.

        :returns: whether everything was delivered in time
        """
        if not self._runs:
            return True
        self._runs = False
        events.listen(None)
        for outlet in self._outlets:
            outlet.end()
        deadline = self._clock.now() + timeout
        late = [each.listener.name for each in self._outlets if not each.await_end(deadline)]
        if late:
            LOG.warning("Listeners that did not end in %g seconds: %s", timeout, ", ".join(late))
        return not late

    def counts(self) -> Mapping[str, Counts]:
        """What became of the events, by the name of the listener."""
        return {outlet.listener.name: outlet.counts() for outlet in self._outlets}


# A forked process has none of the threads: it tells nobody until it begins a dispatcher of its own.
os.register_at_fork(after_in_child=lambda: events.listen(None))

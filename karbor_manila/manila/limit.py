# SPDX-License-Identifier: Apache-2.0
"""One limit of the requests under way at an endpoint, whose clients take turns.

There is one for each Manila in a process, however many operations there are. A place that becomes
free goes to the client that has the fewest requests under way, of several to the one that had its
last turn longest ago, and within a client to the request that has waited longest. So the one share
of a small plan goes before the thousandth of a large one.

It never sleeps or looks around: who ends a request lets the next one begin. A (green) thread that
is killed while it waits, or while it asks, gives its place back.
"""

import contextlib
import threading
import weakref
from collections import deque
from collections.abc import Iterator

from karbor_manila.common import clock as clocks
from karbor_manila.common.clock import STALL, Clock
from karbor_manila.manila.errors import ManilaTransient

_limits: weakref.WeakValueDictionary[str, "Limit"] = weakref.WeakValueDictionary()
_limits_lock = threading.Lock()


def of_endpoint(base: str) -> "Limit":
    """The limit of the Manila with this URL, one for the whole process."""
    with _limits_lock:
        found = _limits.get(base)
        if found is None:
            found = _limits[base] = Limit()
        return found


class _Waiter:
    """A request that waits for its turn; ``gate`` is held until it has come."""

    def __init__(self, since: float) -> None:
        self.gate = threading.Lock()
        self.gate.acquire()
        self.is_admitted = False
        self.since = since
        self.waited = 0.0


class Limit:
    """The requests under way at one endpoint.

    There are at most so many as the client with the largest number may have, of those that have
    requests under way or waiting; and none has more than its own number.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._lock = threading.Lock()
        # Who has requests under way or waiting, in the order in which they came.
        self._busy: dict[Client, None] = {}
        self._under_way = 0
        self._turns = 0
        # Seconds in which this process ran, as far as the requests show it.
        self._ran = 0.0
        self._seen = self._clock.now()

    def client(
        self, at_most: int, *, request_takes: float = 60.0, patience: float | None = None
    ) -> "Client":
        """Someone who asks, and has turns of its own: an operation, or the audit.

        :param at_most: so many requests of it are under way at a time
        :param request_takes: seconds that one takes at most in a process that runs
        :param patience: seconds that a request waits for its turn, when somebody waits for the
            answer who gives up himself; None for as long as the others take
        """
        return Client(self, at_most, request_takes, patience)

    def begin(self, client: "Client", asked: str, endpoint: str) -> None:
        """Wait for the client's turn.

        :raises ManilaTransient: it did not come within the client's patience
        """
        with self._lock:
            waiter = _Waiter(self._now())
            if client not in self._busy:
                client.last_turn = self._turns - 1  # before the last one to have had a turn
                self._busy[client] = None
            client.waiting.append(waiter)
            self._admit()
        if waiter.is_admitted:
            return
        try:
            came = waiter.gate.acquire(timeout=-1.0 if client.patience is None else client.patience)
        except BaseException:  # the end of a killed green thread, or a timeout of eventlet's
            if self._withdraw(client, waiter):
                self.end(client)
            raise
        if not came and not self._withdraw(client, waiter):
            raise ManilaTransient(
                asked,
                f"{client.patience:.0f} seconds have passed while it answered other requests of "
                f"this service",
                endpoint=endpoint,
            )
        if client.patience is None:
            clocks.note_queued(waiter.waited)

    def end(self, client: "Client") -> None:
        """A request of the client has ended."""
        with self._lock:
            self._now()
            self._give_back(client)

    def _withdraw(self, client: "Client", waiter: _Waiter) -> bool:
        """A request does not wait any longer; whether its turn came at the last moment."""
        with self._lock:
            if waiter.is_admitted:
                return True
            client.waiting.remove(waiter)
            self._forget_idle(client)
            return False

    def _give_back(self, client: "Client") -> None:
        client.under_way -= 1
        self._under_way -= 1
        self._forget_idle(client)
        self._admit()

    def _forget_idle(self, client: "Client") -> None:
        if not client.under_way and not client.waiting:
            self._busy.pop(client, None)

    def _admit(self) -> None:
        """Let begin what may."""
        while client := self._next():
            waiter = client.waiting.popleft()
            client.under_way += 1
            self._under_way += 1
            self._turns += 1
            client.last_turn = self._turns
            waiter.is_admitted = True
            waiter.waited = self._ran - waiter.since
            waiter.gate.release()

    def _next(self) -> "Client | None":
        if self._under_way >= max((client.at_most for client in self._busy), default=0):
            return None
        return min(
            (c for c in self._busy if c.waiting and c.under_way < c.at_most),
            key=lambda c: (c.under_way, c.last_turn),
            default=None,
        )

    def _now(self) -> float:
        """Seconds in which this process ran. While requests wait, one of those under way ends
        before it takes longer than it may; what is longer is time in which nobody ran."""
        now = self._clock.now()
        longest = max((client.request_takes for client in self._busy), default=0.0)
        self._ran += min(now - self._seen, longest + STALL)
        self._seen = now
        return self._ran


class Client:
    """One who asks; see :meth:`Limit.client`."""

    def __init__(
        self, limit: Limit, at_most: int, request_takes: float, patience: float | None
    ) -> None:
        self._limit = limit
        self.at_most = at_most
        self.request_takes = request_takes
        self.patience = patience
        self.waiting: deque[_Waiter] = deque()
        self.under_way = 0
        #: The number of its last turn.
        self.last_turn = 0

    @contextlib.contextmanager
    def turn(self, asked: str, endpoint: str = "") -> Iterator[None]:
        """A place for one request, once its turn has come.

        :param asked: for the error: what is asked
        :raises ManilaTransient: as :meth:`Limit.begin`
        """
        self._limit.begin(self, asked, endpoint)
        try:
            yield
        finally:
            self._limit.end(self)

# SPDX-License-Identifier: Apache-2.0
"""oslo.messaging's in-memory driver (``transport_url = fake://``), without its polling.

As it is, each listener looks into its queues twenty times a second: a fifth of the CPU of a Karbor
in functional tests (py-spy), and 25 ms more for each call. Here a listener sleeps until something
is delivered. Imported in Karbor's and in Manila's venv, and after the monkey patch where there is
one.
"""

import functools
import threading
import time
from collections.abc import Callable
from typing import Any

from oslo_messaging._drivers import base, impl_fake

#: Seconds after which a listener looks in any case: for what an endpoint has put back (requeue).
LOOK_SECONDS = 0.5


class Deliveries:
    """How many there were, to wait for one more."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self.count = 0

    def one_more(self) -> None:
        """Wake up all who wait."""
        with self._condition:
            self.count += 1
            self._condition.notify_all()

    def wait(self, seen: int, seconds: float) -> None:
        """Until there were more than ``seen``, or for so many seconds."""
        with self._condition:
            self._condition.wait_for(lambda: self.count != seen, seconds)


def install() -> None:
    """Have all exchanges of this process say when they deliver, and all listeners wait for that."""
    deliveries = Deliveries()

    def telling(method: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(method)
        def told(*args: Any, **kwargs: Any) -> None:
            method(*args, **kwargs)
            deliveries.one_more()

        return told

    @base.batch_poll_helper
    def poll(listener: Any, timeout: float | None = None) -> Any:
        deadline = None if timeout is None else time.monotonic() + timeout
        while not listener._stopped.is_set():
            seen = deliveries.count  # before the look: what comes after it ends the wait at once
            found = _first(listener)
            if found is not None:
                return found
            left = LOOK_SECONDS if deadline is None else deadline - time.monotonic()
            if left < 0:
                return None
            deliveries.wait(seen, min(left, LOOK_SECONDS))
        return None

    exchange, listener = impl_fake.FakeExchange, impl_fake.FakeListener
    exchange.deliver_message = telling(exchange.deliver_message)
    listener.stop = telling(listener.stop)
    listener.poll = poll


def _first(listener: Any) -> impl_fake.FakeIncomingMessage | None:
    """The next message of any of its targets, as FakeListener.poll takes it."""
    for target in listener._targets:
        exchange = listener._exchange_manager.get_exchange(target.exchange)
        context, message, reply, requeue = exchange.poll(target, listener._pool)
        if message is not None:
            return impl_fake.FakeIncomingMessage(context, message, reply, requeue)
    return None

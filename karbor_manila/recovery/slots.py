# SPDX-License-Identifier: Apache-2.0
"""How much is settled at a time: what only waits takes no slot from what works.

A restore may have to be waited for for days, and there may be any number of them. Each of them
costs a (green) thread; what is limited is how many do something at once.
"""

import contextlib
import datetime
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from karbor_manila.common.clock import Clock
from karbor_manila.recovery.shared_manila import Connect, SharedManila

T = TypeVar("T")

# Seconds after which a thread that waits for a slot looks again unasked.
_LOOK_AGAIN = 30.0


class Slots:
    """So many threads may work at a time.

    One that has lent its slot takes it back at once, even when there are more than ``most`` then:
    those that have the others may be waiting for a lock that it holds. No semaphore of a library
    allows that.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._busy = 0
        self._freed = threading.Condition()

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Wait for a free slot and take it; nothing that others need may be held meanwhile."""
        with self._freed:
            while self._busy >= self._most:
                self._freed.wait(_LOOK_AGAIN)
            self._busy += 1
        try:
            yield
        finally:
            self._free()

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """The caller has a slot and does nothing for a while."""
        self._free()
        try:
            yield
        finally:
            with self._freed:
                self._busy += 1

    def _free(self) -> None:
        with self._freed:
            self._busy -= 1
            self._freed.notify()


class SlotClock(Clock):
    """A clock for those who have a slot: while they let time pass, it is lent."""

    def __init__(self, clock: Clock, slots: Slots) -> None:
        self._clock = clock
        self._slots = slots

    def now(self) -> float:
        """As the clock has it."""
        return self._clock.now()

    def utcnow(self) -> datetime.datetime:
        """As the clock has it."""
        return self._clock.utcnow()

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        with self._slots.lent():
            self._clock.sleep(seconds)

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """Let at most ``seconds`` pass, or less if ``condition`` (held) is notified."""
        with self._slots.lent():
            self._clock.wait(condition, seconds)


class SideBySide:
    """Runs what belongs to one task side by side, each call in a slot of its own.

    :param executor: makes an executor for so many calls
    :param clients: what this task and others have in common of Manila, by provider
    """

    def __init__(
        self,
        executor: Callable[[int], Any],
        slots: Slots,
        clients: dict[str, SharedManila] | None = None,
    ) -> None:
        self._executor = executor
        self._slots = slots
        self._clients = {} if clients is None else clients

    def manila(self, provider_id: str, connect: Connect) -> SharedManila:
        """What the tasks of a provider have in common of Manila.

        :param connect: makes a client for Karbor's own user
        """
        return self._clients.setdefault(provider_id, SharedManila(connect))

    def clock(self, clock: Clock) -> Clock:
        """The clock by which the calls wait."""
        return SlotClock(clock, self._slots)

    def run(self, calls: list[Callable[[], T]]) -> list[T | Exception]:
        """What each of them returned, or the error that it ended in, in their order. The caller's
        own slot is lent meanwhile."""
        with self._slots.lent(), self._executor(len(calls)) as pool:
            futures = [pool.submit(self._in_a_slot, call) for call in calls]
            return [_outcome(future) for future in futures]

    def _in_a_slot(self, call: Callable[[], T]) -> T:
        with self._slots.one():
            return call()


def _outcome(future: Any) -> Any:
    try:
        return future.result()
    except Exception as error:  # noqa: BLE001 - the caller looks at it
        return error

# SPDX-License-Identifier: Apache-2.0
"""Listeners: what one of them does changes a counter and a line in the log, and nothing else."""

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import eventlet
import pytest

from karbor_manila.telemetry import events
from karbor_manila.telemetry.dispatch import Counts, Delivery, Dispatcher, Listener, Outlet
from tests.unit.clock import FakeClock
from tests.unit.telemetry.listeners import Keeping, event

SIZE = 5


@pytest.fixture(autouse=True)
def nobody() -> Iterator[None]:
    """After each test nobody listens."""
    yield
    events.listen(None)


class Dispatched:
    """Listeners, whose threads are greenlets beside the test's own."""

    def __init__(self, *listeners: Listener, size: int = SIZE) -> None:
        self.clock = FakeClock()
        self.outlets: list[Outlet] = []
        self.dispatcher = Dispatcher(
            listeners, size=size, clock=self.clock, spawn=self.outlets.append
        )
        self.dispatcher.start()

    def run(self, number: int, *, pause: float = 1.0, timeout: float = 5.0) -> bool:
        """So many events, one every ``pause`` seconds; then the end. Whether it came in time."""

        def work() -> bool:
            for each in range(number):
                if pause:
                    self.clock.sleep(pause)
                events.emit(lambda each=each: event(share_id=str(each)), each)
            return self.dispatcher.stop(timeout)

        outcome, *others = self.clock.together(work, *(each.run for each in self.outlets))
        assert not any(isinstance(each, Exception) for each in (outcome, *others))
        return bool(outcome)

    def counts(self, name: str = "keeping") -> Counts:
        return self.dispatcher.counts()[name]


def test_a_listener_gets_every_event_in_order_and_whose_it_is() -> None:
    listener = Keeping()
    dispatched = Dispatched(listener)
    assert dispatched.run(3)
    assert [each.share_id for each in listener.events] == ["0", "1", "2"]  # type: ignore[attr-defined]
    assert listener.contexts == [0, 1, 2]
    assert listener.steps == ["start", *["deliver"] * 3, "stop"]
    assert dispatched.counts() == Counts(delivered=3, dropped=0, failed=0, waiting=0)


def test_what_waits_at_the_end_is_delivered() -> None:
    listener = Keeping()
    assert Dispatched(listener).run(SIZE, pause=0.0)
    assert len(listener.events) == SIZE


def test_a_listener_gets_as_many_at_once_as_it_wants() -> None:
    class Batched(Keeping):
        most = 2

    listener = Batched()
    assert Dispatched(listener).run(SIZE, pause=0.0)
    assert (listener.steps.count("deliver"), len(listener.events)) == (3, SIZE)


class Raising(Keeping):
    """Fails at everything."""

    def start(self) -> None:
        raise RuntimeError("start")

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        raise RuntimeError("deliver")

    def stop(self) -> None:
        raise RuntimeError("stop")


def test_one_that_raises_is_counted_and_logged_seldom_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listener = Keeping()
    dispatched = Dispatched(Raising(name="raising"), listener)
    assert dispatched.run(50)
    assert dispatched.counts("raising") == Counts(delivered=0, dropped=0, failed=50, waiting=0)
    assert len(listener.events) == 50
    lines = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(lines) == 1  # in less than a minute
    assert "raising" in lines[0].getMessage()


@pytest.mark.parametrize("error", [SystemExit(1), eventlet.Timeout(None), KeyboardInterrupt()])
def test_one_that_raises_what_no_error_is_goes_on_as_well(error: BaseException) -> None:
    """Its thread ended, and nothing more was delivered."""

    class Leaving(Keeping):
        def deliver(self, deliveries: Sequence[Delivery]) -> None:
            super().deliver(deliveries)
            if len(self.events) == 1:
                raise error

    listener = Leaving()
    dispatched = Dispatched(listener)
    assert dispatched.run(3)
    assert len(listener.events) == 3
    assert dispatched.counts() == Counts(delivered=2, dropped=0, failed=1, waiting=0)


class Hanging(Keeping):
    """Takes a year for the first event."""

    clock: FakeClock

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        self.clock.sleep(365 * 86400.0)
        super().deliver(deliveries)


def test_one_that_hangs_drops_what_it_does_not_take_and_holds_up_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hanging, listener = Hanging(name="hanging"), Keeping()
    dispatched = Dispatched(hanging, listener)
    hanging.clock = dispatched.clock
    began = dispatched.clock.now()
    ended: list[float] = []
    listener.stop = lambda: ended.append(dispatched.clock.now())  # type: ignore[method-assign]
    assert not dispatched.run(50)
    assert ended == [began + 50]  # no second later than without it
    assert len(listener.events) == 50
    # One it is at, which it had taken when everybody had gone; what waited was dropped.
    assert dispatched.counts("hanging") == Counts(delivered=1, dropped=49, failed=0, waiting=0)
    assert sum("does not keep up" in record.getMessage() for record in caplog.records) == 1
    assert sum("did not end in 5 seconds" in record.getMessage() for record in caplog.records) == 1


def test_the_end_waits_no_longer_than_it_is_told() -> None:
    hanging = Hanging(name="hanging")
    dispatched = Dispatched(hanging)
    hanging.clock = dispatched.clock
    took: list[float] = []

    def end() -> None:
        events.emit(event())
        dispatched.clock.sleep(1.0)
        began = dispatched.clock.now()
        dispatched.dispatcher.stop(2.5)
        took.append(dispatched.clock.now() - began)

    dispatched.clock.together(end, dispatched.outlets[0].run)
    assert took == [2.5]


def test_a_flood_is_bounded_and_never_waits() -> None:
    listener = Keeping()
    dispatched = Dispatched(listener)
    assert dispatched.run(10000, pause=0.0)  # nobody gets a turn meanwhile
    assert dispatched.counts() == Counts(delivered=SIZE, dropped=9995, failed=0, waiting=0)


class Talking(Keeping):
    """Makes news of news."""

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        super().deliver(deliveries)
        events.emit(event)


def test_what_a_listener_does_itself_is_no_news() -> None:
    listener = Talking()
    assert Dispatched(listener).run(3)
    assert len(listener.events) == 3


def test_after_the_end_nobody_is_told() -> None:
    listener = Keeping()
    dispatched = Dispatched(listener)
    dispatched.run(1)
    events.emit(event())
    assert not events.is_heard()
    assert len(listener.events) == 1


def test_without_listeners_nothing_is_begun() -> None:
    dispatched = Dispatched()
    assert not events.is_heard()
    assert dispatched.dispatcher.stop(5.0)


def test_the_end_waits_for_nothing_that_was_not_begun() -> None:
    """Such as that of a service whose start failed before."""
    clock = FakeClock()
    dispatcher = Dispatcher([Keeping()], size=SIZE, clock=clock, spawn=lambda _outlet: None)
    began = clock.now()
    assert dispatcher.stop(5.0)
    dispatcher.start()
    assert not dispatcher.stop(5.0)
    assert dispatcher.stop(5.0)
    assert clock.now() == began + 5.0


def test_what_is_started_twice_is_begun_once() -> None:
    dispatched = Dispatched(Keeping())
    dispatched.dispatcher.start()
    assert len(dispatched.outlets) == 1


def test_real_threads_deliver_and_end() -> None:
    """As in a command, which has no green threads."""
    listener = Keeping()
    dispatcher = Dispatcher([listener], size=100)
    before = set(threading.enumerate())
    dispatcher.start()
    for _ in range(100):
        events.emit(event)
    assert dispatcher.stop(60.0)
    assert len(listener.events) == 100
    assert len(set(threading.enumerate()) - before) <= 1


def test_a_forked_process_tells_nobody() -> None:
    dispatcher = Dispatcher([Keeping()], size=1, spawn=lambda _outlet: None)
    dispatcher.start()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, b"heard" if events.is_heard() else b"alone")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 5) == b"alone"
    assert events.is_heard()


def test_many_who_tell_at_once_lose_nothing() -> None:
    listener = Keeping()
    dispatcher = Dispatcher([listener], size=10000)
    dispatcher.start()
    go = threading.Barrier(4)

    def tell() -> None:
        go.wait()
        for _ in range(500):
            events.emit(event)

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert dispatcher.stop(60.0)
    assert len(listener.events) == 2000


def everything(counts: Any) -> int:
    return int(counts.delivered + counts.dropped + counts.failed + counts.waiting)


def test_each_event_is_counted_once() -> None:
    dispatched = Dispatched(Raising(name="raising"), Keeping(), size=3)
    dispatched.run(20, pause=0.0)
    assert {everything(each) for each in dispatched.dispatcher.counts().values()} == {20}

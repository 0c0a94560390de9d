# SPDX-License-Identifier: Apache-2.0
"""Any number of those who only wait takes no place from those who can be brought to their ends."""

import subprocess
import sys
import threading
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import futurist
import greenlet
import pytest

from karbor_manila.recovery import loop, settle, settle_request
from karbor_manila.recovery.slots import SideBySide, SlotClock, Slots
from karbor_manila.recovery.unfinished import Unfinished
from tests.fakes.manila import Died, FakeClock
from tests.unit.clock import FakeClock as SharedClock
from tests.unit.karbor_stage import Service

MANY = 500


class Parked(FakeClock):
    """A clock on which who waits for long is suspended until the test lets him go on."""

    def __init__(self) -> None:
        super().__init__()
        self.parked: deque[greenlet.greenlet] = deque()

    def wait(self, condition: Any, seconds: float) -> None:
        if seconds < 2.0:
            super().wait(condition, seconds)
        else:
            self.park()

    def park(self) -> None:
        me = greenlet.getcurrent()
        assert me.parent, "the test itself would wait"
        self.parked.append(me)
        me.parent.switch()

    def go_on(self) -> None:
        """Everybody does what he can do now; an hour has gone by."""
        self.seconds += 3600.0
        for _ in range(len(self.parked)):
            who = self.parked.popleft()
            who.parent = greenlet.getcurrent()
            who.switch()


class Greenlets:
    """An executor as Karbor's is: each call begins at once, as long as there are workers."""

    def __init__(self, clock: Parked, workers: int) -> None:
        self._clock = clock
        self._workers = workers
        self._later: deque[Callable[[], None]] = deque()

    def __enter__(self) -> "Greenlets":
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def submit(self, function: Callable[..., Any], *args: Any) -> futurist.Future:
        future = futurist.Future()
        wait_for_it = future.result

        def work() -> None:
            try:
                future.set_result(function(*args))
            except Exception as error:  # noqa: BLE001 - whoever asks for the result gets it
                future.set_exception(error)
            self._workers += 1
            self._begin()

        def result() -> Any:
            while not future.done():
                self._clock.park()
            return wait_for_it()

        future.result = result
        self._later.append(work)
        self._begin()
        return future

    def _begin(self) -> None:
        while self._later and self._workers:
            self._workers -= 1
            greenlet.greenlet(self._later.popleft()).switch()


def restarted(service: Service, most: int) -> tuple[Service, Parked]:
    """The service is killed, and the next one ends so much at a time, on a clock that parks."""
    clock = Parked()
    clock.seconds = service.cloud.clock.seconds
    service.cloud.clock = clock
    service = service.die()
    work = service.manager.reconciliation
    work._executor = lambda count: Greenlets(clock, count)
    work._slots = Slots(most)
    return service, clock


def ends(found: dict[Unfinished, str]) -> list[tuple[str, str]]:
    return [(item.operation, status) for item, status in found.items()]


def test_500_restores_that_wait_hold_up_no_protection(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    die_protecting(service)
    service, clock = restarted(service, loop.MOST)
    work, condition = service.manager.reconciliation, threading.Condition()
    waiting = [
        Unfinished("restore", str(uuid.uuid4()), "kept", provider, "project", None)
        for provider in [service.provider.id] * MANY
    ]
    begun: list[str] = []

    def wait_for_a_day(item: Unfinished, _provider: Any, beside: SideBySide) -> str:
        def share() -> None:
            begun.append(item.id)
            beside.clock(clock).wait(condition, 86_400.0)

        beside.run([share, share])
        return "success"

    monkeypatch.setattr(settle_request, "settle", wait_for_a_day)
    monkeypatch.setattr(settle, "_reverted", lambda _restore: [])
    found = work.find
    monkeypatch.setattr(work, "find", lambda *given: [*waiting, *found(*given)])

    assert ends(work.run(timeout=0)) == [("protect", "available")]
    assert set(begun) == {item.id for item in waiting}
    clock.go_on()
    clock.go_on()
    assert ends(work.run(timeout=0)).count(("restore", "success")) == MANY
    assert work._slots._busy == 0


def test_more_restores_than_are_ended_at_a_time_wait_and_come_to_their_ends(
    service: Service,
) -> None:
    kept = service.protect(service.plan(service.share()))
    service.cloud.seconds["create_share"] = 86_000.0
    service.cloud.plan("create_share", Died, after=True, times=8)
    for _ in range(8):
        with pytest.raises(Died):
            service.restore(kept.id)
    die_protecting(service)
    service, clock = restarted(service, 2)
    work = service.manager.reconciliation

    assert ends(work.run(timeout=0)) == [("protect", "available")]
    assert work.run(timeout=0) == {}

    clock.seconds += 86_000.0
    ended: dict[Unfinished, str] = {}
    for _ in range(5):
        clock.go_on()
        ended |= work.run(timeout=0)
    assert ends(ended) == [("restore", "success")] * 8
    assert work._slots._busy == 0


def die_protecting(service: Service) -> None:
    service.cloud.plan("create_snapshot", Died, after=True)
    with pytest.raises(Died):
        service.protect(service.plan(service.share()))


def test_so_many_and_no_more_work_at_a_time() -> None:
    slots, lock = Slots(3), threading.Lock()
    at_work, most = 0, 0

    def work() -> None:
        nonlocal at_work, most
        with slots.one():
            with lock:
                at_work += 1
                most = max(most, at_work)
            everybody.wait(timeout=30)
            with lock:
                at_work -= 1

    everybody = threading.Barrier(3)
    with ThreadPoolExecutor(12) as pool:
        for future in [pool.submit(work) for _ in range(12)]:
            future.result(timeout=60)
    assert most == 3


@pytest.mark.parametrize("how", ["sleep", "wait"])
def test_who_lets_time_pass_lends_his_slot_and_has_it_afterwards(how: str) -> None:
    clock, slots = SharedClock(), Slots(1)
    lending = SlotClock(clock, slots)
    condition = threading.Condition()
    done: list[tuple[str, float]] = []

    def one(name: str, seconds: float) -> Callable[[], None]:
        def work() -> None:
            with slots.one():
                if how == "sleep":
                    lending.sleep(seconds)
                else:
                    lending.wait(condition, seconds)
                done.append((name, clock.now()))

        return work

    assert clock.together(one("long", 1000.0), one("short", 1.0)) == [None, None]
    assert done == [("short", 1001.0), ("long", 2000.0)]
    assert slots._busy == 0


def test_who_comes_back_waits_for_nobody_who_may_be_waiting_for_him() -> None:
    slots = Slots(1)
    with slots.one(), slots.lent(), slots.one():
        with slots.lent():
            pass
        assert slots._busy == 1
    assert slots._busy == 0


def test_an_error_gives_the_slot_back() -> None:
    slots = Slots(1)
    for error in (ValueError, Died):
        with pytest.raises(error), slots.one(), slots.lent():
            raise error
    assert slots._busy == 0


def test_what_is_run_side_by_side_tells_each_end_in_its_place() -> None:
    slots = Slots(1)
    error = ValueError("of the second")

    def fails() -> str:
        raise error

    with slots.one(), ThreadPoolExecutor(1):
        ends = SideBySide(ThreadPoolExecutor, slots).run([lambda: "a", fails, lambda: "c"])
    assert ends == ["a", error, "c"]
    assert slots._busy == 0


GREEN = """
import eventlet
eventlet.monkey_patch()
import threading
import futurist
from karbor_manila.recovery.loop import MOST, _UNDER_WAY
from karbor_manila.recovery.slots import SideBySide, Slots
from karbor_manila.common.clock import Clock
slots, over, begun = Slots(MOST), threading.Condition(), []
executor = lambda count: futurist.GreenThreadPoolExecutor(max_workers=count)
beside, pool = SideBySide(executor, slots), executor(_UNDER_WAY)
def share():
    begun.append(1)
    with over:
        beside.clock(Clock()).wait(over, 3600.0)
def task(calls):
    with slots.one():
        return beside.run(calls)
with eventlet.Timeout(60):
    waiting = [pool.submit(task, [share, share]) for _ in range(500)]
    assert pool.submit(task, [lambda: "done"]).result() == ["done"]
    assert len(begun) == 1000 and not any(each.done() for each in waiting)
    with over:
        over.notify_all()
    assert [each.result() for each in waiting] == [[None, None]] * 500
    assert slots._busy == 0
print("done")
"""


def test_500_green_threads_that_wait_hold_up_none_that_works() -> None:
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", GREEN],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, "done\n"), run.stderr

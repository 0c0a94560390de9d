# SPDX-License-Identifier: Apache-2.0
"""The requests of a protection: side by side, bounded, each with its own end."""

import subprocess
import sys
import threading
from typing import Any

import pytest

from karbor_manila.drivers.base import Kept
from karbor_manila.drivers.parallel import as_they_come
from karbor_manila.drivers.testing.world import KEPT, mark_for
from karbor_manila.manila.errors import ManilaUnavailable
from karbor_manila.manila.marks import Mark
from tests.contract.world import FakeWorld
from tests.fakes.manila import Died, refused, transient


def of_one_checkpoint(shares: list[dict[str, Any]]) -> dict[str, Mark]:
    of = mark_for(shares[0])
    return {share["id"]: Mark(of.bank, of.provider, of.checkpoint, share["id"]) for share in shares}


def test_one_list_finds_what_is_adopted_by_all() -> None:
    world = FakeWorld()
    shares = [world.make_share() for _ in range(5)]
    marks = of_one_checkpoint(shares)
    results = dict(world.driver(5).protect(shares, marks, dict.fromkeys(marks, KEPT)))
    assert all(isinstance(result, Kept) for result in results.values())
    assert world.cloud.calls.count("snapshots") == 1
    assert world.cloud.calls.count("create_snapshot") == 5


def test_a_list_that_cannot_be_had_is_the_error_of_each() -> None:
    world = FakeWorld()
    world.cloud.plan("snapshots", transient, times=1000)
    shares = [world.make_share() for _ in range(3)]
    marks = of_one_checkpoint(shares)
    results = dict(world.driver(3).protect(shares, marks, dict.fromkeys(marks, KEPT)))
    assert set(results) == set(marks)
    assert all(isinstance(result, ManilaUnavailable) for result in results.values())
    assert "create_snapshot" not in world.cloud.calls


def test_a_transient_error_of_one_is_retried_and_is_nobody_elses() -> None:
    world = FakeWorld()
    world.cloud.plan("create_snapshot", transient, nth=2)
    shares = [world.make_share() for _ in range(3)]
    marks = of_one_checkpoint(shares)
    results = dict(world.driver(3).protect(shares, marks, dict.fromkeys(marks, KEPT)))
    assert all(isinstance(result, Kept) for result in results.values())
    assert world.cloud.calls.count("create_snapshot") == 4
    assert len(world.cloud.snapshots) == 3


def test_who_is_killed_is_no_result() -> None:
    world = FakeWorld()
    world.cloud.plan("create_snapshot", Died)
    share = world.make_share()
    with pytest.raises(Died):
        list(world.driver().protect([share], {share["id"]: mark_for(share)}, {share["id"]: KEPT}))


def test_a_refusal_comes_while_others_are_still_under_way() -> None:
    world = FakeWorld()
    world.cloud.plan("create_snapshot", refused)
    shares = [world.make_share() for _ in range(3)]
    marks = of_one_checkpoint(shares)
    results = dict(world.driver(3).protect(shares, marks, dict.fromkeys(marks, KEPT)))
    assert sum(isinstance(result, Kept) for result in results.values()) == 2


def test_no_more_than_allowed_are_under_way_and_each_comes_as_it_is_there() -> None:
    under_way = most = 0
    lock, first = threading.Lock(), threading.Event()

    def work(number: int) -> int:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        if number == 0:
            assert first.wait(60)  # it cannot end before another one has been handed out
        with lock:
            under_way -= 1
        return number

    came = []
    for key, result in as_they_come(range(8), work, at_most=2):
        came.append((key, result))
        first.set()
    assert sorted(came) == [(number, number) for number in range(8)]
    assert came[0][0] != 0
    assert most == 2


def test_who_stops_early_sends_nothing_more() -> None:
    begun: list[int] = []
    go = threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        if number:
            go.wait(60)
        return number

    results = as_they_come(range(20), work, at_most=2)
    next(results)
    results.close()  # type: ignore[attr-defined]
    go.set()
    assert len(begun) <= 4


#: They meet: ten at work at once, and somebody else who runs meanwhile.
GREEN = """
import threading
from concurrent.futures import ThreadPoolExecutor
import eventlet
eventlet.monkey_patch()
from karbor_manila.drivers.parallel import as_they_come
meeting = threading.Barrier(11)
def work(number):
    meeting.wait(60)
    return number
other = eventlet.spawn(meeting.wait, 60)
results = dict(as_they_come(range(10), work, 10))
assert results == {number: number for number in range(10)}, results
other.wait()
print("ok")
"""


def test_under_eventlet_the_threads_are_green_and_others_run_meanwhile() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", GREEN],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == "ok\n", done.stderr

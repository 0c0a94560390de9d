# SPDX-License-Identifier: Apache-2.0
"""The poller: waiting costs no turns, one keeps the time for all, and how often it looks."""

import greenlet
import pytest

from karbor_manila.common.clock import note_queued
from karbor_manila.common.errors import DeadlineExceeded
from karbor_manila.common.polling import PENDING, Poller
from tests.unit.clock import FakeClock
from tests.unit.common.stage import Shares, Stopped, available, waiter


@pytest.fixture
def clock():
    return FakeClock(0.0)


# -- turns ----------------------------------------------------------------------------------------


def test_who_waits_is_woken_when_there_is_something_for_him(clock):
    names = [f"share-{number}" for number in range(200)]
    shares = Shares(clock, {name: float(number) for number, name in enumerate(names)})
    poller = Poller(shares.look, expected=len(names), clock=clock)
    clock.together(*(waiter(poller, name) for name in names))
    # One sleep each, one more for who takes over, and those of the one who keeps the time.
    assert len(clock.pauses) <= 2 * len(names) + len(shares.looks)


def test_a_look_judges_each_who_waits_once(clock):
    judged = []

    def judge(view):
        judged.append(view["id"])
        return available(view)

    names = [f"share-{number}" for number in range(20)]
    shares = Shares(clock, dict.fromkeys(names, 9.0))
    poller = Poller(shares.look, expected=len(names), clock=clock)
    clock.together(*(waiter(poller, name, judge=judge) for name in names))
    assert len(judged) == sum(len(keys) for _, keys in shares.looks)


def test_what_a_judge_takes_does_not_move_the_deadline_of_others(clock):
    def slow(view):
        clock.sleep(30.0)
        return view

    shares = Shares(clock)
    poller = Poller(shares.look, expected=2, clock=clock)
    ended = []

    def impatient():
        with pytest.raises(DeadlineExceeded):
            poller.wait("b", available, 10.0, "b")
        ended.append(clock.now())

    clock.together(waiter(poller, "a", judge=slow), impatient)
    assert ended == [pytest.approx(10.0)]


def test_who_left_is_not_judged_any_more(clock):
    judged = []
    shares = Shares(clock, {"a": 0.0}, takes=20.0)
    poller = Poller(shares.look, expected=2, clock=clock)
    clock.together(
        waiter(poller, "a"),
        waiter(poller, "b", timeout=25.0, judge=lambda view: (judged.append(view), PENDING)[1]),
    )
    assert len(judged) == 1


# -- who keeps the time ---------------------------------------------------------------------------


class Killed(FakeClock):
    """Its n-th pause, 0 for the first, is the last of the green thread that makes it."""

    def __init__(self, nth):
        super().__init__(now=0.0)
        self.nth = nth

    def _pause(self, seconds, condition):
        number = len(self.pauses)
        super()._pause(seconds, condition)
        if number == self.nth:
            raise greenlet.GreenletExit


@pytest.mark.parametrize("nth", range(8))  # asleep, or in a look
def test_when_one_is_killed_the_others_are_served(nth):
    clock = Killed(nth)
    shares = Shares(clock, dict.fromkeys("abc", 5.0), takes=0.3)
    poller = Poller(shares.look, expected=3, clock=clock)
    outcomes = clock.together(*(waiter(poller, name, timeout=60.0) for name in "abc"))
    assert sorted(view["id"] for view in outcomes if view) in (["a", "b"], ["a", "c"], ["b", "c"])
    assert clock.now() < 8.0


@pytest.mark.parametrize("nth", range(3))
def test_all_who_wait_have_as_much_time_left_after_a_stop_as_before(nth):
    clock = Stopped(nth + 2, 7200)
    shares = Shares(clock, {"a": 7290.0, "b": 7230.0})
    poller = Poller(shares.look, expected=2, clock=clock)
    outcomes = clock.together(waiter(poller, "a", timeout=100.0), waiter(poller, "b", timeout=40.0))
    assert [view["id"] for view in outcomes] == ["a", "b"]


def test_a_stop_does_not_move_a_deadline_twice():
    clock = Stopped(2, 7200)
    poller = Poller(Shares(clock).look, expected=3, clock=clock)
    outcomes = clock.together(*(waiter(poller, name, timeout=40.0) for name in "abc"))
    assert all(isinstance(outcome, DeadlineExceeded) for outcome in outcomes)
    # What was left of a pause when the process was stopped is lost.
    assert 7234.0 <= clock.now() <= 7240.1


# -- how often ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("takes", "ready", "most", "late"),
    [
        (0.015, 0.7, 9, 0.3),  # one share
        (0.015, 10.0, 36, 2.0),
        (0.1, 10.0, 18, 2.0),  # a list of a hundred
        (0.3, 20.0, 13, 3.8),  # the same beside a hundred creations
        (1.0, 60.0, 12, 11.0),  # a list of a thousand
        (10.0, 600.0, 28, 16.0),  # of ten thousand
    ],
)
def test_looks_take_about_a_tenth_of_the_time(clock, takes, ready, most, late):
    shares = Shares(clock, {"a": ready}, takes=takes)
    Poller(shares.look, clock=clock).wait("a", available, 7200, "a")
    assert len(shares.looks) <= most
    assert clock.now() - takes - ready <= late


def test_one_slow_look_does_not_make_looks_rare(clock):
    shares = Shares(clock, {"a": 4.0})
    look = shares.look

    def slow_at_first(keys):
        if len(shares.looks) == 2:
            clock.sleep(1.0)
        return look(keys)

    Poller(slow_at_first, clock=clock).wait("a", available, 600, "a")
    assert max(shares.gaps[3:]) < 1.0


def test_looks_follow_soon_while_one_after_the_other_is_ready(clock):
    names = [f"share-{number}" for number in range(10)]
    ready = {name: 60.0 + 3 * number for number, name in enumerate(names)}
    shares = Shares(clock, ready)
    poller = Poller(shares.look, expected=len(names), longest=60.0, clock=clock)
    clock.together(*(waiter(poller, name) for name in names))
    assert max(shares.gaps) > 7.0
    assert max(shares.gaps[-4:]) < 5.0


def test_a_look_that_waits_for_its_turn_is_neither_a_stop_nor_a_reason_for_rare_looks(clock):
    shares = Shares(clock)
    look = shares.look

    def queued(keys):
        clock.sleep(70.0)
        note_queued(70.0)
        return look(keys)

    poller = Poller(queued, clock=clock)
    with pytest.raises(DeadlineExceeded):
        poller.wait("a", available, 100.0, "a")
    assert clock.now() < 160.0
    assert shares.gaps[0] < 70.0 + 12.0


def test_who_comes_during_a_look_and_has_little_time_gets_a_look_of_his_own(clock):
    shares = Shares(clock, {"late": 0.0}, takes=2.0)
    poller = Poller(shares.look, shortest=10.0, longest=15.0, clock=clock)

    def come():
        clock.sleep(1.0)  # in the middle of the first look
        return waiter(poller, "late", timeout=3.0)()

    _, seen = clock.together(waiter(poller, "never", 60.0), come)
    assert seen["status"] == "available"

# SPDX-License-Identifier: Apache-2.0
"""The poller: when it looks, also in a process that was stopped."""

import itertools

import pytest

from karbor_manila.common.errors import DeadlineExceeded
from karbor_manila.common.polling import Poller
from tests.unit.clock import FakeClock
from tests.unit.common.stage import BUSY, Shares, Stopped, available, waiter


@pytest.fixture
def clock():
    return FakeClock(0.0)


# -- intervals ------------------------------------------------------------------------------------


def test_looks_become_rarer_with_the_time_waited(clock):
    shares = Shares(clock, {"a": 3600.0})
    Poller(shares.look, shortest=0.1, longest=60.0, clock=clock).wait("a", available, 7200, "a")
    assert shares.gaps[0] < 0.2
    assert max(shares.gaps[:10]) < 1.0
    assert shares.gaps[-2] > 50.0
    assert len(shares.looks) < 150


@pytest.mark.parametrize(("shortest", "longest"), [(0.1, 15.0), (1.0, 1.0), (5.0, 60.0)])
def test_intervals_stay_within_their_bounds(clock, shortest, longest):
    shares = Shares(clock, {"a": 1000.0})
    poller = Poller(shares.look, shortest=shortest, longest=longest, clock=clock)
    poller.wait("a", available, 7200, "a")
    assert shortest * 0.9 <= min(shares.gaps)
    assert max(shares.gaps) <= longest + 1e-6


def test_looks_are_rare_until_all_are_announced(clock):
    shares = Shares(clock, {"a": 99.0, "b": 20.5})
    poller = Poller(shares.look, expected=2, shortest=0.1, clock=clock)

    def late():
        clock.sleep(20.0)
        return poller.wait("b", available, 600, "b")

    clock.together(waiter(poller, "a"), late)
    before = [gap for gap, (at, _) in zip(shares.gaps, shares.looks[1:], strict=True) if at < 20.0]
    assert before
    assert min(before) >= 4.4
    assert before[0] <= 5.6


def test_once_all_are_announced_a_look_follows_at_once(clock):
    shares = Shares(clock, {"a": 20.3, "b": 20.3})
    poller = Poller(shares.look, expected=2, clock=clock)

    def late():
        clock.sleep(20.0)
        return poller.wait("b", available, 600, "b")

    clock.together(waiter(poller, "a"), late)
    assert clock.now() < 20.6


def test_rare_looks_are_not_rarer_than_the_longest_interval(clock):
    shares = Shares(clock, {"a": 10.0})
    poller = Poller(shares.look, expected=9, shortest=0.1, longest=0.5, clock=clock)
    poller.wait("a", available, 600, "a")
    assert max(shares.gaps) <= 0.5


def test_an_object_that_will_not_be_awaited_does_not_slow_the_others(clock):
    shares = Shares(clock, {"a": 60.0})
    poller = Poller(shares.look, expected=2, shortest=0.1, clock=clock)
    poller.no_wait("b")
    poller.wait("a", available, 600, "a")
    assert shares.gaps[0] < 0.2


def test_an_announcement_counts_once(clock):
    shares = Shares(clock, {"a": 60.0})
    poller = Poller(shares.look, expected=3, clock=clock)
    poller.no_wait("b")
    poller.no_wait("b")
    poller.wait("a", available, 600, "a")
    assert min(shares.gaps) >= 4.4


def test_the_last_announcement_wakes_who_waits(clock):
    shares = Shares(clock, {"a": 0.5})
    poller = Poller(shares.look, expected=2, shortest=0.1, clock=clock)

    def failing():
        clock.sleep(0.5)
        poller.no_wait("b")

    clock.together(waiter(poller, "a"), failing)
    assert clock.now() < 0.7


def test_what_was_begun_just_now_is_not_looked_at_at_once(clock):
    shares = Shares(clock, {"a": 0.0})
    Poller(shares.look, shortest=0.1, clock=clock).wait("a", available, 600, "a", begun=True)
    assert [at for at, _ in shares.looks] == [pytest.approx(0.1)]


def test_what_was_begun_first_of_many_waits_for_the_others(clock):
    shares = Shares(clock, {"a": 0.0, "b": 0.0})
    poller = Poller(shares.look, expected=2, clock=clock)

    def late():
        clock.sleep(3.0)
        return poller.wait("b", available, 600, "b", begun=True)

    clock.together(lambda: poller.wait("a", available, 600, "a", begun=True), late)
    assert [at for at, _ in shares.looks] == [pytest.approx(3.1)]


def test_many_are_given_a_moment_after_the_last_was_asked_for(clock):
    names = [str(number) for number in range(100)]
    shares = Shares(clock, dict.fromkeys(names, 0.3))
    poller = Poller(shares.look, expected=100, shortest=0.1, clock=clock)
    clock.together(*(lambda n=n: poller.wait(n, available, 600, n, begun=True) for n in names))
    assert len(shares.looks) == 1
    assert clock.now() <= 1.0


def test_what_is_waited_for_again_is_looked_at_soon(clock):
    shares = Shares(clock, {"a": 100.0})
    poller = Poller(shares.look, shortest=0.1, longest=30.0, clock=clock)
    poller.wait("a", available, 600, "a")
    before = clock.now()
    poller.wait("a", available, 600, "a")
    assert clock.now() - before < 0.5


# -- a process that does not run ------------------------------------------------------------------


@pytest.mark.parametrize("nth", range(4))
def test_there_is_a_look_after_the_process_woke(nth):
    clock = Stopped(nth, 7200)
    shares = Shares(clock, {"a": 30.0})
    assert Poller(shares.look, clock=clock).wait("a", available, 60, "a")["id"] == "a"


@pytest.mark.parametrize("errors", [[BUSY], [None, BUSY]])
def test_a_look_that_failed_because_the_process_was_stopped_is_repeated(clock, errors):
    shares = Shares(clock, {"a": 30.0}, errors=errors)
    look = shares.look

    def stopped(keys):
        if len(shares.looks) == len(errors) - 1:
            clock.sleep(7200)
        return look(keys)

    assert Poller(stopped, clock=clock).wait("a", available, 20, "a")["id"] == "a"


def test_the_time_that_was_left_before_a_stop_is_left_afterwards():
    clock = Stopped(2, 7200)
    shares = Shares(clock, {"a": 7230.0})
    assert Poller(shares.look, clock=clock).wait("a", available, 60, "a")["id"] == "a"


def test_a_look_that_is_always_slow_does_not_move_the_deadline_for_ever(clock):
    shares = Shares(clock, takes=300.0, errors=itertools.repeat(BUSY))
    with pytest.raises(DeadlineExceeded):
        Poller(shares.look, clock=clock).wait("a", available, 60, "a")
    assert len(shares.looks) <= 3

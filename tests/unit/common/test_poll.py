# SPDX-License-Identifier: Apache-2.0
"""Polling one thing alone: what the last look gave, final or not."""

import math

import pytest

from karbor_manila.common.polling import poll
from karbor_manila.manila.errors import ManilaRefused
from tests.unit.clock import FakeClock
from tests.unit.common.stage import BUSY, FORBIDDEN, Attempts


@pytest.fixture
def clock():
    return FakeClock(0.0)


def numbers(clock):
    """A look that gives the seconds that have passed, and when each look was."""
    looks = []

    def look():
        looks.append(clock.now())
        return clock.now()

    return look, looks


def test_what_is_final_at_once_is_not_waited_for(clock):
    look, looks = numbers(clock)
    assert poll(look, lambda _seen: True, timeout=60, clock=clock) == 0.0
    assert (looks, clock.pauses) == ([0.0], [])


def test_the_first_final_look_ends_it(clock):
    look, looks = numbers(clock)
    seen = poll(look, lambda seen: seen >= 10, timeout=60, clock=clock)
    assert 10 <= seen < 13
    assert looks[-1] == seen


@pytest.mark.parametrize("timeout", [0.2, 7, 60, 3600])
def test_there_is_a_look_when_the_timeout_is_over(clock, timeout):
    look, looks = numbers(clock)
    assert poll(look, lambda _seen: False, timeout=timeout, clock=clock) == pytest.approx(timeout)
    assert looks[-1] == pytest.approx(timeout)


@pytest.mark.parametrize("timeout", [0, -5])
def test_without_a_timeout_there_is_one_look(clock, timeout):
    look, looks = numbers(clock)
    assert poll(look, lambda _seen: False, timeout=timeout, clock=clock) == 0.0
    assert (looks, clock.pauses) == ([0.0], [])


def test_intervals_stay_within_their_bounds(clock):
    look, looks = numbers(clock)
    poll(look, lambda _seen: False, timeout=600, clock=clock, shortest=0.5, longest=2.0)
    assert min(clock.pauses[:-1]) >= 0.4
    assert max(clock.pauses) <= 2.0001
    assert len(looks) >= 300


@pytest.mark.parametrize("nothing", [None, [], {}, False, 0])
def test_whatever_a_look_gives_is_the_result(clock, nothing):
    assert poll(lambda: nothing, lambda _seen: True, timeout=9, clock=clock) is nothing
    assert poll(lambda: nothing, lambda _seen: False, timeout=9, clock=clock) is nothing


def test_a_transient_error_of_a_look_is_retried(clock):
    assert poll(Attempts(BUSY, BUSY, "done"), bool, timeout=60, clock=clock) == "done"


def test_a_transient_error_of_the_last_look_is_raised(clock):
    with pytest.raises(type(BUSY)):
        poll(Attempts(BUSY), bool, timeout=60, clock=clock)
    assert clock.now() == pytest.approx(60)


def test_a_refusal_ends_it(clock):
    with pytest.raises(ManilaRefused):
        poll(Attempts("", FORBIDDEN), bool, timeout=60, clock=clock)
    assert clock.now() < 1


def test_what_breaks_a_look_ends_it(clock):
    with pytest.raises(KeyError):
        poll(Attempts(KeyError("x")), bool, timeout=60, clock=clock)


@pytest.mark.parametrize(("takes", "looks"), [(math.inf, 2), (60.0, 4)])
def test_what_a_look_takes_longer_than_it_may_does_not_count(clock, takes, looks):
    def slow():
        clock.sleep(100.0)

    poll(slow, lambda _seen: False, timeout=90, clock=clock, look_takes=takes)
    assert clock.pauses.count(100.0) == looks

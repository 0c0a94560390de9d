# SPDX-License-Identifier: Apache-2.0
"""Retries of transient errors: which, for how long, with which pauses."""

import pytest
from greenlet import GreenletExit

from karbor_manila.common.errors import ClaimLost
from karbor_manila.common.retry import retry
from karbor_manila.manila.errors import ManilaRefused, ManilaTransient, ManilaUnavailable
from tests.unit.clock import FakeClock
from tests.unit.common.stage import BUSY, FORBIDDEN, Attempts, Stopped


@pytest.fixture
def clock():
    return FakeClock(0.0)


def test_a_transient_error_is_retried_until_it_works(clock):
    attempts = Attempts(BUSY, BUSY, BUSY, "done")
    assert retry(attempts, timeout=120, clock=clock) == "done"
    assert attempts.made == 4
    assert all(pause > 0 for pause in clock.pauses)


@pytest.mark.parametrize("error", [FORBIDDEN, KeyError("x"), OSError("disk full")])
def test_a_permanent_error_is_not_retried(clock, error):
    attempts = Attempts(error, "done")
    with pytest.raises(type(error)) as caught:
        retry(attempts, timeout=120, clock=clock)
    assert (caught.value, attempts.made, clock.pauses) == (error, 1, [])


def test_a_refusal_after_a_transient_error_ends_it(clock):
    attempts = Attempts(BUSY, FORBIDDEN, "done")
    with pytest.raises(ManilaRefused):
        retry(attempts, timeout=120, clock=clock)
    assert attempts.made == 2


def test_the_timeout_ends_it_with_the_last_answer(clock):
    with pytest.raises(ManilaUnavailable) as caught:
        retry(Attempts(BUSY), timeout=120, clock=clock)
    assert clock.now() == pytest.approx(120)
    error = caught.value
    assert (error.asked, error.seconds, error.cause) == ("list snapshots", 120, "HTTP 503, busy")


def test_without_a_timeout_there_is_one_attempt(clock):
    attempts = Attempts(BUSY)
    with pytest.raises(ManilaUnavailable):
        retry(attempts, timeout=0, clock=clock)
    assert (attempts.made, clock.pauses) == (1, [])


def test_time_that_the_attempts_take_counts_too(clock):
    attempts = Attempts(BUSY)

    def slow():
        clock.sleep(50)
        attempts()

    with pytest.raises(ManilaUnavailable):
        retry(slow, timeout=120, clock=clock)
    assert attempts.made <= 3


def test_a_server_that_is_down_is_not_hammered(clock):
    attempts = Attempts(BUSY)
    with pytest.raises(ManilaUnavailable):
        retry(attempts, timeout=120, clock=clock)
    assert attempts.made < 120
    assert max(clock.pauses) <= 5


def test_a_retry_after_is_honoured(clock):
    attempts = Attempts(ManilaTransient("list", "HTTP 429", retry_after=17.0), "done")
    retry(attempts, timeout=120, clock=clock)
    assert clock.pauses == [pytest.approx(17.0)]


def test_a_retry_after_beyond_the_timeout_is_waited_for_until_its_end(clock):
    asked_for = ManilaTransient("list", "HTTP 429", retry_after=3600.0)
    assert retry(Attempts(asked_for, "done"), timeout=120, clock=clock) == "done"
    assert clock.now() == pytest.approx(120)


def test_the_error_after_a_retry_after_beyond_the_timeout_is_true(clock):
    attempts = Attempts(ManilaTransient("list", "HTTP 429", retry_after=3600.0))
    with pytest.raises(ManilaUnavailable, match="for 120 seconds"):
        retry(attempts, timeout=120, clock=clock)
    assert attempts.made == 2
    assert clock.now() == pytest.approx(120)


def test_without_a_clock_of_its_own_retry_takes_the_real_one():
    attempts = Attempts("done")
    assert retry(attempts, timeout=0) == "done"


# -- what a caller may choose ---------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 3])
def test_the_last_of_so_many_attempts_ends_it_with_its_own_error(clock, number):
    attempts = Attempts(BUSY)
    with pytest.raises(ManilaTransient) as caught:
        retry(attempts, attempts=number, clock=clock)
    assert (caught.value, attempts.made, len(clock.pauses)) == (BUSY, number, number - 1)


def test_a_timeout_ends_it_before_the_last_attempt(clock):
    attempts = Attempts(BUSY)
    with pytest.raises(ManilaUnavailable):
        retry(attempts, timeout=3, attempts=100, clock=clock)
    assert attempts.made < 100


def test_errors_of_others_are_transient_when_the_caller_says_so(clock):
    attempts = Attempts(OSError("busy"), OSError("busy"), "done")
    assert retry(attempts, transient=lambda e: isinstance(e, OSError), clock=clock) == "done"


def test_what_the_caller_does_not_take_for_transient_ends_it(clock):
    attempts = Attempts(OSError("busy"), ClaimLost("checkpoint", "taken over"), "done")
    with pytest.raises(ClaimLost):
        retry(attempts, transient=lambda e: not isinstance(e, ClaimLost), clock=clock)
    assert attempts.made == 2


def test_a_killed_green_thread_is_not_kept_alive(clock):
    attempts = Attempts(GreenletExit(), "done")
    with pytest.raises(GreenletExit):
        retry(attempts, transient=lambda _error: True, clock=clock)
    assert attempts.made == 1


def test_no_pause_is_longer_than_the_longest(clock):
    with pytest.raises(ManilaTransient):
        retry(Attempts(BUSY), attempts=30, first=0.5, longest=2.0, clock=clock)
    assert 0.5 < max(clock.pauses) <= 2.0


def test_the_caller_may_let_time_pass_in_its_own_way(clock):
    slept = []
    with pytest.raises(ManilaTransient):
        retry(Attempts(BUSY), attempts=3, clock=clock, sleep=slept.append)
    assert (len(slept), clock.pauses) == (2, [])


def test_a_strangers_error_is_not_in_the_log(clock, caplog):
    retry(Attempts(OSError("of a header"), "done"), transient=lambda _e: True, clock=clock)
    assert "OSError" in caplog.text
    assert "header" not in caplog.text


# -- a process that does not run ------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [30, 120])
def test_an_attempt_during_which_the_process_was_stopped_is_not_an_outage(clock, timeout):
    attempts = Attempts(BUSY, "done")

    def stopped():
        if not attempts.made:
            clock.sleep(150)  # the answer lies in the socket, and its time is over
        return attempts()

    assert retry(stopped, timeout=timeout, clock=clock) == "done"


@pytest.mark.parametrize("nth", range(4))
def test_a_pause_in_which_the_process_was_stopped_counts_as_it_was_planned(nth):
    clock, attempts = Stopped(nth, 3600), Attempts(BUSY, BUSY, BUSY, BUSY, BUSY, "done")
    assert retry(attempts, timeout=120, clock=clock) == "done"


def test_a_process_that_is_stopped_again_and_again_has_its_timeout_all_the_same(clock):
    attempts = Attempts(*[BUSY] * 9, "done")

    def stopped():
        clock.sleep(600)
        return attempts()

    assert retry(stopped, timeout=120, clock=clock) == "done"


def test_slow_answers_are_none_the_less_an_outage(clock):
    attempts = Attempts(BUSY)

    def slow():
        clock.sleep(20)
        attempts()

    with pytest.raises(ManilaUnavailable):
        retry(slow, timeout=40, attempt_takes=20, clock=clock)
    assert attempts.made == 2


def test_what_succeeds_at_once_takes_no_machinery(clock, monkeypatch):
    monkeypatch.setattr("tenacity.Retrying", None)
    assert retry(Attempts("done"), clock=clock) == "done"

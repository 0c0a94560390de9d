# SPDX-License-Identifier: Apache-2.0
"""Waiting: one look for all who wait, a deadline for everybody, retries of transient errors."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from karbor_manila.common import clock as clock_module
from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import DeadlineExceeded
from karbor_manila.common.polling import PENDING, Poller
from karbor_manila.common.retry import retry
from karbor_manila.common.waiting import Once
from karbor_manila.manila import statuses
from karbor_manila.manila.errors import ManilaRefused, ManilaTransient, ManilaUnavailable
from tests.unit.clock import FakeClock

BUSY = ManilaTransient("list snapshots", "HTTP 503, busy")
FORBIDDEN = ManilaRefused("list snapshots", 403, "not yours")


class Things:
    """Manila as a watcher sees it: ``ready`` tells from which moment each thing is available."""

    def __init__(self, clock, ready=None, *, takes=0.0, errors=None):
        self.clock = clock
        self.ready = ready or {}
        self.takes = takes
        self.errors = iter(errors or ())
        #: When each look was, and for which things.
        self.looks = []

    def look(self, keys):
        self.looks.append((self.clock.now(), frozenset(keys)))
        views = {key: self._view(key) for key in keys}
        if self.takes:
            self.clock.sleep(self.takes)
        error = next(self.errors, None)
        if error:
            raise error
        return views

    def _view(self, key):
        available = self.clock.now() >= self.ready.get(key, float("inf"))
        return {"id": key, "status": "available" if available else "creating"}

    @property
    def gaps(self):
        return [later - sooner for (sooner, _), (later, _) in itertools.pairwise(self.looks)]


def available(view):
    return view if view and view["status"] == "available" else PENDING


def waiter(watcher, key, timeout=600.0, judge=available):
    return lambda: watcher.wait(key, judge, timeout, f"{key} to become available")


@pytest.fixture
def clock():
    return FakeClock(now=0.0)


# -- one watcher for all --------------------------------------------------------------------------


def test_what_is_there_is_found_at_once(clock):
    things = Things(clock, {"a": 0})
    view = Poller(things.look, clock=clock).wait("a", available, 60, "a")
    assert (view["id"], clock.now(), len(things.looks)) == ("a", 0.0, 1)


def test_one_look_serves_all_who_wait(clock):
    names = [f"share-{number}" for number in range(50)]
    things = Things(clock, dict.fromkeys(names, 30.0))
    watcher = Poller(things.look, expected=50, clock=clock)
    outcomes = clock.together(*(waiter(watcher, name) for name in names))
    assert [view["id"] for view in outcomes] == names
    assert all(keys == set(names) for _, keys in things.looks[1:])
    assert len(things.looks) < len(names)


def test_only_what_is_waited_for_is_asked_for(clock):
    things = Things(clock, {"soon": 1.0, "late": 20.0})
    watcher = Poller(things.look, expected=2, clock=clock)
    clock.together(waiter(watcher, "soon"), waiter(watcher, "late"))
    assert things.looks[-1][1] == {"late"}


def test_two_may_wait_for_the_same_thing(clock):
    things = Things(clock, {"a": 5.0})
    watcher = Poller(things.look, expected=1, clock=clock)
    outcomes = clock.together(waiter(watcher, "a"), waiter(watcher, "a"))
    assert [view["status"] for view in outcomes] == ["available"] * 2


def test_what_is_ready_is_told_soon_after(clock):
    things = Things(clock, {"a": 40.0})
    Poller(things.look, clock=clock).wait("a", available, 600, "a")
    assert 40.0 <= clock.now() <= 40.0 * 1.2


def test_there_is_never_more_than_one_look_at_a_time(clock):
    things = Things(clock, {"a": 30.0, "b": 30.0}, takes=3.0)
    watcher = Poller(things.look, expected=2, clock=clock)
    clock.together(waiter(watcher, "a"), waiter(watcher, "b"))
    assert min(things.gaps) >= 3.0


def test_when_the_one_who_looks_leaves_another_takes_over(clock):
    things = Things(clock, {"first": 0.0, "second": 10.0})
    watcher = Poller(things.look, expected=2, clock=clock)
    first, second = clock.together(waiter(watcher, "first"), waiter(watcher, "second"))
    assert (first["id"], second["id"]) == ("first", "second")
    assert clock.now() < 13.0


def test_when_the_one_who_looks_runs_out_of_time_another_takes_over(clock):
    things = Things(clock, {"b": 60.0})
    watcher = Poller(things.look, expected=2, clock=clock)
    first, second = clock.together(waiter(watcher, "a", timeout=5.0), waiter(watcher, "b"))
    assert isinstance(first, DeadlineExceeded)
    assert second["id"] == "b"


def test_a_look_that_breaks_is_the_lookers_error_alone(clock):
    things = Things(clock, {"a": 1.0, "b": 1.0}, errors=[KeyError("shares")])
    watcher = Poller(things.look, expected=2, clock=clock)
    first, second = clock.together(waiter(watcher, "a"), waiter(watcher, "b"))
    assert isinstance(first, KeyError)
    assert second["id"] == "b"


def test_threads_are_served_like_greenlets():
    names = [f"share-{number}" for number in range(8)]
    asked = []
    everybody = threading.Barrier(len(names))

    def look(keys):
        asked.append(keys)
        return {key: {"id": key, "status": "available"} for key in keys}

    watcher = Poller(look, expected=len(names), shortest=0, longest=0, clock=Clock())

    def wait(name):
        everybody.wait(timeout=30)
        return watcher.wait(name, available, 30.0, name)["id"]

    with ThreadPoolExecutor(len(names)) as pool:
        assert list(pool.map(wait, names)) == names
    assert len(asked) <= len(names)


# -- verdicts -------------------------------------------------------------------------------------


def test_whatever_the_judge_says_is_the_result(clock):
    watcher = Poller(Things(clock).look, clock=clock)
    for verdict in (False, None, 0, "gone"):
        assert watcher.wait("a", lambda _view, said=verdict: said, 60, "a") is verdict


def test_the_judge_is_told_what_is_not_there(clock):
    watcher = Poller(dict.fromkeys, clock=clock)
    assert watcher.wait("a", lambda view: view is None, 60, "the end of a") is True


def test_a_judge_that_raises_ends_its_own_wait_only(clock):
    def outraged(_view):
        raise LookupError("not what was ordered")

    things = Things(clock, {"good": 3.0})
    watcher = Poller(things.look, expected=2, clock=clock)
    bad, good = clock.together(waiter(watcher, "bad", judge=outraged), waiter(watcher, "good"))
    assert isinstance(bad, LookupError)
    assert good["id"] == "good"
    assert things.looks[-1][1] == {"good"}


def test_what_was_judged_is_not_judged_again(clock):
    things = Things(clock, {"b": 30.0})
    watcher = Poller(things.look, expected=2, clock=clock)
    judged = []
    clock.together(
        waiter(watcher, "a", timeout=60.0, judge=lambda _view: (judged.append(1), PENDING)[1]),
        waiter(watcher, "b"),
    )
    assert len(judged) == len(things.looks)


def test_what_was_seen_before_the_wait_began_is_not_judged(clock):
    things = Things(clock, {"a": 0.0})
    watcher = Poller(things.look, clock=clock)
    watcher.wait("a", available, 60, "a")
    things.ready = {}
    with pytest.raises(DeadlineExceeded, match="creating"):
        watcher.wait("a", available, 5, "a")


def test_a_look_that_began_before_the_wait_is_not_judged(clock):
    things = Things(clock, {"a": 0.0}, takes=2.0)
    watcher = Poller(things.look, clock=clock)

    def latecomer():
        clock.sleep(1.0)
        things.ready = {"a": 20.0}
        return watcher.wait("a", lambda _view: clock.now(), 60, "a")

    _, judged_at = clock.together(waiter(watcher, "a"), latecomer)
    assert judged_at > 2.0


# -- deadlines ------------------------------------------------------------------------------------


def test_a_wait_ends_at_its_deadline_and_says_what_was_seen(clock):
    watcher = Poller(Things(clock).look, clock=clock)
    with pytest.raises(DeadlineExceeded) as caught:
        watcher.wait("a", available, 100, "share a to become available")
    assert clock.now() == pytest.approx(100)
    assert (caught.value.seconds, caught.value.last_seen) == (100, "status 'creating'")
    assert "100 seconds for share a to become available" in str(caught.value)


def test_a_deadline_says_what_is_not_there(clock):
    watcher = Poller(dict.fromkeys, clock=clock)
    with pytest.raises(DeadlineExceeded, match="last seen: not there"):
        watcher.wait("a", lambda _view: PENDING, 10, "a")


def test_a_deadline_says_when_nothing_was_ever_seen(clock):
    watcher = Poller(lambda _keys: {}, clock=clock)
    with pytest.raises(DeadlineExceeded, match="last seen: nothing"):
        watcher.wait("a", available, 10, "a")


def test_everybody_has_a_deadline_of_its_own(clock):
    ends = {}

    def wait(name, timeout):
        with pytest.raises(DeadlineExceeded):
            watcher.wait(name, available, timeout, name)
        ends[name] = clock.now()

    watcher = Poller(Things(clock).look, expected=3, clock=clock)
    clock.together(
        *(
            lambda n=name, t=timeout: wait(n, t)
            for name, timeout in (("a", 7.0), ("b", 50.0), ("c", 20.0))
        )
    )
    assert ends == {"a": pytest.approx(7), "b": pytest.approx(50), "c": pytest.approx(20)}


def test_a_slow_look_of_another_does_not_move_the_deadline(clock):
    things = Things(clock, takes=90.0)
    watcher = Poller(things.look, expected=2, clock=clock)
    ended = []

    def impatient():
        clock.sleep(1.0)
        with pytest.raises(DeadlineExceeded):
            watcher.wait("b", available, 10.0, "b")
        ended.append(clock.now())

    clock.together(waiter(watcher, "a", timeout=100.0), impatient)
    assert ended == [pytest.approx(11.0)]


def test_who_waits_is_told_at_the_end_of_a_slow_look(clock):
    things = Things(clock, {"b": 0.0}, takes=3.0)
    watcher = Poller(things.look, expected=2, clock=clock)
    told = []
    clock.together(
        waiter(watcher, "a", timeout=100.0),
        lambda: told.append((watcher.wait("b", available, 90.0, "b"), clock.now())),
    )
    assert told[0][1] < 7.0


def test_what_a_look_brings_after_the_deadline_still_counts(clock):
    things = Things(clock, {"a": 0.0}, takes=90.0)
    assert Poller(things.look, clock=clock).wait("a", available, 10, "a")["id"] == "a"


def test_even_without_time_to_wait_there_is_one_look(clock):
    things = Things(clock, {"a": 0.0})
    assert Poller(things.look, clock=clock).wait("a", available, 0, "a")["id"] == "a"


def test_a_short_wait_gets_a_look_of_its_own(clock):
    things = Things(clock, {"a": 0.0, "b": 0.0})
    watcher = Poller(things.look, expected=9, clock=clock)
    outcomes = clock.together(waiter(watcher, "a"), waiter(watcher, "b", timeout=1.0))
    assert [view["id"] for view in outcomes] == ["a", "b"]


def test_a_status_that_nobody_knows_is_waited_out(clock):
    def judge(view):
        if view["status"] in statuses.SHARE_FINAL:
            raise AssertionError(view)
        return available(view)

    looks = []

    def look(keys):
        looks.append(keys)
        return {key: {"id": key, "status": "levitating"} for key in keys}

    with pytest.raises(DeadlineExceeded, match="levitating"):
        Poller(look, clock=clock).wait("a", judge, 300, "a")
    assert (clock.now(), len(looks) > 5) == (pytest.approx(300), True)


# -- errors of a look -----------------------------------------------------------------------------


def test_passing_errors_are_ridden_out(clock):
    things = Things(clock, {"a": 0.0}, errors=[BUSY] * 5)
    assert Poller(things.look, clock=clock).wait("a", available, 600, "a")["id"] == "a"
    assert len(things.looks) == 6


def test_after_a_passing_error_a_second_is_given(clock):
    things = Things(clock, {"a": 0.0}, errors=[BUSY] * 3)
    Poller(things.look, shortest=0.1, clock=clock).wait("a", available, 600, "a")
    assert min(things.gaps) >= 1.0
    assert max(things.gaps) < 1.5


def test_manilas_own_wish_to_be_left_alone_is_honoured(clock):
    things = Things(
        clock, {"a": 0.0}, errors=[ManilaTransient("list", "HTTP 429", retry_after=9.0)]
    )
    Poller(things.look, clock=clock).wait("a", available, 600, "a")
    assert things.gaps == [pytest.approx(9.0)]


def test_no_wish_of_manila_stops_the_looks_for_longer_than_the_longest_interval(clock):
    things = Things(
        clock, {"a": 0.0}, errors=[ManilaTransient("list", "HTTP 429", retry_after=9e9)]
    )
    Poller(things.look, longest=15.0, clock=clock).wait("a", available, 600, "a")
    assert things.gaps == [pytest.approx(15.0)]


def test_an_error_that_does_not_pass_is_named_at_the_deadline(clock):
    things = Things(clock, {"a": 0.0}, errors=itertools.repeat(BUSY))
    with pytest.raises(DeadlineExceeded) as caught:
        Poller(things.look, clock=clock).wait("a", available, 60, "a")
    assert clock.now() == pytest.approx(60)
    assert caught.value.last_seen.rstrip(".") == str(BUSY).rstrip(".")


def test_the_error_at_the_deadline_is_told_in_whole_sentences(clock):
    with pytest.raises(DeadlineExceeded) as caught:
        Poller(Things(clock, errors=itertools.repeat(BUSY)).look, clock=clock).wait(
            "a", available, 60, "a"
        )
    assert ".." not in str(caught.value)


def test_an_error_that_has_passed_is_not_named_any_more(clock):
    things = Things(clock, errors=[BUSY])
    with pytest.raises(DeadlineExceeded) as caught:
        Poller(things.look, clock=clock).wait("a", available, 60, "a")
    assert caught.value.last_seen == "status 'creating'"


def test_a_refusal_reaches_everybody_who_waits(clock):
    things = Things(clock, errors=[None, FORBIDDEN])
    watcher = Poller(things.look, expected=3, clock=clock)
    outcomes = clock.together(*(waiter(watcher, name) for name in "abc"))
    assert outcomes == [FORBIDDEN] * 3
    assert len(things.looks) == 2


def test_a_refusal_does_not_reach_who_comes_later(clock):
    things = Things(clock, {"a": 0.0}, errors=[FORBIDDEN])
    watcher = Poller(things.look, clock=clock)
    with pytest.raises(ManilaRefused):
        watcher.wait("a", available, 60, "a")
    assert watcher.wait("a", available, 60, "a")["id"] == "a"


# -- intervals ------------------------------------------------------------------------------------


def test_looks_become_rarer_with_the_time_waited(clock):
    things = Things(clock, {"a": 3600.0})
    Poller(things.look, shortest=0.1, longest=60.0, clock=clock).wait("a", available, 7200, "a")
    assert things.gaps[0] < 0.2
    assert max(things.gaps[:10]) < 1.0
    assert things.gaps[-2] > 50.0
    assert len(things.looks) < 150


@pytest.mark.parametrize(("shortest", "longest"), [(0.1, 15.0), (1.0, 1.0), (5.0, 60.0)])
def test_intervals_stay_within_their_bounds(clock, shortest, longest):
    things = Things(clock, {"a": 1000.0})
    watcher = Poller(things.look, shortest=shortest, longest=longest, clock=clock)
    watcher.wait("a", available, 7200, "a")
    assert shortest * 0.9 <= min(things.gaps)
    assert max(things.gaps) <= longest + 1e-6


def test_looks_are_rare_until_all_are_announced(clock):
    things = Things(clock, {"a": 99.0, "b": 20.5})
    watcher = Poller(things.look, expected=2, shortest=0.1, clock=clock)

    def late():
        clock.sleep(20.0)
        return watcher.wait("b", available, 600, "b")

    clock.together(waiter(watcher, "a"), late)
    before = [gap for gap, (at, _) in zip(things.gaps, things.looks[1:], strict=True) if at < 20.0]
    assert before
    assert min(before) >= 1.8
    assert before[0] <= 2.2


def test_once_all_are_announced_a_look_follows_at_once(clock):
    things = Things(clock, {"a": 20.3, "b": 20.3})
    watcher = Poller(things.look, expected=2, clock=clock)

    def late():
        clock.sleep(20.0)
        return watcher.wait("b", available, 600, "b")

    clock.together(waiter(watcher, "a"), late)
    assert clock.now() < 20.6


def test_rare_looks_are_not_rarer_than_the_longest_interval(clock):
    things = Things(clock, {"a": 10.0})
    watcher = Poller(things.look, expected=9, shortest=0.1, longest=0.5, clock=clock)
    watcher.wait("a", available, 600, "a")
    assert max(things.gaps) <= 0.5


def test_who_is_excused_is_not_waited_for_by_the_others(clock):
    things = Things(clock, {"a": 60.0})
    watcher = Poller(things.look, expected=2, shortest=0.1, clock=clock)
    watcher.excuse("b")
    watcher.wait("a", available, 600, "a")
    assert things.gaps[0] < 0.2


def test_an_excuse_counts_once(clock):
    things = Things(clock, {"a": 60.0})
    watcher = Poller(things.look, expected=3, clock=clock)
    watcher.excuse("b")
    watcher.excuse("b")
    watcher.wait("a", available, 600, "a")
    assert min(things.gaps) >= 1.8


def test_the_last_excuse_wakes_who_waits(clock):
    things = Things(clock, {"a": 0.5})
    watcher = Poller(things.look, expected=2, shortest=0.1, clock=clock)

    def failing():
        clock.sleep(0.5)
        watcher.excuse("b")

    clock.together(waiter(watcher, "a"), failing)
    assert clock.now() < 0.7


# -- retry --------------------------------------------------------------------------------------


class Attempts:
    """Ends as it is told to, one after the other; the last one for ever."""

    def __init__(self, *ends):
        self.ends = ends
        self.made = 0

    def __call__(self):
        end = self.ends[min(self.made, len(self.ends) - 1)]
        self.made += 1
        if isinstance(end, Exception):
            raise end
        return end


def test_what_passes_is_repeated_until_it_works(clock):
    attempts = Attempts(BUSY, BUSY, BUSY, "done")
    assert retry(attempts, timeout=120, clock=clock) == "done"
    assert attempts.made == 4
    assert all(pause > 0 for pause in clock.pauses)


@pytest.mark.parametrize("error", [FORBIDDEN, KeyError("x"), OSError("disk full")])
def test_what_does_not_pass_is_not_repeated(clock, error):
    attempts = Attempts(error, "done")
    with pytest.raises(type(error)) as caught:
        retry(attempts, timeout=120, clock=clock)
    assert (caught.value, attempts.made, clock.pauses) == (error, 1, [])


def test_a_refusal_after_a_passing_error_ends_it(clock):
    attempts = Attempts(BUSY, FORBIDDEN, "done")
    with pytest.raises(ManilaRefused):
        retry(attempts, timeout=120, clock=clock)
    assert attempts.made == 2


def test_patience_has_an_end_and_the_last_answer_is_told(clock):
    with pytest.raises(ManilaUnavailable) as caught:
        retry(Attempts(BUSY), timeout=120, clock=clock)
    assert clock.now() == pytest.approx(120)
    error = caught.value
    assert (error.asked, error.seconds, error.cause) == ("list snapshots", 120, "HTTP 503, busy")


def test_without_patience_there_is_one_attempt(clock):
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


def test_manilas_retry_after_is_honoured(clock):
    attempts = Attempts(ManilaTransient("list", "HTTP 429", retry_after=17.0), "done")
    retry(attempts, timeout=120, clock=clock)
    assert clock.pauses == [pytest.approx(17.0)]


def test_a_retry_after_beyond_all_patience_is_waited_for_as_long_as_there_is_some(clock):
    asked_for = ManilaTransient("list", "HTTP 429", retry_after=3600.0)
    assert retry(Attempts(asked_for, "done"), timeout=120, clock=clock) == "done"
    assert clock.now() == pytest.approx(120)


def test_what_is_said_of_a_retry_after_beyond_all_patience_is_true(clock):
    attempts = Attempts(ManilaTransient("list", "HTTP 429", retry_after=3600.0))
    with pytest.raises(ManilaUnavailable, match="for 120 seconds"):
        retry(attempts, timeout=120, clock=clock)
    assert attempts.made == 2
    assert clock.now() == pytest.approx(120)


# -- a process that does not run ------------------------------------------------------------------


class Stopped(FakeClock):
    """Its process is stopped (SIGSTOP) for so many seconds in the n-th pause, 0 for the first."""

    def __init__(self, nth, seconds):
        super().__init__(now=0.0)
        self.nth, self.seconds = nth, seconds

    def _pause(self, seconds, condition):
        super()._pause(seconds, condition)
        if len(self.pauses) == self.nth + 1:
            self._now += self.seconds


@pytest.mark.parametrize("patience", [30, 120])
def test_an_attempt_during_which_the_process_was_stopped_is_not_an_outage(clock, patience):
    attempts = Attempts(BUSY, "done")

    def stopped():
        if not attempts.made:
            clock.sleep(150)  # the answer lies in the socket, and its time is over
        return attempts()

    assert retry(stopped, timeout=patience, clock=clock) == "done"


@pytest.mark.parametrize("nth", range(4))
def test_a_pause_in_which_the_process_was_stopped_counts_as_it_was_planned(nth):
    clock, attempts = Stopped(nth, 3600), Attempts(BUSY, BUSY, BUSY, BUSY, BUSY, "done")
    assert retry(attempts, timeout=120, clock=clock) == "done"


def test_a_process_that_is_stopped_again_and_again_has_its_patience_all_the_same(clock):
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


@pytest.mark.parametrize("nth", range(4))
def test_there_is_a_look_after_the_process_woke(nth):
    clock = Stopped(nth, 7200)
    things = Things(clock, {"a": 30.0})
    assert Poller(things.look, clock=clock).wait("a", available, 60, "a")["id"] == "a"


@pytest.mark.parametrize("errors", [[BUSY], [None, BUSY]])
def test_a_look_that_failed_because_the_process_was_stopped_is_repeated(clock, errors):
    things = Things(clock, {"a": 30.0}, errors=errors)
    look = things.look

    def stopped(keys):
        if len(things.looks) == len(errors) - 1:
            clock.sleep(7200)
        return look(keys)

    assert Poller(stopped, clock=clock).wait("a", available, 20, "a")["id"] == "a"


def test_the_time_that_was_left_before_a_stop_is_left_afterwards():
    clock = Stopped(2, 7200)
    things = Things(clock, {"a": 7230.0})
    assert Poller(things.look, clock=clock).wait("a", available, 60, "a")["id"] == "a"


def test_a_look_that_is_always_slow_does_not_move_the_deadline_for_ever(clock):
    things = Things(clock, takes=300.0, errors=itertools.repeat(BUSY))
    with pytest.raises(DeadlineExceeded):
        Poller(things.look, clock=clock).wait("a", available, 60, "a")
    assert len(things.looks) <= 3


# -- Once -----------------------------------------------------------------------------------------


def at_the_same_time(number, action):
    """What ``action`` returned or raised in each of so many threads."""
    everybody = threading.Barrier(number)

    def run(_):
        everybody.wait(timeout=30)
        try:
            return action()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            return error

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(run, range(number)))


def test_once_is_once_however_many_ask():
    once, made = Once(), []

    def make():
        made.append(threading.get_ident())
        return object()

    results = at_the_same_time(16, lambda: once("key", make))
    assert len(made) == 1
    assert len(set(map(id, results))) == 1


def test_an_error_is_shared_like_a_result():
    once, made = Once(), []

    def make():
        made.append(1)
        raise BUSY

    assert at_the_same_time(16, lambda: once("key", make)) == [BUSY] * 16
    assert len(made) == 1


def test_what_came_of_it_stays():
    once = Once()
    assert once("key", lambda: "first") == "first"
    assert once("key", lambda: "second") == "first"


@pytest.mark.parametrize("result", [None, False, [], ""])
def test_nothing_is_a_result_too(result):
    once, made = Once(), []
    for _ in range(2):
        assert once("key", lambda: (made.append(1), result)[1]) == result
    assert made == [1]


def test_every_key_is_for_itself():
    once = Once()
    assert [once(key, lambda key=key: key) for key in ("a", ("a", 1), "b")] == ["a", ("a", 1), "b"]


def test_while_one_key_is_made_another_can_be():
    once = Once()
    assert once("outer", lambda: once("inner", lambda: "both")) == "both"


def test_peeking_makes_nothing():
    once = Once()
    assert once.peek("key") is None
    once("key", lambda: "made")
    assert once.peek("key") == "made"


def test_peeking_at_an_error_is_peeking_at_nothing():
    once = Once()
    with pytest.raises(ManilaTransient):
        once("key", Attempts(BUSY))
    assert once.peek("key") is None


# -- the real clock -------------------------------------------------------------------------------


def test_the_real_clock_goes_forward():
    before = Clock().now()
    assert Clock().now() >= before


def test_the_real_clock_lets_time_pass(monkeypatch):
    slept = []
    monkeypatch.setattr(clock_module.time, "sleep", slept.append)
    Clock().sleep(7.0)
    assert slept == [7.0]


def test_the_real_clock_wakes_who_waits():
    condition, notified = threading.Condition(), []

    def notify():
        with condition:  # free only while the other one waits
            notified.append(Clock().now())
            condition.notify_all()

    with condition:
        notifier = threading.Thread(target=notify)
        notifier.start()
        before = Clock().now()
        Clock().wait(condition, 60.0)
        assert notified
        assert Clock().now() - before < 60.0
    notifier.join()


def test_without_a_clock_of_its_own_persist_takes_the_real_one():
    attempts = Attempts("done")
    assert retry(attempts, timeout=0) == "done"


def test_what_is_waited_for_again_is_looked_at_soon(clock):
    things = Things(clock, {"a": 100.0})
    watcher = Poller(things.look, shortest=0.1, longest=30.0, clock=clock)
    watcher.wait("a", available, 600, "a")
    before = clock.now()
    watcher.wait("a", available, 600, "a")
    assert clock.now() - before < 0.5

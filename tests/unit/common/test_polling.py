# SPDX-License-Identifier: Apache-2.0
"""The poller: one look for all who wait, verdicts, deadlines, errors of a look."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import DeadlineExceeded
from karbor_manila.common.polling import PENDING, Poller
from karbor_manila.manila import statuses
from karbor_manila.manila.errors import ManilaRefused, ManilaTransient
from tests.unit.clock import FakeClock
from tests.unit.common.stage import BUSY, FORBIDDEN, Shares, available, waiter


@pytest.fixture
def clock():
    return FakeClock(0.0)


# -- one poller for all --------------------------------------------------------------------------


def test_what_is_there_is_found_at_once(clock):
    shares = Shares(clock, {"a": 0})
    view = Poller(shares.look, clock=clock).wait("a", available, 60, "a")
    assert (view["id"], clock.now(), len(shares.looks)) == ("a", 0.0, 1)


def test_one_look_serves_all_who_wait(clock):
    names = [f"share-{number}" for number in range(50)]
    shares = Shares(clock, dict.fromkeys(names, 30.0))
    poller = Poller(shares.look, expected=50, clock=clock)
    outcomes = clock.together(*(waiter(poller, name) for name in names))
    assert [view["id"] for view in outcomes] == names
    assert all(keys == set(names) for _, keys in shares.looks[1:])
    assert len(shares.looks) < len(names)


def test_only_what_is_waited_for_is_asked_for(clock):
    shares = Shares(clock, {"soon": 1.0, "late": 20.0})
    poller = Poller(shares.look, expected=2, clock=clock)
    clock.together(waiter(poller, "soon"), waiter(poller, "late"))
    assert shares.looks[-1][1] == {"late"}


def test_two_may_wait_for_the_same_object(clock):
    shares = Shares(clock, {"a": 5.0})
    poller = Poller(shares.look, expected=1, clock=clock)
    outcomes = clock.together(waiter(poller, "a"), waiter(poller, "a"))
    assert [view["status"] for view in outcomes] == ["available"] * 2


def test_what_is_ready_is_seen_soon_after(clock):
    shares = Shares(clock, {"a": 40.0})
    Poller(shares.look, clock=clock).wait("a", available, 600, "a")
    assert 40.0 <= clock.now() <= 40.0 * 1.2


def test_there_is_never_more_than_one_look_at_a_time(clock):
    shares = Shares(clock, {"a": 30.0, "b": 30.0}, takes=3.0)
    poller = Poller(shares.look, expected=2, clock=clock)
    clock.together(waiter(poller, "a"), waiter(poller, "b"))
    assert min(shares.gaps) >= 3.0


def test_when_the_one_who_looks_leaves_another_takes_over(clock):
    shares = Shares(clock, {"first": 0.0, "second": 10.0})
    poller = Poller(shares.look, expected=2, clock=clock)
    first, second = clock.together(waiter(poller, "first"), waiter(poller, "second"))
    assert (first["id"], second["id"]) == ("first", "second")
    assert clock.now() < 13.0


def test_when_the_one_who_looks_runs_out_of_time_another_takes_over(clock):
    shares = Shares(clock, {"b": 60.0})
    poller = Poller(shares.look, expected=2, clock=clock)
    first, second = clock.together(waiter(poller, "a", timeout=5.0), waiter(poller, "b"))
    assert isinstance(first, DeadlineExceeded)
    assert second["id"] == "b"


def test_a_look_that_breaks_is_the_lookers_error_alone(clock):
    shares = Shares(clock, {"a": 1.0, "b": 1.0}, errors=[KeyError("shares")])
    poller = Poller(shares.look, expected=2, clock=clock)
    first, second = clock.together(waiter(poller, "a"), waiter(poller, "b"))
    assert isinstance(first, KeyError)
    assert second["id"] == "b"


def test_threads_are_served_like_greenlets():
    names = [f"share-{number}" for number in range(8)]
    asked = []
    everybody = threading.Barrier(len(names))

    def look(keys):
        asked.append(keys)
        return {key: {"id": key, "status": "available"} for key in keys}

    poller = Poller(look, expected=len(names), shortest=0, longest=0, clock=Clock())

    def wait(name):
        everybody.wait(timeout=30)
        return poller.wait(name, available, 30.0, name)["id"]

    with ThreadPoolExecutor(len(names)) as pool:
        assert list(pool.map(wait, names)) == names
    assert len(asked) <= len(names)


# -- verdicts -------------------------------------------------------------------------------------


def test_whatever_the_judge_says_is_the_result(clock):
    poller = Poller(Shares(clock).look, clock=clock)
    for verdict in (False, None, 0, "gone"):
        assert poller.wait("a", lambda _view, said=verdict: said, 60, "a") is verdict


def test_the_judge_gets_none_for_what_is_not_there(clock):
    poller = Poller(dict.fromkeys, clock=clock)
    assert poller.wait("a", lambda view: view is None, 60, "the end of a") is True


def test_a_judge_that_raises_ends_its_own_wait_only(clock):
    def outraged(_view):
        raise LookupError("not what was ordered")

    shares = Shares(clock, {"good": 3.0})
    poller = Poller(shares.look, expected=2, clock=clock)
    bad, good = clock.together(waiter(poller, "bad", judge=outraged), waiter(poller, "good"))
    assert isinstance(bad, LookupError)
    assert good["id"] == "good"
    assert shares.looks[-1][1] == {"good"}


def test_what_was_judged_is_not_judged_again(clock):
    shares = Shares(clock, {"b": 30.0})
    poller = Poller(shares.look, expected=2, clock=clock)
    judged = []
    clock.together(
        waiter(poller, "a", timeout=60.0, judge=lambda _view: (judged.append(1), PENDING)[1]),
        waiter(poller, "b"),
    )
    assert len(judged) == len(shares.looks)


def test_what_was_seen_before_the_wait_began_is_not_judged(clock):
    shares = Shares(clock, {"a": 0.0})
    poller = Poller(shares.look, clock=clock)
    poller.wait("a", available, 60, "a")
    shares.ready = {}
    with pytest.raises(DeadlineExceeded, match="creating"):
        poller.wait("a", available, 5, "a")


def test_a_look_that_began_before_the_wait_is_not_judged(clock):
    shares = Shares(clock, {"a": 0.0}, takes=2.0)
    poller = Poller(shares.look, clock=clock)

    def latecomer():
        clock.sleep(1.0)
        shares.ready = {"a": 20.0}
        return poller.wait("a", lambda _view: clock.now(), 60, "a")

    _, judged_at = clock.together(waiter(poller, "a"), latecomer)
    assert judged_at > 2.0


# -- deadlines ------------------------------------------------------------------------------------


def test_a_wait_ends_at_its_deadline_and_says_what_was_seen(clock):
    poller = Poller(Shares(clock).look, clock=clock)
    with pytest.raises(DeadlineExceeded) as caught:
        poller.wait("a", available, 100, "share a to become available")
    assert clock.now() == pytest.approx(100)
    assert (caught.value.seconds, caught.value.last_seen) == (100, "status 'creating'")
    assert "100 seconds for share a to become available" in str(caught.value)


def test_a_deadline_says_what_is_not_there(clock):
    poller = Poller(dict.fromkeys, clock=clock)
    with pytest.raises(DeadlineExceeded, match="last seen: not there"):
        poller.wait("a", lambda _view: PENDING, 10, "a")


def test_a_deadline_says_when_nothing_was_ever_seen(clock):
    poller = Poller(lambda _keys: {}, clock=clock)
    with pytest.raises(DeadlineExceeded, match="last seen: nothing"):
        poller.wait("a", available, 10, "a")


def test_everybody_has_a_deadline_of_its_own(clock):
    ends = {}

    def wait(name, timeout):
        with pytest.raises(DeadlineExceeded):
            poller.wait(name, available, timeout, name)
        ends[name] = clock.now()

    poller = Poller(Shares(clock).look, expected=3, clock=clock)
    clock.together(
        *(
            lambda n=name, t=timeout: wait(n, t)
            for name, timeout in (("a", 7.0), ("b", 50.0), ("c", 20.0))
        )
    )
    assert ends == {"a": pytest.approx(7), "b": pytest.approx(50), "c": pytest.approx(20)}


def test_a_slow_look_of_another_does_not_move_the_deadline(clock):
    shares = Shares(clock, takes=90.0)
    poller = Poller(shares.look, expected=2, clock=clock)
    ended = []

    def impatient():
        clock.sleep(1.0)
        with pytest.raises(DeadlineExceeded):
            poller.wait("b", available, 10.0, "b")
        ended.append(clock.now())

    clock.together(waiter(poller, "a", timeout=100.0), impatient)
    assert ended == [pytest.approx(11.0)]


def test_who_waits_goes_on_at_the_end_of_a_slow_look(clock):
    shares = Shares(clock, {"b": 0.0}, takes=3.0)
    poller = Poller(shares.look, expected=2, clock=clock)
    told = []
    clock.together(
        waiter(poller, "a", timeout=100.0),
        lambda: told.append((poller.wait("b", available, 90.0, "b"), clock.now())),
    )
    assert told[0][1] < 7.0


def test_what_a_look_brings_after_the_deadline_still_counts(clock):
    shares = Shares(clock, {"a": 0.0}, takes=90.0)
    assert Poller(shares.look, clock=clock).wait("a", available, 10, "a")["id"] == "a"


def test_even_without_time_to_wait_there_is_one_look(clock):
    shares = Shares(clock, {"a": 0.0})
    assert Poller(shares.look, clock=clock).wait("a", available, 0, "a")["id"] == "a"


def test_a_short_wait_gets_a_look_of_its_own(clock):
    shares = Shares(clock, {"a": 0.0, "b": 0.0})
    poller = Poller(shares.look, expected=9, clock=clock)
    outcomes = clock.together(waiter(poller, "a"), waiter(poller, "b", timeout=1.0))
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


def test_transient_errors_are_retried(clock):
    shares = Shares(clock, {"a": 0.0}, errors=[BUSY] * 5)
    assert Poller(shares.look, clock=clock).wait("a", available, 600, "a")["id"] == "a"
    assert len(shares.looks) == 6


def test_after_a_transient_error_there_is_a_second_of_pause(clock):
    shares = Shares(clock, {"a": 0.0}, errors=[BUSY] * 3)
    Poller(shares.look, shortest=0.1, clock=clock).wait("a", available, 600, "a")
    assert min(shares.gaps) >= 1.0
    assert max(shares.gaps) < 1.5


def test_a_look_waits_as_long_as_retry_after_says(clock):
    shares = Shares(
        clock, {"a": 0.0}, errors=[ManilaTransient("list", "HTTP 429", retry_after=9.0)]
    )
    Poller(shares.look, clock=clock).wait("a", available, 600, "a")
    assert shares.gaps == [pytest.approx(9.0)]


def test_no_retry_after_stops_the_looks_for_longer_than_the_longest_interval(clock):
    shares = Shares(
        clock, {"a": 0.0}, errors=[ManilaTransient("list", "HTTP 429", retry_after=9e9)]
    )
    Poller(shares.look, longest=15.0, clock=clock).wait("a", available, 600, "a")
    assert shares.gaps == [pytest.approx(15.0)]


def test_an_error_that_goes_on_is_named_at_the_deadline(clock):
    shares = Shares(clock, {"a": 0.0}, errors=itertools.repeat(BUSY))
    with pytest.raises(DeadlineExceeded) as caught:
        Poller(shares.look, clock=clock).wait("a", available, 60, "a")
    assert clock.now() == pytest.approx(60)
    assert caught.value.last_seen.rstrip(".") == str(BUSY).rstrip(".")


def test_the_error_at_the_deadline_is_named_in_whole_sentences(clock):
    with pytest.raises(DeadlineExceeded) as caught:
        Poller(Shares(clock, errors=itertools.repeat(BUSY)).look, clock=clock).wait(
            "a", available, 60, "a"
        )
    assert ".." not in str(caught.value)


def test_an_error_that_is_over_is_not_named_any_more(clock):
    shares = Shares(clock, errors=[BUSY])
    with pytest.raises(DeadlineExceeded) as caught:
        Poller(shares.look, clock=clock).wait("a", available, 60, "a")
    assert caught.value.last_seen == "status 'creating'"


def test_a_refusal_reaches_everybody_who_waits(clock):
    shares = Shares(clock, errors=[None, FORBIDDEN])
    poller = Poller(shares.look, expected=3, clock=clock)
    outcomes = clock.together(*(waiter(poller, name) for name in "abc"))
    assert outcomes == [FORBIDDEN] * 3
    assert len(shares.looks) == 2


def test_a_refusal_does_not_reach_who_comes_later(clock):
    shares = Shares(clock, {"a": 0.0}, errors=[FORBIDDEN])
    poller = Poller(shares.look, clock=clock)
    with pytest.raises(ManilaRefused):
        poller.wait("a", available, 60, "a")
    assert poller.wait("a", available, 60, "a")["id"] == "a"

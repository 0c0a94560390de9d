# SPDX-License-Identifier: Apache-2.0
"""One limit of requests under way at an endpoint, whose clients take turns; with green threads, as
in Karbor."""

import re
from types import SimpleNamespace

import eventlet
import pytest
from eventlet.green import thread as green

from karbor_manila.common import clock as clocks
from karbor_manila.common.errors import TransientError
from karbor_manila.common.retry import retry
from karbor_manila.manila import client, connection, limit
from karbor_manila.manila.errors import ManilaTransient, ManilaUnavailable
from tests.unit.clock import FakeClock
from tests.unit.manila.wire import ENDPOINT, HOST, PROJECT, plain_session, versions


@pytest.fixture(autouse=True)
def _green(monkeypatch):
    """The module as eventlet's patch makes it: its threads are green."""
    monkeypatch.setattr(limit, "threading", SimpleNamespace(Lock=green.allocate_lock))


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def manila(requests_mock, monkeypatch, clock):
    """Makes clients of one Manila, whose requests end when the test lets them."""
    requests_mock.get(f"{HOST}/", json=versions("2.98"), status_code=300)
    monkeypatch.setattr(limit, "_limits", {f"{HOST}/": limit.Limit(clock)})
    return Transport()


class Transport:
    """Requests under way, in the order in which they were sent."""

    def __init__(self):
        self.sent = []
        self.under_way = []
        self.most = 0

    def client(self, name, url=ENDPOINT, **kwargs):
        made = client.Manila(plain_session(), client.Where(endpoint=url), **kwargs)
        made._http = SimpleNamespace(request=lambda *_args, **_kwargs: self._request(name))
        return made

    def _request(self, name):
        self.sent.append(name)
        end = eventlet.Event()
        self.under_way.append(end)
        self.most = max(self.most, len(self.under_way))
        try:
            end.wait()
        finally:
            self.under_way.remove(end)
        return SimpleNamespace(status_code=200), {"limits": {"absolute": {}}}

    def answer(self, number=1):
        """The requests that were sent first are answered; others begin meanwhile."""
        for end in self.under_way[:number]:
            end.send()
        settle()


def settle():
    """All green threads run until they wait for something."""
    for _ in range(5):
        eventlet.sleep(0)


def start(manila, number=1):
    threads = [eventlet.spawn(manila.limits) for _ in range(number)]
    settle()
    return threads


def test_a_plan_of_one_share_goes_before_the_thousand_requests_that_wait(manila):
    large = start(manila.client("large"), 1010)
    small = start(manila.client("small"))
    assert manila.sent == ["large"] * 10
    manila.answer()
    assert manila.sent[10:] == ["small"]
    while manila.under_way:
        manila.answer(10)
    assert len(manila.sent) == 1011 and manila.most == 10
    assert [thread.wait() for thread in large + small] == [{}] * 1011


def test_clients_take_turns_and_within_one_the_first_goes_first(manila):
    a, b, c = (manila.client(name, parallel=1) for name in "abc")
    order = []

    def ask(one, number):
        one.limits()
        order.append(number)

    for number, one in enumerate((a, a, a, b, b, c)):
        eventlet.spawn(ask, one, number)
        settle()
    while manila.under_way:
        manila.answer()
    assert "".join(manila.sent) == "abcaba"
    assert order == [0, 3, 5, 1, 4, 2]


def test_clients_of_ten_have_five_each_when_there_are_two(manila):
    start(manila.client("a"), 100)
    start(manila.client("b"), 100)
    while len(manila.sent) < 160:
        manila.answer()
    assert manila.most == 10
    assert abs(manila.sent[30:130].count("a") - 50) <= 1


def test_twenty_operations_have_no_more_under_way_than_one(manila):
    for number in range(20):
        start(manila.client(number), 20)
    while manila.under_way:
        manila.answer(7)
    assert (manila.most, len(manila.sent)) == (10, 400)


def test_each_has_its_own_number_and_the_endpoint_the_largest_of_those_in_use(manila):
    few, many = manila.client("few", parallel=2), manila.client("many", parallel=5)
    start(few, 4)
    assert manila.sent == ["few"] * 2
    start(many, 10)
    assert manila.sent == ["few"] * 2 + ["many"] * 3
    while manila.under_way:
        manila.answer()
    assert (manila.most, len(manila.sent)) == (5, 14)
    manila.most = 0
    start(few, 4)
    start(manila.client("few", parallel=2), 4)
    while manila.under_way:
        manila.answer()
    assert manila.most == 2  # who may have five has nothing to ask


def test_projects_and_paths_of_one_manila_share_its_limit(manila):
    a = manila.client("a", parallel=1)
    b = manila.client("b", url=f"{ENDPOINT}/{PROJECT}", parallel=1)
    start(a)
    start(b)
    assert manila.sent == ["a"]


@pytest.mark.parametrize("error", [(), (eventlet.Timeout(None),)], ids=["killed", "timeout"])
def test_who_is_killed_while_he_waits_or_asks_gives_the_place_back(manila, error):
    one = manila.client("a", parallel=2)
    threads = start(one, 6)
    threads[3].kill(*error)  # waits
    threads[0].kill(*error)  # asks
    settle()
    assert (len(manila.sent), len(manila.under_way)) == (3, 2)
    while manila.under_way:
        manila.answer()
    assert len(manila.sent) == 5
    assert not limit.of_endpoint(f"{HOST}/")._busy


def test_who_is_killed_when_his_turn_has_just_come_gives_it_to_the_next(manila):
    first, second, third = start(manila.client("a", parallel=1), 3)
    manila.under_way[0].send()
    eventlet.sleep(0)  # the first has ended, and the second does not run yet
    second.kill()
    settle()
    manila.answer()
    assert (first.wait(), third.wait(), len(manila.sent)) == ({}, {}, 2)


def test_a_call_that_somebody_waits_for_is_given_up_in_time(manila):
    start(manila.client("plan", parallel=1))
    hasty = manila.client("call", parallel=1, patience=0.0)
    with pytest.raises(ManilaTransient, match="while it answered other requests"):
        hasty.limits()
    manila.answer()
    (thread,) = start(hasty)
    manila.answer()
    assert thread.wait() == {}


def test_what_waits_for_its_turn_does_not_use_up_the_time_of_an_outage(manila, clock):
    """Two requests of 50 s before it, and then one transient error: that is no outage of 100 s."""
    one, other = manila.client("a", parallel=1), manila.client("b", parallel=1)
    start(other, 2)
    answers = iter([ManilaTransient("ask", "HTTP 503"), {}])

    def attempt():
        with one._turns.turn("ask"):
            answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    asked = eventlet.spawn(retry, attempt, timeout=60.0, attempt_takes=60.0, clock=clock)
    settle()
    for _ in range(2):
        clock.sleep(50.0)
        manila.answer()
    assert asked.wait() == {}


def test_an_outage_ends_as_before(clock):
    def attempt():
        clock.sleep(61.0)
        raise ManilaTransient("ask", "HTTP 503")

    with pytest.raises(ManilaUnavailable):
        retry(attempt, timeout=60.0, attempt_takes=60.0, clock=clock)


def test_a_deadline_is_kept_while_a_request_waits(manila, clock):
    start(manila.client("a", parallel=1), 3)
    waits = manila.client("b", parallel=1)
    waits._turns.last_turn = 10**6

    def spend():
        deadline = clocks.Deadline(100.0, clock)
        _, stalled = deadline.spend(waits.limits, 60.0)
        return deadline.left, stalled

    spent = eventlet.spawn(spend)
    settle()
    for _ in range(3):
        clock.sleep(50.0)
        manila.answer()
    while manila.under_way:
        manila.answer()
    left, stalled = spent.wait()
    assert not stalled and left <= 50.0


def test_a_process_that_was_stopped_has_not_waited(manila, clock):
    """Ten minutes in which nobody ran are not time in which others were answered."""
    start(manila.client("a", parallel=1))
    waits = manila.client("b", parallel=1)

    def spend():
        deadline = clocks.Deadline(100.0, clock)
        return deadline.spend(waits.limits, 60.0), deadline.left

    spent = eventlet.spawn(spend)
    settle()
    clock.sleep(600.0)
    manila.answer()
    manila.answer()
    (_answer, stalled), left = spent.wait()
    assert stalled and left >= -30.0


def test_nothing_is_kept_of_an_endpoint_that_nobody_asks(monkeypatch):
    monkeypatch.undo()
    asked = limit.of_endpoint("http://gone.example/").client(1)
    assert limit.of_endpoint("http://gone.example/") is asked._limit
    del asked
    assert "http://gone.example/" not in limit._limits


def test_versions_are_asked_for_in_a_turn_too(manila, requests_mock):
    start(manila.client("a", parallel=1))
    connection._negotiated.clear()
    with pytest.raises(TransientError, match=re.escape("say which microversions it speaks")):
        manila.client("b", parallel=1, patience=0.0)

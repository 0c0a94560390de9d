# SPDX-License-Identifier: Apache-2.0
"""What is settled at a time shares a client of Manila's and its looks, and no guard."""

from collections.abc import Collection
from typing import Any

import pytest

from karbor_manila.manila.errors import ManilaRefused, ManilaTransient, ManilaUnavailable
from karbor_manila.recovery.shared_manila import SharedManila, Together
from karbor_manila.service import sessions
from tests.fakes.manila import Died, FakeManila
from tests.unit.clock import FakeClock
from tests.unit.karbor_stage import Service
from tests.unit.recovery.stage import Turns


class Asked:
    """Answers after a second; counts."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.batches: list[frozenset[str]] = []
        self.began: list[float] = []
        self.errors: list[BaseException] = []

    def __call__(self, keys: Collection[str]) -> dict[str, str]:
        self.batches.append(frozenset(keys))
        self.began.append(self.clock.now())
        self.clock.sleep(1.0)
        if self.errors:
            raise self.errors.pop(0)
        return {key: f"{key} at {self.clock.now()}" for key in keys}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def asked(clock: FakeClock) -> Asked:
    return Asked(clock)


def test_those_who_ask_while_another_asks_share_the_next_answer(
    clock: FakeClock, asked: Asked
) -> None:
    together = Together(asked)
    keys = [str(number) for number in range(100)]
    answers = clock.together(*[lambda key=key: together.one(key, clock) for key in keys])
    assert [answer.partition(" ")[0] for answer in answers] == keys
    assert asked.batches == [frozenset({"0"}), frozenset(keys[1:])]


def test_no_answer_is_older_than_the_question(clock: FakeClock, asked: Asked) -> None:
    together = Together(asked)

    def late() -> Any:
        clock.sleep(0.5)
        return together.one("b", clock)

    clock.together(lambda: together.one("b", clock), late)
    assert asked.began == [1000.0, 1001.0]
    together.one("b", clock)
    assert len(asked.batches) == 3


def test_an_error_is_that_of_all_who_share_the_question_and_of_nobody_after(
    clock: FakeClock, asked: Asked
) -> None:
    together = Together(asked)
    asked.errors = [ValueError("first"), ValueError("second")]
    outcomes = clock.together(*[lambda: together.one("a", clock)] * 5)
    assert [str(each) for each in outcomes] == ["first"] + ["second"] * 4
    assert together.one("a", clock).startswith("a at")


def test_who_was_killed_while_he_asked_leaves_it_to_another(clock: FakeClock, asked: Asked) -> None:
    together = Together(asked)
    asked.errors = [SystemExit()]

    def killed() -> None:
        with pytest.raises(SystemExit):
            together.one("a", clock)

    outcomes = clock.together(killed, *[lambda: together.one("b", clock)] * 3)
    assert len({str(each) for each in outcomes[1:]}) == 1
    assert len(asked.batches) == 2


def test_a_project_has_one_client_and_each_flow_its_own_guard(clock: FakeClock) -> None:
    made: list[str] = []

    class Client:
        def __init__(self, project_id: str) -> None:
            made.append(project_id)
            self.guard = None

        snapshot = share = snapshots = shares = None

    shared = SharedManila(lambda _context, project_id: Client(project_id))
    one, two = shared.client("a", clock), shared.client("a", clock)
    one.guard = "one's"
    two.guard = "two's"
    shared.client("b", clock)
    assert made == ["a", "b"]
    assert (one.guard, two.guard) == ("one's", "two's")


def test_a_client_that_could_not_be_made_is_made_for_the_next_one(clock: FakeClock) -> None:
    errors: list[Exception] = [ManilaUnavailable("connect", 1.0, "away")]

    def connect(_context: Any, _project_id: str) -> Any:
        if errors:
            raise errors.pop()
        return FakeManila.__new__(FakeManila)

    shared = SharedManila(connect)
    with pytest.raises(ManilaUnavailable):
        shared.client("a", clock)
    assert shared.client("a", clock)


def interrupted(service: Service, count: int) -> list[str]:
    """So many checkpoints of a share each whose process died when the snapshot was asked for."""
    for _ in range(count):
        service.cloud.plan("access_rules", Died)
        with pytest.raises(Died):
            service.protect(service.plan(service.share()))
        service.cloud.faults.clear()
        service.spawned.clear()
    return service.checkpoints()


def test_interrupted_protections_are_recovered_with_one_poll_for_all(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 20
    ids = interrupted(service, count)
    clock = service.cloud.clock = Turns(service.cloud.clock.now())
    service = service.die()
    looks: list[str] = []
    connections: list[str] = []
    for name in ("snapshot", "snapshots"):
        original = getattr(FakeManila, name)

        def counted(self: Any, *args: Any, _original: Any = original, **kwargs: Any) -> Any:
            looks.append(_original.__name__)
            clock.sleep(0.01)
            return _original(self, *args, **kwargs)

        monkeypatch.setattr(FakeManila, name, counted)
    connect = service.connect_as_karbor

    def connecting(project_id: str, **kwargs: Any) -> Any:
        connections.append(project_id)
        return connect(project_id, **kwargs)

    monkeypatch.setattr(sessions, "connect_as_karbor", connecting)
    work = service.manager.reconciliation
    found = work.find()
    assert len(found) == count
    began = clock.now()

    outcomes = clock.together(*[lambda item=item: work.settle(item) for item in found])

    assert outcomes == ["available"] * count
    assert {service.checkpoint(each).status for each in ids} == {"available"}
    assert len(connections) == 1
    assert len(looks) <= 6, looks
    assert clock.now() - began < 10.0


@pytest.mark.parametrize(
    "error",
    [ManilaRefused("show a snapshot", 400, "bad id"), ManilaTransient("show a snapshot", "500")],
    ids=["refused", "transient"],
)
def test_what_manila_does_not_say_of_one_snapshot_keeps_no_other_from_being_recovered(
    service: Service, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    ids = interrupted(service, 5)
    service.cloud.clock = Turns(service.cloud.clock.now())
    clock = service.cloud.clock
    service = service.die()
    bad = service.checkpoint(ids[0])
    (bad_id,) = (
        each["id"] for each in service.cloud.snapshots.values() if bad.id in str(each["metadata"])
    )
    for name in ("snapshot", "snapshots"):
        original = getattr(FakeManila, name)

        def asked(self: Any, *args: Any, _original: Any = original, **kwargs: Any) -> Any:
            clock.sleep(0.01)
            if args == (bad_id,):
                raise error
            found = _original(self, *args, **kwargs)
            if _original.__name__ == "snapshots":
                found[:] = [view for view in found if view["id"] != bad_id]
            return found

        monkeypatch.setattr(FakeManila, name, asked)
    work = service.manager.reconciliation
    found = work.find()
    began = clock.now()

    ended: dict[str, float] = {}

    def settle(item: Any) -> str:
        status = work.settle(item)
        ended[item.id] = clock.now() - began
        return status

    clock.together(*[lambda item=item: settle(item) for item in found])

    assert [service.checkpoint(each).status for each in ids[1:]] == ["available"] * 4
    assert max(ended[each] for each in ids[1:]) < 10.0

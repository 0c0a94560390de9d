# SPDX-License-Identifier: Apache-2.0
"""What dead processes left is ended side by side: what waits holds up nothing else."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import futurist
import pytest
from karbor.resource import Resource

from karbor_manila.bank import checkpoints
from karbor_manila.common import turns
from karbor_manila.operations.protect import ProtectOperation
from karbor_manila.recovery.searched import Look
from tests.fakes.manila import Died, FakeManila
from tests.unit.banks import open_bank
from tests.unit.clock import FakeClock
from tests.unit.karbor_stage import SHARE, Service
from tests.unit.recovery.stage import Turns


def killed(service: Service, method: str, *args: Any) -> Service:
    with pytest.raises(Died):
        getattr(service, method)(*args)
    return service.die()


class Patient:
    """An executor in which everything is done at once but what ``waits`` says."""

    def __init__(self, waits: Callable[[Any], bool]) -> None:
        self.waits = waits
        self.waiting: list[tuple[futurist.Future, Callable[..., Any], tuple[Any, ...]]] = []

    def submit(self, function: Callable[..., Any], *args: Any) -> futurist.Future:
        if not self.waits(args[0]):
            return futurist.SynchronousExecutor().submit(function, *args)
        future = futurist.Future()
        self.waiting.append((future, function, args))
        return future

    def go_on(self) -> None:
        """What waited is done."""
        for future, function, args in self.waiting:
            future.set_result(function(*args))


def test_a_restore_that_waits_for_a_day_holds_up_nothing_and_is_not_begun_twice(
    service: Service,
) -> None:
    shares = [service.share(), service.share()]
    kept = service.protect(service.plan(shares[0]))
    service.cloud.plan("create_share", Died, after=True)
    service = killed(service, "restore", kept.id)
    work = service.manager.reconciliation
    pool = work._pool = Patient(lambda item: item.operation == "restore")

    first = work.run(timeout=0)

    service.cloud.plan("create_snapshot", Died, after=True)
    with pytest.raises(Died):
        service.protect(service.plan(shares[1]))
    second = work.run(timeout=0)
    assert [(item.operation, end) for item, end in {**first, **second}.items()] == [
        ("protect", "available")
    ]
    assert len(pool.waiting) == 1
    pool.go_on()
    assert [(item.operation, end) for item, end in work.run(timeout=0).items()] == [
        ("restore", "success")
    ]
    assert work.run(timeout=0) == {}


class Together:
    """An executor whose calls are green threads of one fake clock, as Karbor's hooks are."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._begun: list[tuple[futurist.Future, Callable[[], Any]]] = []

    def __enter__(self) -> "Together":
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        future = futurist.Future()
        self._begun.append((future, lambda: function(*args)))
        future.result = lambda: self._result(future)
        return future

    def _result(self, future: futurist.Future) -> Any:
        begun, self._begun = self._begun, []
        if begun:
            outcomes = self._clock.together(*(action for _future, action in begun))
            for (each, _action), outcome in zip(begun, outcomes, strict=True):
                if isinstance(outcome, Exception):
                    each.set_exception(outcome)
                else:
                    each.set_result(outcome)
        return futurist.Future.result(future)


def test_the_shares_of_a_dead_protection_are_waited_for_together(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    # They become ready at the same moment; one after the other each is looked at for itself.
    service.cloud.seconds["create_snapshot"] = 10.0
    shares = [service.share() for _ in range(30)]
    checkpoint = service.checkpoint(service.call("protect", service.plan(*shares)))
    plugin = service.provider.load_plugins()[SHARE]
    flow = plugin.context_as_karbor(shares)
    with monkeypatch.context() as patch:
        patch.setattr(service.cloud.clock, "wait", _die)
        for share in shares:
            with pytest.raises(Died):
                ProtectOperation(flow).on_main(
                    checkpoint, Resource(SHARE, share, ""), service.context(), {}
                )
    assert len(service.cloud.snapshots) == 30
    clock = service.cloud.clock = Turns(service.cloud.clock.now())
    service = service.die()
    lists, looks = FakeManila.snapshots, []

    def counted(self: Any, **kwargs: Any) -> Any:
        looks.append(clock.now())
        return lists(self, **kwargs)

    monkeypatch.setattr(FakeManila, "snapshots", counted)
    work = service.manager.reconciliation
    work._executor = lambda _count: Together(clock)
    begun = clock.now()
    (item,) = work.find()

    assert work.settle(item) == "available"

    assert clock.now() - begun < 20.0
    assert len(looks) < 30


def _die(*_args: Any) -> None:
    raise Died


def test_a_search_of_a_large_bank_gives_others_their_turn(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(30):
        service.protect(service.plan(service.share()))
    given: list[int] = []
    monkeypatch.setattr(turns, "pause", lambda: given.append(1))

    service.manager.reconciliation.find(Look.EVERYTHING)

    # Of a list of 30 times at least four keys, and of 30 indices.
    assert len(given) >= 6


def test_a_search_lists_the_bank_once_and_reads_what_was_deleted_once(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted = [service.protect(service.plan(service.share())).id for _ in range(3)]
    for checkpoint_id in deleted:
        service.delete(checkpoint_id)
    kept = service.protect(service.plan(service.share())).id
    work = service.manager.reconciliation
    assert work.find(Look.EVERYTHING) == []
    lists, reads = [], []
    bank, get = service.provider.bank, service.provider.get_checkpoint
    whole = bank.list_objects

    def listing(prefix: Any = None, **kwargs: Any) -> Any:
        if prefix and prefix.rstrip("/") == "/checkpoints":
            lists.append(prefix)
        return whole(prefix, **kwargs)

    monkeypatch.setattr(bank, "list_objects", listing)
    monkeypatch.setattr(
        service.provider,
        "get_checkpoint",
        lambda each, **kw: (reads.append(each), get(each, **kw))[1],
    )

    assert work.find(Look.EVERYTHING) == []

    assert len(lists) == 1
    assert reads == [kept]


def test_what_a_walk_finds_is_what_two_found(tmp_path: Path) -> None:
    bank = open_bank(tmp_path)
    one, share, record = (str(uuid.UUID(int=n)) for n in (1, 2, 3))
    bank.update_object(f"/checkpoints/{one}/index.json", {"a": 1})
    bank.update_object(f"/checkpoints/{one}/resource-data/{share}/metadata", {"a": 1})
    bank.update_object(f"/checkpoints/{one}/resource-data/{share}/restores/{record}", {"a": 1})

    held, open_restores, _kept_and_begun, _open_browses = checkpoints.inventory(bank)

    assert held == list(checkpoints.everything(bank)) == [one]
    assert open_restores == list(checkpoints.open_restores(bank)) == [(one, share, record)]

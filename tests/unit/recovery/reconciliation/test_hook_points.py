# SPDX-License-Identifier: Apache-2.0
"""A process dies at every point of a protection or a restore with hooks around it: whatever a hook
has frozen is thawed, once its death is known."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from karbor import objects

from karbor_manila.hooks.base import CHECKPOINT, Call, Hook
from tests.unit.karbor_stage import Service, started
from tests.unit.points import Points
from tests.unit.recovery import hooked
from tests.unit.recovery.hooked import open_runs
from tests.unit.recovery.reconciliation.stage import assert_at_its_end, reconcile

HERE = "tests.unit.recovery.reconciliation.test_hook_points"
OPTIONS = (
    f"hook_drivers = {HERE}:Together,{HERE}:Freezing",
    "enable_pre_hooks = true",
    "enable_post_hooks = true",
)


class Freezing(Hook):
    """Freezes, and remembers before what it needs for the thaw."""

    needs_post = True
    #: What is frozen: hook, checkpoint and share.
    frozen: ClassVar[set[tuple[str, str, str]]] = set()
    #: How often anything was.
    times: ClassVar[list[str]] = []

    def pre(self, *, call: Call) -> None:
        keys = [(self.name, call.checkpoint_id, str(share["id"])) for share in call.shares]
        call.remember({"keys": [list(key) for key in keys]})
        self.frozen.update(keys)
        self.times.append(call.point)

    def post(self, *, call: Call, data: Any, outcome: Any) -> None:
        if data:
            self.frozen.difference_update(map(tuple, data["keys"]))


class Together(Freezing):
    @property
    def scope(self) -> str:
        return CHECKPOINT


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    Freezing.frozen.clear()
    Freezing.times.clear()
    hooked.at_once(monkeypatch)
    with started(tmp_path, monkeypatch, options=OPTIONS) as service:
        yield service


def born_again(service: Service) -> Service:
    new = service.die()
    new.manager.reconciliation._grace = 0.0
    new.manager.reconciliation._clock = new.cloud.clock
    return new


def forget(service: Service) -> None:
    """As if nothing had ever been done."""
    service.cloud.faults.clear()
    Freezing.times.clear()


def assert_thawed(service: Service, points: Points) -> None:
    assert Freezing.frozen == set(), points.last
    assert open_runs(service) == [], points.last


def dies_everywhere(
    service: Service, points: Points, begin: Callable[[Service], Callable[[], Any]]
) -> int:
    """Let the process die at each point; how many there are."""
    begin(service)()  # makes the bank's id and the tables
    for nth in itertools.count(1):
        forget(service)
        work = begin(service)
        if not points.kill(work, nth):
            break
        service = born_again(service)
        reconcile(service)
        assert_thawed(service, points)
        reconcile(service)
        assert_at_its_end(service)
    assert Freezing.times, "no hook was called"
    return nth


def test_a_death_at_any_point_of_a_protection_leaves_nothing_frozen(
    service: Service, points: Points
) -> None:
    def begin(service: Service) -> Callable[[], Any]:
        plan = service.plan(service.share(), service.share())
        return lambda: service.protect(plan)

    assert dies_everywhere(service, points, begin) > 40


def test_a_death_at_any_point_of_a_restore_leaves_nothing_frozen(
    service: Service, points: Points
) -> None:
    def begin(service: Service) -> Callable[[], Any]:
        checkpoint = service.protect(service.plan(service.share()))
        record = service.record(objects.Restore, checkpoint.id)

        def restore() -> None:
            service.call("restore", record, None)
            service.run()

        return restore

    assert dies_everywhere(service, points, begin) > 20


def test_a_death_at_any_point_of_the_reconciliation_is_made_good_by_the_next(
    service: Service, points: Points
) -> None:
    service.protect(service.plan(service.share()))
    for nth in itertools.count(1):
        forget(service)
        plan = service.plan(service.share())
        service.cloud.plan("create_snapshot", KeyboardInterrupt, after=True)
        with pytest.raises(KeyboardInterrupt):
            service.protect(plan)
        service = born_again(service)
        assert len(Freezing.frozen) == 2
        if not points.kill(lambda service=service: reconcile(service), nth):  # type: ignore[misc]
            break
        service = born_again(service)
        reconcile(service)
        assert_thawed(service, points)
        reconcile(service)
        assert_at_its_end(service)
    assert nth > 10

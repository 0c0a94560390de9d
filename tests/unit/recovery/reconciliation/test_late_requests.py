# SPDX-License-Identifier: Apache-2.0
"""Requests that Manila carries out after the death of who made them."""

import datetime
from typing import Any

import pytest

from tests.fakes.manila import Died, FakeManila
from tests.unit.karbor_stage import (
    Service,
)
from tests.unit.recovery.reconciliation.stage import (
    assert_nothing_stays,
    killed,
    reconcile,
    the_checkpoint,
)


@pytest.mark.parametrize("microversion", ["2.98", "2.40"])
@pytest.mark.parametrize("late", [5.0, 60.0])
def test_a_snapshot_that_appears_after_the_death_is_adopted_or_goes_with_its_checkpoint(
    service: Service, monkeypatch: pytest.MonkeyPatch, late: float, microversion: str
) -> None:
    """Within request_settle_time (15 s) it is waited for; later DELETE finds it by its mark."""
    new = FakeManila.__init__
    monkeypatch.setattr(
        FakeManila,
        "__init__",
        lambda self, cloud, project, _version="", **more: new(
            self, cloud, project, microversion, **more
        ),
    )
    share = service.share()
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(share))
    (snapshot_id, view) = service.cloud.snapshots.popitem()
    clock, began = service.cloud.clock, service.cloud.clock.now()
    settled = FakeManila._settled

    def appears(self: Any, kind: str) -> Any:
        if clock.now() >= began + late:
            service.cloud.snapshots.setdefault(snapshot_id, view)
        return settled(self, kind)

    with monkeypatch.context() as patch:
        patch.setattr(FakeManila, "_settled", appears)
        assert reconcile(service) == ["available" if late < 15 else "error"]
        clock.sleep(late)
        FakeManila(service.cloud, service.project_id).snapshots()
    assert list(service.cloud.snapshots) == [snapshot_id]
    assert_nothing_stays(service)


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_was_set_does_not_make_anybody_wait_for_long(
    service: Service, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    service.cloud.plan("create_snapshot", Died)
    service = killed(service, "protect", service.plan(service.share()))
    before = service.cloud.clock.now()
    utcnow = type(service.cloud.clock).utcnow
    monkeypatch.setattr(
        type(service.cloud.clock),
        "utcnow",
        lambda self: utcnow(self) + datetime.timedelta(days=days),
    )
    assert reconcile(service) == ["error"]
    assert service.cloud.clock.now() - before <= 16


@pytest.mark.parametrize("ahead", [-120, 0, 120])
@pytest.mark.parametrize("operation", ["restore", "protect"])
def test_nothing_is_nobodys_whatever_the_clock_of_who_takes_over_says(
    service: Service, monkeypatch: pytest.MonkeyPatch, operation: str, ahead: int
) -> None:
    """A process hands its work over while Manila is at its request. The time of the intent is of
    its own clock, and the request may have been sent again since."""
    plan = service.plan(service.share())
    if operation == "restore":
        checkpoint_id = service.protect(plan).id
        service.cloud.plan("create_share", Died, after=True)
        service = killed(service, "restore", checkpoint_id)
        made = service.cloud.shares
    else:
        service.cloud.plan("create_snapshot", Died, after=True)
        service = killed(service, "protect", plan)
        made = service.cloud.snapshots
    late_id, view = made.popitem()
    clock, began = service.cloud.clock, service.cloud.clock.now()
    utcnow, settled = type(clock).utcnow, FakeManila._settled
    appeared: list[str] = []

    def appears(self: Any, kind: str) -> Any:
        if clock.now() >= began + 5 and not appeared:
            appeared.append(late_id)
            made[late_id] = view
        return settled(self, kind)

    monkeypatch.setattr(FakeManila, "_settled", appears)
    monkeypatch.setattr(
        type(clock), "utcnow", lambda self: utcnow(self) + datetime.timedelta(seconds=ahead)
    )
    if operation == "restore":
        assert reconcile(service) == ["success"]
        assert appeared
    else:
        service.delete(the_checkpoint(service).id)  # it takes over from the dead at once
        assert appeared
        assert made == {}

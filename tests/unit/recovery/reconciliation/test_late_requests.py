# SPDX-License-Identifier: Apache-2.0
"""Requests that Manila carries out after the death of who made them."""

import datetime
from typing import Any

import pytest

from tests.fakes.manila import Died, FakeManila
from tests.unit.karbor_stage import (
    Service,
)
from tests.unit.recovery.reconciliation.stage import assert_nothing_stays, killed, reconcile


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

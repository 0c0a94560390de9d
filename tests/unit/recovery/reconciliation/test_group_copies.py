# SPDX-License-Identifier: Apache-2.0
"""Killed at many points of the copy of shares that a group snapshot keeps: no temporary group
stays."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.faults import AFTER
from tests.unit.karbor_stage import Service, started
from tests.unit.points import Points
from tests.unit.recovery.reconciliation.stage import born, everything, forget, reconcile


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch, options=("default_driver = group",)) as service:
        service.cloud.seconds.update(
            create_share_group_snapshot=3.0, create_share_group=10.0, create_snapshot=2.0
        )
        service.cloud.seconds.update(create_share=10.0, delete_share=2.0)
        yield service


def protected(service: Service) -> Any:
    group = service.cloud.add_group(service.project_id)
    plan = service.plan(*(service.share(share_group_id=group["id"]) for _ in range(2)))
    service.protect(plan)
    return plan


def temporary(service: Service) -> list[str]:
    every = service.cloud.groups.values()
    return [view["id"] for view in every if view["source_share_group_snapshot_id"]]


def test_a_death_in_a_copy_leaves_no_temporary_group(service: Service, points: Points) -> None:
    protected(service)  # makes the bank's id and the table
    for nth in itertools.count(1, 11):
        forget(service)
        service.cloud.groups.clear()
        service.cloud.group_snapshots.clear()
        plan = protected(service)
        own = {item["id"] for item in plan.resources}

        def copy(service: Service = service, plan: Any = plan) -> None:
            service.call("copy", plan)
            service.run()

        if not points.kill(copy, nth, AFTER):
            break
        service = born(service)
        assert "" not in reconcile(service), points.last
        found = everything(service)
        assert temporary(service) == [], points.last
        for checkpoint in found:
            if checkpoint.status != "deleted":
                service.delete(checkpoint.id)
                assert service.checkpoint(checkpoint.id).status == "deleted", points.last
        assert temporary(service) == [], points.last
        assert service.cloud.snapshots == {}, points.last
        assert service.cloud.group_snapshots == {}, points.last
        assert set(service.cloud.shares) == own, points.last
        assert service.manager.claims.all() == [], points.last
    assert nth > 20

# SPDX-License-Identifier: Apache-2.0
"""Killed at every point of work on a share group: nothing is lost, twice, or left."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor import objects

from sandbox.faults import AFTER
from tests.unit.karbor_stage import SHARE, Service, started
from tests.unit.points import Points
from tests.unit.recovery.reconciliation.stage import (
    born,
    everything,
    forget,
    pages,
    reconcile,
    records,
)


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch, options=("default_driver = group",)) as service:
        service.cloud.seconds.update(
            create_share_group_snapshot=3.0,
            create_share_group=10.0,
            create_snapshot=2.0,
            create_share=10.0,
            delete_share=2.0,
        )
        yield service


def group_of(service: Service, number: int) -> list[str]:
    group = service.cloud.add_group(service.project_id)
    return [service.share(share_group_id=group["id"]) for _ in range(number)]


def protecting(service: Service) -> Callable[[], Any]:
    plan = service.plan(*group_of(service, 2))
    return lambda: service.protect(plan)


def protecting_in_vain(service: Service) -> Callable[[], Any]:
    shares = group_of(service, 2)
    group_id = service.cloud.shares[shares[0]]["share_group_id"]
    service.cloud.failing.add(f"create_share_group_snapshot {group_id}")
    plan = service.plan(*shares)
    return lambda: service.protect(plan)


def restoring(**given: Any) -> Callable[[Service], Callable[[], Any]]:
    def prepare(service: Service) -> Callable[[], Any]:
        shares = group_of(service, 3)
        checkpoint = service.protect(service.plan(*shares[:2]))
        record = service.record(objects.Restore, checkpoint.id, {SHARE: given})

        def restore() -> None:
            service.call("restore", record, None)
            service.run()

        return restore

    return prepare


def drilling(service: Service) -> Callable[[], Any]:
    checkpoint = service.protect(service.plan(*group_of(service, 1)))
    record = service.record(objects.Verification, checkpoint.id, {SHARE: {"depth": "drill"}})

    def verify() -> None:
        service.call("verification", record)
        service.run()

    return verify


def deleting(service: Service) -> Callable[[], Any]:
    checkpoint = service.protect(service.plan(*group_of(service, 2)))
    return lambda: service.delete(checkpoint.id)


WORK = {
    "protect": protecting,
    "protect in vain": protecting_in_vain,
    "restore": restoring(),
    "restore as a group": restoring(as_group="true"),
    "drill": drilling,
    "delete": deleting,
}


def wipe(service: Service) -> None:
    forget(service)
    service.cloud.groups.clear()
    service.cloud.group_snapshots.clear()


def reported(service: Service) -> set[str]:
    """The shares that restores report as made."""
    return {
        key.partition("#")[2]
        for record in records(service)
        for key, status in record.resources_status.items()
        if status == "available"
    }


def assert_at_its_end(service: Service) -> None:
    """Nothing is in work, nothing is lost, and nothing is there that nobody knows."""
    assert service.manager.claims.all() == []
    assert {record.status for record in records(service)} <= {"success", "fail"}
    counted: set[str] = set()
    for checkpoint in everything(service):
        assert checkpoint.status in ("available", "error", "deleted")
        shares = [item["id"] for item in checkpoint.protection_plan["resources"]]
        held = [pages(service, checkpoint, share) for share in shares]
        kept = {page["metadata"]["snapshot_id"] for page in held if "metadata" in page}
        if checkpoint.status == "available":
            assert len(kept) == 1
            assert kept <= set(service.cloud.group_snapshots)
        counted |= kept
        counted |= {page["intent"].get("created_id") for page in held if "intent" in page}
        assert not any("restores/" in key for page in held for key in page)
    assert set(service.cloud.group_snapshots) <= counted
    assert service.cloud.snapshots == {}
    made = [view for view in service.cloud.shares.values() if view["snapshot_id"]]
    assert {view["id"] for view in made} <= reported(service)
    for group in service.cloud.groups.values():
        if group["source_share_group_snapshot_id"]:
            inside = [
                view["id"]
                for view in service.cloud.shares.values()
                if view["share_group_id"] == group["id"]
            ]
            assert reported(service) & set(inside), "a group that nobody got"
    assert reconcile(service) == []


#: Of these every third point is tried: each takes a second or two of CPU. The kill points of
#: the crash harness (doc/developing/crash.md) are all of them.
STEPS = {"restore": 3, "restore as a group": 3}


@pytest.mark.parametrize("work", WORK)
def test_a_death_at_any_point_leaves_nothing_of_a_group_that_nobody_knows(
    service: Service, points: Points, work: str
) -> None:
    WORK[work](service)()  # makes the bank's id and the table
    total = points.count(WORK[work](service))
    for nth in itertools.count(1, STEPS.get(work, 1)):
        wipe(service)
        if not points.kill(WORK[work](service), nth, AFTER):
            break
        service = born(service)
        assert "" not in reconcile(service), points.last
        assert_at_its_end(service)
        for checkpoint in everything(service):
            if checkpoint.status != "deleted":
                service.delete(checkpoint.id)
        assert service.cloud.group_snapshots == {}, points.last
        assert service.checkpoints() == []
    assert nth > total * 0.8


def test_a_group_is_kept_by_one_request_and_goes_by_one(service: Service) -> None:
    shares = group_of(service, 5)
    checkpoint = service.protect(service.plan(*shares))
    assert checkpoint.status == "available"
    assert service.cloud.calls.count("create_share_group_snapshot") == 1
    service.delete(checkpoint.id)
    assert service.cloud.calls.count("delete_share_group_snapshot") == 1
    assert service.cloud.group_snapshots == {}

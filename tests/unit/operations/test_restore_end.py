# SPDX-License-Identifier: Apache-2.0
"""A restore ends when its driver has removed what it made besides the share, whoever ends it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from karbor_manila.drivers.snapshot import SnapshotDriver
from karbor_manila.manila.errors import ManilaUnavailable
from karbor_manila.manila.marks import Mark
from tests.unit.karbor_stage import SHARE, Service, started
from tests.unit.operations.copies import copied


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    with started(tmp_path, monkeypatch) as service:
        yield service


class Forgetting:
    """What the driver was told to forget; it cannot as long as ``away``."""

    def __init__(self) -> None:
        self.marks: list[Mark] = []
        self.away = False


@pytest.fixture
def forgetting(monkeypatch: pytest.MonkeyPatch) -> Forgetting:
    seen = Forgetting()

    def forget_restore(_driver: Any, mark: Mark, *, project_id: str) -> None:
        assert project_id
        if seen.away:
            raise ManilaUnavailable("remove a temporary share", 1.0, "on request")
        seen.marks.append(mark)

    monkeypatch.setattr(SnapshotDriver, "forget_restore", forget_restore)
    return seen


def reconcile(service: Service) -> None:
    service.manager.reconciliation._grace = 0.0
    service.manager.reconciliation.run()


def objects(checkpoint: Any, share: str) -> list[str]:
    return list(checkpoint.get_resource_bank_section(share).list_objects())


@pytest.mark.parametrize("given", [{}, {"depth": "drill"}])
def test_a_restore_or_drill_that_is_complete_is_forgotten(
    service: Service, forgetting: Forgetting, given: dict[str, Any]
) -> None:
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    begin = service.verify if given else service.restore
    record = begin(checkpoint.id, {SHARE: given})
    assert {mark.restore for mark in forgetting.marks} == {record.id}
    assert f"restores/{record.id}" not in objects(checkpoint, share)


def test_what_cannot_be_removed_yet_fails_no_restore_and_is_removed_later(
    service: Service, forgetting: Forgetting
) -> None:
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    forgetting.away = True
    record = service.restore(checkpoint.id, {SHARE: {}})
    assert service.saved(record).status == "success"
    assert f"restores/{record.id}" in objects(checkpoint, share)
    reconcile(service)
    assert f"restores/{record.id}" in objects(checkpoint, share)
    forgetting.away = False
    reconcile(service)
    assert f"restores/{record.id}" not in objects(checkpoint, share)
    assert {mark.restore for mark in forgetting.marks} == {record.id}
    made = [view for view in service.cloud.shares.values() if view["snapshot_id"]]
    assert [view["status"] for view in made] == ["available"]


def test_a_restore_that_fails_is_forgotten_after_its_share_was_removed(
    service: Service, forgetting: Forgetting
) -> None:
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    service.cloud.failing.add(f"create_share {share}")
    record = service.restore(checkpoint.id, {SHARE: {}})
    assert {mark.restore for mark in forgetting.marks} == {record.id}
    assert not any(view["snapshot_id"] for view in service.cloud.shares.values())


def test_the_deletion_of_a_checkpoint_forgets_a_restore_that_was_not_ended(
    service: Service, forgetting: Forgetting
) -> None:
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    forgetting.away = True
    record = service.restore(checkpoint.id, {SHARE: {}})
    forgetting.away = False
    service.delete(checkpoint.id)
    assert {mark.restore for mark in forgetting.marks} == {record.id}
    assert any(view["snapshot_id"] for view in service.cloud.shares.values())


def test_a_copy_that_could_not_be_forgotten_is_forgotten_later(
    service: Service, forgetting: Forgetting
) -> None:
    share = service.share()
    plan = service.plan(share)
    service.protect(plan)
    forgetting.away = True
    made = copied(service, plan)
    assert made.status == "available"
    assert "intent" in objects(made, share)
    reconcile(service)
    assert "intent" in objects(made, share)
    forgetting.away = False
    reconcile(service)
    assert "intent" not in objects(made, share)
    assert {(mark.checkpoint, mark.restore) for mark in forgetting.marks} == {(made.id, made.id)}


def test_the_deletion_of_a_copy_forgets_what_made_its_share_if_nobody_did(
    service: Service, forgetting: Forgetting
) -> None:
    share = service.share()
    plan = service.plan(share)
    service.protect(plan)
    forgetting.away = True
    made = copied(service, plan)
    service.delete(made.id)
    assert service.checkpoint(made.id).status == "error-deleting"
    assert "intent" in objects(made, share)
    forgetting.away = False
    service.delete(made.id)
    assert service.checkpoint(made.id).status == "deleted"
    assert {(mark.checkpoint, mark.restore) for mark in forgetting.marks} == {(made.id, made.id)}


@pytest.mark.parametrize("fails", [False, True])
def test_a_safety_copy_is_forgotten_with_its_revert(
    service: Service, forgetting: Forgetting, *, fails: bool
) -> None:
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    if fails:
        service.cloud.failing.add(f"revert_share {share}")
    given = {"share_id": share, "safety_copy": "True"}
    record = service.restore(checkpoint.id, {f"{SHARE}#{share}": given})
    assert service.saved(record).status == ("fail" if fails else "success")
    assert {mark.restore for mark in forgetting.marks} == {record.id}
    assert f"restores/{record.id}" not in objects(checkpoint, share)


def test_a_revert_whose_safety_copy_could_not_be_forgotten_keeps_its_intent(
    service: Service, forgetting: Forgetting
) -> None:
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    forgetting.away = True
    given = {"share_id": share, "safety_copy": "True"}
    record = service.restore(checkpoint.id, {f"{SHARE}#{share}": given})
    assert service.saved(record).status == "success"
    assert f"restores/{record.id}" in objects(checkpoint, share)
    forgetting.away = False
    reconcile(service)
    assert f"restores/{record.id}" not in objects(checkpoint, share)
    assert {mark.restore for mark in forgetting.marks} == {record.id}

# SPDX-License-Identifier: Apache-2.0
"""Killed at every point of what the backup driver does: nothing is lost, made twice or left, and
nothing that is empty is called restored."""

import functools
import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor import objects
from karbor.db.sqlalchemy import api as sqlalchemy_api

from karbor_manila.operations import flow
from karbor_manila.operations.progress import Progress
from tests.unit.karbor_stage import SHARE, Service, started
from tests.unit.points import Points
from tests.unit.recovery.reconciliation.stage import (
    born,
    everything,
    pages,
    reconcile,
    records,
)

THEN, NOW, OTHERS = "then", "now", "others"


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    beside = functools.partial(Progress, spawn=lambda work: work())
    monkeypatch.setattr(flow, "Progress", beside)
    with started(tmp_path, monkeypatch, options=("default_driver = backup",)) as service:
        service.cloud.seconds |= {"create_backup": 12.0, "restore_backup": 12.0}
        service.cloud.seconds |= {"create_share": 5.0, "delete_backup": 1.0, "delete_share": 1.0}
        yield service


class Scene:
    """A share with a checkpoint, and another share; what is done with them."""

    def __init__(self, service: Service, **given: str) -> None:
        self.share = service.share(_text=THEN)
        self.checkpoint = service.protect(service.plan(self.share))
        assert self.checkpoint.status == "available"
        service.cloud.shares[self.share]["_text"] = NOW
        self.other = service.share(_text=OTHERS)
        named = {"protected": self.share, "other": self.other}
        asked = {name: named.get(value, value) for name, value in given.items()}
        self.record = service.record(
            objects.Restore, self.checkpoint.id, {SHARE: asked} if asked else {}
        )

    def restore(self, service: Service) -> None:
        service.call("restore", self.record, None)
        service.run()


def text(service: Service, share_id: str) -> str:
    return str(service.cloud.shares[share_id].get("_text"))


def forget(service: Service) -> None:
    for folder in ("checkpoints", "indices", "karbor-manila/leases"):
        shutil.rmtree(service.folder / "bank" / "karbor" / folder, ignore_errors=True)
    with sqlalchemy_api.get_engine().begin() as connection:
        for table in ("operation_logs", "restores", "verifications", "karbor_manila_claims"):
            connection.execute(f"DELETE FROM {table}")
    for things in (service.cloud.shares, service.cloud.backups, service.cloud.failing):
        things.clear()
    service.cloud.messages.clear()
    service.cloud.calls.clear()


def assert_at_its_end(service: Service) -> None:
    """Nothing is in work, and of backups there is what checkpoints hold, once."""
    assert service.manager.claims.all() == []
    assert [log for log in service.logs() if log.ended_at is None] == []
    assert {record.status for record in records(service)} <= {"success", "fail"}
    kept, doubtful = set(), set()
    for checkpoint in everything(service):
        for item in checkpoint.protection_plan["resources"]:
            held = pages(service, checkpoint, item["id"])
            assert not [key for key in held if key.startswith("restore")]
            if "metadata" in held:
                kept.add(held["metadata"]["snapshot_id"])
            elif "intent" in held:
                doubtful.add(item["id"])
    for backup_id, backup in service.cloud.backups.items():
        assert backup_id in kept or backup["share_id"] in doubtful
    assert reconcile(service) == []


def killed_at_every_point(
    service: Service,
    points: Points,
    prepare: Callable[[Service], tuple[Any, Callable[[], Any]]],
    look: Callable[[Service, Any], None],
    step: int = 1,
) -> None:
    prepare(service)[1]()
    forget(service)
    total = points.count(prepare(service)[1])
    for nth in itertools.count(1, step):
        forget(service)
        scene, work = prepare(service)
        if not points.kill(work, nth):
            break
        service = born(service)
        assert "" not in reconcile(service), points.last
        try:
            look(service, scene)
            assert_at_its_end(service)
        except AssertionError as error:
            raise AssertionError(f"after {points.last}: {error}") from error
    assert nth > total * 0.7, points.last


def test_a_protection_that_died_is_whole_or_gone(service: Service, points: Points) -> None:
    def prepare(service: Service) -> tuple[Any, Callable[[], Any]]:
        share = service.share(_text=THEN)
        return share, lambda: service.protect(service.plan(share))

    def look(service: Service, share: str) -> None:
        assert len(service.cloud.backups) <= 1
        for checkpoint in everything(service):
            if checkpoint.status == "available":
                held = pages(service, checkpoint, share)["metadata"]
                assert held["driver"] == "backup"
                assert service.cloud.backups[held["snapshot_id"]]["status"] == "available"
            service.delete(checkpoint.id)
        assert service.cloud.backups == {}

    killed_at_every_point(service, points, prepare, look)


def restoring(**given: str) -> Callable[[Service], tuple[Any, Callable[[], Any]]]:
    def prepare(service: Service) -> tuple[Any, Callable[[], Any]]:
        scene = Scene(service, **given)
        return scene, lambda: scene.restore(service)

    return prepare


def test_a_restore_into_a_new_share_that_died_is_whole_or_gone(
    service: Service, points: Points
) -> None:
    def look(service: Service, scene: Scene) -> None:
        new = set(service.cloud.shares) - {scene.share, scene.other}
        ended = service.saved(scene.record)
        told = {key.partition("#")[2]: s for key, s in (ended.resources_status or {}).items()}
        for share_id, status in told.items():
            if status == "available":
                assert text(service, share_id) == THEN, "an empty share is called restored"
        assert len(new) <= 1
        assert new <= set(told)
        assert ended.status == ("success" if new else "fail")
        assert text(service, scene.share) == NOW
        assert text(service, scene.other) == OTHERS

    killed_at_every_point(service, points, restoring(), look)


@pytest.mark.parametrize(
    ("given", "step"),
    [
        ({"share_id": "protected"}, 3),
        ({"share_id": "other"}, 3),
        ({"share_id": "protected", "safety_copy": "True"}, 19),
    ],
    ids=["in place", "into another", "safety copy"],
)
def test_a_restore_into_a_share_that_is_there_ends_and_is_never_repeated(
    service: Service, points: Points, given: dict[str, str], step: int
) -> None:
    def look(service: Service, scene: Scene) -> None:
        target = scene.other if given["share_id"] == "other" else scene.share
        spared = scene.share if target == scene.other else scene.other
        ended = service.saved(scene.record)
        told = (ended.resources_status or {}).get(f"{SHARE}#{target}")
        assert service.cloud.shares[target]["status"] == "available"
        if told == "available":
            assert text(service, target) == THEN
        assert service.cloud.calls.count("restore_backup") <= (
            2 if "safety_copy" in given else 1
        ) + (1 if "safety_copy" in given else 0)
        assert text(service, spared) == (NOW if spared == scene.share else OTHERS)
        for copy in set(service.cloud.shares) - {scene.share, scene.other}:
            assert text(service, copy) == NOW, "an empty copy is kept"

    killed_at_every_point(service, points, restoring(**given), look, step)

# SPDX-License-Identifier: Apache-2.0
"""What an intent that outlives its restore leads to: the user's share is the user's."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor import objects
from karbor.services.protection.bank_plugins.file_system_bank_plugin import FileSystemBankPlugin
from oslo_db import exception as db_exception

from karbor_manila.database import requested
from karbor_manila.manila.shares import Shares
from tests.fakes.manila import Died
from tests.unit.karbor_stage import SHARE, Service, started


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    with started(tmp_path, monkeypatch) as service:
        yield service


def reconcile(service: Service) -> list[str]:
    service.manager.reconciliation._grace = 0.0
    return list(service.manager.reconciliation.run().values())


class Scene:
    """A restore whose intent is still there: a bank that removes nothing keeps it."""

    def __init__(self, service: Service, monkeypatch: pytest.MonkeyPatch, **given: Any) -> None:
        self.service = service
        self.share = service.share()
        self.checkpoint = service.protect(service.plan(self.share))
        with monkeypatch.context() as patch:
            patch.setattr(FileSystemBankPlugin, "delete_object", _fails)
            self.record = service.restore(self.checkpoint.id, {SHARE: given})
        self.section = self.checkpoint.get_resource_bank_section(self.share)

    @property
    def made(self) -> dict[str, Any]:
        (view,) = (each for each in self.service.cloud.shares.values() if each["snapshot_id"])
        return view

    @property
    def is_there(self) -> bool:
        return any(each["snapshot_id"] for each in self.service.cloud.shares.values())

    @property
    def has_intent(self) -> bool:
        return f"restores/{self.record.id}" in self.section.list_objects()


def _fails(*_args: Any, **_kwargs: Any) -> None:
    raise ConnectionResetError("by the store")


def _dies(*_args: Any) -> None:
    raise Died


def searched(scene: Scene) -> None:
    reconcile(scene.service)


def deleted(scene: Scene) -> None:
    scene.service.delete(scene.checkpoint.id)


ENDS: list[Callable[[Scene], None]] = [searched, deleted]


@pytest.mark.parametrize("end", ENDS)
def test_a_share_of_which_its_user_was_told_stays_although_it_is_in_error_just_then(
    service: Service, monkeypatch: pytest.MonkeyPatch, end: Callable[[Scene], None]
) -> None:
    scene = Scene(service, monkeypatch)
    assert scene.has_intent
    scene.made["status"] = "error"
    end(scene)
    assert scene.is_there
    assert not scene.has_intent


@pytest.mark.parametrize("end", ENDS)
def test_with_the_database_away_nothing_is_touched_and_the_next_attempt_ends_it(
    service: Service, monkeypatch: pytest.MonkeyPatch, end: Callable[[Scene], None]
) -> None:
    scene = Scene(service, monkeypatch)
    scene.made["status"] = "error"
    original = requested.get_record

    def away(*_args: Any) -> Any:
        raise db_exception.DBConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(requested, "get_record", away)
        end(scene)
    assert scene.is_there
    assert scene.has_intent
    assert "metadata" in scene.section.list_objects()
    assert requested.get_record is original
    end(scene)
    assert scene.is_there
    assert not scene.has_intent


def test_a_share_whose_restore_karbor_has_forgotten_is_left_to_its_project(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(service, monkeypatch)
    scene.made["status"] = "error"
    service.saved(scene.record).destroy()
    deleted(scene)
    assert scene.is_there
    assert not scene.has_intent
    assert service.checkpoints() == []


@pytest.mark.parametrize("end", ENDS)
def test_a_share_that_failed_and_is_nobodys_is_removed(
    service: Service, monkeypatch: pytest.MonkeyPatch, end: Callable[[Scene], None]
) -> None:
    scene = Scene(service, monkeypatch)
    scene.made["status"] = "error"
    record = service.saved(scene.record)
    record.status = "fail"
    record.update_resource_status(SHARE, scene.made["id"], "error", "It failed.")
    record.save()
    end(scene)
    assert not scene.is_there
    assert not scene.has_intent


# -- keep_failed ------------------------------------------------------------------------------


def failing(service: Service, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Any, Any]:
    """The share, its checkpoint, and a restore that dies while it waits for a share in error."""
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    service.cloud.failing.add(f"create_share {share}")
    service.cloud.seconds["create_share"] = 5.0
    record = service.record(objects.Restore, checkpoint.id, {SHARE: {"keep_failed": "True"}})
    service.call("restore", record, None)
    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(Shares, "wait_restored", _dies)
        service.run()
    service.cloud.clock.sleep(10)
    return share, checkpoint, record


@pytest.mark.parametrize("old", [False, True], ids=["", "intent of an older release"])
@pytest.mark.parametrize("recovered", [True, False], ids=["recovered", "deleted"])
def test_a_failed_share_that_is_to_be_kept_is_kept_after_a_death(
    service: Service, monkeypatch: pytest.MonkeyPatch, recovered: bool, old: bool
) -> None:
    share, checkpoint, record = failing(service, monkeypatch)
    service = service.die()
    section = checkpoint.get_resource_bank_section(share)
    page = f"restores/{record.id}"
    intent = section.get_object(page)
    assert intent.pop("keep_failed") is True
    if old:
        section.update_object(page, intent)
    (new,) = (view for view in service.cloud.shares.values() if view["snapshot_id"])
    if recovered:
        assert reconcile(service) == ["fail"]
        saved = service.saved(record)
        assert new["id"] in saved.resources_reason[f"{SHARE}#{new['id']}"]
        assert page not in section.list_objects()
        assert reconcile(service) == []
    service.delete(checkpoint.id)
    assert service.checkpoints() == []
    assert new["id"] in service.cloud.shares


def test_a_failed_share_is_kept_although_its_intent_cannot_be_removed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    service.cloud.failing.add(f"create_share {share}")
    with monkeypatch.context() as patch:
        patch.setattr(FileSystemBankPlugin, "delete_object", _fails)
        record = service.restore(checkpoint.id, {SHARE: {"keep_failed": "True"}})
    assert record.status == "fail"
    assert reconcile(service) == ["fail"]
    (new,) = (view for view in service.cloud.shares.values() if view["snapshot_id"])
    assert new["status"] == "error"
    section = checkpoint.get_resource_bank_section(share)
    assert f"restores/{record.id}" not in section.list_objects()

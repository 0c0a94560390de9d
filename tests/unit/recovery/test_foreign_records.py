# SPDX-License-Identifier: Apache-2.0
"""What a later release or another driver has written is whole, and is not touched on a guess."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from karbor_manila.drivers import catalogue
from karbor_manila.drivers.snapshot import SnapshotDriver
from karbor_manila.recovery.audit import LOST, Audit
from tests.unit.karbor_stage import SHARE, Service, started, told


class Replica(SnapshotDriver):
    """Another driver: what it keeps is in no list of snapshots."""

    name = "replica"

    def show(self, kept_id: str) -> Any:
        return {"id": kept_id, "status": "available"}


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    with started(tmp_path, monkeypatch) as service:
        yield service


def install(monkeypatch: pytest.MonkeyPatch, driver: type) -> None:
    load = catalogue.load
    monkeypatch.setattr(
        catalogue, "load", lambda name: driver if name == driver.name else load(name)
    )


LATER = {"version": 7, "driver": "replica", "replica_id": "r-1", "site": "far"}
OTHER_OF_OURS = {"driver": "replica"}  # a record as ours, of a driver that is not here
OTHER_OF_ITS_OWN = {"driver": "replica", "snapshot_id": None, "replica_id": "r-1"}

PAGES = {
    "later": (LATER, "version is 7"),
    "driver": (OTHER_OF_OURS, "'replica'"),
    "driver with fields of its own": (OTHER_OF_ITS_OWN, "'replica'"),
}


@pytest.mark.parametrize("page", PAGES)
def test_a_delete_is_refused_by_name_and_nothing_is_erased(service: Service, page: str) -> None:
    written, said = PAGES[page]
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    section = checkpoint.get_resource_bank_section(share)
    section.update_object("metadata", section.get_object("metadata") | written)
    before = {key: section.get_object(key) for key in section.list_objects()}
    service.delete(checkpoint.id)
    checkpoint = service.checkpoint(checkpoint.id)
    assert checkpoint.status == "error-deleting"
    reason = told(checkpoint)["reasons"][f"{SHARE}#{share}"]
    assert said in reason
    assert "Nothing was changed or removed" in reason
    assert len(service.cloud.snapshots) == 1
    after = {key: section.get_object(key) for key in section.list_objects()}
    assert after["metadata"] == before["metadata"]


def test_a_delete_goes_on_once_the_driver_is_installed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    section = checkpoint.get_resource_bank_section(share)
    section.update_object("metadata", section.get_object("metadata") | OTHER_OF_OURS)
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "error-deleting"
    install(monkeypatch, Replica)
    service.delete(checkpoint.id)
    assert service.checkpoints() == []
    assert service.cloud.snapshots == {}


@pytest.mark.parametrize("page", ["later", "driver"])
@pytest.mark.parametrize("place", ["intent", "restores/11111111-1111-4111-8111-111111111111"])
def test_an_intent_of_another_is_not_taken_for_nothing(
    service: Service, page: str, place: str
) -> None:
    written, said = PAGES[page]
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    section = checkpoint.get_resource_bank_section(share)
    known = section.get_object("metadata")
    intent = {
        "version": 1,
        "operation": "protect",
        "driver": "snapshot",
        "project_id": service.project_id,
        "mark": known["mark"],
        "owner": "gone",
        "since": "2026-01-01T00:00:00+00:00",
        "created_id": known["snapshot_id"],
    }
    section.update_object(place, intent | written)
    if place == "intent":
        section.delete_object("metadata")
    service.delete(checkpoint.id)
    checkpoint = service.checkpoint(checkpoint.id)
    assert checkpoint.status == "error-deleting"
    assert said in told(checkpoint)["reasons"][f"{SHARE}#{share}"]
    assert place in section.list_objects()
    assert len(service.cloud.snapshots) == 1


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("operation", ["restore", "verify"])
def test_a_restore_and_a_verification_say_who_wrote_it(
    service: Service, operation: str, page: str
) -> None:
    written, said = PAGES[page]
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    section = checkpoint.get_resource_bank_section(share)
    section.update_object("metadata", section.get_object("metadata") | written)
    record = getattr(service, operation)(checkpoint.id)
    assert record.status == "fail"
    reason = record.resources_reason[f"{SHARE}#{share}"]
    assert said in reason or "snapshot_id" in reason


def test_a_damaged_record_that_names_no_driver_is_removed_with_the_marks_of_all_drivers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    class Watching(Replica):
        def delete(self, kept: Any = None, mark: Any = None, **kwargs: Any) -> None:
            asked.append(mark)

    install(monkeypatch, Watching)
    options = ("share_type_drivers = gold:replica",)
    with started(tmp_path, monkeypatch, options=options) as service:
        share = service.share()
        checkpoint = service.protect(service.plan(share))
        checkpoint.get_resource_bank_section(share).update_object("metadata", "{")
        service.delete(checkpoint.id)
        assert service.checkpoints() == []
        assert service.cloud.snapshots == {}
    assert [mark.resource for mark in asked] == [share]


@pytest.mark.parametrize("installed", [True, False], ids=["installed", "not here"])
def test_the_audit_judges_what_another_driver_keeps_by_that_driver_or_not_at_all(
    service: Service, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    if installed:
        install(monkeypatch, Replica)
    share, lost = service.share(), service.share()
    checkpoint = service.protect(service.plan(share))
    gone = service.protect(service.plan(lost))
    section = checkpoint.get_resource_bank_section(share)
    section.update_object("metadata", section.get_object("metadata") | OTHER_OF_OURS)
    service.cloud.snapshots.clear()
    audit = Audit(service.provider, service.manager.claims, grace=0, clock=service.cloud.clock)
    findings = audit.find()
    assert [(each.kind, each.checkpoint_id) for each in findings] == [(LOST, gone.id)]
    for finding in findings:
        audit.fix(finding)
    assert service.checkpoint(checkpoint.id).status == "available"
    assert service.checkpoint(gone.id).status == "error"

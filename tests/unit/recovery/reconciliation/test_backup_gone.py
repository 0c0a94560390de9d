# SPDX-License-Identifier: Apache-2.0
"""What is in a restore's way for good ends it, whoever ends it: nothing stays in work."""

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
from karbor import objects

from karbor_manila.operations import flow
from karbor_manila.operations.progress import Progress
from tests.fakes.manila import Died
from tests.unit.karbor_stage import Service, started
from tests.unit.recovery.reconciliation.stage import born, pages, reconcile


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    beside = functools.partial(Progress, spawn=lambda work: work())
    monkeypatch.setattr(flow, "Progress", beside)
    with started(tmp_path, monkeypatch, options=("default_driver = backup",)) as service:
        service.cloud.seconds |= {"create_backup": 12.0, "restore_backup": 12.0}
        yield service


@pytest.mark.parametrize("ended_by", ["reconciliation", "deletion"])
@pytest.mark.parametrize("way", ["gone", "error"])
def test_a_restore_that_died_ends_although_its_backup_cannot_be_used_any_more(
    service: Service, way: str, ended_by: str
) -> None:
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    record = service.record(objects.Restore, checkpoint.id)
    service.cloud.plan("restore_backup", Died)
    with pytest.raises(Died):
        service.call("restore", record, None)
        service.run()
    (backup,) = service.cloud.backups
    if way == "gone":
        del service.cloud.backups[backup]
    else:
        service.cloud.backups[backup]["status"] = "error"
    service = born(service)
    if ended_by == "reconciliation":
        assert "" not in reconcile(service)
        assert service.saved(record).status == "fail"
        assert "restores/" not in " ".join(pages(service, checkpoint, share))
    else:
        service.delete(checkpoint.id)
        assert service.checkpoint(checkpoint.id).status == "deleted"
        reconcile(service)
    assert set(service.cloud.shares) == {share}
    assert service.manager.claims.all() == []


def test_a_damaged_intent_makes_no_empty_share_its_users(service: Service) -> None:
    """The share is there, available and empty: it is filled, or goes."""
    share = service.share(_text="then")
    checkpoint = service.protect(service.plan(share))
    record = service.record(objects.Restore, checkpoint.id)
    service.cloud.plan("restore_backup", Died)
    with pytest.raises(Died):
        service.call("restore", record, None)
        service.run()
    section = checkpoint.get_resource_bank_section(share)
    section.update_object(f"restores/{record.id}", {"version": 2, "operation": "restore"})
    service = born(service)
    reconcile(service)
    service.delete(checkpoint.id)
    reconcile(service)
    made = [view for view in service.cloud.shares.values() if view["id"] != share]
    assert all(view.get("_text") == "then" for view in made)

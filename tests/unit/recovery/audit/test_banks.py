# SPDX-License-Identifier: Apache-2.0
"""An audit acts on nothing on the word of a bank that is absent, damaged or not whole."""

import itertools
import os
import shutil
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor.services.protection.bank_plugins.file_system_bank_plugin import FileSystemBankPlugin

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import identity
from karbor_manila.bank.errors import BankNotOurs, BankUnreadable
from karbor_manila.recovery.audit import ORPHAN, Action, Finding
from karbor_manila.recovery.audit.finding import Reason
from karbor_manila.recovery.errors import BankSuspect
from tests.unit.banks import stored
from tests.unit.karbor_stage import (
    Service,
)
from tests.unit.recovery.audit.stage import (
    DAMAGES,
    actions,
    audit_of,
    find,
    fix_all,
    mark_of,
    orphaned,
    plant,
    protected,
    snapshot_away,
    snapshots_of,
    written,
)


def test_a_bank_that_is_not_mounted_is_not_believed(service: Service) -> None:
    protected(service)
    orphan = orphaned(service)
    audit = audit_of(service)
    (finding,) = audit.find()
    folder = service.folder / "bank"
    shutil.move(folder, service.folder / "elsewhere")
    for mounted in (False, True):
        if mounted:
            (folder / "karbor").mkdir(parents=True)  # what Karbor makes at its start
        with pytest.raises(BankNotOurs, match="mounted"):
            audit_of(service).find()
        with pytest.raises(BankNotOurs):
            audit.fix(finding)
    assert orphan in service.cloud.snapshots


def test_a_bank_that_has_an_id_and_has_never_held_a_checkpoint_is_not_believed(
    service: Service,
) -> None:
    orphaned(service)
    with pytest.raises(BankSuspect, match="never held"):
        find(service)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"id": ""}', '{"id": null}', "null"])
def test_a_bank_whose_id_is_damaged_is_not_believed(service: Service, content: str) -> None:
    protected(service)
    orphan = orphaned(service)
    audit = audit_of(service)
    (finding,) = audit.find()
    stored(service.folder / "bank", identity.KEY).write_text(content)
    with pytest.raises(BankUnreadable):
        find(service)
    with pytest.raises(BankUnreadable):
        audit.fix(finding)
    assert orphan in service.cloud.snapshots


@pytest.mark.parametrize("step", ["find", "fix"])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_bank_whose_lists_fail_in_the_middle_removes_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch, step: str, nth: int
) -> None:
    protected(service)
    orphan = orphaned(service)
    audit = audit_of(service)
    (finding,) = audit.find()
    real, calls = FileSystemBankPlugin.list_objects, itertools.count(1)

    def failing(self: Any, *args: Any, **kwargs: Any) -> Any:
        if next(calls) >= nth:
            raise karbor_exception.BankListObjectsFailed(reason="out of order")
        return real(self, *args, **kwargs)

    monkeypatch.setattr(FileSystemBankPlugin, "list_objects", failing)
    with pytest.raises(BankUnreadable, match="out of order"):
        audit.fix(finding) if step == "fix" else audit.find()
    assert next(calls) == nth + bank_access.ATTEMPTS
    assert orphan in service.cloud.snapshots


def test_what_a_list_of_the_bank_leaves_out_is_not_taken_for_unknown(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Karbor's file-system bank passes over folders that it cannot read (os.walk)."""
    shares = [service.share(), service.share()]
    hidden, _seen = (protected(service, share) for share in shares)
    real = os.scandir

    def scandir(path: Any) -> Any:
        if hidden.id in str(path):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    audit = audit_of(service)
    monkeypatch.setattr(os, "scandir", scandir)
    assert find(service) == []
    (snapshot_id,) = snapshots_of(service, hidden).values()
    forged = Finding(
        kind=ORPHAN,
        driver="snapshot",
        provider_id=service.provider.id,
        snapshot_id=snapshot_id,
        share_id=shares[0],
        checkpoint_id=hidden.id,
        project_id=service.project_id,
        reason=Reason.UNKNOWN_CHECKPOINT,
        why="its checkpoint is not in the bank",
        action=Action.REMOVE,
    )
    audit.find()
    assert str(audit.fix(forged)).startswith("left alone")
    assert snapshot_id in service.cloud.snapshots


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_not_judged_and_hides_no_other(
    service: Service, damage: str
) -> None:
    share = service.share()
    damaged = protected(service, share)
    snapshot_away(service, damaged, share)
    other = service.share()
    lost = snapshot_away(service, protected(service, other), other)
    planted = plant(service, share, mark_of(service, share, checkpoint=damaged.id))
    orphan = orphaned(service)
    written(service, damaged.id, DAMAGES[damage])
    found = actions(find(service))
    assert {lost, orphan} <= set(found)
    assert not found.get(planted)
    fix_all(service)
    assert set(service.cloud.snapshots) == {planted}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"version": 9}'])
@pytest.mark.parametrize("page", ["metadata", "intent"])
def test_a_damaged_record_is_not_judged_and_hides_no_other(
    service: Service, content: bytes, page: str
) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    orphan = orphaned(service)
    folder = f"/checkpoints/{checkpoint.id}/resource-data/{share}"
    stored(service.folder / "bank", f"{folder}/metadata").unlink()
    stored(service.folder / "bank", f"{folder}/{page}").write_bytes(content)
    assert list(actions(find(service))) == [orphan]
    fix_all(service)
    assert list(service.cloud.snapshots) == list(snapshots_of(service, checkpoint).values())

# SPDX-License-Identifier: Apache-2.0
"""An audit removes what nobody accounts for and says what is lost, and never touches the rest."""

import dataclasses
import itertools
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor.services.protection.bank_plugins.file_system_bank_plugin import FileSystemBankPlugin
from oslo_serialization import jsonutils

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import identity
from karbor_manila.bank.errors import BankNotOurs, BankUnreadable
from karbor_manila.common.errors import DeadlineExceeded
from karbor_manila.manila import marks
from karbor_manila.manila.client import EVERY_PROJECT
from karbor_manila.manila.errors import (
    ManilaRefused,
    ManilaUnavailable,
    NeedsAdministrator,
    NotAdministrator,
)
from karbor_manila.manila.marks import Mark
from karbor_manila.operations import reporting
from karbor_manila.recovery import lease
from karbor_manila.recovery.audit import LOST, ORPHAN, Action, Audit, Finding
from karbor_manila.recovery.audit.finding import Reason
from karbor_manila.recovery.claims import Claims
from karbor_manila.recovery.errors import BankSuspect
from karbor_manila.service import sessions
from tests.fakes.manila import FakeManila, passing, refused
from tests.unit.banks import open_bank, stored
from tests.unit.karbor_stage import (
    OUR_PROJECT,
    OURS,
    SHARE,
    Service,
    configured,
    provider_file,
    started,
    told,
)

HOUR = 3600.0
OTHER_KARBOR = str(uuid.UUID(int=0x2))


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch) as service:
        yield service


def audit_of(service: Service, grace: float = 0.0) -> Audit:
    return Audit(service.provider, service.manager.claims, grace=grace, clock=service.cloud.clock)


def find(service: Service, grace: float = 0.0) -> list[Finding]:
    return audit_of(service, grace).find()


def fix_all(service: Service, grace: float = 0.0) -> list[str]:
    audit = audit_of(service, grace)
    return [str(audit.fix(finding)) for finding in audit.find()]


def actions(findings: list[Finding]) -> dict[str, str]:
    return {finding.snapshot_id: finding.action for finding in findings}


def protected(service: Service, *shares: str) -> Any:
    """An available checkpoint; of a new share unless given."""
    checkpoint = service.protect(service.plan(*(shares or [service.share()])))
    assert checkpoint.status == "available"
    return checkpoint


def snapshots_of(service: Service, checkpoint: Any) -> dict[str, str]:
    """The snapshot of each share, as Manila has them."""
    return {
        view["share_id"]: view["id"]
        for view in service.cloud.snapshots.values()
        if (found := marks.read(view)) and found.checkpoint == checkpoint.id
    }


def mark_of(service: Service, share: str, **fields: str) -> Mark:
    """A mark of our bank; of a checkpoint that it does not know unless given."""
    return Mark(
        **{
            "bank": identity.bank_id(service.provider.bank),
            "provider": service.provider.id,
            "checkpoint": str(uuid.uuid4()),
            "resource": share,
        }
        | fields
    )


def plant(service: Service, share: str, bears: Mark | None, project_id: str | None = None) -> str:
    """A snapshot that somebody made with this mark; the share's own project unless given."""
    project_id = project_id or service.cloud.shares[share]["project_id"]
    manila = FakeManila(service.cloud, project_id, service.microversion)
    tagged = manila.features.snapshot_metadata
    view = manila.create_snapshot(
        share,
        name="planted",
        description=bears.describe("text") if bears and not tagged else None,
        metadata=bears.metadata() if bears and tagged else None,
    )
    manila.snapshots()  # lets it become available
    return str(view["id"])


def orphaned(service: Service) -> str:
    share = service.share()
    return plant(service, share, mark_of(service, share))


def snapshot_away(service: Service, checkpoint: Any, share: str) -> str:
    """Somebody removes the snapshot of a share behind Karbor's back."""
    snapshot_id = snapshots_of(service, checkpoint)[share]
    del service.cloud.snapshots[snapshot_id]
    return snapshot_id


def written(service: Service, checkpoint_id: str, change: Callable[[dict[str, Any]], Any]) -> None:
    """The index of a checkpoint, changed where it lies."""
    path = stored(service.folder / "bank", f"/checkpoints/{checkpoint_id}/index.json")
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def forget(service: Service, checkpoint: Any) -> None:
    """Karbor's database knows nothing of a checkpoint; that of an older backup, for instance."""
    for log in service.logs():
        if log.checkpoint_id == checkpoint.id:
            log.destroy()


def everything_in(service: Service) -> dict[str, Any]:
    """Manila and the bank, to compare."""
    bank = {
        str(path): path.read_bytes()
        for path in sorted((service.folder / "bank").rglob("*"))
        if path.is_file()
    }
    return {
        "shares": {key: dict(view) for key, view in service.cloud.shares.items()},
        "snapshots": {key: dict(view) for key, view in service.cloud.snapshots.items()},
        "bank": bank,
    }


# -- what agrees ----------------------------------------------------------------------------------


def test_nothing_is_found_when_all_agrees(service: Service) -> None:
    kept = protected(service, service.share(), service.share())
    service.restore(kept.id)
    service.delete(protected(service).id)
    assert find(service) == []


def test_finding_changes_nothing(service: Service) -> None:
    share = service.share()
    snapshot_away(service, protected(service, share), share)
    orphaned(service)
    before = everything_in(service)
    assert len(find(service)) == 2
    assert everything_in(service) == before


def test_snapshots_without_a_mark_are_nobodys_business(service: Service) -> None:
    protected(service)
    plant(service, service.share(), None)
    assert find(service) == []


def test_a_checkpoint_in_work_is_never_judged(service: Service) -> None:
    protected(service)
    checkpoint_id = service.call("protect", service.plan(service.share()))
    share = service.share()
    plant(service, share, mark_of(service, share, checkpoint=checkpoint_id))
    assert find(service) == []
    service.run()
    assert len(find(service)) == 1


def test_a_checkpoint_being_deleted_is_never_judged(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    service.call("delete", service.provider.id, checkpoint.id)
    snapshot_away(service, checkpoint, share)
    assert service.checkpoint(checkpoint.id).status == "deleting"
    assert find(service) == []


# -- orphans --------------------------------------------------------------------------------------


def test_a_snapshot_of_an_unknown_checkpoint_is_removed(service: Service) -> None:
    kept = protected(service)
    orphan = orphaned(service)
    (finding,) = find(service)
    assert (finding.kind, finding.snapshot_id) == (ORPHAN, orphan)
    assert finding.project_id == service.project_id
    assert fix_all(service) == ["removed"]
    assert list(service.cloud.snapshots) == list(snapshots_of(service, kept).values())
    assert find(service) == []


def test_a_snapshot_of_a_deleted_checkpoint_is_removed(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    service.delete(checkpoint.id)
    plant(service, share, mark_of(service, share, checkpoint=checkpoint.id))
    assert [finding.why for finding in find(service)] == ["its checkpoint was deleted"]
    assert fix_all(service) == ["removed"]
    assert service.cloud.snapshots == {}


def test_a_second_snapshot_of_a_share_is_told_and_left_to_its_checkpoint(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    (kept,) = snapshots_of(service, checkpoint).values()
    second = plant(service, share, mark_of(service, share, checkpoint=checkpoint.id))
    (finding,) = find(service)
    assert (finding.snapshot_id, finding.action) == (second, "")
    assert kept in finding.why
    assert fix_all(service) == ["left alone"]
    service.delete(checkpoint.id)
    assert service.cloud.snapshots == {}


def test_a_snapshot_of_a_share_that_the_checkpoint_has_no_record_of_is_left_alone(
    service: Service,
) -> None:
    checkpoint = protected(service)
    share = service.share()
    planted = plant(service, share, mark_of(service, share, checkpoint=checkpoint.id))
    (finding,) = find(service)
    assert (finding.snapshot_id, finding.action) == (planted, "")
    assert "no record" in finding.why
    assert fix_all(service) == ["left alone"]


def test_what_an_intent_stands_for_agrees(service: Service) -> None:
    """A protection failed and could not undo what it made: it goes with the checkpoint."""
    share = service.share()
    service.cloud.failing.add(f"create_snapshot {share}")
    fault = service.cloud.plan("delete_snapshot", passing, times=10**6)
    checkpoint = service.protect(service.plan(share))
    service.cloud.faults.remove(fault)
    assert checkpoint.status == "error"
    assert len(service.cloud.snapshots) == 1
    assert find(service) == []


@pytest.mark.parametrize("deleted", [False, True], ids=["alive", "deleted"])
def test_a_mark_in_another_project_is_forged_and_its_snapshot_left_alone(
    service: Service, deleted: bool
) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    if deleted:
        service.delete(checkpoint.id)
    theirs = str(service.cloud.add_share(service.other_project)["id"])
    forged = plant(service, theirs, mark_of(service, theirs, checkpoint=checkpoint.id))
    (finding,) = find(service)
    assert (finding.snapshot_id, finding.project_id) == (forged, service.other_project)
    assert "forged" in finding.why
    assert fix_all(service) == ["left alone"]
    assert forged in service.cloud.snapshots


@pytest.mark.parametrize("known", ["unknown", "deleted"])
def test_a_mark_of_another_share_is_forged_and_its_snapshot_left_alone(
    service: Service, known: str
) -> None:
    checkpoint = protected(service)
    fields = {}
    if known == "deleted":
        service.delete(checkpoint.id)
        fields = {"checkpoint": checkpoint.id}
    share = service.share()
    forged = plant(service, share, mark_of(service, service.share(), **fields))
    (finding,) = find(service)
    assert (finding.snapshot_id, finding.action) == (forged, "")
    assert "another share" in finding.why
    assert fix_all(service) == ["left alone"]
    assert forged in service.cloud.snapshots


NO_IDS = ["", "a b", "../..", "/", "x" * 255, "\x1b[31mred", "ünicode", "%s"]


@pytest.mark.parametrize("field", ["resource", "checkpoint", "provider", "restore"])
@pytest.mark.parametrize("text", NO_IDS)
def test_no_tenant_can_stop_an_audit_by_a_mark_of_his_own(
    service: Service, field: str, text: str
) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    fields = {"checkpoint": checkpoint.id, field: text}
    plant(service, share, mark_of(service, share, **fields))
    orphan = orphaned(service)
    findings = find(service)
    assert {orphan: "remove the snapshot"}.items() <= actions(findings).items()
    assert not [finding for finding in findings if text and text in finding.checkpoint_id]
    assert orphan not in (fix_all(service) and service.cloud.snapshots)


def test_another_banks_marks_are_nobodys_business(service: Service) -> None:
    protected(service)
    share = service.share()
    for bank in (str(uuid.uuid4()), "", "None"):
        plant(service, share, mark_of(service, share, bank=bank))
    assert find(service) == []


# -- grace ----------------------------------------------------------------------------------------


def test_the_young_is_listed_and_left_alone_until_the_grace_is_over(service: Service) -> None:
    protected(service)
    orphan = orphaned(service)
    service.cloud.clock.sleep(HOUR - 1)
    (finding,) = find(service, grace=HOUR)
    assert (finding.snapshot_id, finding.action) == (orphan, "")
    assert "young" in finding.why
    assert fix_all(service, grace=HOUR) == ["left alone"]
    service.cloud.clock.sleep(2)
    assert fix_all(service, grace=HOUR) == ["removed"]


@pytest.mark.parametrize(
    "created_at", [None, "", "yesterday", 0, "2026-13-01T00:00:00", "9999-12-31T23:59:59.999999"]
)
def test_without_a_readable_time_nothing_is_old(service: Service, created_at: Any) -> None:
    protected(service)
    orphan = orphaned(service)
    service.cloud.snapshots[orphan]["created_at"] = created_at
    assert actions(find(service)) == {orphan: ""}
    del service.cloud.snapshots[orphan]["created_at"]
    assert actions(find(service)) == {orphan: ""}
    assert fix_all(service) == ["left alone"]


@pytest.mark.parametrize("offset", ["-10:00", "+00:00", "Z", "+10:00"])
def test_a_time_with_a_zone_is_taken_at_its_word(service: Service, offset: str) -> None:
    protected(service)
    orphan = orphaned(service)
    local = {"-10:00": "14:00", "+10:00": "10:00"}.get(offset, "00:00")
    day = "2025-12-31" if offset == "-10:00" else "2026-01-01"
    service.cloud.snapshots[orphan]["created_at"] = f"{day}T{local}:00{offset}"
    # All of these are midnight, UTC; by the clock of the test that is a quarter of an hour ago.
    assert actions(find(service, grace=HOUR)) == {orphan: ""}


# -- banks that cannot be trusted -----------------------------------------------------------------


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


DAMAGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "empty": dict.clear,
    "no status": lambda index: index.pop("status"),
    "no project": lambda index: index.pop("project_id"),
    "no provider": lambda index: index.pop("provider_id"),
    "a new version": lambda index: index.update(version="7.0"),
    "a graph that is none": lambda index: index.update(resource_graph="{"),
    "a text that is no JSON": lambda index: index.update(extra_info="{"),
    "a text that is a list": lambda index: index.update(extra_info="[1]"),
    "reasons that are none": lambda index: index.update(extra_info='{"reasons": 5}'),
}


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


# -- between find and fix -------------------------------------------------------------------------


def test_another_bank_at_the_same_place_is_not_acted_on(service: Service) -> None:
    protected(service)
    orphan = orphaned(service)
    audit = audit_of(service)
    (finding,) = audit.find()
    service.provider.bank.update_object(identity.KEY, {"id": str(uuid.uuid4())})
    with pytest.raises(BankNotOurs):
        audit.fix(finding)
    identity.accept(service.provider.bank, service.provider.id)
    assert str(audit.fix(finding)).startswith("left alone")
    assert orphan in service.cloud.snapshots


def test_a_snapshot_that_is_gone_meanwhile_is_no_failure(service: Service) -> None:
    protected(service)
    orphan = orphaned(service)
    audit = audit_of(service)
    (finding,) = audit.find()
    del service.cloud.snapshots[orphan]
    assert str(audit.fix(finding)) == "gone already"


@pytest.mark.parametrize("status", ["protecting", "available", "error", "deleting", None])
def test_a_checkpoint_that_came_back_keeps_its_snapshot(
    service: Service, status: str | None
) -> None:
    protected(service)
    share = service.share()
    checkpoint = protected(service, share)
    (snapshot_id,) = snapshots_of(service, checkpoint).values()
    folder = stored(service.folder / "bank", f"/checkpoints/{checkpoint.id}")
    away = service.folder / "away"
    index = [
        path
        for path in (service.folder / "bank/karbor/indices").rglob("*")
        if path.name.endswith(f"@{checkpoint.id}")
    ]
    folder.rename(away)
    for path in index:
        path.unlink()
    forget(service, checkpoint)
    audit = audit_of(service)
    (finding,) = audit.find()
    assert finding.action
    away.rename(folder)
    if status:
        written(service, checkpoint.id, lambda content: content.update(status=status))
    else:
        written(service, checkpoint.id, dict.clear)
    assert str(audit.fix(finding)).startswith("left alone")
    assert snapshot_id in service.cloud.snapshots


def test_an_orphan_that_got_another_mark_is_left_alone(service: Service) -> None:
    kept = protected(service)
    orphan = orphaned(service)
    audit = audit_of(service)
    (finding,) = audit.find()
    for bears in (
        mark_of(service, finding.share_id),
        mark_of(service, finding.share_id, checkpoint=kept.id),
        mark_of(service, finding.share_id, checkpoint=finding.checkpoint_id, bank="other"),
        None,
    ):
        service.cloud.snapshots[orphan]["metadata"] = bears.metadata() if bears else {}
        assert str(audit.fix(finding)).startswith("left alone")
    assert orphan in service.cloud.snapshots


def test_exactly_what_is_listed_is_acted_on(service: Service) -> None:
    protected(service)
    listed = orphaned(service)
    audit = audit_of(service)
    (finding,) = audit.find()
    later = orphaned(service)
    assert str(audit.fix(finding)) == "removed"
    assert listed not in service.cloud.snapshots
    assert later in service.cloud.snapshots


@pytest.mark.parametrize("happened", ["deleted", "deleting", "protected anew", "record gone"])
def test_a_checkpoint_that_is_not_what_it_was_is_not_called_lost(
    service: Service, happened: str
) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    snapshot_away(service, checkpoint, share)
    audit = audit_of(service)
    (finding,) = audit.find()
    if happened == "deleted":
        service.delete(checkpoint.id)
    elif happened == "deleting":
        service.call("delete", service.provider.id, checkpoint.id)
    elif happened == "protected anew":
        section = checkpoint.get_resource_bank_section(share)
        record = section.get_object("metadata") | {"snapshot_id": str(uuid.uuid4())}
        section.update_object("metadata", record)
    else:
        checkpoint.get_resource_bank_section(share).delete_object("metadata")
    before = everything_in(service)
    assert str(audit.fix(finding)).startswith("left alone")
    assert everything_in(service) == before


def test_a_snapshot_that_is_back_is_not_called_lost(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    (snapshot_id,) = snapshots_of(service, checkpoint).values()
    view = service.cloud.snapshots.pop(snapshot_id)
    audit = audit_of(service)
    (finding,) = audit.find()
    service.cloud.snapshots[snapshot_id] = view
    assert str(audit.fix(finding)).startswith("left alone")
    assert service.checkpoint(checkpoint.id).status == "available"


# -- what is lost ---------------------------------------------------------------------------------


def test_a_checkpoint_says_which_of_its_snapshots_is_gone_and_keeps_the_others(
    service: Service,
) -> None:
    gone, good = service.share(), service.share()
    checkpoint = protected(service, gone, good)
    lost = snapshot_away(service, checkpoint, gone)
    (finding,) = find(service)
    assert (finding.kind, finding.snapshot_id, finding.share_id) == (LOST, lost, gone)
    assert (finding.checkpoint_id, finding.project_id) == (checkpoint.id, service.project_id)
    assert fix_all(service) == ["said so in the checkpoint"]
    checkpoint = service.checkpoint(checkpoint.id)
    assert checkpoint.status == "available"
    assert list(told(checkpoint)["reasons"]) == [f"{SHARE}#{gone}"]
    assert lost in told(checkpoint)["reasons"][f"{SHARE}#{gone}"]
    assert checkpoint.get_resource_bank_section(gone).get_object("status") == "error"
    assert checkpoint.get_resource_bank_section(good).get_object("status") == "available"


def test_a_snapshot_that_went_to_another_project_with_its_share_is_lost(service: Service) -> None:
    """Karbor's own user sees it all the same (manila/transfer/api.py)."""
    share = service.share()
    checkpoint = protected(service, share)
    protected(service)
    (snapshot_id,) = snapshots_of(service, checkpoint).values()
    for view in (service.cloud.shares[share], service.cloud.snapshots[snapshot_id]):
        view["project_id"] = service.other_project
    (finding,) = [each for each in find(service) if each.kind == LOST]
    assert service.other_project in finding.why
    fix_all(service)
    assert service.checkpoint(checkpoint.id).status == "error"
    assert (
        "transferred to another project"
        in told(service.checkpoint(checkpoint.id))["reasons"][f"{SHARE}#{share}"]
    )
    assert snapshot_id in service.cloud.snapshots


def test_a_checkpoint_of_which_nothing_is_left_becomes_an_error(service: Service) -> None:
    shares = [service.share(), service.share()]
    checkpoint = protected(service, *shares)
    for share in shares:
        snapshot_away(service, checkpoint, share)
    assert fix_all(service) == ["said so in the checkpoint"] * 2
    checkpoint = service.checkpoint(checkpoint.id)
    assert checkpoint.status == "error"
    assert set(told(checkpoint)["reasons"]) == {f"{SHARE}#{share}" for share in shares}
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"


def test_what_is_known_as_lost_is_listed_and_not_done_again(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    lost = snapshot_away(service, checkpoint, share)
    fix_all(service)
    before = everything_in(service)
    assert actions(find(service)) == {lost: ""}
    assert fix_all(service) == ["left alone"]
    assert everything_in(service) == before


def test_another_reason_of_the_share_does_not_hide_that_it_is_lost(service: Service) -> None:
    share, other = service.share(), service.share()
    checkpoint = protected(service, share, other)
    for named in (share, other):
        reporting.add(checkpoint, "reasons", {reporting.key(named): "Its deletion failed once."})
    checkpoint.commit()
    lost = snapshot_away(service, checkpoint, share)
    assert fix_all(service) == ["said so in the checkpoint"]
    checkpoint = service.checkpoint(checkpoint.id)
    assert lost in told(checkpoint)["reasons"][f"{SHARE}#{share}"]
    assert checkpoint.status == "available"  # the other share is as good as ever


def test_a_share_whose_record_cannot_be_read_counts_as_left(service: Service) -> None:
    gone, newer = service.share(), service.share()
    checkpoint = protected(service, gone, newer)
    section = checkpoint.get_resource_bank_section(newer)
    section.update_object("metadata", section.get_object("metadata") | {"version": 9})
    snapshot_away(service, checkpoint, gone)
    assert fix_all(service) == ["said so in the checkpoint"]
    assert service.checkpoint(checkpoint.id).status == "available"


def test_nothing_is_lost_that_only_a_list_leaves_out(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    protected(service)
    monkeypatch.setattr(FakeManila, "snapshots", lambda self, **_kwargs: [])
    assert find(service) == []


@pytest.mark.parametrize("status", ["creating", "error", "deleting", "error_deleting", "restoring"])
def test_a_snapshot_in_any_status_is_not_gone(service: Service, status: str) -> None:
    checkpoint = protected(service)
    (snapshot_id,) = snapshots_of(service, checkpoint).values()
    service.cloud.snapshots[snapshot_id]["status"] = status
    assert find(service) == []


def test_a_bank_that_does_not_take_what_is_lost_is_told(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = service.share()
    snapshot_away(service, protected(service, share), share)
    audit = audit_of(service)
    (finding,) = audit.find()

    def full(self: Any, key: str, value: Any, context: Any = None) -> None:
        if key.endswith("index.json"):
            raise karbor_exception.BankUpdateObjectFailed(reason="disk full", key=key)

    monkeypatch.setattr(FileSystemBankPlugin, "update_object", full)
    with pytest.raises(BankUnreadable, match="disk full"):
        audit.fix(finding)


# -- shares, other providers, other Karbors -------------------------------------------------------


def test_shares_are_never_touched(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    restored = service.restore(checkpoint.id)
    assert restored.status == "success"
    service.delete(checkpoint.id)
    orphan = orphaned(service)
    service.cloud.shares[share]["metadata"] = mark_of(service, share).metadata()
    before = set(service.cloud.shares)
    assert actions(find(service)) == {orphan: "remove the snapshot"}
    fix_all(service)
    assert set(service.cloud.shares) == before
    assert "delete_share" not in service.cloud.calls


def test_two_karbors_on_one_manila_never_touch_each_others(
    service: Service, tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    provider_file(folder, OTHER_KARBOR, (OURS, OUR_PROJECT))
    with configured(folder):
        other = Service(folder, service.cloud)
    # configured() takes the options of the group away; the first service has its values already.
    mine, theirs = protected(service), protected(other)
    both = set(service.cloud.snapshots)
    assert find(service) == find(other) == []
    lost = {one: orphaned(one) for one in (service, other)}
    for one, orphan in lost.items():
        assert actions(find(one)) == {orphan: "remove the snapshot"}
        assert fix_all(one) == ["removed"]
    assert set(service.cloud.snapshots) == both
    for one, checkpoint in ((service, mine), (other, theirs)):
        assert one.restore(checkpoint.id).status == "success"


def test_checkpoints_of_karbors_own_plugin_in_the_same_bank_are_left_alone(
    service: Service, tmp_path: Path
) -> None:
    protected(service)
    share = service.share()
    plain = plant(service, share, None)
    plan = service.plan(share, provider_id=OTHER_KARBOR)
    collection = service.provider.get_checkpoint_collection()
    stock = collection.create(
        {
            "id": plan.id,
            "name": "stock",
            "provider_id": OTHER_KARBOR,
            "project_id": service.project_id,
            "resources": [],
        }
    )
    for record in (plain, str(uuid.uuid4())):
        section = stock.get_resource_bank_section(share)
        section.update_object(
            "metadata",
            {"share_id": share, "size": 1, "share_proto": "NFS", "snapshot_id": record},
        )
        stock.status = "available"
        stock.resource_graph = service.checkpoint(protected(service, share).id).resource_graph
        stock.commit()
        assert find(service) == []


def test_a_record_of_karbors_own_plugin_in_our_provider_is_known_when_it_is_lost(
    service: Service,
) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    lost = snapshot_away(service, checkpoint, share)
    checkpoint.get_resource_bank_section(share).update_object(
        "metadata", {"share_id": share, "size": 1, "share_proto": "NFS", "snapshot_id": lost}
    )
    assert fix_all(service) == ["said so in the checkpoint"]


def test_marks_in_descriptions_are_judged_as_well(service: Service) -> None:
    service.microversion = "2.37"
    share = service.share()
    kept = protected(service)
    lost = snapshot_away(service, protected(service, share), share)
    orphan = orphaned(service)
    view = service.cloud.snapshots[orphan]
    assert (view["metadata"], view["description"].startswith("text [karbor-manila")) == ({}, True)
    assert set(actions(find(service))) == {lost, orphan}
    assert sorted(fix_all(service)) == ["removed", "said so in the checkpoint"]
    assert list(service.cloud.snapshots) == list(snapshots_of(service, kept).values())


# -- Manila ---------------------------------------------------------------------------------------


def test_a_user_who_is_no_administrator_sees_nothing_and_judges_nothing(service: Service) -> None:
    protected(service)
    service.karbor_is_administrator = False
    with pytest.raises(NotAdministrator, match="role admin"):
        find(service)


@pytest.mark.parametrize("method", ["require_administrator", "snapshots", "snapshot"])
def test_with_manila_away_nothing_is_said_to_be_lost(service: Service, method: str) -> None:
    share = service.share()
    snapshot_away(service, protected(service, share), share)
    service.cloud.plan(method, passing, times=10**6)
    with pytest.raises(ManilaUnavailable):
        find(service)
    service.cloud.assert_hit()


@pytest.mark.parametrize("method", ["snapshots", "snapshot"])
@pytest.mark.parametrize("status", [400, 401, 403])
def test_with_manila_refusing_nothing_is_said_to_be_lost(
    service: Service, method: str, status: int
) -> None:
    share = service.share()
    snapshot_away(service, protected(service, share), share)
    service.cloud.plan(method, lambda: refused(status), times=10**6)
    with pytest.raises(ManilaRefused):
        find(service)


@pytest.mark.parametrize(
    ("method", "error", "raised"),
    [
        ("snapshot", passing, ManilaUnavailable),
        ("snapshot", lambda: refused(403), ManilaRefused),
        ("delete_snapshot", passing, ManilaUnavailable),
        ("delete_snapshot", lambda: refused(401), ManilaRefused),
        ("delete_snapshot", lambda: refused(409), DeadlineExceeded),
    ],
)
def test_with_manila_away_or_refusing_a_removal_fails_and_can_be_repeated(
    service: Service, method: str, error: Any, raised: type[Exception]
) -> None:
    protected(service)
    orphan = orphaned(service)
    audit = audit_of(service)
    (finding,) = audit.find()
    fault = service.cloud.plan(method, error, times=10**6)
    with pytest.raises(raised):
        audit.fix(finding)
    service.cloud.assert_hit()
    assert orphan in service.cloud.snapshots
    service.cloud.faults.remove(fault)
    assert fix_all(service) == ["removed"]


def test_an_orphan_that_only_an_administrator_can_end_is_named_with_the_command(
    service: Service,
) -> None:
    protected(service)
    orphan = orphaned(service)
    service.cloud.snapshots[orphan]["status"] = "error_deleting"
    with pytest.raises(NeedsAdministrator, match=f"--force {orphan}"):
        fix_all(service)


def test_an_outage_of_a_moment_is_ridden_out(service: Service) -> None:
    protected(service)
    orphaned(service)
    for method in ("require_administrator", "snapshots", "snapshot", "delete_snapshot"):
        service.cloud.plan(method, passing, times=2)
    assert fix_all(service) == ["removed"]
    service.cloud.assert_hit()


def test_manila_is_asked_as_karbor_for_every_project(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    protected(service)
    asked = []
    real = service.connect_as_karbor

    def connect_as_karbor(project_id: str, **kwargs: Any) -> Any:
        asked.append(project_id)
        return real(project_id, **kwargs)

    monkeypatch.setattr(sessions, "connect_as_karbor", connect_as_karbor)
    monkeypatch.setattr(sessions, "connect", None)
    assert find(service) == []
    assert asked == [EVERY_PROJECT]


def test_findings_are_plain(service: Service) -> None:
    protected(service)
    orphaned(service)
    (finding,) = find(service)
    assert jsonutils.loads(jsonutils.dumps(dataclasses.asdict(finding)))["kind"] == ORPHAN


@pytest.mark.parametrize("by", ["this process", "another process"])
def test_a_loss_is_not_told_in_a_checkpoint_that_somebody_has_claimed(
    service: Service, by: str
) -> None:
    """He may have begun after the list was made: his status must not be written over."""
    share = service.share()
    checkpoint = protected(service, share)
    snapshot_away(service, checkpoint, share)
    audit = audit_of(service)
    (finding,) = audit.find()
    bank = service.provider.bank if by == "this process" else open_bank(service.folder / "bank")
    lease.renew(bank)
    held = service.manager.claims if by == "this process" else Claims(60.0)
    held.take(
        checkpoint.id,
        "delete",
        provider_id=service.provider.id,
        checkpoint_id=checkpoint.id,
        bank=bank,
    )
    before = everything_in(service)
    assert str(audit.fix(finding)).startswith(
        f"left alone: {checkpoint.id} is in work (delete since"
    )
    assert everything_in(service) == before
    held.release(checkpoint.id)
    assert str(audit.fix(finding)) == "said so in the checkpoint"
    assert service.manager.claims.held == frozenset()

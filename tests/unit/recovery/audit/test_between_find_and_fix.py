# SPDX-License-Identifier: Apache-2.0
"""What an audit listed is mended only if it still holds."""

import uuid

import pytest

from karbor_manila.bank import identity
from karbor_manila.bank.errors import BankNotOurs
from karbor_manila.recovery import lease
from karbor_manila.recovery.claims import Claims
from tests.unit.banks import open_bank, stored
from tests.unit.karbor_stage import (
    Service,
)
from tests.unit.recovery.audit.stage import (
    audit_of,
    everything_in,
    forget,
    give_up,
    mark_of,
    orphaned,
    protected,
    snapshot_away,
    snapshots_of,
    written,
)


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
    give_up(service)
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
        known, new = section.get_object("metadata"), str(uuid.uuid4())
        record = known | {"snapshot_id": new, "kept": known["kept"] | {"id": new}}
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

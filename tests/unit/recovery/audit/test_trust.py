# SPDX-License-Identifier: Apache-2.0
"""An audit acts on nothing on the word of a bank that is older than the database, or of a Manila
that shows nothing of what the records name."""

import shutil
from typing import Any

import pytest

from karbor_manila.bank import identity
from karbor_manila.recovery.audit import LOST, Action, Finding
from karbor_manila.recovery.audit.finding import Reason
from karbor_manila.recovery.errors import BankOlder, ManilaSuspect
from tests.fakes.manila import FakeManila
from tests.unit.karbor_stage import Service
from tests.unit.recovery.audit.stage import (
    audit_of,
    everything_in,
    find,
    fix_all,
    forget,
    give_up,
    mark_of,
    plant,
    protected,
    snapshot_away,
    snapshots_of,
)

# -- a bank that was put back -------------------------------------------------------------------


def keep_copy(service: Service) -> None:
    shutil.copytree(service.folder / "bank", service.folder / "copy")


def put_back(service: Service) -> None:
    (service.folder / "bank").rename(service.folder / "newer")
    shutil.copytree(service.folder / "copy", service.folder / "bank")


def test_a_bank_of_yesterday_is_not_acted_on_and_says_what_it_lacks(service: Service) -> None:
    protected(service)
    keep_copy(service)
    later = [protected(service) for _ in range(4)]
    share = service.share()
    plant(service, share, mark_of(service, share))
    put_back(service)
    before = everything_in(service)
    with pytest.raises(BankOlder) as caught:
        find(service)
    assert sorted(caught.value.missing) == sorted(checkpoint.id for checkpoint in later)
    said = str(caught.value)
    assert "and 1 more" in said
    assert f"karbor-manila bank accept {service.provider.id}" in said
    assert everything_in(service) == before


def test_a_bank_that_becomes_older_between_the_list_and_the_fix_loses_nothing(
    service: Service,
) -> None:
    protected(service)
    keep_copy(service)
    checkpoint = protected(service)
    audit = audit_of(service)
    assert audit.find() == []
    put_back(service)
    (snapshot_id,) = snapshots_of(service, checkpoint).values()
    (share_id,) = snapshots_of(service, checkpoint)
    finding = Finding(
        kind="orphan",
        driver="snapshot",
        provider_id=service.provider.id,
        snapshot_id=snapshot_id,
        share_id=share_id,
        checkpoint_id=checkpoint.id,
        project_id=service.project_id,
        reason=Reason.UNKNOWN_CHECKPOINT,
        why="its checkpoint is not in the bank",
        action=Action.REMOVE,
    )
    assert str(audit.fix(finding)).startswith("left alone: Karbor's database knows")
    assert snapshot_id in service.cloud.snapshots


def test_a_checkpoint_of_another_provider_on_the_bank_counts_as_well(service: Service) -> None:
    protected(service)
    keep_copy(service)
    second = "00000000-0000-0000-0000-000000000002"
    identity.confirm(service.provider.bank, second)
    later = protected(service)
    for log in service.logs():
        if log.checkpoint_id == later.id:
            log.provider_id = second
            log.save()
    put_back(service)
    with pytest.raises(BankOlder, match=later.id):
        find(service)


def test_what_was_deleted_is_no_reason_to_distrust_a_bank(service: Service) -> None:
    protected(service)
    keep_copy(service)
    later = protected(service)
    service.delete(later.id)
    put_back(service)
    assert find(service) == []


def test_what_is_given_up_is_an_orphan_from_then_on(service: Service) -> None:
    protected(service)
    keep_copy(service)
    later = protected(service)
    put_back(service)
    identity.accept(service.provider.bank, service.provider.id)
    (snapshot_id,) = snapshots_of(service, later).values()
    assert [finding.snapshot_id for finding in find(service)] == [snapshot_id]
    assert fix_all(service) == ["removed"]


def test_a_bank_and_a_database_of_yesterday_lose_nothing_of_today(service: Service) -> None:
    protected(service)
    keep_copy(service)
    later = protected(service)
    forget(service, later)
    put_back(service)
    audit = audit_of(service)
    (finding,) = audit.find()
    assert (finding.action, "karbor-manila adopt" in finding.why) == ("", True)
    assert str(audit.fix(finding)) == "left alone"
    # Nor is what was made after somebody had given something up.
    give_up(service)
    (snapshot_id,) = snapshots_of(service, later).values()
    service.cloud.snapshots[snapshot_id]["created_at"] = "2126-01-01T00:00:00"
    service.cloud.clock.sleep(200 * 365 * 86400)
    assert fix_all(service) == ["left alone"]
    assert snapshot_id in service.cloud.snapshots


def test_what_somebody_works_on_is_no_orphan_although_the_bank_does_not_show_it(
    service: Service,
) -> None:
    """Another host has the right bank, and this one its older copy."""
    protected(service)
    keep_copy(service)
    checkpoint_id = service.call("protect", service.plan(share := service.share()))
    put_back(service)
    snapshot_id = plant(service, share, mark_of(service, share, checkpoint=checkpoint_id))
    audit = audit_of(service)
    (finding,) = audit.find()
    assert "a process works on it" in finding.why
    assert str(audit.fix(finding)).startswith("left alone")
    assert snapshot_id in service.cloud.snapshots


# -- a Manila that shows nothing ----------------------------------------------------------------


def test_another_region_makes_nothing_lost(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [protected(service) for _ in range(3)]
    before = everything_in(service)
    shares, snapshots = dict(service.cloud.shares), dict(service.cloud.snapshots)
    service.cloud.shares.clear()
    service.cloud.snapshots.clear()
    with pytest.raises(ManilaSuspect) as caught:
        find(service)
    assert caught.value.named == 3
    assert "region" in str(caught.value)
    service.cloud.shares.update(shares)
    service.cloud.snapshots.update(snapshots)
    assert everything_in(service) == before
    assert {service.checkpoint(each.id).status for each in kept} == {"available"}


def test_one_share_that_is_seen_makes_a_lost_snapshot_true(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    snapshot_away(service, checkpoint, share)
    assert [finding.kind for finding in find(service)] == [LOST]
    assert fix_all(service) == ["said so in the checkpoint"]
    assert service.checkpoint(checkpoint.id).status == "error"


def test_one_snapshot_that_is_seen_makes_a_share_that_is_gone_true(service: Service) -> None:
    protected(service)
    share = service.share()
    checkpoint = protected(service, share)
    snapshot_away(service, checkpoint, share)
    del service.cloud.shares[share]
    assert fix_all(service) == ["said so in the checkpoint"]


@pytest.mark.parametrize("status", ["deleting", "error-deleting"])
def test_one_snapshot_of_a_checkpoint_that_is_being_deleted_makes_others_that_are_gone_true(
    service: Service, status: str
) -> None:
    going = protected(service)
    going.status = status
    going.commit()
    share = service.share()
    checkpoint = protected(service, share)
    snapshot_away(service, checkpoint, share)
    del service.cloud.shares[share]
    assert fix_all(service) == ["said so in the checkpoint"]


def test_a_snapshot_whose_mark_its_checkpoint_does_not_know_is_no_witness(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    (snapshot,) = service.cloud.snapshots.values()
    forged = dict(snapshot, id="5e0d9a17-bc42-4f36-8e41-c07bd95f2a63")
    service.cloud.snapshots.clear()
    service.cloud.snapshots[forged["id"]] = forged
    del service.cloud.shares[share]
    with pytest.raises(ManilaSuspect):
        find(service)
    assert service.checkpoint(checkpoint.id).status == "available"


def test_a_manila_that_shows_nothing_any_more_between_the_list_and_the_fix_loses_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    snapshot_away(service, checkpoint, share)
    audit = audit_of(service)
    (finding,) = audit.find()
    nothing: Any = lambda _self, _identifier: None  # noqa: E731
    monkeypatch.setattr(FakeManila, "share", nothing)
    monkeypatch.setattr(FakeManila, "snapshot", nothing)
    assert str(audit.fix(finding)).startswith("left alone: Manila does not show")
    assert service.checkpoint(checkpoint.id).status == "available"

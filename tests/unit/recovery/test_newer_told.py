# SPDX-License-Identifier: Apache-2.0
"""remove_newer: no moment has an available checkpoint that holds nothing and does not say so."""

import dataclasses
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor.services.protection.bank_plugins.file_system_bank_plugin import FileSystemBankPlugin

from karbor_manila.bank import access as bank_access
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.operations import lost_snapshots
from tests.fakes.manila import Died, FakeManila, refused
from tests.unit.karbor_stage import SHARE, Service, started, told


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    logging.disable(logging.CRITICAL)
    with started(tmp_path, monkeypatch) as service:
        yield service
    logging.disable(logging.NOTSET)


def reconcile(service: Service) -> list[str]:
    service.manager.reconciliation._grace = 0.0
    return list(service.manager.reconciliation.run().values())


class Scene:
    """A share with a checkpoint, and a newer one that holds nothing but it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.share = service.share(_text="then")
        self.old = service.protect(service.plan(self.share))
        self.new = service.protect(service.plan(self.share))

    def restore(self) -> Any:
        given = {f"{SHARE}#{self.share}": {"share_id": self.share, "remove_newer": True}}
        return self.service.restore(self.old.id, given)

    def newer(self) -> Any:
        return self.service.checkpoint(self.new.id)

    @property
    def has_snapshot(self) -> bool:
        page = self.new.get_resource_bank_section(self.share).get_object("metadata")
        return page["snapshot_id"] in self.service.cloud.snapshots

    @property
    def reason(self) -> str:
        return str(told(self.newer()).get("reasons", {}).get(f"{SHARE}#{self.share}", ""))

    def assert_told_the_truth(self) -> None:
        newer = self.newer()
        assert self.has_snapshot or (newer.status == "error" and self.reason)

    def assert_settled(self) -> None:
        newer = self.newer()
        assert "removing" not in told(newer)
        if self.has_snapshot:
            assert (newer.status, self.reason) == ("available", "")
        else:
            assert newer.status == "error"
            assert "it was removed, as asked for (remove_newer)" in self.reason
        keys = self.old.get_resource_bank_section(self.share).list_objects()
        assert set(keys) == {"metadata", "status"}


def index_writes(monkeypatch: pytest.MonkeyPatch, checkpoint_id: str, fails: range) -> list[str]:
    """The pages of a checkpoint that were to be written; those with these numbers fail."""
    real, seen = FileSystemBankPlugin.update_object, []

    def update(self: Any, key: str, value: Any, context: Any = None) -> None:
        if key.startswith(f"/checkpoints/{checkpoint_id}/"):
            seen.append(key)
            if len(seen) in fails:
                raise ConnectionResetError("by the store")
        real(self, key, value, context)

    monkeypatch.setattr(FileSystemBankPlugin, "update_object", update)
    return seen


def writes_of(service: Service, monkeypatch: pytest.MonkeyPatch) -> int:
    scene = Scene(service)
    with monkeypatch.context() as patch:
        seen = index_writes(patch, scene.new.id, range(0))
        assert scene.restore().status == "success"
    scene.assert_settled()
    return len(seen)


@pytest.mark.parametrize("times", [1, bank_access.ATTEMPTS, 10**6])
def test_a_write_into_the_newer_checkpoint_that_fails_is_made_up_for(
    service: Service, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    for nth in range(1, writes_of(service, monkeypatch) + 1):
        scene = Scene(service)
        with monkeypatch.context() as patch:
            index_writes(patch, scene.new.id, range(nth, nth + times))
            record = scene.restore()
            scene.assert_told_the_truth()
        # Before the removal the restore is refused, after it it goes on.
        assert record.status == ("success" if nth > 1 or times == 1 else "fail")
        reconcile(service)
        scene.assert_settled()
        assert service.manager.claims.all() == []


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_death_at_the_removal_is_settled_by_what_became_of_the_snapshot(
    service: Service, after: bool
) -> None:
    scene = Scene(service)
    service.cloud.seconds["delete_snapshot"] = 0.0
    service.cloud.plan("delete_snapshot", Died, after=after)
    with pytest.raises(Died):
        scene.restore()
    assert scene.newer().status == "error"
    assert "is being removed" in scene.reason
    service = scene.service = service.die()
    service.cloud.clock.sleep(5)
    reconcile(service)
    assert scene.has_snapshot != after
    scene.assert_settled()


def test_a_snapshot_that_manila_does_not_remove_is_the_checkpoints_as_before(
    service: Service,
) -> None:
    scene = Scene(service)
    service.cloud.plan("delete_snapshot", lambda: refused(403), times=10**6)
    assert scene.restore().status == "fail"
    assert scene.has_snapshot
    scene.assert_settled()


def test_a_checkpoint_that_is_in_use_is_told_later_and_the_intent_waits(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every write into another checkpoint is made under its claim."""
    scene = Scene(service)
    service.cloud.plan("delete_snapshot", Died, after=True)
    with pytest.raises(Died):
        scene.restore()
    service = scene.service = service.die()
    service.cloud.clock.sleep(5)
    claims = service.manager.claims
    claims.take(
        scene.new.id,
        "audit",
        provider_id=service.provider.id,
        checkpoint_id=scene.new.id,
        bank=service.provider.bank,
    )
    assert reconcile(service) == [""]
    assert told(scene.newer())["removing"]
    claims.release(scene.new.id)
    reconcile(service)
    scene.assert_settled()


def died_after_the_removal(service: Service) -> tuple[Service, Scene]:
    """The process that follows, and what it finds: the newer snapshot is gone, and nobody said."""
    scene = Scene(service)
    service.cloud.plan("delete_snapshot", Died, after=True)
    with pytest.raises(Died):
        scene.restore()
    scene.service = service.die()
    service.cloud.clock.sleep(5)
    return scene.service, scene


def test_another_region_makes_no_newer_snapshot_gone(service: Service) -> None:
    service, scene = died_after_the_removal(service)
    shares, snapshots = dict(service.cloud.shares), dict(service.cloud.snapshots)
    service.cloud.shares.clear()
    service.cloud.snapshots.clear()
    assert reconcile(service) == [""]
    assert told(scene.newer())["removing"]
    service.cloud.shares.update(shares)
    service.cloud.snapshots.update(snapshots)
    reconcile(service)
    scene.assert_settled()


def test_another_region_makes_no_newer_snapshot_gone_whatever_else_it_keeps(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, scene = died_after_the_removal(service)
    shares, snapshots = dict(service.cloud.shares), dict(service.cloud.snapshots)
    service.cloud.shares.clear()
    service.cloud.snapshots.clear()
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(FakeManila, "endpoint", "https://manila.two.invalid/v2")
        elsewhere.setattr(FakeManila, "share_type", lambda _self, _type_id: None)
        service.protect(service.plan(service.share()))
        assert reconcile(service) == [""]
        assert told(scene.newer())["removing"]
    service.cloud.shares.update(shares)
    service.cloud.snapshots.update(snapshots)
    reconcile(service)
    scene.assert_settled()


@pytest.mark.parametrize("seen", ["another snapshot of the bank", "nothing"])
def test_a_share_that_is_gone_for_good_hinders_no_end_of_its_restore(
    service: Service, seen: str
) -> None:
    service, scene = died_after_the_removal(service)
    if seen != "nothing":
        service.protect(service.plan(service.share()))
    of_share = [v["id"] for v in service.cloud.snapshots.values() if v["share_id"] == scene.share]
    for snapshot_id in of_share:
        del service.cloud.snapshots[snapshot_id]
    del service.cloud.shares[scene.share]
    if seen == "nothing":
        assert reconcile(service) == [""]
        service.delete(scene.new.id)
        assert reconcile(service) == ["fail"]
        assert scene.newer().status == "deleted"
    else:
        assert reconcile(service) == ["fail"]
        scene.assert_settled()
    assert service.manager.claims.all() == []


def test_who_lost_the_newer_checkpoint_to_another_removes_no_snapshot_of_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """He sleeps after he has announced it; his restore is still his own."""
    scene = Scene(service)
    announce = lost_snapshots.announce
    claims = service.manager.claims

    def late(checkpoint: Any, *args: Any, **kwargs: Any) -> None:
        announce(checkpoint, *args, **kwargs)
        claim = claims.get(checkpoint.id)
        assert claims._table.replace(claim, dataclasses.replace(claim, token="another's"))

    monkeypatch.setattr(lost_snapshots, "announce", late)
    record = scene.restore()
    assert record.status == "fail"
    reason = record.resources_reason[f"{SHARE}#{scene.share}"]
    assert f"{scene.new.id} is in work (remove_newer since" in reason
    assert "stopped its work" not in str(record.resources_reason)
    assert scene.has_snapshot
    assert "delete_snapshot" not in service.cloud.calls


def test_a_claim_that_a_restore_takes_over_from_a_dead_one_stays_abandoned(
    service: Service,
) -> None:
    """What he was at is not ended by a snapshot that goes."""
    scene = Scene(service)
    claims, dead = service.manager.claims, service.die().manager.claims
    dead.take(
        scene.new.id,
        "delete",
        provider_id=service.provider.id,
        checkpoint_id=scene.new.id,
        bank=service.provider.bank,
    )
    dead.leave(scene.new.id)
    assert scene.restore().status == "success"
    assert [claim.id for claim in claims.all()] == [scene.new.id]
    reconcile(service)
    assert claims.all() == []
    scene.assert_settled()


def test_two_removals_that_fail_leave_the_newer_checkpoint_as_it_was_before_both(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second begins before the first could say that nothing came of its own."""
    scene = Scene(service)
    service.cloud.plan("delete_snapshot", lambda: refused(403), times=10**6)
    with monkeypatch.context() as patch:
        patch.setattr(lost_snapshots, "take_back", raising(BankUnreadable("take it", "away")))
        assert scene.restore().status == "fail"
    assert scene.newer().status == "error"
    assert scene.restore().status == "fail"
    reconcile(service)
    scene.assert_settled()
    assert service.manager.claims.all() == []


@pytest.mark.parametrize("after", [False, True], ids=["stays", "went"])
def test_what_becomes_of_a_removal_brings_no_checkpoint_back_whose_deletion_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    with started(tmp_path, monkeypatch, options=("delete_grace = 3600",)) as service:
        scene = Scene(service)
        service.cloud.seconds["delete_snapshot"] = 0.0
        service.cloud.plan("delete_snapshot", Died, after=after)
        with pytest.raises(Died):
            scene.restore()
        scene.service = service.die()
        scene.service.manager.reconciliation._clock = service.cloud.clock
        service.cloud.clock.sleep(5)
        scene.service.delete(scene.new.id)
        assert scene.newer().status == "pending-delete"
        reconcile(scene.service)
        assert "removing" not in told(scene.newer())
        assert scene.newer().status == "pending-delete"
        # As what it can be had back.
        assert told(scene.newer())["deletion"]["was"] == ("error" if after else "available")


def raising(error: Exception) -> Any:
    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise error

    return fail

# SPDX-License-Identifier: Apache-2.0
"""Of a use and an ending of one checkpoint at once the later one is refused."""

from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor import objects

from karbor_manila.recovery.audit import Audit
from tests.unit.karbor_stage import SHARE, Service, told
from tests.unit.recovery.two_processes.stage import (
    SKIPPED,
    begun,
    in_place,
    reason_of,
    refused,
    seems_dead,
)


@pytest.mark.parametrize("kind", ["new share", "in place", "safety copy", "drill"])
@pytest.mark.parametrize("who", ["this process", "another"])
def test_a_checkpoint_in_use_is_not_deleted(
    service: Service, other: Service, who: str, kind: str
) -> None:
    deleter = service if who == "this process" else other
    share = service.share(_text="then")
    checkpoint = service.protect(service.plan(share))
    service.cloud.shares[share]["_text"] = "now"
    outcome: list[str] = []
    method = "revert_share" if kind in ("in place", "safety copy") else "create_share"
    service.cloud.meanwhile[method] = [
        lambda: outcome.append(refused(deleter.call, "delete", service.provider.id, checkpoint.id))
    ]
    if kind == "drill":
        record = service.verify(checkpoint.id, {SHARE: {"depth": "drill"}})
    elif kind == "new share":
        record = service.restore(checkpoint.id)
    else:
        given = in_place(share, safety_copy=kind == "safety copy")
        record = service.restore(checkpoint.id, given)
    assert record.status == "success"
    (reason,) = outcome
    word = "verify" if kind == "drill" else "restore"
    assert f"checkpoint {checkpoint.id} is in work ({word} since" in reason
    assert service.checkpoint(checkpoint.id).status == "available"
    service.delete(checkpoint.id)
    assert service.cloud.snapshots == {}


@pytest.mark.parametrize("who", ["this process", "another"])
def test_a_restore_that_was_accepted_holds_its_checkpoint_before_it_has_begun(
    service: Service, other: Service, who: str
) -> None:
    deleter = service if who == "this process" else other
    checkpoint = service.protect(service.plan(service.share()))
    record = begun(service, checkpoint.id)
    refused(deleter.call, "delete", service.provider.id, checkpoint.id)
    service.run()
    assert service.saved(record).status == "success"


@pytest.mark.parametrize("who", ["this process", "another"])
@pytest.mark.parametrize("kind", ["restore", "verification"])
def test_a_checkpoint_that_is_being_deleted_is_not_used(
    service: Service, other: Service, who: str, kind: str
) -> None:
    user = service if who == "this process" else other
    checkpoint = service.protect(service.plan(service.share()))
    service.call("delete", service.provider.id, checkpoint.id)
    if kind == "restore":
        record = user.record(objects.Restore, checkpoint.id)
        refused(user.call, "restore", record, None)
    else:
        record = user.record(objects.Verification, checkpoint.id)
        refused(user.call, "verification", record)
    saved = user.saved(record)
    assert saved.status.startswith("fail")
    assert "in work (delete since" in reason_of(saved)
    service.run()
    assert service.checkpoint(checkpoint.id).status == "deleted"
    assert service.cloud.snapshots == {}


def test_a_restore_that_comes_right_after_the_deletion_finds_nothing_to_restore(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has read the checkpoint before the deletion, and claims it afterwards."""
    checkpoint = service.protect(service.plan(service.share()))
    worker = service.manager.worker
    using = worker.using

    def late(*args: Any, **kwargs: Any) -> Any:
        service.delete(checkpoint.id)
        return using(*args, **kwargs)

    monkeypatch.setattr(worker, "using", late)
    record = service.record(objects.Restore, checkpoint.id)
    refused(service.call, "restore", record, None)
    assert service.saved(record).status == "fail"
    assert len(service.cloud.shares) == 1


def test_a_checkpoint_in_use_is_not_reset(service: Service, other: Service) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    begun(service, checkpoint.id)
    for actor in (service, other):
        with pytest.raises(karbor_exception.CheckpointNotBeReset, match="restore since"):
            actor.call("reset_state", service.provider.id, checkpoint.id, "error")
    assert service.checkpoint(checkpoint.id).status == "available"


def test_a_checkpoint_in_use_loses_no_snapshot_to_a_restore_in_place(service: Service) -> None:
    share = service.share()
    old = service.protect(service.plan(share))
    new = service.protect(service.plan(share))
    using = begun(service, new.id)
    waiting, service.spawned[:] = list(service.spawned), []
    record = service.restore(old.id, in_place(share, remove_newer=True))
    assert record.status == "fail"
    assert f"checkpoint {new.id} is in work (restore since" in reason_of(record)
    service.spawned.extend(waiting)
    service.run()
    assert service.saved(using).status == "success"


def test_an_audit_leaves_a_checkpoint_in_use_alone(service: Service) -> None:
    share = service.share()
    checkpoint = service.protect(service.plan(share, service.share()))
    (gone,) = [v["id"] for v in service.cloud.snapshots.values() if v["share_id"] == share]
    del service.cloud.snapshots[gone]
    begun(service, checkpoint.id, {f"{SHARE}#{share}": {"include": False}})
    audit = Audit(service.provider, service.manager.claims, grace=0, clock=service.cloud.clock)
    (finding,) = audit.find()
    assert "in work (restore since" in str(audit.fix(finding))
    assert "reasons" not in told(service.checkpoint(checkpoint.id))


def test_two_uses_do_not_exclude_each_other(service: Service, other: Service) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    first, second = begun(service, checkpoint.id), begun(other, checkpoint.id)
    service.run()
    other.run()
    assert [service.saved(it).status for it in (first, second)] == ["success", "success"]


@pytest.mark.parametrize("who", ["this process", "another"])
def test_one_share_is_restored_in_place_once_at_a_time(
    service: Service, other: Service, who: str
) -> None:
    second = service if who == "this process" else other
    share = service.share(_text="then")
    checkpoint = service.protect(service.plan(share))
    service.cloud.shares[share]["_text"] = "now"
    record = begun(service, checkpoint.id, in_place(share))
    late = second.record(objects.Restore, checkpoint.id, in_place(share))
    assert f"{share} is in work (revert since" in refused(second.call, "restore", late, None)
    service.run()
    assert service.saved(record).status == "success"
    assert service.saved(late).status == "fail"
    again = begun(second, checkpoint.id, in_place(share))
    second.run()
    assert service.saved(again).status == "success"
    assert service.manager.claims.all() == []


def test_what_a_dead_restore_left_of_its_target_is_settled_before_the_next(
    service: Service, other: Service
) -> None:
    share = service.share(_text="then")
    checkpoint = service.protect(service.plan(share))
    record = begun(service, checkpoint.id, in_place(share))
    seems_dead(service)
    late = other.record(objects.Restore, checkpoint.id, in_place(share))
    assert "is being settled" in refused(other.call, "restore", late, None)
    other.cloud.clock.sleep(120)
    assert other.manager.reconciliation.run()
    assert other.saved(record).status == "fail"
    again = begun(other, checkpoint.id, in_place(share))
    other.run()
    assert other.saved(again).status == "success"
    assert other.manager.claims.all() == []


@pytest.mark.parametrize("end", ["reset", "refused", "deleted"])
def test_an_end_leaves_what_dead_uses_left_to_the_reconciliation(
    service: Service, other: Service, end: str
) -> None:
    """Whether it is refused for a living use, too, or done: who died has told nobody yet."""
    share, second = service.share(_text="then"), service.share()
    checkpoint = service.protect(service.plan(share, second))
    record = begun(service, checkpoint.id, in_place(share) | {f"{SHARE}#{second}": SKIPPED})
    seems_dead(service)
    left = {claim.id for claim in service.manager.claims.all()}
    assert left == {record.id, share}
    if end == "refused":
        begun(other, checkpoint.id)
        refused(other.call, "delete", other.provider.id, checkpoint.id)
        other.run()
    elif end == "reset":
        other.call("reset_state", other.provider.id, checkpoint.id, "available")
    else:
        other.delete(checkpoint.id)
    assert {claim.id for claim in other.manager.claims.all()} == left
    if end != "deleted":
        late = other.record(objects.Restore, checkpoint.id, in_place(share))
        assert "is being settled" in refused(other.call, "restore", late, None)
    assert list(other.manager.reconciliation.run().values()) == ["fail"]
    assert other.saved(record).status == "fail"
    assert other.manager.claims.all() == []
    service.run()
    assert other.saved(record).status == "fail"

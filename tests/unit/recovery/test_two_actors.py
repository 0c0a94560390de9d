# SPDX-License-Identifier: Apache-2.0
"""Two who act on one checkpoint at once: the later one is refused; who was taken for dead, and
wakes up, changes nothing any more."""

import dataclasses
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor import objects
from karbor.services.protection.bank_plugins.file_system_bank_plugin import FileSystemBankPlugin
from karbor.services.protection.flows import utils

from karbor_manila.bank import checkpoints, identity
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.common.errors import ClaimLost
from karbor_manila.manila import access
from karbor_manila.operations import reporting
from karbor_manila.recovery import lease, operation_logs
from karbor_manila.recovery.audit import Audit
from karbor_manila.recovery.claims import Claims
from tests.fakes.manila import refused as refused_by_manila
from tests.unit.karbor_stage import SHARE, Service, started, told


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch) as service:
        service.cloud.seconds.update(create_snapshot=1.0, create_share=5.0, revert_share=5.0)
        yield service


@pytest.fixture
def other(service: Service) -> Service:
    """Another process, on the same bank and database, that sees the first one alive."""
    lease.renew(service.provider.bank)
    return Service(service.folder, service.cloud, type(service.manager))


def seems_dead(service: Service) -> None:
    """From now on the others take this process for dead."""
    bank = service.provider.bank
    key = f"{identity.PREFIX}/leases/{bank.get_owner_id()}"
    bank.update_object(key, bank.get_object(key) | {"ticks": 1})


def refused(call: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    with pytest.raises(karbor_exception.InvalidInput) as caught:
        call(*args, **kwargs)
    return str(caught.value)


def in_place(share_id: str, **fields: Any) -> dict[str, Any]:
    return {f"{SHARE}#{share_id}": {"share_id": share_id, **fields}}


SKIPPED = {"include": False}


def reason_of(record: Any) -> str:
    return " ".join((record.resources_reason or {}).values())


def begun(service: Service, checkpoint_id: str, parameters: Any = None) -> Any:
    """A restore that Karbor's API has accepted and that has not run yet."""
    record = service.record(objects.Restore, checkpoint_id, parameters)
    service.call("restore", record, None)
    return record


# -- a use and an end -------------------------------------------------------------------------


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


# -- fencing ----------------------------------------------------------------------------------


def taken_over(service: Service, other: Service, act: Callable[[], Any] = lambda: None) -> Any:
    """What happens while the first process is suspended: the other takes over, a user acts."""

    def meanwhile() -> None:
        seems_dead(service)
        service.cloud.clock.sleep(120)
        assert all(other.manager.reconciliation.run().values())
        act()

    return meanwhile


@pytest.mark.parametrize("fields", [{}, {"safety_copy": True}, {"remove_newer": True}])
def test_who_wakes_up_before_the_revert_leaves_the_new_work_alone(
    service: Service, other: Service, fields: dict[str, Any]
) -> None:
    share = service.share(_text="then")
    checkpoint = service.protect(service.plan(share))
    if "remove_newer" in fields:
        service.protect(service.plan(share, service.share()))
    service.cloud.shares[share]["_text"] = "now"

    def work() -> None:
        service.cloud.shares[share]["_text"] = "new work"

    service.cloud.meanwhile["revert_share"] = [taken_over(service, other, work)]
    record = service.restore(checkpoint.id, in_place(share, **fields))
    saved = other.saved(record)
    assert saved.status == "fail"
    assert "untouched" in reason_of(saved) or "not known" in reason_of(saved)
    assert service.cloud.shares[share]["_text"] == "new work"
    assert other.manager.claims.all() == []


def test_a_safety_copy_that_stays_is_named_by_whoever_ends_its_restore(
    service: Service, other: Service
) -> None:
    share = service.share(_text="then")
    checkpoint = service.protect(service.plan(share))
    service.cloud.shares[share]["_text"] = "now"
    service.cloud.meanwhile["delete_snapshot"] = [taken_over(service, other)]
    record = service.restore(checkpoint.id, in_place(share, safety_copy=True))
    (copy,) = [view for view in service.cloud.shares.values() if view["id"] != share]
    assert (copy["status"], copy["_text"]) == ("available", "now")
    saved = other.saved(record)
    assert saved.status == "fail"
    assert saved.resources_status[f"{SHARE}#{copy['id']}"] == "available"
    assert len(service.cloud.snapshots) == 1


@pytest.mark.parametrize("moment", ["create_snapshot", "access_rules"])
def test_who_wakes_up_in_a_protection_brings_no_deleted_checkpoint_back(
    service: Service, other: Service, moment: str
) -> None:
    share = service.share()
    (plan,) = [service.plan(share)]

    def delete() -> None:
        (checkpoint_id,) = other.checkpoints()
        other.delete(checkpoint_id)

    service.cloud.meanwhile[moment] = [taken_over(service, other, delete)]
    checkpoint = service.protect(plan)
    assert other.checkpoint(checkpoint.id).status == "deleted"
    assert service.checkpoints() == []
    assert service.cloud.snapshots == {}
    assert other.manager.claims.all() == []


@pytest.mark.parametrize("moment", ["create_share", "export_locations"])
def test_who_wakes_up_in_a_restore_removes_nothing_that_was_told_as_restored(
    service: Service, other: Service, moment: str
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    service.cloud.meanwhile[moment] = [taken_over(service, other)]
    record = service.restore(checkpoint.id)
    saved = other.saved(record)
    restored = {view["id"] for view in service.cloud.shares.values() if view["snapshot_id"]}
    if moment == "export_locations":
        assert saved.status == "success"
        assert restored == {key.partition("#")[2] for key in saved.resources_status}
    else:
        assert (saved.status, restored) == ("fail", set())


def test_who_wakes_up_in_a_deletion_deletes_nothing_more(service: Service, other: Service) -> None:
    checkpoint = service.protect(service.plan(service.share(), service.share()))
    service.cloud.meanwhile["delete_snapshot"] = [taken_over(service, other)]
    service.delete(checkpoint.id)
    assert other.checkpoint(checkpoint.id).status == "deleted"
    assert service.cloud.snapshots == {}
    assert [log.status for log in service.logs()][-1] == "deleted"


def test_who_wakes_up_finds_that_his_restore_was_ended_by_a_deletion(
    service: Service, other: Service
) -> None:
    """The deletion takes over the claim of the dead restore, too."""
    share = service.share(_text="then")
    checkpoint = service.protect(service.plan(share))

    def delete() -> None:
        seems_dead(service)
        service.cloud.clock.sleep(120)
        other.delete(checkpoint.id)
        service.cloud.shares[share]["_text"] = "new work"

    service.cloud.meanwhile["revert_share"] = [delete]
    service.restore(checkpoint.id, in_place(share))
    assert service.cloud.shares[share]["_text"] == "new work"
    assert other.checkpoint(checkpoint.id).status == "deleted"
    assert service.cloud.snapshots == {}


@pytest.mark.parametrize("then", ["error", "deleted"])
def test_who_wakes_up_before_he_claims_his_new_checkpoint_leaves_it_to_others(
    service: Service, other: Service, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    """Karbor makes the checkpoint, and its process sleeps before our worker can claim it."""
    get_flow = service.manager.worker.get_flow

    def late(*args: Any, **kwargs: Any) -> Any:
        seems_dead(service)
        service.cloud.clock.sleep(120)
        other.manager.reconciliation.run()
        (checkpoint_id,) = other.checkpoints()
        assert other.checkpoint(checkpoint_id).status == "error"
        if then == "deleted":
            other.delete(checkpoint_id)
        return get_flow(*args, **kwargs)

    monkeypatch.setattr(service.manager.worker, "get_flow", late)
    with pytest.raises(karbor_exception.FlowError):
        service.protect(service.plan(service.share()))
    (checkpoint_id,) = {key.split("/")[2] for key in made(service)}
    assert other.checkpoint(checkpoint_id).status == then
    assert service.cloud.snapshots == {}
    assert other.manager.claims.all() == []


@pytest.mark.parametrize("kind", ["restore", "verification"])
def test_who_wakes_up_before_he_claims_a_request_that_was_told_as_failed_does_not_begin_it(
    service: Service, other: Service, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    share = service.share(_text="then")
    checkpoint = service.protect(service.plan(share))
    record = service.record(
        objects.Restore if kind == "restore" else objects.Verification,
        checkpoint.id,
        in_place(share) if kind == "restore" else None,
    )
    worker = service.manager.worker
    using = worker.using
    told_so: list[Any] = []

    def late(*args: Any, **kwargs: Any) -> Any:
        seems_dead(service)
        other.manager.reconciliation._grace = 0.0
        assert list(other.manager.reconciliation.run().values()) == ["fail"]
        told_so.append(other.saved(record).resources_reason)
        service.cloud.shares[share]["_text"] = "new work"
        return using(*args, **kwargs)

    monkeypatch.setattr(worker, "using", late)
    said = refused(service.call, kind, record, *([None] if kind == "restore" else []))
    assert f"stopped its work on {record.id}: it is fail already" in said
    service.run()
    assert service.cloud.shares[share]["_text"] == "new work"
    assert other.saved(record).status == "fail"
    assert [other.saved(record).resources_reason] == told_so
    assert other.manager.claims.all() == []


@pytest.mark.parametrize("who", ["the user", "the reconciliation"])
def test_a_deletion_whose_beginning_is_lost_is_brought_to_its_end_although_the_maker_lives(
    service: Service, other: Service, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    """The bank takes the status and no reply of it arrives; no flow comes of that."""
    checkpoint = service.protect(service.plan(service.share()))
    update = FileSystemBankPlugin.update_object

    def lost(self: Any, key: str, value: Any, context: Any = None) -> None:
        update(self, key, value, context)
        if isinstance(value, dict) and value.get("status") == "deleting":
            raise ConnectionResetError("by the store")

    with monkeypatch.context() as patch:
        patch.setattr("time.sleep", lambda _seconds: None)
        patch.setattr(FileSystemBankPlugin, "update_object", lost)
        refused(other.call, "delete", other.provider.id, checkpoint.id)
    assert other.checkpoint(checkpoint.id).status == "deleting"
    if who == "the user":
        other.delete(checkpoint.id)
    else:
        assert list(service.manager.reconciliation.run().values()) == ["deleted"]
    assert service.checkpoint(checkpoint.id).status == "deleted"
    assert service.cloud.snapshots == {}
    assert service.manager.claims.all() == []


def test_who_wakes_up_before_he_deletes_again_puts_nothing_back_into_the_index(
    service: Service, other: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    service.call("reset_state", service.provider.id, checkpoint.id, "error")
    checkpoint = service.checkpoint(checkpoint.id)
    checkpoint.status = "error-deleting"
    checkpoint.commit()
    mend = checkpoints.mend_index

    def late(*args: Any) -> None:
        monkeypatch.setattr(checkpoints, "mend_index", mend)
        seems_dead(service)
        other.delete(checkpoint.id)
        mend(*args)

    monkeypatch.setattr(checkpoints, "mend_index", late)
    said = refused(service.call, "delete", service.provider.id, checkpoint.id)
    assert f"stopped its work on {checkpoint.id}" in said
    assert other.checkpoint(checkpoint.id).status == "deleted"
    assert service.checkpoints() == []


def test_a_claim_that_is_lost_at_an_access_rule_is_no_trouble_with_the_rule(
    service: Service,
) -> None:
    """Else a drill would go on, with the operator's command, to a share that another removes."""
    share = service.share()
    manila = service.connect(service.context())

    def guard() -> None:
        raise ClaimLost(share, "another process has taken it over")

    manila.guard = guard
    rule = {"access_type": "ip", "access_to": "10.0.0.1", "access_level": "rw"}
    with pytest.raises(ClaimLost):
        access.grant(
            manila,
            share,
            [rule],
            retry=lambda attempt: attempt(),
            patience=1.0,
            clock=service.cloud.clock,
        )


def test_who_lost_the_share_to_another_restore_does_not_revert_it(service: Service) -> None:
    """His restore is still his own."""
    share = service.share(_text="then")
    checkpoint = service.protect(service.plan(share))
    service.cloud.shares[share]["_text"] = "now"
    record = begun(service, checkpoint.id, in_place(share))
    claims = service.manager.claims
    claim = claims.get(share)
    assert claims._table.replace(claim, dataclasses.replace(claim, token="another's"))
    service.run()
    assert service.saved(record).status == "fail"
    assert service.cloud.shares[share]["_text"] == "now"
    assert "revert_share" not in service.cloud.calls


def test_who_lost_his_claim_while_he_undid_a_failure_writes_no_reason_into_the_log(
    service: Service, other: Service
) -> None:
    """The failure is his own, the log is that of whoever has taken over."""
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    record = begun(service, checkpoint.id)
    service.cloud.failing.add(f"create_share {share}")
    service.cloud.meanwhile["delete_share"] = [taken_over(service, other)]
    service.run()
    assert other.saved(record).status == "fail"
    (log,) = [log for log in service.logs() if log.operation_type == "restore"]
    assert not log.error_info
    assert other.manager.claims.all() == []


@pytest.mark.parametrize("ended", [False, True])
def test_who_cannot_claim_his_new_checkpoint_tells_that_only_while_it_is_as_he_made_it(
    service: Service, other: Service, monkeypatch: pytest.MonkeyPatch, ended: bool
) -> None:
    def take(*_args: Any, **_kwargs: Any) -> Any:
        if ended:
            seems_dead(service)
            service.cloud.clock.sleep(120)
            other.manager.reconciliation.run()
            (checkpoint_id,) = other.checkpoints()
            other.delete(checkpoint_id)
        raise BankUnreadable("give its id", "away")

    monkeypatch.setattr(service.manager.claims, "take", take)
    with pytest.raises(karbor_exception.FlowError):
        service.protect(service.plan(service.share()))
    (checkpoint_id,) = {key.split("/")[2] for key in made(service)}
    assert other.checkpoint(checkpoint_id).status == ("deleted" if ended else "error")


def test_who_cannot_write_for_want_of_a_lease_waits_for_it_once(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each attempt waits for as long as others wait until they call him dead."""
    checkpoint = service.protect(service.plan(service.share()))
    record = begun(service, checkpoint.id)
    checks: list[str] = []

    def check(_claims: Any, thing: str, *, look: bool = False) -> None:
        checks.append(thing)
        raise ClaimLost(thing, "its lease could not be renewed")

    monkeypatch.setattr(Claims, "check", check)
    job = SimpleNamespace(flow=SimpleNamespace(writing=threading.Lock(), clock=service.cloud.clock))
    running = next(iter(service.manager.worker._flows.values()))
    with pytest.raises(ClaimLost):
        reporting.write(job, running.record, lambda: None)
    assert checks == [record.id]


def made(service: Service) -> list[str]:
    """The keys of all objects of checkpoints."""
    keys: list[str] = service.provider.bank.list_objects("/checkpoints/")
    return keys


def test_who_wakes_up_before_a_copy_has_begun_begins_none(service: Service, other: Service) -> None:
    """The survey of what can be copied takes a while, and its sources may be gone by its end."""
    plan = service.plan(service.share())
    source = service.protect(plan)
    service.cloud.meanwhile["limits"] = [
        taken_over(service, other, lambda: other.delete(source.id))
    ]
    with pytest.raises(karbor_exception.KarborException):
        service.call("copy", plan)
    service.run()
    assert other.checkpoint(source.id).status == "deleted"
    assert service.checkpoints() == []
    assert service.cloud.snapshots == {}


def test_who_wakes_up_before_the_flow_of_his_deletion_is_built_opens_no_log(
    service: Service, other: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Karbor's flows begin with a log that is written past all claims."""
    checkpoint = service.protect(service.plan(service.share()))
    worker = service.manager.worker
    get_flow = worker.get_flow

    def late(*args: Any, **kwargs: Any) -> Any:
        taken_over(service, other)()
        return get_flow(*args, **kwargs)

    monkeypatch.setattr(worker, "get_flow", late)
    with pytest.raises(karbor_exception.KarborException):
        service.call("delete", service.provider.id, checkpoint.id)
    assert other.checkpoint(checkpoint.id).status == "deleted"
    assert [log.status for log in service.logs() if log.ended_at is None] == []


# -- operation logs ---------------------------------------------------------------------------


def sleeping(patch: pytest.MonkeyPatch, where: Any, name: str, nth: int, act: Any) -> None:
    """Whoever calls this function for the n-th time sleeps right before, and ``act`` happens."""
    original = getattr(where, name)
    calls: list[int] = []

    def late(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == nth:
            act()
        return original(*args, **kwargs)

    patch.setattr(where, name, late)


def broken(*_args: Any, **_kwargs: Any) -> Any:
    raise RuntimeError("no such plugin")


@pytest.mark.parametrize("moment", ["delete", "reset_state", "not built", "reconciliation"])
def test_who_wakes_up_leaves_the_log_of_a_new_deletion_open(
    service: Service, other: Service, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    heir = Service(service.folder, service.cloud, type(service.manager))
    sleeper = other if moment == "reconciliation" else service
    where = (service.provider.id, checkpoint.id)
    began: list[Any] = []

    def act() -> None:
        seems_dead(sleeper)
        service.cloud.clock.sleep(120)
        heir.call("delete", *where)
        began.extend(log for log in service.logs() if log.ended_at is None)

    fault = service.cloud.plan("delete_snapshot", lambda: refused_by_manila(423), times=100)
    if moment == "reconciliation":
        service.call("delete", *where)
        seems_dead(service)
        service.cloud.clock.sleep(120)
        lease.renew(other.provider.bank)
    with monkeypatch.context() as patch:
        sleeping(patch, operation_logs, "_open_logs", 3 if moment == "not built" else 1, act)
        if moment == "reconciliation":
            other.manager.reconciliation.run()
        elif moment == "reset_state":
            service.call("reset_state", *where, "error")
        else:
            if moment == "not built":
                patch.setattr(service.provider, "load_plugins", broken)
            with pytest.raises(karbor_exception.KarborException):
                service.call("delete", *where)
    (log,) = began
    assert stands(service, log) == (log.status, None, None)
    service.cloud.faults.remove(fault)
    heir.run()
    assert heir.checkpoint(checkpoint.id).status == "deleted"
    assert [log.status for log in service.logs()][-1] == "deleted"
    assert heir.manager.claims.all() == []


@pytest.mark.parametrize("nth", [1, 2], ids=["at the beginning", "at the end"])
@pytest.mark.parametrize("kind", ["protect", "delete", "copy", "restore", "verify"])
def test_who_wakes_up_before_a_write_into_his_log_leaves_it_as_it_was_ended(
    service: Service, other: Service, monkeypatch: pytest.MonkeyPatch, kind: str, nth: int
) -> None:
    """Karbor's tasks write the checkpoint or the record first, and then the log."""
    plan = service.plan(service.share())
    checkpoint = None if kind == "protect" else service.protect(plan)
    ended: list[Any] = []
    look = taken_over(service, other, lambda: ended.append(service.logs()[-1]))
    with monkeypatch.context() as patch:
        sleeping(patch, utils, "update_operation_log", nth, look)
        if checkpoint is None:
            service.protect(plan)
        elif kind == "copy":
            service.call("copy", plan)
        elif kind == "delete":
            service.delete(checkpoint.id)
        else:
            getattr(service, kind)(checkpoint.id)
        service.run()
    (log,) = ended
    assert log.ended_at is not None
    assert stands(service, log) == (log.status, log.ended_at, log.error_info)
    assert other.manager.claims.all() == []


def stands(service: Service, log: Any) -> tuple[Any, ...]:
    """How a log is now."""
    (now,) = [each for each in service.logs() if each.id == log.id]
    return now.status, now.ended_at, now.error_info

# SPDX-License-Identifier: Apache-2.0
"""Who was taken for dead, and wakes up as it begins, begins nothing."""

from types import SimpleNamespace
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor import objects
from karbor.services.protection.bank_plugins.file_system_bank_plugin import FileSystemBankPlugin

from karbor_manila.bank import index
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.common.errors import ClaimLost
from karbor_manila.operations import reporting
from karbor_manila.recovery.claims import Claims
from tests.unit.karbor_stage import Service
from tests.unit.recovery.two_processes.stage import (
    begun,
    in_place,
    made,
    refused,
    seems_dead,
    taken_over,
)


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
    mend = index.mend_index

    def late(*args: Any) -> None:
        monkeypatch.setattr(index, "mend_index", mend)
        seems_dead(service)
        other.delete(checkpoint.id)
        mend(*args)

    monkeypatch.setattr(index, "mend_index", late)
    said = refused(service.call, "delete", service.provider.id, checkpoint.id)
    assert f"stopped its work on {checkpoint.id}" in said
    assert other.checkpoint(checkpoint.id).status == "deleted"
    assert service.checkpoints() == []


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

    def check(_claims: Any, claimed_id: str, _token: str, *, look: bool = False) -> None:
        checks.append(claimed_id)
        raise ClaimLost(claimed_id, "its lease could not be renewed")

    monkeypatch.setattr(Claims, "check", check)
    job = SimpleNamespace(flow=SimpleNamespace(clock=service.cloud.clock))
    running = next(iter(service.manager.worker._flows.values()))
    with pytest.raises(ClaimLost):
        reporting.save_retried(job, running.record)
    assert checks == [record.id]


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

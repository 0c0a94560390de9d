# SPDX-License-Identifier: Apache-2.0
"""Our manager as Karbor's API meets it: what it refuses and how, and what it lets happen again."""

import datetime
import errno
import os
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import eventlet
import pytest
from karbor import exception as karbor_exception
from karbor import objects, rpc
from karbor.db.sqlalchemy import api as sqlalchemy_api
from karbor.services.operationengine.operations.retention_operation import (
    RetentionProtectOperation,
)
from karbor.services.protection.bank_plugins.file_system_bank_plugin import FileSystemBankPlugin
from karbor.services.protection.checkpoint import Checkpoint
from karbor.services.protection.flows import utils as flow_utils
from karbor_manila.schemas import VERIFY_SCHEMA
from oslo_messaging._drivers import common as rpc_common
from oslo_serialization import jsonutils
from oslo_utils import timeutils

from karbor_manila.bank import identity
from karbor_manila.recovery import claims, lease
from karbor_manila.service import forms
from tests.fakes.manila import FakeManila
from tests.unit.banks import FaultyPlugin, open_bank
from tests.unit.karbor_stage import (
    NOOP,
    OUR_PROJECT,
    OURS,
    PROJECT,
    SHARE,
    VOLUME,
    Service,
    started,
    told,
)

UNKNOWN = str(uuid.UUID(int=0xDEAD))


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch) as service:
        yield service


@pytest.fixture
def checkpoint(service: Service) -> Any:
    """An available checkpoint of one share."""
    checkpoint = service.protect(service.plan(service.share()))
    assert checkpoint.status == "available"
    service.cloud.calls.clear()
    return checkpoint


def over_rpc(error: BaseException) -> Any:
    """An error as Karbor's API gets it from oslo.messaging."""
    sent = rpc_common.serialize_remote_exception((type(error), error, None))
    return rpc_common.deserialize_remote_exception(sent, rpc.get_allowed_exmods())


def refusal(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What the API gets when this is refused."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is what tests look at
        call(*args, **kwargs)
    return over_rpc(caught.value)


def left_by(service: Service, status: str, *, alive: bool) -> Any:
    """A checkpoint that another process of this machine works on, or did before it died."""
    bank = open_bank(service.folder / "bank")
    theirs = type(service.provider.get_checkpoint_collection())(bank).create(
        service.plan(service.share())
    )
    claims.Claims(60.0).take(
        theirs.id, "protect", provider_id=service.provider.id, checkpoint_id=theirs.id, bank=bank
    )
    theirs.status = status
    theirs.commit()
    lease.renew(bank)
    if not alive:
        key = f"{identity.PREFIX}/leases/{bank.get_owner_id()}"
        bank.update_object(key, bank.get_object(key) | {"ticks": 1})  # a pid used again
    return service.checkpoint(theirs.id)


# -- protect ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": {SHARE: {"force": "perhaps"}}},
        {"parameters": {f"{SHARE}#{UNKNOWN}": {"force": "True"}}},
        {"resources": [{"type": VOLUME, "id": UNKNOWN, "name": "v"}]},
        {"resources": [{"type": PROJECT, "id": UNKNOWN, "name": "p"}]},
    ],
    ids=["parameter", "unknown share", "type", "project"],
)
def test_a_bad_plan_is_refused_before_its_checkpoint_exists(
    service: Service, change: dict[str, Any]
) -> None:
    resources = change.get("resources", [{"type": SHARE, "id": service.share(), "name": "s"}])
    plan = service.plan(resources=resources, parameters=change.get("parameters"))
    error = refusal(service.protect, plan)
    assert isinstance(error, karbor_exception.InvalidPlan)
    assert error.code == 400
    assert service.checkpoints() == []
    assert service.cloud.calls == []


def test_a_plan_of_an_unknown_provider_is_refused(service: Service) -> None:
    error = refusal(service.protect, service.plan(service.share(), provider_id=UNKNOWN))
    assert isinstance(error, karbor_exception.ProviderNotFound)


def test_no_plan_is_refused_as_karbor_does(service: Service) -> None:
    assert isinstance(refusal(service.protect, None), karbor_exception.InvalidPlan)


def test_a_good_plan_is_protected(service: Service) -> None:
    share = service.share()
    plan = service.plan(share, parameters={SHARE: {"description": "all", "force": "False"}})
    assert service.protect(plan).status == "available"
    (snapshot,) = service.cloud.snapshots.values()
    assert (snapshot["share_id"], snapshot["description"]) == (share, "all")


# -- restore and verification -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"share_id": UNKNOWN}, "not supported"),
        ({"share_id": "mine"}, "'share_id' cannot be 'mine'"),
        ({"restore_name": "n" * 256}, "at most 255 characters"),
        ({"colour": "blue"}, "'colour' cannot be 'blue'"),
    ],
    ids=["target", "no id", "long", "unknown"],
)
def test_a_bad_restore_fails_with_the_reason_before_anything_is_created(
    service: Service, checkpoint: Any, given: dict[str, str], said: str
) -> None:
    record = service.record(objects.Restore, checkpoint.id, {SHARE: given})
    error = refusal(service.call, "restore", record, None)
    assert isinstance(error, karbor_exception.InvalidInput)
    saved = service.saved(record)
    assert saved.status == "fail"
    (reason,) = saved.resources_reason.values()
    assert said in reason
    assert service.cloud.calls == []


def test_the_reason_of_a_bad_restore_stands_with_the_share(
    service: Service, checkpoint: Any
) -> None:
    record = service.record(objects.Restore, checkpoint.id, {SHARE: {"share_id": UNKNOWN}})
    refusal(service.call, "restore", record, None)
    (key,) = service.saved(record).resources_reason
    assert key == f"{SHARE}#{checkpoint.resource_graph[0].value.id}"
    assert service.saved(record).resources_status == {key: "error"}


def test_a_restore_of_an_unknown_checkpoint_fails_with_the_reason(service: Service) -> None:
    record = service.record(objects.Restore, UNKNOWN)
    error = refusal(service.call, "restore", record, None)
    assert isinstance(error, karbor_exception.CheckpointNotFound)
    assert service.saved(record).status == "fail"
    assert UNKNOWN in service.saved(record).resources_reason[f"checkpoint#{UNKNOWN}"]


@pytest.mark.parametrize("status", ["error", "protecting", "deleting", "error-deleting", "deleted"])
@pytest.mark.parametrize("operation", ["restore", "verification"])
def test_only_an_available_checkpoint_is_used(
    service: Service, checkpoint: Any, operation: str, status: str
) -> None:
    checkpoint.status = status
    checkpoint.commit()
    record, call = begun(service, operation, checkpoint.id)
    assert refusal(call).code == 400
    saved = service.saved(record)
    assert saved.status == "fail"
    assert f"is {status}" in saved.resources_reason[f"checkpoint#{checkpoint.id}"]


def begun(
    service: Service, operation: str, checkpoint_id: str, given: Any = None, context: Any = None
) -> tuple[Any, Callable[[], Any]]:
    """The record of a restore or verification, and the RPC that Karbor's API then makes."""
    if operation == "restore":
        record = service.record(objects.Restore, checkpoint_id, given, context)
        return record, lambda: service.call("restore", record, None, context=context)
    record = service.record(objects.Verification, checkpoint_id, given, context)
    return record, lambda: service.call("verification", record, context=context)


@pytest.mark.parametrize("operation", ["restore", "verification"])
def test_another_projects_checkpoint_is_not_used(
    service: Service, checkpoint: Any, operation: str
) -> None:
    record, call = begun(
        service, operation, checkpoint.id, context=service.context(service.other_project)
    )
    error = refusal(call)
    assert isinstance(error, karbor_exception.AccessCheckpointNotAllowed)
    assert error.code == 403
    saved = service.saved(record)
    assert saved.status == "fail"
    assert "not allowed" in saved.resources_reason[f"checkpoint#{checkpoint.id}"]
    assert service.cloud.calls == []


@pytest.mark.parametrize("operation", ["restore", "verification"])
def test_a_refusal_that_cannot_be_written_down_is_a_refusal_all_the_same(
    service: Service, checkpoint: Any, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    other = service.context(service.other_project)
    record, call = begun(service, operation, checkpoint.id, context=other)
    monkeypatch.setattr(type(record), "save", fail_with(OSError("no database")))
    assert isinstance(refusal(call), karbor_exception.AccessCheckpointNotAllowed)


def test_the_restore_names_the_new_share_with_its_true_final_status(
    service: Service, checkpoint: Any
) -> None:
    before = set(service.cloud.shares)
    saved = service.saved(service.restore(checkpoint.id))
    (new,) = set(service.cloud.shares) - before
    assert saved.status == "success"
    assert saved.resources_status == {f"{SHARE}#{new}": "available"}


def test_the_restore_that_failed_names_the_reason(service: Service, checkpoint: Any) -> None:
    (share,) = service.cloud.shares
    service.cloud.failing.add(f"create_share {share}")
    saved = service.saved(service.restore(checkpoint.id))
    assert saved.status == "fail"
    (reason,) = saved.resources_reason.values()
    assert "the backend is full" in reason


def test_every_one_of_many_restored_shares_is_named(service: Service) -> None:
    checkpoint = service.protect(service.plan(*(service.share() for _ in range(20))))
    saved = service.saved(service.restore(checkpoint.id))
    assert list(saved.resources_status.values()) == ["available"] * 20


def test_a_verification_tells_how_each_share_stands(service: Service, checkpoint: Any) -> None:
    saved = service.saved(service.verify(checkpoint.id))
    assert saved.status == "success"
    assert list(saved.resources_status.values()) == ["available"]


def test_a_verification_with_a_parameter_is_refused_with_the_reason(
    service: Service, checkpoint: Any
) -> None:
    record, call = begun(service, "verification", checkpoint.id, {SHARE: {"depth": "9"}})
    assert refusal(call).code == 400
    (reason,) = service.saved(record).resources_reason.values()
    assert "'depth' cannot be '9': it takes one of record, plan, drill" in reason


def test_a_verification_with_empty_parameters_is_done(service: Service, checkpoint: Any) -> None:
    """Karbor refuses any while it knows of no verify schema."""
    assert service.verify(checkpoint.id, {SHARE: {}}).status == "success"


def test_another_projects_checkpoint_is_not_shown(service: Service, checkpoint: Any) -> None:
    other = service.context(service.other_project)
    error = refusal(
        service.call, "show_checkpoint", service.provider.id, checkpoint.id, context=other
    )
    assert isinstance(error, karbor_exception.AccessCheckpointNotAllowed)


# -- delete -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["available", "error", "error-deleting"])
def test_a_checkpoint_that_nobody_works_on_is_deleted(
    service: Service, checkpoint: Any, status: str
) -> None:
    checkpoint.status = status
    checkpoint.commit()
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"
    assert service.cloud.snapshots == {}
    assert service.checkpoints() == []


@pytest.mark.parametrize("status", ["protecting", "deleting"])
def test_a_checkpoint_that_a_dead_process_left_is_deleted(service: Service, status: str) -> None:
    checkpoint = left_by(service, status, alive=False)
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"


@pytest.mark.parametrize("status", ["protecting", "deleting"])
def test_a_checkpoint_that_this_process_has_lost_is_deleted(
    service: Service, checkpoint: Any, status: str
) -> None:
    checkpoint.status = status
    checkpoint.commit()
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"
    assert service.cloud.snapshots == {}


@pytest.mark.parametrize("status", ["protecting", "deleting"])
def test_a_checkpoint_that_a_living_process_works_on_is_not_deleted(
    service: Service, status: str
) -> None:
    checkpoint = left_by(service, status, alive=True)
    error = refusal(service.delete, checkpoint.id)
    assert isinstance(error, karbor_exception.Invalid)
    assert error.code == 400
    assert f"{checkpoint.id} is in work (protect since" in error.msg
    assert service.checkpoint(checkpoint.id).status == status


def test_a_lease_that_is_just_being_renewed_does_not_make_its_owner_dead(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = left_by(service, "protecting", alive=True)
    with sqlalchemy_api.get_engine().begin() as connection:
        connection.execute("UPDATE karbor_manila_claims SET since = '2026-01-01 00:00:00'")
    original = FileSystemBankPlugin.get_object
    torn = [""]

    def half_written(self: Any, key: str, context: Any = None) -> Any:
        return torn.pop() if "/leases/" in key and torn else original(self, key, context)

    monkeypatch.setattr(FileSystemBankPlugin, "get_object", half_written)
    assert refusal(service.delete, checkpoint.id).code == 400


def test_a_checkpoint_that_this_process_protects_is_not_deleted(service: Service) -> None:
    checkpoint_id = service.call("protect", service.plan(service.share()))
    error = refusal(service.call, "delete", service.provider.id, checkpoint_id)
    assert error.code == 400
    service.run()
    assert service.checkpoint(checkpoint_id).status == "available"


def test_a_second_delete_during_the_first_is_refused(service: Service, checkpoint: Any) -> None:
    service.call("delete", service.provider.id, checkpoint.id)
    error = refusal(service.call, "delete", service.provider.id, checkpoint.id)
    assert error.code == 400
    service.run()
    assert service.checkpoint(checkpoint.id).status == "deleted"


def test_a_second_delete_while_the_first_is_being_built_is_refused(
    service: Service, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = flow_utils.create_operation_log
    answers: list[Any] = []

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        """Another green thread gets its turn while Karbor waits for its database."""
        monkeypatch.setattr(flow_utils, "create_operation_log", original)
        answers.append(refusal(service.call, "delete", service.provider.id, checkpoint.id))
        return original(*args, **kwargs)

    monkeypatch.setattr(flow_utils, "create_operation_log", meanwhile)
    service.call("delete", service.provider.id, checkpoint.id)
    assert answers[0].code == 400
    assert len(service.spawned) == 1


@pytest.mark.parametrize("status", ["available", "error", "error-deleting"])
def test_a_second_delete_while_the_status_is_being_written_is_refused(
    service: Service, checkpoint: Any, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    checkpoint.status = status
    checkpoint.commit()
    original = Checkpoint.commit
    answers: list[Any] = []

    def meanwhile(self: Any, context: Any = None) -> None:
        monkeypatch.setattr(Checkpoint, "commit", original)
        answers.append(refusal(service.call, "delete", service.provider.id, checkpoint.id))
        original(self, context)

    monkeypatch.setattr(Checkpoint, "commit", meanwhile)
    service.call("delete", service.provider.id, checkpoint.id)
    assert answers[0].code == 400
    assert len(service.spawned) == 1


def test_a_deleted_checkpoint_is_not_found(service: Service, checkpoint: Any) -> None:
    service.delete(checkpoint.id)
    assert isinstance(refusal(service.delete, checkpoint.id), karbor_exception.CheckpointNotFound)


def test_a_checkpoint_that_was_deleted_while_a_delete_waited_is_not_found(
    service: Service, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = service.manager.worker.await_end

    def meanwhile(_checkpoint: Any) -> None:
        """Another DELETE, in another green thread, is quicker."""
        monkeypatch.setattr(service.manager.worker, "await_end", original)
        service.delete(checkpoint.id)

    monkeypatch.setattr(service.manager.worker, "await_end", meanwhile)
    assert isinstance(refusal(service.delete, checkpoint.id), karbor_exception.CheckpointNotFound)


def test_a_delete_whose_first_write_was_refused_leaves_the_checkpoint_to_the_next(
    service: Service, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: Any, **_kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(FileSystemBankPlugin, "update_object", full)
        assert "No space left" in refusal(service.delete, checkpoint.id).msg
    assert service.manager.claims.all() == []
    assert service.checkpoint(checkpoint.id).status == "available"
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"


@pytest.mark.parametrize("read", ["the new status", "nothing"])
def test_a_delete_whose_first_write_may_have_come_about_leaves_its_claim_to_the_reconciliation(
    service: Service, checkpoint: Any, monkeypatch: pytest.MonkeyPatch, read: str
) -> None:
    original = FileSystemBankPlugin.update_object

    def away(*_args: Any, **_kwargs: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:

        def lost(self: Any, key: str, value: Any, context: Any = None) -> None:
            original(self, key, value, context)
            if read == "nothing":
                patched.setattr(FileSystemBankPlugin, "get_object", away)
            away()

        patched.setattr(FileSystemBankPlugin, "update_object", lost)
        refusal(service.delete, checkpoint.id)
    assert [claim.id for claim in service.manager.claims.all()] == [checkpoint.id]


def test_an_unknown_checkpoint_is_not_found(service: Service) -> None:
    assert isinstance(refusal(service.delete, UNKNOWN), karbor_exception.CheckpointNotFound)


@pytest.mark.parametrize("status", ["available", "error-deleting", "protecting"])
def test_another_projects_checkpoint_is_not_deleted(
    service: Service, checkpoint: Any, status: str
) -> None:
    checkpoint.status = status
    checkpoint.commit()
    error = refusal(service.delete, checkpoint.id, context=service.context(service.other_project))
    assert error.code == 403
    assert service.checkpoint(checkpoint.id).status == status
    assert len(service.cloud.snapshots) == 1


def test_an_administrator_deletes_in_any_project(
    service: Service, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "karbor_manila.service.sessions.connect",
        lambda *_args, **_kwargs: FakeManila(service.cloud, service.project_id),
    )
    admin = service.context(service.other_project, is_admin=True)
    service.delete(checkpoint.id, context=admin)
    assert service.cloud.snapshots == {}


def test_a_failed_delete_tells_why_and_is_run_again(service: Service, checkpoint: Any) -> None:
    (share,) = service.cloud.shares
    service.cloud.failing.add(f"delete_snapshot {share}")
    service.delete(checkpoint.id)
    failed = service.checkpoint(checkpoint.id)
    assert failed.status == "error-deleting"
    assert "administrator" in told(failed)["reasons"][f"{SHARE}#{share}"]
    service.cloud.snapshots.clear()  # which is what the administrator does
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"


def fail_in_the_index(monkeypatch: pytest.MonkeyPatch, entry: int) -> None:
    """The bank fails once, when this entry of a checkpoint is taken out of its index."""
    original = FileSystemBankPlugin.delete_object
    seen: list[str] = []

    def fails_once(self: Any, key: str, context: Any = None) -> None:
        if key.startswith("/indices/"):
            seen.append(key)
            if len(seen) == entry:
                raise karbor_exception.BankDeleteObjectFailed(reason="503", key=key)
        original(self, key, context)

    monkeypatch.setattr(FileSystemBankPlugin, "delete_object", fails_once)


@pytest.mark.parametrize("entry", [1, 2, 3])
def test_a_delete_that_stopped_in_the_index_can_be_run_again(
    service: Service, checkpoint: Any, monkeypatch: pytest.MonkeyPatch, entry: int
) -> None:
    fail_in_the_index(monkeypatch, entry)
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "error-deleting"
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"
    assert service.checkpoints() == []


def test_a_delete_that_died_in_the_index_leaves_nothing_in_the_list(
    service: Service, checkpoint: Any
) -> None:
    checkpoint.status = "deleted"
    checkpoint.commit()
    assert service.call("list_checkpoints", service.provider.id, filters={}) == []


# -- reset-state ------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["error", "available"])
@pytest.mark.parametrize("status", ["protecting", "deleting"])
def test_the_state_of_an_abandoned_checkpoint_can_be_reset(
    service: Service, status: str, state: str
) -> None:
    checkpoint = left_by(service, status, alive=False)
    service.call("reset_state", service.provider.id, checkpoint.id, state)
    assert service.checkpoint(checkpoint.id).status == state


@pytest.mark.parametrize("status", ["available", "error", "error-deleting"])
def test_the_state_of_a_checkpoint_that_nobody_works_on_can_be_reset(
    service: Service, checkpoint: Any, status: str
) -> None:
    checkpoint.status = status
    checkpoint.commit()
    service.call("reset_state", service.provider.id, checkpoint.id, "error")
    assert service.checkpoint(checkpoint.id).status == "error"


@pytest.mark.parametrize("status", ["protecting", "deleting"])
def test_the_state_of_a_checkpoint_that_a_living_process_works_on_cannot_be_reset(
    service: Service, status: str
) -> None:
    checkpoint = left_by(service, status, alive=True)
    error = refusal(service.call, "reset_state", service.provider.id, checkpoint.id, "error")
    assert isinstance(error, karbor_exception.CheckpointNotBeReset)  # its API makes it a 400
    assert service.checkpoint(checkpoint.id).status == status


def test_the_state_of_a_deleted_checkpoint_cannot_be_reset(
    service: Service, checkpoint: Any
) -> None:
    service.delete(checkpoint.id)
    error = refusal(service.call, "reset_state", service.provider.id, checkpoint.id, "available")
    assert isinstance(error, karbor_exception.CheckpointNotBeReset)


def test_a_checkpoint_whose_deletion_stopped_in_the_index_is_listed_after_a_reset(
    service: Service, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_in_the_index(monkeypatch, entry=3)
    service.delete(checkpoint.id)
    service.call("reset_state", service.provider.id, checkpoint.id, "available")
    plan_id = checkpoint.protection_plan["id"]
    assert listed(service) == listed(service, filters={"plan_id": plan_id}) == [checkpoint.id]


def test_another_projects_state_cannot_be_reset(service: Service) -> None:
    checkpoint = left_by(service, "protecting", alive=False)
    error = refusal(
        service.call,
        "reset_state",
        service.provider.id,
        checkpoint.id,
        "error",
        context=service.context(service.other_project),
    )
    assert isinstance(error, karbor_exception.AccessCheckpointNotAllowed)
    assert service.checkpoint(checkpoint.id).status == "protecting"


# -- lists ------------------------------------------------------------------------------------


@pytest.fixture
def made(service: Service) -> Iterator[list[str]]:
    """The ids of five checkpoints of one plan, a day apart, the oldest first."""
    plan = service.plan(service.share())
    start = datetime.datetime(2026, 11, 1, 12, 0)
    timeutils.set_time_override(start)
    ids = []
    for day in range(5):
        timeutils.set_time_override(start + datetime.timedelta(days=day))
        ids.append(service.provider.get_checkpoint_collection().create(plan).id)
    yield ids
    timeutils.clear_time_override()


def listed(service: Service, **kwargs: Any) -> list[str]:
    kwargs.setdefault("filters", {})
    found = service.call("list_checkpoints", service.provider.id, **kwargs)
    return [item["id"] for item in found]


@pytest.fixture(params=["as it is", "reversed", "shuffled"])
def bank_order(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order in which the bank lists its objects."""
    original = FileSystemBankPlugin.list_objects
    orders: dict[str, Callable[[list[str]], list[str]]] = {
        "as it is": list,
        "reversed": lambda keys: sorted(keys, reverse=True),
        "shuffled": lambda keys: sorted(keys)[1::2] + sorted(keys)[::2],
    }

    def ordered(self: Any, *args: Any, **kwargs: Any) -> list[str]:
        return orders[request.param](list(original(self, *args, **kwargs)))

    monkeypatch.setattr(FileSystemBankPlugin, "list_objects", ordered)


@pytest.mark.usefixtures("bank_order")
@pytest.mark.parametrize("by_plan", [False, True], ids=["by provider", "by plan"])
def test_a_list_begins_with_the_newest_unless_asked_otherwise(
    service: Service, made: list[str], by_plan: bool
) -> None:
    plan_id = service.checkpoint(made[0]).protection_plan["id"]
    filters = {"plan_id": plan_id} if by_plan else {}
    assert listed(service, filters=filters) == made[::-1]
    assert (
        listed(service, filters=filters, sort_keys=["created_at"], sort_dirs=["desc"])
        == (made[::-1])
    )
    assert listed(service, filters=filters, sort_keys=["created_at"], sort_dirs=["asc"]) == made


@pytest.mark.usefixtures("bank_order")
def test_a_list_goes_on_behind_its_marker(service: Service, made: list[str]) -> None:
    assert listed(service, limit=2) == made[:2:-1]
    assert listed(service, limit=2, marker=made[3]) == [made[2], made[1]]
    assert listed(service, marker=made[0]) == []


def test_an_unknown_marker_is_told(service: Service) -> None:
    error = refusal(listed, service, marker=UNKNOWN)
    assert isinstance(error, karbor_exception.CheckpointNotFound)


def test_a_list_knows_days(service: Service, made: list[str]) -> None:
    between = {"start_date": "2026-11-02", "end_date": "2026-11-03"}
    assert listed(service, filters=between) == [made[2], made[1]]
    assert listed(service, filters={"start_date": "2026-11-04"}) == [made[4], made[3]]
    assert listed(service, filters={"end_date": "2026-11-01"}) == [made[0]]


def test_what_is_no_day_is_a_400(service: Service) -> None:
    assert refusal(listed, service, filters={"start_date": "yesterday"}).code == 400


def test_a_day_without_dashes_is_a_day_or_a_400(service: Service, made: list[str]) -> None:
    try:
        assert listed(service, filters={"start_date": 20261105}) == [made[4]]
    except karbor_exception.Invalid as error:
        assert "20261105" in error.msg


def test_a_list_shows_the_requesters_project_alone(service: Service, made: list[str]) -> None:
    other = service.context(service.other_project)
    assert listed(service, context=other) == []
    assert listed(service, context=other, filters={"project_id": service.project_id}) == []
    plan_id = service.checkpoint(made[0]).protection_plan["id"]
    assert listed(service, context=other, filters={"plan_id": plan_id}) == []


def test_an_administrator_sees_all_projects_or_one(service: Service, made: list[str]) -> None:
    admin = service.context(service.other_project, is_admin=True)
    assert listed(service, context=admin) == []
    assert listed(service, context=admin, all_tenants=True) == made[::-1]
    for project, expected in ((service.project_id, made[::-1]), (service.other_project, [])):
        filters = {"project_id": project}
        assert listed(service, context=admin, all_tenants=True, filters=filters) == expected


def test_one_that_cannot_be_read_does_not_hide_the_others(
    service: Service, made: list[str]
) -> None:
    (service.folder / f"bank/karbor/checkpoints/{made[2]}/index.json").unlink()
    assert listed(service) == [made[4], made[3], made[1], made[0]]


def test_one_of_another_version_does_not_hide_the_others(service: Service, made: list[str]) -> None:
    checkpoint = service.checkpoint(made[2])
    checkpoint._md_cache["version"] = "2.0"
    checkpoint.commit()
    assert listed(service) == [made[4], made[3], made[1], made[0]]


@pytest.mark.usefixtures("bank_order")
def test_retention_keeps_the_newest(service: Service, made: list[str]) -> None:
    """Karbor's own retention on our list: with its own, the oldest were kept."""
    for checkpoint_id in made:
        checkpoint = service.checkpoint(checkpoint_id)
        checkpoint.status = "available"
        checkpoint.commit()

    class Checkpoints:
        """As much of karborclient as retention uses."""

        def list(self, provider_id: str, search_opts: Any, limit: Any, sort: Any) -> Any:
            (direction,) = sort.values()
            filters = {name: search_opts[name] for name in ("project_id", "plan_id")}
            return [
                service.checkpoint(item)
                for item in listed(
                    service, filters=filters, sort_keys=["created_at"], sort_dirs=[direction]
                )
            ]

        def delete(self, provider_id: str, checkpoint_id: str) -> None:
            service.delete(checkpoint_id)

    client = type("Client", (), {"checkpoints": Checkpoints()})()
    plan_id = service.checkpoint(made[0]).protection_plan["id"]
    RetentionProtectOperation._delete_old_backup_by_max_backups(
        RetentionProtectOperation, client, 2, service.project_id, service.provider.id, plan_id
    )
    assert listed(service) == [made[4], made[3]]


def test_a_list_can_be_sent_over_rpc(service: Service, checkpoint: Any) -> None:
    found = service.call("list_checkpoints", service.provider.id, filters={})
    assert jsonutils.loads(jsonutils.dumps(found))[0]["id"] == checkpoint.id


# -- schemas, copies, start-up ----------------------------------------------------------------


def test_our_verify_schemas_stand_where_karbor_looks_for_them(service: Service) -> None:
    shown = service.call("show_provider", service.provider.id)["extended_info_schema"]
    assert shown["verify_schema"][SHARE] == forms.form(VERIFY_SCHEMA)
    assert set(shown["verify_schema"]) == {SHARE, PROJECT}
    assert jsonutils.loads(jsonutils.dumps(shown)) == shown


def test_a_plugin_without_a_verify_schema_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Karbor's noop plugin has none."""
    with started(tmp_path, monkeypatch, NOOP, OURS, OUR_PROJECT) as service:
        schemas = service.provider.extended_info_schema["verify_schema"]
        assert set(schemas) == {SHARE, PROJECT}
        assert VOLUME in service.provider.plugins


def test_a_plugin_that_knows_nothing_of_verification_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = f"{Stranger.__module__}.{Stranger.__qualname__}"
    with started(tmp_path, monkeypatch, plugin, OURS) as service:
        assert set(service.provider.extended_info_schema["verify_schema"]) == {SHARE}


class Stranger:
    """A protection plugin as Karbor's provider takes it: it asks for no base class."""

    @classmethod
    def get_supported_resources_types(cls) -> list[str]:
        return [VOLUME]


def test_a_copy_without_our_plugin_is_karbors_affair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(tmp_path, monkeypatch, NOOP) as service:
        assert service.call("copy", service.plan(service.share())) == []


@pytest.fixture
def at_work(service: Service) -> Iterator[Service]:
    """A service whose manager was started, as Karbor starts it."""
    service.manager.init_host(service_id=1)
    yield service
    service.manager.cleanup_host()


def test_a_start_gives_the_bank_its_id(at_work: Service) -> None:
    assert identity.read(at_work.provider.bank)


def test_a_started_process_renews_its_lease(at_work: Service) -> None:
    at_work.manager.runtime.leases.keepers[at_work.provider.id].renew()
    bank = at_work.provider.bank
    stored = bank.get_object(f"{identity.PREFIX}/leases/{bank.get_owner_id()}")
    assert lease.Lease(**stored).pid == os.getpid()


def test_a_start_removes_the_leases_of_those_long_dead(service: Service) -> None:
    bank = service.provider.bank
    old = lease.Lease("host", "boot", 1, 1.0, "2020-01-01T00:00:00+00:00")
    bank.update_object(f"{identity.PREFIX}/leases/old", asdict(old))
    service.manager.init_host()
    service.manager.cleanup_host()
    assert f"{identity.PREFIX}/leases/old" not in bank.list_objects(f"{identity.PREFIX}/leases/")


def fail_with(error: Exception) -> Callable[..., Any]:
    def fails(*_args: Any, **_kwargs: Any) -> Any:
        raise error

    return fails


STRANGE = ConnectionError("swift")  # neither Karbor's nor swallowed by its Swift and S3 banks


@pytest.mark.parametrize(
    "error",
    [
        karbor_exception.BankListObjectsFailed(reason="503"),
        STRANGE,
    ],
    ids=["Karbor's", "a stranger's"],
)
def test_a_bank_that_is_down_does_not_stop_the_start(
    service: Service, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    for method in ("list_objects", "get_object", "update_object"):
        monkeypatch.setattr(FileSystemBankPlugin, method, fail_with(error))
    service.manager.init_host()
    service.manager.cleanup_host()


@pytest.mark.parametrize(
    "error",
    [
        karbor_exception.BankUpdateObjectFailed(reason="503", key="lease"),
        STRANGE,
    ],
    ids=["Karbor's", "a stranger's"],
)
def test_a_bank_that_is_down_does_not_stop_the_renewal_in_the_others(
    service: Service, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Else this process would seem dead in banks that are well."""
    good = service.provider
    bad = type(
        "Provider", (), {"id": "0", "bank": open_bank(service.folder / "other", FaultyPlugin)}
    )()
    for provider in (bad, good):
        identity.confirm(provider.bank, provider.id)
    monkeypatch.setattr(FaultyPlugin, "update_object", fail_with(error))
    service.manager.provider_registry.providers = {"0": bad, "1": good}
    for provider in (bad, good):
        service.manager.runtime.leases.keep(provider)
    keepers = service.manager.runtime.leases.keepers
    for keeper in keepers.values():
        keeper.stop()
        keeper.renew()
    assert keepers["0"].trouble is error
    assert keepers[good.id].is_fresh


# -- reconciliation in the background ---------------------------------------------------------


class Enough(Exception):
    """The test has seen enough pauses."""


def pauses(service: Service, monkeypatch: pytest.MonkeyPatch, outcomes: list[Any]) -> list[float]:
    """How long the reconciliation rests after each of these outcomes of a run."""
    rests: list[float] = []
    left = list(outcomes)

    def run(**_kwargs: Any) -> Any:
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def rest(seconds: float) -> None:
        rests.append(seconds)
        if not left:
            raise Enough

    monkeypatch.setattr(service.manager.reconciliation, "run", run)
    monkeypatch.setattr("karbor_manila.service.reconciling.eventlet.sleep", rest)
    with pytest.raises(Enough):
        service.manager.runtime.reconciling.run_for_ever()
    return rests


CLEAN: dict[str, str] = {"thing": "available"}
NOT_YET: dict[str, str] = {"thing": "available", "other": ""}


def test_what_could_not_be_ended_is_tried_again_after_a_growing_pause(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests = pauses(service, monkeypatch, [NOT_YET] * 9)
    assert rests == [5, 10, 20, 40, 60, 60, 60, 60, 60]


def test_once_all_is_ended_the_next_look_is_at_its_time_and_pauses_begin_anew(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests = pauses(service, monkeypatch, [NOT_YET, NOT_YET, CLEAN, {}, NOT_YET, NOT_YET])
    assert rests == [5, 10, 60, 60, 5, 10]


@pytest.mark.parametrize(
    "error", [STRANGE, karbor_exception.BankListObjectsFailed(reason="503")], ids=type
)
def test_a_search_that_fails_is_repeated_and_ends_nothing_for_ever(
    service: Service, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    assert pauses(service, monkeypatch, [error, error, CLEAN]) == [5, 10, 60]


def test_many_failures_do_not_make_the_pause_a_number_that_is_none(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(pauses(service, monkeypatch, [NOT_YET] * 2000)[7:]) == {60}


def test_a_start_does_not_wait_for_the_reconciliation(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    monkeypatch.setattr(
        service.manager.reconciliation, "run", lambda **_kwargs: begun.append("run")
    )
    service.manager.init_host()
    assert begun == []
    service.manager.cleanup_host()


def test_a_stop_ends_the_reconciliation(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []

    def run(**_kwargs: Any) -> dict[str, str]:
        try:
            while True:
                eventlet.sleep(0)
        finally:
            ended.append("ended")

    monkeypatch.setattr(service.manager.reconciliation, "run", run)
    service.manager.init_host()
    eventlet.sleep(0)
    eventlet.sleep(0)
    service.manager.cleanup_host()
    assert ended == ["ended"]
    assert service.manager.runtime.reconciling.is_over


def test_a_stop_without_a_start_is_fine(service: Service) -> None:
    service.manager.cleanup_host()


@pytest.mark.parametrize("status", ["protecting", "deleting"])
def test_what_a_living_process_works_on_is_refused_with_a_sentence(
    service: Service, status: str
) -> None:
    checkpoint = left_by(service, status, alive=True)
    with pytest.raises(karbor_exception.InvalidInput) as refused:
        service.delete(checkpoint.id)
    assert re.search(
        rf"{checkpoint.id} is in work \(protect since [-0-9]+ [:0-9]+ UTC\), and the process that "
        rf"works on it is alive. Wait until it ends.$",
        refused.value.msg,
    )
    with pytest.raises(karbor_exception.CheckpointNotBeReset, match=checkpoint.id):
        service.call("reset_state", service.provider.id, checkpoint.id, "error")


def test_a_checkpoint_that_is_being_reconciled_is_waited_for_and_then_deleted(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = left_by(service, "protecting", alive=False)
    hold = {"provider_id": service.provider.id, "checkpoint_id": checkpoint.id}
    held = service.manager.claims
    held.take(checkpoint.id, claims.RECONCILE, **hold, bank=service.provider.bank)
    clock = service.cloud.clock
    service.manager.worker._clock = clock
    began, sleep = clock.now(), clock.sleep

    def passes(seconds: float) -> None:
        """After ten seconds the reconciliation comes to its end."""
        sleep(seconds)
        if clock.now() > began + 10 and checkpoint.id in held.held:
            checkpoint.status = "error"
            checkpoint.commit()
            held.release(checkpoint.id)

    monkeypatch.setattr(clock, "sleep", passes)
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"
    assert held.held == frozenset()


def test_a_checkpoint_whose_deletion_is_completed_meanwhile_is_not_found(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = left_by(service, "deleting", alive=False)
    hold = {"provider_id": service.provider.id, "checkpoint_id": checkpoint.id}
    held = service.manager.claims
    held.take(checkpoint.id, claims.RECONCILE, **hold, bank=service.provider.bank)
    service.manager.worker._clock = service.cloud.clock

    def passes(_seconds: float) -> None:
        checkpoint.delete()
        held.release(checkpoint.id)

    monkeypatch.setattr(service.cloud.clock, "sleep", passes)
    with pytest.raises(karbor_exception.CheckpointNotFound):
        service.delete(checkpoint.id)


def test_a_checkpoint_that_the_reconciliation_leaves_undone_can_be_deleted_at_once(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = left_by(service, "protecting", alive=False)
    hold = {"provider_id": service.provider.id, "checkpoint_id": checkpoint.id}
    held = service.manager.claims
    held.take(checkpoint.id, claims.RECONCILE, **hold, bank=service.provider.bank)
    service.manager.worker._clock = service.cloud.clock
    monkeypatch.setattr(service.cloud.clock, "sleep", lambda _seconds: held.leave(checkpoint.id))
    service.delete(checkpoint.id)


def test_what_another_process_reconciles_in_vain_can_be_deleted_here(service: Service) -> None:
    checkpoint = left_by(service, "protecting", alive=False)
    other = Service(service.folder, service.cloud, type(service.manager))
    lease.renew(other.provider.bank)
    other.manager.claims.take(
        checkpoint.id,
        claims.RECONCILE,
        provider_id=other.provider.id,
        checkpoint_id=checkpoint.id,
        bank=other.provider.bank,
    )
    other.manager.claims.leave(checkpoint.id)
    service.manager.worker._clock = service.cloud.clock
    service.delete(checkpoint.id)


def test_the_banks_are_searched_at_the_start_and_now_and_then(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[bool] = []

    def run(*, everywhere: bool, **_more: Any) -> dict[str, str]:
        searched.append(everywhere)
        return {}

    def rest(_seconds: float) -> None:
        if len(searched) > 40:
            raise Enough

    monkeypatch.setattr(service.manager.reconciliation, "run", run)
    monkeypatch.setattr("karbor_manila.service.reconciling.eventlet.sleep", rest)
    with pytest.raises(Enough):
        service.manager.runtime.reconciling.run_for_ever()
    assert [turn for turn, whole in enumerate(searched) if whole] == [0, 20, 40]

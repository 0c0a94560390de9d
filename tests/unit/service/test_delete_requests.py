# SPDX-License-Identifier: Apache-2.0
"""DELETE over RPC: what it removes, what it refuses, and what can be asked for again."""

import errno
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor.db.sqlalchemy import api as sqlalchemy_api
from karbor.services.protection.bank_plugins.file_system_bank_plugin import FileSystemBankPlugin
from karbor.services.protection.checkpoint import Checkpoint
from karbor.services.protection.flows import utils as flow_utils

from tests.fakes.manila import FakeManila
from tests.unit.karbor_stage import (
    SHARE,
    Service,
    told,
)
from tests.unit.service.rpc import UNKNOWN, fail_in_the_index, left_by, refusal


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

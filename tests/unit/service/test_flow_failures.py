# SPDX-License-Identifier: Apache-2.0
"""Karbor's real flows that fail outside the hooks: whatever happens, nothing is left in work."""

from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor import objects
from karbor.services.protection.flows import delete as flow_delete
from karbor.services.protection.flows import protect as flow_protect
from karbor.services.protection.flows import restore as flow_restore
from karbor.services.protection.flows import utils as flow_utils
from karbor.services.protection.flows import verify as flow_verify
from karbor.services.protection.flows import worker as karbor_worker
from oslo_db import exception as db_exception

from tests.unit.karbor_stage import SHARE, Service, told
from tests.unit.service.flow_stage import raising


@pytest.mark.parametrize(
    ("module", "task"),
    [
        (flow_protect, "InitiateProtectTask"),
        (flow_protect, "CompleteProtectTask"),
    ],
)
def test_a_protect_flow_that_fails_outside_the_hooks_ends_in_error(
    service: Service, monkeypatch: pytest.MonkeyPatch, module: Any, task: str
) -> None:
    monkeypatch.setattr(getattr(module, task), "execute", raising(RuntimeError()))
    assert service.protect(service.plan(service.share())).status == "error"


@pytest.mark.parametrize("task", ["InitiateDeleteTask", "CompleteDeleteTask"])
def test_a_delete_flow_that_fails_outside_the_hooks_can_be_repeated(
    service: Service, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    with monkeypatch.context() as patch:
        patch.setattr(getattr(flow_delete, task), "execute", raising(RuntimeError()))
        service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "error-deleting"
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"
    assert service.cloud.snapshots == {}


def test_a_protect_flow_whose_database_is_gone_leaves_nothing_in_work(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Karbor's own undoing fails then, too."""
    monkeypatch.setattr(flow_utils, "update_operation_log", raising(OSError("no database")))
    assert service.protect(service.plan(service.share())).status == "error"


def test_a_log_that_could_not_be_ended_is_ended_by_the_reconciliation(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MariaDB was restarted at the end of a flow: nobody came back for its operation log."""
    away = raising(db_exception.DBConnectionError())
    with monkeypatch.context() as patch:
        patch.setattr(flow_utils, "update_operation_log", away)
        patch.setattr(objects.OperationLog, "save", away)
        checkpoint = service.protect(service.plan(service.share()))
    assert checkpoint.status == "error"
    (log,) = _logs(service)
    assert log.ended_at is None
    service.manager.reconciliation.run()
    (log,) = _logs(service)
    assert (log.status, log.ended_at is None) == ("error", False)
    assert service.manager.claims.all() == []


def _logs(service: Service) -> list[Any]:
    found: list[Any] = objects.OperationLogList.get_all_by_project(
        service.context(is_admin=True), service.project_id, None, None
    ).objects
    return found


def test_a_protect_flow_that_its_engine_cannot_run_ends_in_error(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(karbor_worker.Worker, "run_flow", raising(RuntimeError()))
    assert service.protect(service.plan(service.share())).status == "error"


def test_a_delete_flow_that_its_engine_cannot_run_ends_in_error_deleting(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    monkeypatch.setattr(karbor_worker.Worker, "run_flow", raising(RuntimeError()))
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "error-deleting"


@pytest.mark.parametrize("module", [flow_restore, flow_verify], ids=["restore", "verify"])
def test_a_restore_or_verification_that_fails_outside_the_hooks_ends_as_failed(
    service: Service, monkeypatch: pytest.MonkeyPatch, module: Any
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    monkeypatch.setattr(karbor_worker.Worker, "run_flow", raising(RuntimeError()))
    run = service.restore if module is flow_restore else service.verify
    assert service.saved(run(checkpoint.id)).status == "fail"


def test_an_error_of_a_flow_ends_in_the_log_and_not_in_the_green_thread(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    share = service.share()
    service.cloud.failing.add(f"create_snapshot {share}")
    checkpoint = service.protect(service.plan(share))
    assert f"The protect flow of checkpoint {checkpoint.id} failed" in caplog.text


def test_a_failure_in_a_hook_keeps_the_reason_that_the_hook_wrote(service: Service) -> None:
    share = service.share()
    service.cloud.failing.add(f"create_snapshot {share}")
    checkpoint = service.protect(service.plan(share))
    assert checkpoint.status == "error"
    assert list(told(checkpoint)["reasons"]) == [f"{SHARE}#{share}"]


@pytest.mark.parametrize("branch", ["by-provider", "by-date", "by-plan"])
def test_a_checkpoint_whose_deletion_failed_among_its_index_stays_listed(
    service: Service, monkeypatch: pytest.MonkeyPatch, branch: str
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    plugin = type(service.provider.bank._plugin)
    delete = plugin.delete_object

    def failing(self: Any, key: str, *args: Any, **kwargs: Any) -> Any:
        if branch in key:
            raise karbor_exception.BankDeleteObjectFailed(reason="busy", key=key)
        return delete(self, key, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(plugin, "delete_object", failing)
        service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "error-deleting"
    assert service.checkpoints() == [checkpoint.id]
    service.delete(checkpoint.id)
    assert service.checkpoints() == []

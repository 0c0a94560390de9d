# SPDX-License-Identifier: Apache-2.0
"""Karbor's real flows that cannot be built: whatever happens, nothing is left in work."""

import pytest
from karbor import exception as karbor_exception
from karbor import objects
from karbor.services.protection.provider import PluggableProtectionProvider

from karbor_manila.recovery.claims import Claims
from karbor_manila.service.flows.worker import Worker
from tests.fakes.manila import refused, transient
from tests.unit.karbor_stage import Service
from tests.unit.service.flow_stage import raising, the_checkpoint, whole_project, why


def test_with_manila_down_a_project_plan_ends_in_error_and_not_in_an_empty_available(
    service: Service,
) -> None:
    service.cloud.plan("shares", transient, times=10**6)
    with pytest.raises(karbor_exception.FlowError, match="503"):
        service.protect(whole_project(service))
    checkpoint = the_checkpoint(service)
    assert checkpoint.status == "error"
    assert "503" in why(checkpoint)


def test_a_refusal_to_list_ends_in_error_with_manilas_words(service: Service) -> None:
    service.cloud.plan("shares", lambda: refused(403))
    with pytest.raises(karbor_exception.FlowError, match="HTTP 403"):
        service.protect(whole_project(service))
    assert "HTTP 403" in why(the_checkpoint(service))


def test_a_protect_flow_that_cannot_be_built_ends_in_error_without_a_strangers_words(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        PluggableProtectionProvider, "load_plugins", raising(RuntimeError("password=x"))
    )
    with pytest.raises(karbor_exception.FlowError):
        service.protect(service.plan(service.share()))
    checkpoint = the_checkpoint(service)
    assert checkpoint.status == "error"
    assert "RuntimeError" in why(checkpoint)
    assert "password" not in str(checkpoint.extra_info)


def test_a_delete_flow_that_cannot_be_built_ends_in_error_deleting_and_can_be_repeated(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    with monkeypatch.context() as patch:
        patch.setattr(PluggableProtectionProvider, "load_plugins", raising(RuntimeError()))
        with pytest.raises(karbor_exception.KarborException):
            service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "error-deleting"
    assert "RuntimeError" in why(service.checkpoint(checkpoint.id))
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"


@pytest.mark.parametrize("operation", ["restore", "verify"])
def test_a_restore_or_verification_that_cannot_be_built_fails_with_the_reason(
    service: Service, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    kind = {"restore": objects.Restore, "verify": objects.Verification}[operation]
    record = service.record(kind, checkpoint.id)
    monkeypatch.setattr(PluggableProtectionProvider, "load_plugins", raising(RuntimeError()))
    with pytest.raises(karbor_exception.FlowError):
        if operation == "restore":
            service.call("restore", record, None)
        else:
            service.call("verification", record)
    saved = service.saved(record)
    assert saved.status == "fail"
    assert "RuntimeError" in saved.resources_reason[f"checkpoint#{checkpoint.id}"]


def test_a_checkpoint_that_is_read_only_fails_its_request_all_the_same(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be written down does not hide what went wrong."""
    service.cloud.plan("shares", lambda: refused(403))
    read_only = raising(OSError("read-only"))
    monkeypatch.setattr("karbor_manila.service.flows.building.reporting.add", read_only)
    with pytest.raises(karbor_exception.FlowError, match="HTTP 403"):
        service.protect(whole_project(service))


def test_a_flow_that_cannot_be_built_leaves_no_operation_log_in_work(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PluggableProtectionProvider, "load_plugins", raising(RuntimeError()))
    with pytest.raises(karbor_exception.FlowError):
        service.protect(service.plan(service.share()))
    (log,) = service.logs()
    assert log.status == "error"


def test_a_flow_that_cannot_be_built_leaves_the_logs_of_other_operations_alone(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    first, second = (service.record(objects.Restore, checkpoint.id) for _ in range(2))
    service.call("restore", first, None)
    monkeypatch.setattr(PluggableProtectionProvider, "load_plugins", raising(RuntimeError()))
    with pytest.raises(karbor_exception.FlowError):
        service.call("restore", second, None)
    stands = {log.restore_id: log.status for log in service.logs() if log.restore_id}
    assert stands == {first.id: "in_progress", second.id: "fail"}


def test_a_checkpoint_that_died_before_its_graph_was_stored_can_be_deleted(
    service: Service,
) -> None:
    plan = service.plan(service.share())
    checkpoint = service.provider.get_checkpoint_collection().create(plan)
    assert checkpoint.resource_graph is None
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"
    assert service.checkpoints() == []


def test_an_unknown_operation_is_refused_as_karbor_does(service: Service) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    with pytest.raises(karbor_exception.InvalidParameterValue):
        Worker(Claims(60.0)).get_flow(service.context(), "fly", checkpoint, service.provider)

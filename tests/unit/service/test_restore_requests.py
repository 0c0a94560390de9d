# SPDX-License-Identifier: Apache-2.0
"""Restores and verifications over RPC: what is refused, and what their records say."""

import dataclasses
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor import objects

from karbor_manila.operations import parameters, restore_plan
from karbor_manila.service.requests import restores
from tests.unit.karbor_stage import (
    SHARE,
    Service,
)
from tests.unit.service.rpc import UNKNOWN, begun, fail_with, refusal


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


def _reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An entry for each record that a request reads from now on."""
    read: list[str] = []
    record = restore_plan.ShareSection.record

    def counted(section: Any) -> Any:
        read.append("record")
        return record(section)

    monkeypatch.setattr(restore_plan.ShareSection, "record", counted)
    return read


@pytest.mark.parametrize(
    ("given", "of_each"), [({}, 0), ({"restore_name": "r"}, 0), ({"size": 2}, 1)]
)
def test_a_request_reads_only_the_records_that_may_refuse_it(
    service: Service, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], of_each: int
) -> None:
    checkpoint = service.protect(service.plan(*(service.share() for _ in range(5))))
    record = service.record(objects.Restore, checkpoint.id, {SHARE: given})
    read = _reads(monkeypatch)
    service.call("restore", record, None)
    assert len(read) == 5 * of_each


def test_the_same_parameters_are_checked_once_for_all_shares(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = [service.share() for _ in range(5)]
    checkpoint = service.protect(service.plan(*shares))
    checked: list[str] = []
    resolve = parameters.restore_options

    def counted(share_id: str, given: Any) -> Any:
        checked.append(share_id)
        return resolve(share_id, given)

    monkeypatch.setattr(restores, "RESTORE", dataclasses.replace(restores.RESTORE, check=counted))
    given = {SHARE: {"restore_name": "r"}, f"{SHARE}#{shares[0]}": {"restore_name": "own"}}
    service.call("restore", service.record(objects.Restore, checkpoint.id, given), None)
    assert len(checked) == 2

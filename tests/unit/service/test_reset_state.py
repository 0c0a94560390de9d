# SPDX-License-Identifier: Apache-2.0
"""reset-state over RPC: of abandoned checkpoints, too, and never under a living process."""

from typing import Any

import pytest
from karbor import exception as karbor_exception

from tests.unit.karbor_stage import Service
from tests.unit.service.rpc import fail_in_the_index, left_by, listed, refusal


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

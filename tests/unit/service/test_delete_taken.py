# SPDX-License-Identifier: Apache-2.0
"""A DELETE of what another process works on, or reconciles."""

import re

import pytest
from karbor import exception as karbor_exception

from karbor_manila.recovery import claims, lease
from tests.unit.karbor_stage import Service
from tests.unit.service.rpc import left_by


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

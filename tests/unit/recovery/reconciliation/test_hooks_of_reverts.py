# SPDX-License-Identifier: Apache-2.0
"""What was stopped for a restore in place goes on when that is over, also after a death."""

from typing import Any

import pytest
from karbor import objects

from tests.unit.karbor_stage import Service
from tests.unit.recovery.hooked import begun, called, new_id, open_runs


@pytest.fixture
def service(hooked_service: Service) -> Service:
    return hooked_service


@pytest.fixture
def checkpoint(hooked_checkpoint: Any) -> Any:
    return hooked_checkpoint


@pytest.mark.parametrize(("point", "waits"), [("revert", True), ("restore", False)])
def test_nobody_goes_on_while_a_share_is_put_back_for_a_dead_process(
    service: Service, checkpoint: Any, point: str, *, waits: bool
) -> None:
    record = service.record(objects.Restore, checkpoint.id)
    about = {"claimed_id": record.id, "request_id": record.id}
    begun(service, checkpoint, new_id(), point=point, **about)
    reconciliation = service.manager.reconciliation
    (item,) = [each for each in reconciliation.find() if each.operation == "hooks"]
    assert reconciliation.settle(item) == ("" if waits else "through")
    assert (called() == []) is waits
    assert len(open_runs(service)) == waits
    record.status = "success"
    record.save()
    assert reconciliation.settle(item) == "through"
    assert called() != []
    assert open_runs(service) == []


def test_it_does_when_the_restore_is_settled(service: Service, checkpoint: Any) -> None:
    record = service.record(objects.Restore, checkpoint.id)
    about = {"claimed_id": record.id, "request_id": record.id}
    begun(service, checkpoint, new_id(), point="revert", **about)
    reconciliation = service.manager.reconciliation
    reconciliation._grace = 0.0
    for _turn in range(3):
        reconciliation.run()
    assert called() != []
    assert open_runs(service) == []

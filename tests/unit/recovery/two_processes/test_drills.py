# SPDX-License-Identifier: Apache-2.0
"""A plan that is drilled once, when the process that does it dies."""

from typing import Any

import pytest
from karbor import objects

from karbor_manila.service.requests import drills
from tests.fakes.manila import Died
from tests.unit.karbor_stage import SHARE, Service
from tests.unit.recovery.two_processes.stage import seems_dead
from tests.unit.service.rpc import refusal

DUE = {SHARE: {"depth": "drill", "drill_older_than": "3600"}}


def test_another_process_is_kept_away_while_this_one_drills(
    service: Service, other: Service
) -> None:
    checkpoint: Any = service.protect(service.plan(service.share()))
    said: list[str] = []

    def ask() -> None:
        record = other.record(objects.Verification, checkpoint.id, DUE)
        said.append(str(refusal(other.call, "verification", record)))

    service.cloud.meanwhile["create_share"] = [ask]
    assert service.verify(checkpoint.id, DUE).status == "success"
    assert "is being drilled" in said[0]


def test_what_a_dead_process_drilled_keeps_nobody_away(service: Service, other: Service) -> None:
    for process in (service, other):
        process.manager.reconciliation._clock = service.cloud.clock
    checkpoint: Any = service.protect(service.plan(service.share()))
    service.cloud.plan("delete_share", Died)
    with pytest.raises(Died):
        service.verify(checkpoint.id, DUE)
    seems_dead(service)
    service.cloud.clock.sleep(120)
    other.manager.reconciliation.run()
    other.manager.reconciliation.run()
    assert other.manager.claims.get(drills.lock_id(checkpoint.protection_plan["id"])) is None
    assert other.saved(other.verify(checkpoint.id, DUE)).status == "success"
    assert len(service.cloud.shares) == 1

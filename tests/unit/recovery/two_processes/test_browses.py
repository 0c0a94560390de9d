# SPDX-License-Identifier: Apache-2.0
"""Two who give and take back access to one snapshot at the same moment, or after a long sleep."""

import json
from typing import Any

import pytest
from karbor import exception as karbor_exception

from tests.fakes.snapshot_access import MOUNTABLE
from tests.unit.karbor_stage import Service
from tests.unit.recovery.browsed import HOUR, asked, left, opened
from tests.unit.recovery.two_processes.stage import taken_over

HOST = "10.0.0.7"
MOMENTS = ["allow_snapshot_access", "snapshot_access_rules", "snapshot_export_locations"]


def checkpoint_of(service: Service, *others: Service) -> Any:
    for process in (service, *others):
        process.manager.reconciliation._clock = service.cloud.clock
    return service.protect(service.plan(service.share(**MOUNTABLE)))


def way(service: Service, record: Any) -> Any:
    saved = service.saved(record)
    assert saved.status == "success"
    (reason,) = saved.resources_reason.values()
    return json.loads(reason)["way"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_who_wakes_up_in_a_browse_gives_no_access_that_nobody_knows_of(
    service: Service, other: Service, moment: str
) -> None:
    checkpoint = checkpoint_of(service, other)
    service.cloud.meanwhile[moment] = [taken_over(service, other)]
    record = service.verify(checkpoint.id, asked(browse_to=HOST, browse_for=HOUR))
    assert other.saved(record).status == "fail"
    assert opened(other) == []
    assert left(other, checkpoint) == ([], 0)
    assert other.manager.claims.all() == []


def test_who_extends_access_while_it_is_being_taken_back_does_not_lose_it(
    service: Service, other: Service
) -> None:
    checkpoint = checkpoint_of(service, other)
    service.verify(checkpoint.id, asked(browse_to=HOST, browse_for=HOUR))
    service.cloud.clock.sleep(HOUR)
    refused: list[str] = []

    def extend() -> None:
        try:
            service.verify(checkpoint.id, asked(browse_to=HOST, browse_for=HOUR))
        except karbor_exception.InvalidInput as error:
            refused.append(str(error))

    service.cloud.meanwhile["deny_snapshot_access"] = [extend]
    assert list(other.manager.reconciliation.run().values()) == ["seen to"]
    assert opened(service) == []
    assert len(refused) == 1  # not told that it is open
    again = service.verify(checkpoint.id, asked(browse_to=HOST, browse_for=HOUR))
    assert way(service, again) == "granted"
    assert opened(service) == [HOST]


def test_what_is_over_is_left_to_who_is_just_extending_it(service: Service, other: Service) -> None:
    checkpoint = checkpoint_of(service, other)
    service.verify(checkpoint.id, asked(browse_to=HOST, browse_for=HOUR))
    service.cloud.clock.sleep(HOUR - 10)
    settled: list[Any] = []

    def reconcile() -> None:
        service.cloud.clock.sleep(20)
        settled.append(list(other.manager.reconciliation.run().values()))

    service.cloud.meanwhile["snapshot_access_rules"] = [reconcile]
    again = service.verify(checkpoint.id, asked(browse_to=HOST, browse_for=HOUR))
    assert settled == [[""]]
    assert way(service, again) == "extended"
    assert "" not in other.manager.reconciliation.run().values()
    assert opened(service) == [HOST]
    service.cloud.clock.sleep(HOUR + 60)
    assert list(other.manager.reconciliation.run().values()) == ["seen to"]
    assert opened(service) == []

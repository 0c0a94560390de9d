# SPDX-License-Identifier: Apache-2.0
"""Two who give and take back access to one snapshot at the same moment, or after a long sleep."""

import contextlib
import json
from typing import Any

import pytest
from karbor import exception as karbor_exception

from karbor_manila.recovery import lease
from tests.fakes.manila import Died
from tests.fakes.snapshot_access import MOUNTABLE
from tests.unit.karbor_stage import Service
from tests.unit.recovery.browsed import HOUR, asked, left, opened
from tests.unit.recovery.two_processes.stage import seems_dead, taken_over

HOST, OTHER = "10.0.0.7", "10.0.0.8"
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


def suspended(service: Service, act: Any) -> Any:
    """What happens while the first process is suspended for so long that it is taken for dead."""

    def meanwhile() -> None:
        seems_dead(service)
        service.cloud.clock.sleep(120)
        act()

    return meanwhile


def test_who_wakes_up_in_an_end_does_not_end_what_was_extended_meanwhile(
    service: Service, other: Service
) -> None:
    checkpoint = checkpoint_of(service, other)
    service.verify(checkpoint.id, asked(browse_to=HOST, browse_for=HOUR))
    service.cloud.clock.sleep(HOUR - 600)
    extended: list[Any] = []

    def extend() -> None:
        asked_for = asked(browse_to=HOST, browse_for=2 * HOUR)
        extended.append(other.verify(checkpoint.id, asked_for))

    service.cloud.meanwhile["deny_snapshot_access"] = [suspended(service, extend)]
    service.verify(checkpoint.id, asked(browse_end=True))
    assert way(other, extended[0]) == "extended"
    assert opened(other) == [HOST]


def test_the_reconciliation_that_wakes_up_does_not_end_what_was_given_meanwhile(
    service: Service, other: Service
) -> None:
    checkpoint = checkpoint_of(service, other)
    lease.renew(other.provider.bank)
    service.verify(checkpoint.id, asked(browse_to=HOST, browse_for=HOUR))
    service.cloud.clock.sleep(HOUR)
    given: list[Any] = []

    def give() -> None:
        given.append(service.verify(checkpoint.id, asked(browse_to=HOST, browse_for=HOUR)))

    service.cloud.meanwhile["deny_snapshot_access"] = [suspended(other, give)]
    assert list(other.manager.reconciliation.run().values()) == [""]
    assert way(service, given[0]) == "granted"
    assert opened(service) == [HOST]
    assert left(service, checkpoint)[1]
    service.cloud.clock.sleep(2 * HOUR)
    for _ in range(2):
        service.manager.reconciliation.run()
    assert opened(service) == []
    assert left(service, checkpoint) == ([], 0)
    assert service.manager.claims.all() == []


@pytest.mark.parametrize("moment", MOMENTS)
def test_who_wakes_up_and_dies_gave_no_access_that_nobody_knows_of(
    service: Service, other: Service, moment: str
) -> None:
    checkpoint = checkpoint_of(service, other)

    def give() -> None:
        other.verify(checkpoint.id, asked(browse_to=OTHER, browse_for=HOUR))

    service.cloud.meanwhile[moment] = [suspended(service, give)]
    service.cloud.plan("allow_snapshot_access", Died, after=True, nth=2)
    with contextlib.suppress(Died):
        service.verify(checkpoint.id, asked(browse_to=HOST, browse_for=HOUR))
    service.cloud.faults.clear()
    other.cloud.clock.sleep(3 * HOUR)
    for _ in range(3):
        other.manager.reconciliation.run()
    assert opened(other) == []

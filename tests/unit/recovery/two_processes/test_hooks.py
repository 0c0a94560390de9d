# SPDX-License-Identifier: Apache-2.0
"""Two who call the posts of the same run at the same moment, or after a long sleep."""

from typing import Any

import pytest

from karbor_manila.common.errors import ClaimLost
from karbor_manila.recovery.searched import Look
from tests.unit.karbor_stage import Service
from tests.unit.recovery import hooked
from tests.unit.recovery.hooked import FIRST, SECOND, begun, called, claimed, open_runs
from tests.unit.recovery.two_processes.stage import seems_dead

BOTH = [(SECOND, None), (FIRST, {"n": 1})]


@pytest.fixture
def service(hooked_service: Service) -> Service:
    return hooked_service


@pytest.fixture
def checkpoint(service: Service, other: Service) -> Any:
    checkpoint = service.protect(service.plan(service.share()))
    hooked.forget()
    return checkpoint


def thaw(service: Service) -> list[str]:
    """Settle the hooks that are found, and nothing else."""
    work = service.manager.reconciliation
    found = work.find(Look.DATABASE)
    return [work.settle(item) for item in found if item.operation == "hooks"]


def test_who_wakes_up_has_no_claim_any_more_although_nobody_has_adopted_his_work(
    service: Service, other: Service, checkpoint: Any
) -> None:
    token = claimed(service, checkpoint)
    begun(service, checkpoint, token)
    service.manager.claims.check(checkpoint.id, token, look=True)
    seems_dead(service)
    assert thaw(other) == ["through"]
    assert called() == BOTH
    with pytest.raises(ClaimLost):
        service.manager.claims.check(checkpoint.id, token, look=True)
    # What else he left is found as before.
    found = other.manager.reconciliation.find(Look.DATABASE)
    assert [(item.operation, item.id) for item in found] == [("protect", checkpoint.id)]


def test_of_two_at_the_same_moment_one_calls_the_posts(
    service: Service, other: Service, checkpoint: Any
) -> None:
    begun(service, checkpoint, hooked.new_id())
    meanwhile: list[list[str]] = []
    (item,) = other.manager.reconciliation.find(Look.DATABASE)

    def second(_call: Any) -> None:
        meanwhile.append(thaw(other))
        meanwhile.append([other.manager.reconciliation.settle(item)])

    hooked.First.does[SECOND] = second
    assert thaw(service) == ["through"]
    assert meanwhile == [[], [""]]
    assert called() == BOTH
    assert other.manager.reconciliation.settle(item) == "through"
    assert called() == BOTH


def test_who_sleeps_between_two_posts_calls_nothing_more_once_another_has(
    service: Service, other: Service, checkpoint: Any
) -> None:
    begun(service, checkpoint, hooked.new_id())
    ended: list[list[str]] = []

    def sleeps(_call: Any) -> None:
        del hooked.First.does[SECOND]
        seems_dead(service)
        ended.append(thaw(other))

    hooked.First.does[SECOND] = sleeps
    assert thaw(service) == [""]
    assert ended == [["through"]]
    assert called() == [BOTH[0], *BOTH]  # his own first one was under way
    assert open_runs(other) == []
    assert other.manager.claims.all() == []

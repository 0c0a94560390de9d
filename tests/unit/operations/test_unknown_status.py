# SPDX-License-Identifier: Apache-2.0
"""A share of a status that a later Manila has and this release does not know."""

import pytest

from tests.unit.karbor_stage import PROJECT, Service, told

NEW = "defragmenting"


def of_project(service: Service, *named: str) -> object:
    resources = [{"type": PROJECT, "id": service.project_id, "name": "p"}]
    return service.plan(*named, resources=resources)


def test_of_a_project_it_is_left_out_and_named_when_it_does_not_become_available(
    service: Service,
) -> None:
    odd, fine = service.share(status=NEW, name="odd"), service.share()
    checkpoint = service.protect(of_project(service))
    assert checkpoint.status == "available"
    (left,) = told(checkpoint)["left_out"]
    assert (left["id"], left["name"], left["kind"]) == (odd, "odd", "broken")
    assert NEW in left["reason"]
    assert [view["share_id"] for view in service.cloud.snapshots.values()] == [fine]


def test_it_is_protected_when_it_becomes_available_in_time(service: Service) -> None:
    odd = service.share(status=NEW)
    service.share()
    service.cloud.shares[odd].update(_until=service.cloud.clock.now() + 60.0, _fails=False)
    checkpoint = service.protect(of_project(service))
    assert checkpoint.status == "available"
    assert "left_out" not in told(checkpoint)
    assert len(service.cloud.snapshots) == 2


@pytest.mark.parametrize("alone", [True, False])
def test_one_that_is_named_or_alone_fails_with_its_status(service: Service, alone: bool) -> None:
    odd = service.share(status=NEW)
    if not alone:
        service.share()
    plan = of_project(service) if alone else of_project(service, odd)
    checkpoint = service.protect(plan)
    assert checkpoint.status == "error"
    assert NEW in str(told(checkpoint)["reasons"])


def test_one_that_is_busy_for_too_long_fails_its_checkpoint(service: Service) -> None:
    """It will be available: the next checkpoint has it, and this one says so aloud."""
    service.share(status="extending")
    service.share()
    checkpoint = service.protect(of_project(service))
    assert checkpoint.status == "error"
    assert "extending" in str(told(checkpoint)["reasons"])

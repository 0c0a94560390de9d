# SPDX-License-Identifier: Apache-2.0
"""Drills that are asked for only when the last one is old: nothing is drilled twice."""

import datetime
from typing import Any

import pytest
from karbor import objects

from karbor_manila.common.drilled_once import NOT_AGAIN
from karbor_manila.recovery.claims import DRILL, Claims
from karbor_manila.service.requests import drills
from tests.unit.karbor_stage import SHARE, Service
from tests.unit.service.rpc import refusal

DAY = 86400
DUE: dict[str, str] = {"depth": "drill", "drill_older_than": str(7 * DAY)}


def asked(service: Service, checkpoint: Any, **given: str) -> Any:
    return service.record(objects.Verification, checkpoint.id, {SHARE: given or DUE})


def copies(service: Service) -> int:
    """How many shares were made of snapshots."""
    return service.cloud.calls.count("create_share")


def test_of_two_at_once_one_drills(service: Service, checkpoint: Any) -> None:
    first, second = asked(service, checkpoint), asked(service, checkpoint)
    service.call("verification", first)
    assert NOT_AGAIN in str(refusal(service.call, "verification", second))
    service.run()
    assert service.saved(first).status == "success"
    assert service.saved(second).status == "fail"
    assert copies(service) == 1


def test_who_slept_for_long_after_his_look_drills_nothing_again(
    service: Service, checkpoint: Any
) -> None:
    first = asked(service, checkpoint)
    service.call("verification", first)
    service.run()
    refused = str(refusal(service.call, "verification", asked(service, checkpoint)))
    assert first.id in refused
    assert NOT_AGAIN in refused
    assert copies(service) == 1


def test_a_good_drill_that_is_old_enough_is_repeated(service: Service, checkpoint: Any) -> None:
    first = asked(service, checkpoint)
    service.call("verification", first)
    service.run()
    began = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=8)
    saved = service.saved(first)
    saved.created_at = began
    saved.save()
    second = asked(service, checkpoint)
    service.call("verification", second)
    service.run()
    assert service.saved(second).status == "success"


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"depth": "drill"}, "fail"),
        ({"depth": "plan"}, "success"),
        ({"depth": "drill", "include": "false"}, "success"),
    ],
    ids=["failed", "no drill", "of nothing"],
)
def test_what_proves_nothing_does_not_count(
    service: Service, checkpoint: Any, given: dict[str, str], status: str
) -> None:
    before = asked(service, checkpoint, **given)
    before.status = status
    before.save()
    record = asked(service, checkpoint)
    service.call("verification", record)
    service.run()
    assert service.saved(record).status == "success"


def test_a_drill_in_which_a_share_was_left_out_does_not_count(
    service: Service, checkpoint: Any
) -> None:
    (share,) = [node.value.id for node in checkpoint.resource_graph]
    given = {SHARE: {"depth": "drill"}, f"{SHARE}#{share}": {"include": "False"}}
    before = service.record(objects.Verification, checkpoint.id, given)
    before.status = "success"
    before.save()
    service.call("verification", asked(service, checkpoint))
    service.run()
    assert copies(service) == 1


def test_a_drill_of_somebody_who_does_not_ask_so_takes_no_claim(
    service: Service, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []
    take = Claims.take

    def noted(self: Claims, claim_id: str, operation: str, **kwargs: Any) -> Any:
        taken.append(operation)
        return take(self, claim_id, operation, **kwargs)

    monkeypatch.setattr(Claims, "take", noted)
    for given in ({"depth": "drill"}, {"depth": "drill", "drill_older_than": ""}):
        service.call("verification", asked(service, checkpoint, **given))
        service.run()
    assert DRILL not in taken
    assert copies(service) == 2


def test_the_claim_ends_with_the_drill(service: Service, checkpoint: Any) -> None:
    lock = drills.lock_id(checkpoint.protection_plan["id"])
    service.call("verification", asked(service, checkpoint))
    assert service.manager.claims.get(lock).operation == DRILL
    service.run()
    assert service.manager.claims.get(lock) is None


def test_only_a_drill_takes_the_parameter(service: Service, checkpoint: Any) -> None:
    record = asked(service, checkpoint, depth="plan", drill_older_than="60")
    assert "for the depth 'drill' alone" in str(refusal(service.call, "verification", record))

# SPDX-License-Identifier: Apache-2.0
"""A record that cannot be used keeps its own share from coming back, and no other."""

from typing import Any

import pytest
from karbor import exception as karbor_exception

from tests.unit.karbor_stage import SHARE, Service, told

DAMAGED: dict[str, Any] = {
    "no record": {"version": 2},
    "not a record": "???",
    "of a later version": {"version": 99},
}


@pytest.fixture(params=DAMAGED.values(), ids=DAMAGED)
def damage(request: pytest.FixtureRequest) -> Any:
    return request.param


def key(share: str) -> str:
    return f"{SHARE}#{share}"


def spoil(checkpoint: Any, share: str, stored: Any) -> None:
    checkpoint.get_resource_bank_section(share).update_object("metadata", stored)


def restored_from(service: Service) -> set[str]:
    """The shares of which there is a new one."""
    of = {view["id"]: view["share_id"] for view in service.cloud.snapshots.values()}
    return {
        of[view["snapshot_id"]] for view in service.cloud.shares.values() if view["snapshot_id"]
    }


def test_the_other_shares_of_a_checkpoint_are_restored(service: Service, damage: Any) -> None:
    bad, good, other = service.share(), service.share(), service.share()
    checkpoint = service.protect(service.plan(bad, good, other))
    spoil(checkpoint, bad, damage)
    restore = service.restore(checkpoint.id)
    assert restore.status == "fail"  # one of them is not back
    assert restored_from(service) == {good, other}
    assert "record in the bank cannot be used" in restore.resources_reason[key(bad)]


def test_a_share_with_a_damaged_record_that_is_left_out_hinders_nothing(
    service: Service, damage: Any
) -> None:
    bad, good = service.share(), service.share()
    checkpoint = service.protect(service.plan(bad, good))
    spoil(checkpoint, bad, damage)
    for parameters in ({key(bad): {"include": "false"}},):
        assert service.restore(checkpoint.id, parameters).status == "success"
        for depth in ("record", "plan", "drill"):
            given = {**parameters, SHARE: {"depth": depth}}
            assert service.verify(checkpoint.id, given).status == "success"
    assert restored_from(service) == {good}


def test_a_plan_says_which_share_it_is(service: Service, damage: Any) -> None:
    bad, good = service.share(), service.share()
    checkpoint = service.protect(service.plan(bad, good))
    spoil(checkpoint, bad, damage)
    planned = service.verify(checkpoint.id, {SHARE: {"depth": "plan"}})
    assert planned.resources_status == {key(bad): "error", key(good): "available"}


def test_a_put_back_share_is_not_hindered_either(service: Service, damage: Any) -> None:
    bad, good = service.share(), service.share()
    checkpoint = service.protect(service.plan(bad, good))
    spoil(checkpoint, bad, damage)
    own = {key(good): {"share_id": good}, key(bad): {"share_id": bad}}
    restore = service.restore(checkpoint.id, own)
    assert restore.resources_status[key(good)] == "available"
    assert restore.resources_status[key(bad)] == "error"


def test_a_copy_holds_what_can_be_copied_and_names_the_rest(service: Service) -> None:
    bad, lost, good = service.share(), service.share(), service.share()
    plan = service.plan(bad, lost, good)
    source = service.protect(plan)
    spoil(source, bad, {"version": 2})
    (snapshot,) = (v["id"] for v in service.cloud.snapshots.values() if v["share_id"] == lost)
    del service.cloud.snapshots[snapshot]
    (pair,) = service.call("copy", plan)
    service.run()
    made = service.checkpoint(pair["checkpoint_copy_id"])
    assert made.status == "available"
    assert {item["id"] for item in told(made)["left_out"]} == {bad, lost}
    assert service.restore(made.id).status == "success"
    assert service.call("copy", plan) == []
    service.delete(made.id)
    assert {view["share_id"] for view in service.cloud.snapshots.values()} == {bad, good}


def test_a_checkpoint_with_nothing_to_copy_does_not_keep_the_others_from_being_copied(
    service: Service,
) -> None:
    share = service.share()
    plan = service.plan(share)
    first, second = service.protect(plan), service.protect(plan)
    spoil(first, share, {"version": 2})
    (pair,) = service.call("copy", plan)
    service.run()
    assert pair["checkpoint_protect_id"] == second.id
    spoil(second, share, {"version": 2})
    service.delete(pair["checkpoint_copy_id"])
    with pytest.raises(karbor_exception.InvalidInput, match="cannot be copied") as refused:
        service.call("copy", plan)
    assert first.id in str(refused.value)


def test_a_record_of_a_later_version_refuses_the_copy(service: Service) -> None:
    """It is not lost: another release can read it, and the copy would be without it for good."""
    newer, good = service.share(), service.share()
    plan = service.plan(newer, good)
    spoil(service.protect(plan), newer, {"version": 99})
    with pytest.raises(karbor_exception.InvalidInput, match="Upgrade karbor-manila"):
        service.call("copy", plan)

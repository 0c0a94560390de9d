# SPDX-License-Identifier: Apache-2.0
"""Whether a share can come back is asked before it is protected, and again on the way out."""

import json
from typing import Any

import pytest
from karbor import exception as karbor_exception

from karbor_manila.bank import checkpoints
from karbor_manila.common import left_out
from tests.unit.karbor_stage import PROJECT, SHARE, Service, told

NEITHER = {"create_share_from_snapshot_support": False, "revert_to_snapshot_support": False}
REVERT_ONLY = {"create_share_from_snapshot_support": False}
CLONE_ONLY = {"revert_to_snapshot_support": False}
MADE = {"create_share", "create_snapshot"}


def of_project(service: Service) -> Any:
    return service.plan(resources=[{"type": PROJECT, "id": service.project_id, "name": "p"}])


def key(share: str) -> str:
    return f"{SHARE}#{share}"


def test_a_share_that_could_never_be_given_back_is_refused_in_a_plan_that_names_it(
    service: Service,
) -> None:
    share = service.share(**NEITHER, mount_snapshot_support=True)
    checkpoint = service.protect(service.plan(share))
    assert checkpoint.status == "error"
    assert "could never be given back" in told(checkpoint)["reasons"][key(share)]
    assert not MADE & set(service.cloud.calls)


def test_a_share_that_could_never_be_given_back_is_left_out_of_its_project_and_named(
    service: Service,
) -> None:
    never, good = service.share(**NEITHER), service.share()
    checkpoint = service.protect(of_project(service))
    assert checkpoint.status == "available"
    (left,) = told(checkpoint)["left_out"]
    assert left["id"] == never
    assert "neither create_share_from_snapshot_support nor" in left["reason"]
    assert {view["share_id"] for view in service.cloud.snapshots.values()} == {good}


@pytest.mark.parametrize("whole", [False, True], ids=["named", "project"])
def test_a_share_that_can_only_be_put_back_is_protected_and_that_is_told(
    service: Service, whole: bool
) -> None:
    share, other = service.share(**REVERT_ONLY), service.share()
    plan = of_project(service) if whole else service.plan(share, other)
    checkpoint = service.protect(plan)
    assert checkpoint.status == "available"
    assert set(told(checkpoint)["remarks"]) == {key(share)}
    assert "only be restored in place (share_id)" in told(checkpoint)["remarks"][key(share)]


def test_a_share_that_can_only_be_cloned_needs_no_remark(service: Service) -> None:
    checkpoint = service.protect(service.plan(service.share(**CLONE_ONLY)))
    assert checkpoint.status == "available"
    assert "remarks" not in told(checkpoint)


@pytest.mark.parametrize("since", ["always", "a migration"])
@pytest.mark.parametrize("call", ["restore", "plan", "drill"])
def test_a_new_share_of_what_can_only_be_put_back_is_refused_before_anything_is_made(
    service: Service, call: str, since: str
) -> None:
    share = service.share(**(REVERT_ONLY if since == "always" else {}))
    checkpoint = service.protect(service.plan(share))
    service.cloud.shares[share].update(REVERT_ONLY)
    service.cloud.calls.clear()
    if call == "restore":
        record = service.restore(checkpoint.id)
    else:
        record = service.verify(checkpoint.id, {SHARE: {"depth": call}})
    assert record.status == "fail"
    assert "can only be restored in place (share_id)" in record.resources_reason[key(share)]
    assert not MADE & set(service.cloud.calls)


def test_what_can_only_be_put_back_is_planned_and_put_back(service: Service) -> None:
    share = service.share(**REVERT_ONLY)
    checkpoint = service.protect(service.plan(share))
    own = {key(share): {"share_id": share}}
    planned = service.verify(checkpoint.id, {**own, SHARE: {"depth": "plan"}})
    assert planned.status == "success"
    assert json.loads(planned.resources_reason[key(share)])["way"] == "in place"
    assert service.restore(checkpoint.id, own).status == "success"


def test_a_share_that_has_lost_both_ways_says_so(service: Service) -> None:
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    service.cloud.shares[share].update(NEITHER)
    restore = service.restore(checkpoint.id)
    assert "cannot be restored now" in restore.resources_reason[key(share)]
    assert "nor revert_to_snapshot_support" in restore.resources_reason[key(share)]


def test_a_copy_of_what_can_only_be_put_back_is_refused_before_anything_is_made(
    service: Service,
) -> None:
    share, other = service.share(**REVERT_ONLY), service.share()
    plan = service.plan(share, other)
    service.protect(plan)
    service.cloud.calls.clear()
    with pytest.raises(karbor_exception.InvalidInput, match="can only be restored in place") as no:
        service.call("copy", plan)
    assert share in str(no.value)
    assert "which the plan of checkpoint" in str(no.value)
    assert not MADE & set(service.cloud.calls)
    assert len(service.checkpoints()) == 1


@pytest.mark.parametrize("lacking", [REVERT_ONLY, NEITHER], ids=["in place", "neither way"])
@pytest.mark.parametrize("since", ["always", "a migration"])
def test_a_copy_of_a_project_goes_without_what_allows_no_new_share_and_names_it(
    service: Service, lacking: Any, since: str
) -> None:
    share, other = service.share(**(REVERT_ONLY if since == "always" else {})), service.share()
    plan = of_project(service)
    source = service.protect(plan)
    service.cloud.shares[share].update(lacking)

    (pair,) = service.call("copy", plan)
    service.run()

    copy = service.checkpoint(pair["checkpoint_copy_id"])
    assert copy.status == "available"
    (left,) = told(copy)["left_out"]
    assert (left["type"], left["id"], left["kind"]) == (SHARE, share, "not_supported")
    assert "create_share_from_snapshot_support" in left["reason"]
    assert "othing was created" not in left["reason"]  # the copy was
    assert not left_out.broken(told(copy))
    assert [node.id for node in checkpoints.resources(copy) if node.type == SHARE] == [other]
    assert not told(service.checkpoint(source.id)).get("left_out")
    assert service.restore(copy.id).status == "success"


def test_a_copy_of_a_project_in_which_nothing_allows_a_new_share_is_refused(
    service: Service,
) -> None:
    share = service.share(**REVERT_ONLY)
    plan = of_project(service)
    service.protect(plan)
    service.cloud.calls.clear()
    with pytest.raises(karbor_exception.InvalidInput, match="can only be restored in place") as no:
        service.call("copy", plan)
    assert share in str(no.value)
    assert not MADE & set(service.cloud.calls)
    assert len(service.checkpoints()) == 1


def test_what_the_plan_of_the_checkpoint_names_is_not_left_out_of_its_copy_beside_the_project(
    service: Service,
) -> None:
    share = service.share(**REVERT_ONLY)
    service.share()
    plan = service.plan(share, resources=of_project(service).resources)
    service.protect(plan)
    plan.resources = of_project(service).resources  # the checkpoint was made of another one
    with pytest.raises(karbor_exception.InvalidInput, match="which the plan of checkpoint"):
        service.call("copy", plan)


def test_of_several_checkpoints_those_that_hold_more_are_copied(service: Service) -> None:
    share = service.share(**REVERT_ONLY)
    plan = of_project(service)
    alone = service.protect(plan)
    other = service.share()
    both = service.protect(plan)
    pairs = service.call("copy", plan)
    service.run()
    assert [pair["checkpoint_protect_id"] for pair in pairs] == [both.id]
    copy = service.checkpoint(pairs[0]["checkpoint_copy_id"])
    assert left_out.keys(told(copy)) == {key(share)}
    assert {view["share_id"] for view in service.cloud.snapshots.values()} >= {share, other}
    assert service.checkpoint(alone.id).status == "available"

# SPDX-License-Identifier: Apache-2.0
"""Copies of checkpoints: each is whole and by itself, or nothing of it is left."""

from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor.resource import Resource
from karbor.services.protection.graph import GraphNode

from karbor_manila.bank import checkpoints
from karbor_manila.manila import marks
from tests.fakes.manila import refused, transient
from tests.unit.karbor_stage import PROJECT, SHARE, VOLUME, Service, told
from tests.unit.operations.copies import clones, copied, copy, nothing_is_open, pages, record

# -- what a copy is ---------------------------------------------------------------------------


def test_a_copy_is_a_clone_and_its_snapshot_and_the_living_share_is_not_touched(
    service: Service,
) -> None:
    share = service.share(size=3, name="home", metadata={"colour": "blue"}, is_public=True)
    plan = service.plan(share)
    source = service.protect(plan)
    service.cloud.calls.clear()
    made = copied(service, plan)
    assert made.status == "available"
    assert told(made) == {"copy_of": source.id, "copy_status": "finished"}
    (clone,) = clones(service)
    was, now = record(service, source, share), record(service, made, share)
    assert clone["snapshot_id"] == was["snapshot_id"]
    assert (clone["size"], clone["is_public"]) == (3, False)
    snapshot = service.cloud.snapshots[now["snapshot_id"]]
    assert snapshot["share_id"] == now["clone_id"] == clone["id"]
    own = ("snapshot_id", "clone_id", "mark", "kept")
    assert now["kept"] == {"id": snapshot["id"], "share_id": clone["id"], "data": {}}
    assert {k: v for k, v in now.items() if k not in own} == {
        k: v for k, v in was.items() if k not in own
    }
    assert now["mark"]["checkpoint"] == made.id
    assert marks.read(snapshot) == marks.Mark(**now["mark"])
    assert marks.read(clone) == marks.Mark(**now["mark"]).of_clone()
    assert service.cloud.calls.count("create_snapshot") == 1
    assert [s["share_id"] for s in service.cloud.snapshots.values()].count(share) == 1
    assert nothing_is_open(service)
    assert [(log.operation_type, log.status) for log in service.logs()][-1] == (
        "copy",
        "available",
    )


@pytest.mark.parametrize("kept", [True, False])
def test_a_copy_says_of_access_rules_what_its_source_says_whatever_the_plan_says_now(
    service: Service, kept: bool
) -> None:
    """``record_access_rules`` is about what Manila is asked when a share is protected; a copy asks
    it nothing of the share."""
    share = service.share()
    rule = {"access_type": "ip", "access_to": "10.0.0.1", "access_level": "rw"}
    service.cloud.access[share] = [rule | {"metadata": {}, "state": "active", "id": "rule"}]
    plan = service.plan(share, parameters={SHARE: {"record_access_rules": str(kept).lower()}})
    source = service.protect(plan)
    plan.parameters = {SHARE: {"record_access_rules": str(not kept).lower()}}
    service.cloud.calls.clear()
    made = copied(service, plan)
    was, now = record(service, source, share), record(service, made, share)
    assert now["access_rules"] == was["access_rules"]
    assert bool(now["access_rules"]) is kept
    assert "access_rules" not in service.cloud.calls


def test_every_checkpoint_is_copied_with_its_own_graph(service: Service) -> None:
    one, two = service.share(), service.share()
    plan = service.plan(one)
    first = service.protect(plan)
    plan.resources = [*plan.resources, {"type": SHARE, "id": two, "name": "two"}]
    second = service.protect(plan)
    pairs = copy(service, plan)
    assert set(pairs) == {first.id, second.id}
    held = {
        source: {node.value.id for node in service.checkpoint(made).resource_graph}
        for source, made in pairs.items()
    }
    assert held == {first.id: {one}, second.id: {one, two}}
    assert {service.checkpoint(made).status for made in pairs.values()} == {"available"}
    assert len(clones(service)) == 3


def test_a_plan_on_a_project_is_copied(service: Service) -> None:
    shares = {service.share(), service.share()}
    plan = service.plan(resources=[{"type": PROJECT, "id": service.project_id, "name": "p"}])
    source = service.protect(plan)
    later = service.share()
    made = copied(service, plan)
    assert made.status == "available"
    service.delete(source.id)
    restore = service.restore(made.id)
    assert (restore.status, len(restore.resources_status)) == ("success", 2)
    again = service.protect(plan)
    named = {node.id for node in checkpoints.resources(again) if node.type == SHARE}
    new = {key.partition("#")[2] for key in restore.resources_status}
    assert named == shares | {later} | new, "the clones are no shares of the project's plan"


def test_another_projects_plan_has_nothing_to_copy(service: Service) -> None:
    plan = service.plan(service.share())
    service.protect(plan)
    with pytest.raises(karbor_exception.InvalidInput):
        service.call("copy", plan, context=service.context(service.other_project))


def test_a_copy_without_a_plan_is_refused_as_karbor_does(service: Service) -> None:
    with pytest.raises(karbor_exception.InvalidPlan):
        service.call("copy", None)


def test_copies_wait_for_their_turn(service: Service) -> None:
    plan = service.plan(service.share())
    for _ in range(2):
        service.protect(plan)
    pairs = service.call("copy", plan)
    made = [pair["checkpoint_copy_id"] for pair in pairs]
    assert {service.checkpoint(thing).status for thing in made} == {"wait_copying"}
    assert {claim.operation for claim in service.manager.claims.all()} == {"copy"}
    assert len(service.manager.claims.all()) == 4
    service.run()
    assert {service.checkpoint(thing).status for thing in made} == {"available"}


def test_nothing_to_copy_is_an_empty_answer_and_a_copy_is_never_copied(service: Service) -> None:
    plan = service.plan(service.share())
    service.protect(plan)
    assert len(copy(service, plan)) == 1
    assert copy(service, plan) == {}
    assert len(service.checkpoints()) == 2


def test_what_is_being_copied_is_not_copied_twice(service: Service) -> None:
    plan = service.plan(service.share())
    service.protect(plan)
    assert len(service.call("copy", plan)) == 1
    assert service.call("copy", plan) == []
    service.run()
    assert len(clones(service)) == 1


@pytest.mark.parametrize("fate", ["deleted", "failed"])
def test_a_checkpoint_whose_copy_does_not_live_is_copied_again(service: Service, fate: str) -> None:
    plan = service.plan(service.share())
    source = service.protect(plan)
    if fate == "failed":
        service.cloud.plan("create_share", refused)
    made = copied(service, plan)
    if fate == "deleted":
        service.delete(made.id)
    assert set(copy(service, plan)) == {source.id}


def test_the_options_name_the_copy(service: Service) -> None:
    share = service.share()
    plan = service.plan(share, parameters={SHARE: {"snapshot_name": "mine", "description": "x"}})
    service.protect(plan)
    made = copied(service, plan)
    snapshot = service.cloud.snapshots[record(service, made, share)["snapshot_id"]]
    assert (snapshot["name"], snapshot["description"]) == ("mine", "x")


@pytest.mark.parametrize("version", [0, 1])
def test_older_records_are_copied(service: Service, version: int) -> None:
    share = service.share()
    plan = service.plan(share)
    source = service.protect(plan)
    section = source.get_resource_bank_section(share)
    known = section.get_object("metadata")
    old = ("share_id", "size", "share_proto", "share_type", "share_network_id", "snapshot_id")
    if version == 0:
        known = {name: known[name] for name in old}
    else:
        for name in ("share_group_id", "metadata", "is_public", "access_rules", "clone_id"):
            del known[name]
        known["version"] = 1
    section.update_object("metadata", known)
    made = copied(service, plan)
    assert made.status == "available"
    now = record(service, made, share)
    assert (now["version"], now["project_id"]) == (3, service.project_id)
    assert now["access_rules"] is None
    service.delete(source.id)
    assert service.restore(made.id).status == "success"


# -- each side by itself ----------------------------------------------------------------------


def test_the_copy_outlives_its_source(service: Service) -> None:
    share = service.share()
    plan = service.plan(share)
    source = service.protect(plan)
    made = copied(service, plan)
    service.delete(source.id)
    assert service.verify(made.id).status == "success"
    restore = service.restore(made.id)
    assert restore.status == "success"
    (key,) = restore.resources_status
    new = service.cloud.shares[key.partition("#")[2]]
    assert new["snapshot_id"] == record(service, made, share)["snapshot_id"]
    service.delete(made.id)
    assert (clones(service), service.cloud.snapshots) == ([], {})
    assert set(service.cloud.shares) == {share, new["id"]}


def test_the_source_outlives_its_copy(service: Service) -> None:
    share = service.share()
    plan = service.plan(share)
    source = service.protect(plan)
    service.delete(copied(service, plan).id)
    assert clones(service) == []
    (snapshot,) = service.cloud.snapshots.values()
    assert snapshot["share_id"] == share
    assert service.restore(source.id).status == "success"


@pytest.mark.parametrize("gone", ["snapshot", "both"])
def test_a_copy_whose_parts_were_removed_by_hand_can_be_deleted(
    service: Service, gone: str
) -> None:
    share = service.share()
    plan = service.plan(share)
    service.protect(plan)
    made = copied(service, plan)
    kept = record(service, made, share)
    del service.cloud.snapshots[kept["snapshot_id"]]
    if gone == "both":
        del service.cloud.shares[kept["clone_id"]]
    service.delete(made.id)
    assert clones(service) == []
    assert service.checkpoint(made.id).status == "deleted"


def test_a_deletion_without_a_record_goes_by_the_marks(service: Service) -> None:
    share = service.share()
    plan = service.plan(share)
    service.protect(plan)
    made = copied(service, plan)
    made.get_resource_bank_section(share).update_object("metadata", {"version": 0})
    mine = service.share(metadata=dict(clones(service)[0]["metadata"]) | {marks.PURPOSE: "mine"})
    service.delete(made.id)
    assert clones(service) == []
    assert mine in service.cloud.shares, "only what was made for a copy goes by its mark"
    assert len(service.cloud.snapshots) == 1


def test_a_clone_that_cannot_be_removed_is_told_of_and_goes_the_next_time(
    service: Service,
) -> None:
    share = service.share()
    plan = service.plan(share)
    service.protect(plan)
    made = copied(service, plan)
    (clone,) = clones(service)
    service.cloud.failing.add(f"delete_share {clone['id']}")
    service.delete(made.id)
    assert service.checkpoint(made.id).status == "error-deleting"
    assert clone["id"] in told(service.checkpoint(made.id))["reasons"][f"{SHARE}#{share}"]
    assert "metadata" in pages(made, share)
    service.cloud.failing.clear()
    clone["status"] = "available"  # an administrator has reset it
    service.delete(made.id)
    assert clones(service) == []


@pytest.mark.parametrize("side", [0, 1], ids=["source", "copy"])
def test_neither_side_is_deleted_while_the_copy_is_made(service: Service, side: int) -> None:
    plan = service.plan(service.share())
    service.protect(plan)
    (pair,) = service.call("copy", plan)
    thing = sorted(pair.items(), key=lambda item: item[0] == "checkpoint_copy_id")[side][1]
    with pytest.raises(karbor_exception.InvalidInput, match="in work"):
        service.call("delete", service.provider.id, thing)
    with pytest.raises(karbor_exception.CheckpointNotBeReset):
        service.call("reset_state", service.provider.id, thing, "error")
    service.run()
    service.delete(thing)


def test_the_clone_is_in_no_plan(service: Service) -> None:
    share = service.share()
    plan = service.plan(share)
    service.protect(plan)
    copied(service, plan)
    (clone,) = clones(service)
    named = service.protect(service.plan(clone["id"]))
    assert named.status == "error"
    (reason,) = told(named)["reasons"].values()
    assert "karbor-manila made it itself, for a copy" in reason


# -- refused before anything exists -----------------------------------------------------------


def refusal(service: Service, plan: Any) -> str:
    before = service.checkpoints()
    service.cloud.calls.clear()
    with pytest.raises(karbor_exception.InvalidInput) as caught:
        service.call("copy", plan)
    assert caught.value.code == 400
    assert service.checkpoints() == before
    assert service.spawned == []
    assert service.manager.claims.all() == []
    assert not {"create_share", "create_snapshot"} & set(service.cloud.calls)
    return str(caught.value)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"maxTotalShares": 3, "totalSharesUsed": 2}, "2 shares are needed"),
        ({"maxTotalShareGigabytes": 5}, "6 share gigabytes are needed"),
        ({"maxTotalShareSnapshots": 1}, "2 snapshots are needed"),
        ({"maxTotalSnapshotGigabytes": 5}, "6 snapshot gigabytes are needed"),
    ],
    ids=["shares", "gigabytes", "snapshots", "snapshot gigabytes"],
)
def test_a_quota_that_does_not_suffice_for_all_copies_refuses_them(
    service: Service, limits: dict[str, int], said: str
) -> None:
    plan = service.plan(service.share(size=3))
    for _ in range(2):
        service.protect(plan)
    service.cloud.limits.update(limits)
    assert said in refusal(service, plan)


def test_a_plan_without_an_available_checkpoint_is_refused(service: Service) -> None:
    plan = service.plan(service.share())
    made = service.protect(plan)
    made.status = "error"
    made.commit()
    assert "no available checkpoint" in refusal(service, plan)


def test_a_record_or_a_snapshot_that_is_gone_is_refused_by_name(service: Service) -> None:
    share = service.share()
    plan = service.plan(share)
    made = service.protect(plan)
    service.cloud.snapshots.clear()
    assert f"Share {share} of checkpoint {made.id} cannot be copied" in refusal(service, plan)
    made.get_resource_bank_section(share).delete_object("metadata")
    assert "no complete record" in refusal(service, plan)


def test_parameters_that_cannot_be_used_are_refused(service: Service) -> None:
    share = service.share()
    plan = service.plan(share)
    service.protect(plan)
    plan.parameters = {SHARE: {"snapshot_name": "n" * 256}}
    assert "'snapshot_name'" in refusal(service, plan)


def test_a_type_that_nobody_copies_is_refused_by_name(service: Service) -> None:
    plan = service.plan(service.share())
    made = service.protect(plan)
    (node,) = made.resource_graph
    made.resource_graph = [GraphNode(Resource(VOLUME, node.value.id, "v"), frozenset())]
    made.commit()
    assert f"holds {VOLUME}" in refusal(service, plan)


def test_with_manila_away_the_request_says_so(service: Service) -> None:
    plan = service.plan(service.share())
    service.protect(plan)
    fault = service.cloud.plan("snapshots", transient, times=10**6)
    began = service.cloud.clock.now()
    assert "Try again when Manila is back" in refusal(service, plan)
    assert service.cloud.clock.now() - began <= 45, "Karbor's API does not wait for longer"
    service.cloud.faults.remove(fault)

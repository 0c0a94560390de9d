# SPDX-License-Identifier: Apache-2.0
"""Shares of share groups come back, alone or with their group, as their user sees them."""

from pathlib import Path
from typing import Any

import pytest
from karbor.resource import Resource

from karbor_manila.manila.errors import OnlyAsGroup
from karbor_manila.operations import restore_plan
from karbor_manila.operations.errors import GroupLacking, RevertLacking
from karbor_manila.operations.parameters import merge, restore_options
from karbor_manila.operations.restore import RestoreOperation
from tests.fakes.manila import refused, transient
from tests.unit.operations.grouped import group_of, made_groups, protected, remarks
from tests.unit.stage import SHARE, Context, Record, Stage
from tests.unit.together import Together


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, default_driver="group")


def test_shares_come_back_alone_and_nothing_of_the_temporary_group_stays(stage: Stage) -> None:
    checkpoint, shares = protected(stage, 3)
    assert stage.restore(checkpoint, *shares, restore=Record()) == []
    made = [view for view in stage.cloud.shares.values() if view["snapshot_id"]]
    assert {view["_text"] for view in made} == {f"then {share}" for share in shares}
    assert {view["share_group_id"] for view in made} == {None}
    assert made_groups(stage) == []
    assert stage.cloud.snapshots == {}
    assert len(stage.cloud.shares) == 6


def test_shares_that_are_restored_side_by_side_share_one_temporary_group(tmp_path: Path) -> None:
    stage = Together(tmp_path, default_driver="group")
    checkpoint, shares = protected(stage, 4)
    record = Record()
    record["parameters"] = {SHARE: {}}
    stage.requested[record.id] = ("restore", record)
    errors, asked = stage.side_by_side(RestoreOperation, checkpoint, *shares, restore=record)
    assert errors == []
    assert asked["create_share_group"] == asked["delete_share_group"] == 1
    assert asked["create_snapshot"] == asked["create_share"] == 4
    assert made_groups(stage) == []
    assert len(stage.cloud.shares) == 8


def test_a_restore_without_quota_for_the_temporary_group_makes_nothing(stage: Stage) -> None:
    checkpoint, shares = protected(stage, 3)
    stage.cloud.limits.update(maxTotalShares=6, totalSharesUsed=3)
    (error,) = stage.restore(checkpoint, shares[0], restore=Record())
    assert "4 shares" in str(error)
    assert made_groups(stage) == []


@pytest.mark.parametrize(
    "method",
    [
        "create_share_group_snapshot",
        "create_share_group",
        "create_snapshot",
        "create_share",
        "set_share_metadata",
        "delete_snapshot",
        "delete_share",
        "delete_share_group",
        "delete_share_group_snapshot",
    ],
)
def test_a_lost_reply_makes_nothing_twice_and_leaves_nothing(stage: Stage, method: str) -> None:
    stage.cloud.plan(method, transient, after=True)
    checkpoint, shares = protected(stage, 2)
    assert stage.restore(checkpoint, *shares, restore=Record()) == []
    assert len(stage.cloud.shares) == 4
    assert made_groups(stage) == []
    assert stage.cloud.snapshots == {}
    assert len(stage.cloud.group_snapshots) == 1
    assert stage.delete(checkpoint, *shares) == []
    assert stage.cloud.group_snapshots == {}
    stage.cloud.assert_hit()


@pytest.mark.parametrize("method", ["create_share_group", "set_share_metadata", "update_share"])
def test_a_lost_reply_makes_no_second_group_of_a_group(stage: Stage, method: str) -> None:
    checkpoint, shares = protected(stage, 2)
    stage.cloud.plan(method, transient, after=True)
    given = {"as_group": "true"}
    assert stage.restore(checkpoint, *shares, restore=Record(), given=given) == []
    assert len(made_groups(stage)) == 1
    assert len(stage.cloud.shares) == 4
    stage.cloud.assert_hit()


def test_a_group_of_which_a_share_fails_keeps_the_others(stage: Stage) -> None:
    checkpoint, shares = protected(stage, 3)
    stage.cloud.plan("update_share", lambda: refused(403), nth=2)
    given = {"as_group": "true"}
    (error,) = stage.restore(checkpoint, *shares, restore=Record(), given=given)
    assert "403" in str(error)
    (group,) = made_groups(stage)
    inside = [v for v in stage.cloud.shares.values() if v["share_group_id"] == group["id"]]
    assert len(inside) == 2
    assert {view["_text"] for view in inside} < {f"then {share}" for share in shares}


def test_a_share_that_was_never_handed_over_does_not_stay_with_those_that_were(
    tmp_path: Path,
) -> None:
    stage = Together(tmp_path, default_driver="group")
    checkpoint, shares = protected(stage, 3)
    record = Record()
    record["parameters"] = {SHARE: {"as_group": "True"}}
    stage.requested[record.id] = ("restore", record)
    stage.cloud.plan("set_share_metadata", lambda: refused(403))
    errors, _ = stage.side_by_side(
        RestoreOperation, checkpoint, *shares, given={"as_group": "True"}, restore=record
    )
    assert len(errors) == 1
    made = [view for view in stage.cloud.shares.values() if view["id"] not in shares]
    assert len(made) == 2
    assert all(view["name"] for view in made)


def test_a_share_that_somebody_made_in_a_temporary_group_stays(stage: Stage) -> None:
    checkpoint, shares = protected(stage, 2)

    def intrude() -> None:
        (group,) = made_groups(stage)
        stage.cloud.add_share(stage.project_id, share_group_id=group["id"], name="mine")

    stage.cloud.meanwhile["create_share"] = [intrude]
    assert stage.restore(checkpoint, shares[0], restore=Record()) == []
    (group,) = made_groups(stage)
    inside = [v for v in stage.cloud.shares.values() if v["share_group_id"] == group["id"]]
    assert [view["name"] for view in inside] == ["mine"]


def test_a_restore_that_fails_leaves_nothing_of_its_group(stage: Stage) -> None:
    checkpoint, shares = protected(stage, 2)
    stage.cloud.plan("create_share", lambda: refused(413))
    (error,) = stage.restore(checkpoint, shares[0], restore=Record())
    assert "413" in str(error)
    assert made_groups(stage) == []
    assert stage.cloud.snapshots == {}
    assert len(stage.cloud.shares) == 2


def test_a_group_comes_back_as_one_with_what_was_in_it_besides(stage: Stage) -> None:
    shares = group_of(stage, 3)
    for share in shares:
        stage.cloud.shares[share].update(_text=f"then {share}", name=f"name of {share}")
    checkpoint = stage.checkpoint(*shares[:2])
    assert stage.protect(checkpoint, *shares[:2]) == []
    record = Record()
    given = {"as_group": "true"}
    assert stage.restore(checkpoint, *shares[:2], restore=record, given=given) == []
    (group,) = made_groups(stage)
    inside = [v for v in stage.cloud.shares.values() if v["share_group_id"] == group["id"]]
    assert {view["_text"] for view in inside} == {f"then {share}" for share in shares}
    names = {f"name of {share}" for share in shares[:2]}
    assert {view["name"] for view in inside} == {*names, None}
    assert all(shares[2] in reason for reason in record["resources_reason"].values())


def test_a_type_without_shares_from_snapshots_comes_back_with_its_group_alone(
    stage: Stage,
) -> None:
    checkpoint, shares = protected(stage, 2, create_share_from_snapshot_support=False)
    assert "as_group" in remarks(checkpoint)[f"{SHARE}#{shares[0]}"]
    (error,) = stage.restore(checkpoint, shares[0], restore=Record())
    assert str(OnlyAsGroup(shares[0], "default")) in str(error)
    assert made_groups(stage) == []
    given = {"as_group": "true"}
    assert stage.restore(checkpoint, *shares, restore=Record(), given=given) == []
    assert len(made_groups(stage)) == 1


def test_who_is_left_out_and_comes_back_with_the_group_is_told(stage: Stage) -> None:
    checkpoint, shares = protected(stage, 2)
    record = Record()
    record["parameters"] = {
        SHARE: {"as_group": "true"},
        f"{SHARE}#{shares[1]}": {"include": "false"},
    }
    flow = stage.flow(*shares)
    stage.requested[record.id] = ("restore", record)
    operation = RestoreOperation(flow)
    for share in shares:
        operation.on_main(
            checkpoint,
            Resource(type=SHARE, id=share, name="s"),
            Context(stage.project_id),
            merge(record["parameters"], SHARE, share),
            restore=record,
            operation_log=Record(),
        )
    (made,) = [key for key, status in record["resources_status"].items() if status == "available"]
    assert shares[1] in record["resources_reason"][made]


@pytest.mark.parametrize("given", [{"size": 2}, {"share_type": "other"}])
def test_nothing_can_be_asked_of_a_group(stage: Stage, given: dict[str, Any]) -> None:
    checkpoint, shares = protected(stage, 2)
    (error,) = stage.restore(
        checkpoint, shares[0], restore=Record(), given={"as_group": True, **given}
    )
    assert next(iter(given)) in str(error)
    assert made_groups(stage) == []


def test_what_a_driver_cannot_do_is_refused_by_name_before_anything(
    stage: Stage, tmp_path: Path
) -> None:
    checkpoint, shares = protected(stage, 1)
    options = restore_options(shares[0], {"share_id": shares[0]})
    with pytest.raises(RevertLacking, match="'group'"):
        restore_plan.check_by_record(checkpoint, shares[0], options)
    other = Stage(tmp_path / "other")
    share = other.cloud.add_share(other.project_id)["id"]
    kept = other.checkpoint(share)
    assert other.protect(kept, share) == []
    with pytest.raises(GroupLacking, match="'snapshot'"):
        restore_plan.check_by_record(kept, share, restore_options(share, {"as_group": "true"}))
    (error,) = other.restore(kept, share, restore=Record(), given={"as_group": "true"})
    assert "as_group" in str(error)
    assert len(other.cloud.shares) == 1


def test_a_drill_leaves_nothing(stage: Stage) -> None:
    checkpoint, shares = protected(stage, 2)
    assert stage.verify(checkpoint, *shares, verify=Record(), given={"depth": "drill"}) == []
    assert made_groups(stage) == []
    assert stage.cloud.snapshots == {}
    assert len(stage.cloud.shares) == 2

# SPDX-License-Identifier: Apache-2.0
"""Shares of share groups through protect, restore, verify and delete, as their user sees them."""

import json
from pathlib import Path
from typing import Any

import pytest
from karbor.resource import Resource
from oslo_config import cfg

from karbor_manila.drivers import catalogue
from karbor_manila.drivers.group import GroupDriver
from karbor_manila.manila.errors import OnlyAsGroup
from karbor_manila.operations import restore_plan
from karbor_manila.operations.errors import GroupLacking, RevertLacking
from karbor_manila.operations.parameters import merge, restore_options
from karbor_manila.operations.protect import ProtectOperation
from karbor_manila.operations.restore import RestoreOperation
from tests.fakes.manila import refused
from tests.unit.stage import SHARE, Context, Record, Stage
from tests.unit.together import Together

Ids = list[str]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, default_driver="group")


def group_of(stage: Stage, number: int, kind: str | None = "host", **fields: Any) -> Ids:
    group = stage.cloud.add_group(stage.project_id, consistent_snapshot_support=kind)
    return [
        stage.cloud.add_share(stage.project_id, share_group_id=group["id"], **fields)["id"]
        for _ in range(number)
    ]


def posts(stage: Stage) -> int:
    return stage.cloud.calls.count("create_share_group_snapshot")


def record_of(stage: Stage, checkpoint: Any, share: str) -> dict[str, Any]:
    record: dict[str, Any] = stage.pages(checkpoint, share)["metadata"]
    return record


def remarks(checkpoint: Any) -> dict[str, str]:
    found: dict[str, str] = json.loads(checkpoint.extra_info)["remarks"]
    return found


def made_groups(stage: Stage) -> list[dict[str, Any]]:
    every = stage.cloud.groups.values()
    return [view for view in every if view["source_share_group_snapshot_id"]]


# -- protect --------------------------------------------------------------------------------------


def test_twenty_shares_of_two_groups_are_two_requests(stage: Stage) -> None:
    first, second = group_of(stage, 12), group_of(stage, 8, kind=None)
    shares = [share for pair in zip(first, second, strict=False) for share in pair] + first[8:]
    checkpoint = stage.checkpoint(*shares)
    assert stage.protect(checkpoint, *shares) == []
    assert posts(stage) == 2
    for group, consistent in ((first, True), (second, False)):
        records = [record_of(stage, checkpoint, share) for share in group]
        assert len({record["snapshot_id"] for record in records}) == 1
        assert {record["kept"]["data"]["consistent"] for record in records} == {consistent}
        assert {tuple(record["kept"]["data"]["members"]) for record in records} == {
            tuple(sorted(group))
        }


def test_a_checkpoint_says_what_is_of_one_moment_and_who_is_kept_besides(stage: Stage) -> None:
    first, second = group_of(stage, 3), group_of(stage, 1, kind=None)
    shares = [*first[:2], *second]
    checkpoint = stage.checkpoint(*shares)
    assert stage.protect(checkpoint, *shares) == []
    said = remarks(checkpoint)
    assert "at one moment, together" in said[f"{SHARE}#{first[0]}"]
    assert first[2] in said[f"{SHARE}#{first[0]}"]
    assert first[1] not in said[f"{SHARE}#{first[0]}"]
    assert "are not kept as they were at one moment" in said[f"{SHARE}#{second[0]}"]


def test_a_group_with_others_is_refused_where_the_operator_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = cfg.ConfigOpts()
    options.register_opts(list(GroupDriver.options))
    options.set_override("other_members", "refuse")
    monkeypatch.setattr(catalogue, "default_options", lambda _kind: options)
    whole, part = group_of(stage, 2), group_of(stage, 2)
    shares = [*whole, part[0]]
    checkpoint = stage.checkpoint(*shares)
    (error,) = stage.protect(checkpoint, *shares)
    assert part[1] in str(error)
    assert "other_members" in str(error)
    assert posts(stage) == 1


def test_a_share_in_no_group_is_refused_and_says_what_to_do(stage: Stage) -> None:
    share = stage.cloud.add_share(stage.project_id)["id"]
    (error,) = stage.protect(stage.checkpoint(share), share)
    assert "no share group" in str(error)
    assert posts(stage) == 0


@pytest.mark.parametrize("what", ["member", "group"])
def test_a_group_with_something_in_error_is_refused_before_anything_is_asked(
    stage: Stage, what: str
) -> None:
    shares = group_of(stage, 3)
    broken = stage.cloud.shares[shares[2]]
    if what == "member":
        broken["status"] = "error"
    else:
        stage.cloud.groups[broken["share_group_id"]]["status"] = "error"
    errors = stage.protect(stage.checkpoint(*shares[:2]), *shares[:2])
    assert len(errors) == 2
    assert all("'error'" in str(error) for error in errors)
    assert posts(stage) == 0


def test_the_quota_of_group_snapshots_is_looked_at_before(stage: Stage) -> None:
    shares = [*group_of(stage, 2), *group_of(stage, 1)]
    stage.cloud.limits.update(maxTotalShareGroupSnapshots=5, totalShareGroupSnapshotsUsed=4)
    errors = stage.protect(stage.checkpoint(*shares), *shares)
    assert len(errors) == 3
    assert all("2 group snapshots" in str(error) for error in errors)
    assert posts(stage) == 0


def test_a_description_leaves_room_for_the_mark(stage: Stage) -> None:
    shares = group_of(stage, 1)
    (error,) = stage.protect(stage.checkpoint(*shares), *shares, given={"description": "d" * 200})
    assert "characters" in str(error)
    assert posts(stage) == 0


@pytest.mark.parametrize("in_plan", [True, False])
def test_a_busy_share_of_the_group_is_waited_for_and_nothing_is_made_twice(
    tmp_path: Path, in_plan: bool
) -> None:
    stage = Together(tmp_path, default_driver="group")
    shares = group_of(stage, 3)
    busy = stage.cloud.shares[shares[2]]
    busy.update(status="extending", _until=stage.cloud.clock.now() + 30.0, _fails=False)
    wanted = shares if in_plan else shares[:2]
    checkpoint = stage.checkpoint(*wanted)
    errors, _ = stage.side_by_side(ProtectOperation, checkpoint, *wanted)
    assert errors == []
    assert len(stage.cloud.group_snapshots) == 1
    assert len({record_of(stage, checkpoint, share)["snapshot_id"] for share in wanted}) == 1


def test_a_group_that_is_busy_for_ever_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path, default_driver="group", share_busy_timeout=60)
    shares = group_of(stage, 2)
    stage.cloud.shares[shares[1]]["status"] = "extending"
    (error,) = stage.protect(stage.checkpoint(shares[0]), shares[0])
    assert "share group" in str(error)
    assert stage.cloud.group_snapshots == {}


def test_a_group_that_fails_is_rolled_back_once_for_all(stage: Stage) -> None:
    shares = group_of(stage, 3)
    group_id = stage.cloud.shares[shares[0]]["share_group_id"]
    stage.cloud.failing.add(f"create_share_group_snapshot {group_id}")
    checkpoint = stage.checkpoint(*shares)
    errors = stage.protect(checkpoint, *shares)
    assert len(errors) == 3
    assert "the backend is full" in str(errors[0])
    assert stage.cloud.group_snapshots == {}
    assert stage.cloud.calls.count("delete_share_group_snapshot") == 1
    assert not any("intent" in stage.pages(checkpoint, share) for share in shares)


# -- restore --------------------------------------------------------------------------------------


def protected(stage: Stage, number: int, **fields: Any) -> tuple[Any, Ids]:
    shares = group_of(stage, number, **fields)
    for share in shares:
        stage.cloud.shares[share]["_text"] = f"then {share}"
    checkpoint = stage.checkpoint(*shares)
    assert stage.protect(checkpoint, *shares) == []
    for share in shares:
        stage.cloud.shares[share]["_text"] = "now"
    return checkpoint, shares


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


# -- delete ---------------------------------------------------------------------------------------


def test_a_deletion_asks_once_and_leaves_the_group_and_its_shares(stage: Stage) -> None:
    checkpoint, shares = protected(stage, 3)
    other = stage.checkpoint(*shares)
    assert stage.protect(other, *shares) == []
    assert stage.delete(checkpoint, *shares) == []
    assert stage.cloud.calls.count("delete_share_group_snapshot") == 1
    kept = {record_of(stage, other, share)["snapshot_id"] for share in shares}
    assert set(stage.cloud.group_snapshots) == kept
    assert len(stage.cloud.shares) == 3

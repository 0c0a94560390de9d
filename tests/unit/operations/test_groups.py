# SPDX-License-Identifier: Apache-2.0
"""Shares of share groups are kept and go, as their user sees them."""

from pathlib import Path

import pytest
from oslo_config import cfg

from karbor_manila.bank import record
from karbor_manila.drivers import catalogue
from karbor_manila.drivers.group import GroupDriver
from karbor_manila.operations.protect import ProtectOperation
from tests.unit.operations.grouped import group_of, posts, protected, record_of, remarks
from tests.unit.stage import SHARE, Stage
from tests.unit.together import Together


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, default_driver="group")


# -- protect --------------------------------------------------------------------------------------


def test_twenty_shares_of_two_groups_are_two_requests(stage: Stage) -> None:
    first, second = group_of(stage, 12), group_of(stage, 8, kind=None)
    shares = [share for pair in zip(first, second, strict=False) for share in pair] + first[8:]
    checkpoint = stage.checkpoint(*shares)
    assert stage.protect(checkpoint, *shares) == []
    assert posts(stage) == 2
    for group, consistent in ((first, True), (second, False)):
        records = [record_of(stage, checkpoint, share) for share in group]
        assert len({each["snapshot_id"] for each in records}) == 1
        assert {each["kept"]["data"]["consistent"] for each in records} == {consistent}
        assert {tuple(each["kept"]["data"]["members"]) for each in records} == {
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
    assert "'extending'" in str(error)
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


def test_one_share_that_cannot_be_copied_keeps_no_other_of_its_group_from_it(stage: Stage) -> None:
    shares = group_of(stage, 3)
    checkpoint = stage.checkpoint(*shares)
    assert stage.protect(checkpoint, *shares) == []
    stage.cloud.shares[shares[1]]["create_share_from_snapshot_support"] = False
    flow = stage.bound(*shares)
    kept = [record.load_record(record_of(stage, checkpoint, share)).kept() for share in shares]
    assert set(flow.driver("group").preflight_copy(kept)) == {kept[1].key}

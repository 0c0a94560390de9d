# SPDX-License-Identifier: Apache-2.0
"""Group snapshots and temporary groups that somebody, or a failure, has come in between of."""

import threading
from pathlib import Path

import pytest
from karbor import exception as karbor_exception
from karbor.resource import Resource

from karbor_manila.bank import record
from karbor_manila.common.errors import DeadlineExceeded
from karbor_manila.manila.kept import Kept
from karbor_manila.operations.adopt import RecoverProtectOperation
from tests.fakes.cloud import Died
from tests.unit.operations.grouped import group_of, made_groups, protected, record_of
from tests.unit.stage import SHARE, Context, Record, Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, default_driver="group")


def test_what_another_share_is_complete_with_outlives_the_roll_back_of_an_earlier_one(
    stage: Stage,
) -> None:
    first, second = group_of(stage, 2)
    group_id = stage.cloud.shares[first]["share_group_id"]
    stage.cloud.failing.add(f"create_share_group_snapshot {group_id}")
    stage.cloud.plan("delete_share_group_snapshot", Died)
    checkpoint = stage.checkpoint(first, second)
    with pytest.raises(Died):
        stage.protect(checkpoint, first)
    stage.cloud.failing.clear()
    assert stage.protect(checkpoint, second) == []  # by a second one, for the first has failed
    kept = record_of(stage, checkpoint, second)["snapshot_id"]
    assert len(stage.cloud.group_snapshots) == 2
    flow = stage.flow(first, second)
    with pytest.raises(karbor_exception.CreateResourceFailed):
        RecoverProtectOperation(flow).on_main(
            checkpoint,
            Resource(type=SHARE, id=first, name="s"),
            Context(stage.project_id),
            {},
            operation_log=Record(),
        )
    assert set(stage.cloud.group_snapshots) == {kept}
    assert "intent" not in stage.pages(checkpoint, first)


def test_a_group_snapshot_that_does_not_go_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, default_driver="group", delete_timeout=60)
    checkpoint, shares = protected(stage, 2)
    kept = [record.load_record(record_of(stage, checkpoint, each)).kept() for each in shares]
    stage.cloud.seconds["delete_share_group_snapshot"] = 1e9
    stage.cloud.calls.clear()
    clock, driver = stage.cloud.clock, stage.bound(*shares).driver("group")
    errors: list[DeadlineExceeded] = []

    def delete(each: Kept) -> None:
        with pytest.raises(DeadlineExceeded) as raised:
            driver.delete(each, project_id=stage.project_id)
        errors.append(raised.value)

    second, has_begun = threading.Thread(target=delete, args=(kept[1],)), threading.Event()
    now, began = clock.now, clock.now()

    def noted() -> float:
        moment = now()
        if threading.current_thread() is second:
            has_begun.set()
        return moment

    def comes_meanwhile() -> None:
        second.start()
        assert has_begun.wait(30)

    monkeypatch.setattr(clock, "now", noted)
    stage.cloud.meanwhile["delete_share_group_snapshot"] = [comes_meanwhile]
    delete(kept[0])
    second.join(30)
    assert len(errors) == 2
    assert stage.cloud.calls.count("delete_share_group_snapshot") == 1
    assert now() - began < 90


def test_a_temporary_group_goes_though_its_mark_was_written_over(stage: Stage) -> None:
    checkpoint, shares = protected(stage, 2)

    def write_over() -> None:
        for view in stage.cloud.groups.values():
            view["description"] = None

    stage.cloud.meanwhile["create_snapshot"] = [write_over]
    assert stage.restore(checkpoint, *shares, restore=Record()) == []
    assert made_groups(stage) == []
    assert len(stage.cloud.shares) == 4


def test_a_temporary_snapshot_goes_though_its_mark_was_written_over(stage: Stage) -> None:
    checkpoint, shares = protected(stage, 2)

    def write_over() -> None:
        for view in stage.cloud.snapshots.values():
            view["metadata"] = {}

    stage.cloud.meanwhile["create_share"] = [write_over]
    assert stage.restore(checkpoint, *shares, restore=Record()) == []
    assert stage.cloud.snapshots == {}
    assert made_groups(stage) == []

# SPDX-License-Identifier: Apache-2.0
"""Group snapshots and temporary groups that somebody, or a failure, has come in between of."""

from pathlib import Path

import pytest
from karbor import exception as karbor_exception
from karbor.resource import Resource

from karbor_manila.operations.adopt import RecoverProtectOperation
from tests.fakes.cloud import Died
from tests.unit.operations.grouped import group_of, record_of
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

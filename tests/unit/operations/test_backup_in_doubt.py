# SPDX-License-Identifier: Apache-2.0
"""Restores from backups whose request had no answer, beside what else is done to their shares."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from karbor_manila.manila.errors import TargetMissing, TargetNotYours
from karbor_manila.manila.marks import PURPOSE
from tests.fakes.manila import FakeManila, transient
from tests.unit.stage import Context, Record, Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path, default_driver="backup")
    stage.cloud.seconds |= {"create_backup": 30.0, "restore_backup": 30.0, "delete_backup": 1.0}
    return stage


@pytest.fixture
def share(stage: Stage) -> dict[str, Any]:
    return stage.cloud.add_share(stage.project_id, name="home", size=2, _text="then")


@pytest.fixture
def checkpoint(stage: Stage, share: dict[str, Any]) -> Any:
    checkpoint = stage.checkpoint(share["id"])
    assert stage.protect(checkpoint, share["id"]) == []
    share["_text"] = "now"
    return checkpoint


def extend(stage: Stage, share: dict[str, Any], seconds: float) -> Callable[[], None]:
    """Its user has a share extended."""

    def begin() -> None:
        until = stage.cloud.clock.now() + seconds
        share.update(status="extending", _until=until, _fails=False)

    return begin


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize("into", ["itself", "another"])
def test_a_share_that_is_busy_otherwise_counts_not_as_put_back(
    stage: Stage, share: dict[str, Any], checkpoint: Any, attempt: int, into: str
) -> None:
    target = share
    if into == "another":
        target = stage.cloud.add_share(stage.project_id, name="other", size=2, _text="others")
    stage.cloud.plan("restore_backup", transient)
    begin = extend(stage, target, 100.0)
    waiting = stage.cloud.meanwhile
    if attempt == 1:
        waiting["restore_backup"] = [begin]
    else:
        waiting["restore_backup"] = [lambda: waiting.update(restore_backup=[begin])]
    request = Record(status="in_progress")
    given = {"share_id": target["id"]}
    assert stage.restore(checkpoint, share["id"], restore=request, given=given) == []
    assert target["_text"] == "then"


def test_a_share_that_stays_busy_is_told_to_be_in_doubt(
    stage: Stage, share: dict[str, Any], checkpoint: Any
) -> None:
    stage.cloud.plan("restore_backup", transient)
    stage.cloud.meanwhile["restore_backup"] = [extend(stage, share, 1e6)]
    request = Record(status="in_progress")
    given = {"share_id": share["id"]}
    (error,) = stage.restore(checkpoint, share["id"], restore=request, given=given)
    assert "Whether the share was put back is not known" in str(error)
    assert set(request["resources_status"].values()) == {"error"}


@pytest.mark.parametrize(
    ("changed", "leaf"),
    [({"project_id": "project-b"}, TargetMissing), ({"metadata": {PURPOSE: "x"}}, TargetNotYours)],
)
def test_a_target_that_changed_while_another_restore_was_waited_for_is_left_alone(
    stage: Stage, share: dict[str, Any], checkpoint: Any, changed: Any, leaf: type
) -> None:
    first, other = (
        stage.cloud.add_share(stage.project_id, name=name, size=2, _text=name)
        for name in ("first", "other")
    )

    def comes_first() -> None:
        (backup_id,) = stage.cloud.backups
        FakeManila(stage.cloud, stage.project_id).restore_backup(backup_id, first["id"])
        stage.cloud.meanwhile["backup"] = [lambda: other.update(changed)]

    stage.cloud.meanwhile["restore_backup"] = [comes_first]
    (error,) = stage.restore(
        checkpoint,
        share["id"],
        restore=Record(status="in_progress"),
        given={"share_id": other["id"]},
        context=Context(stage.project_id, is_admin=True),
    )
    assert isinstance(error.__cause__, leaf)
    assert (other["_text"], first["_text"]) == ("other", "then")

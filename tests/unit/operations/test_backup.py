# SPDX-License-Identifier: Apache-2.0
"""Shares that Manila's backups keep: protected, given back in every way, refused by name."""

from pathlib import Path
from typing import Any

import pytest
from oslo_serialization import jsonutils

from karbor_manila.common.errors import InvalidParameter, NotSupported
from karbor_manila.manila.errors import (
    BackupRestoreFailed,
    BackupsUnsupported,
    NoSafetyCopy,
    QuotaTooSmall,
    ResourceFailed,
    ShareNotProtectable,
    TargetMissing,
    TargetNotAvailable,
    TargetNotYours,
    TargetTooSmall,
)
from karbor_manila.manila.marks import PURPOSE, Mark
from karbor_manila.operations import restore_plan
from karbor_manila.operations.errors import BeingRestored
from karbor_manila.operations.parameters import restore_options
from karbor_manila.operations.protect import ProtectOperation
from karbor_manila.operations.restore import RestoreOperation
from tests.fakes.manila import transient
from tests.unit.stage import SHARE, Record, Stage
from tests.unit.together import Together

WRITES = {"create_backup", "delete_backup", "restore_backup", "create_share", "delete_share"}


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
    stage.cloud.calls.clear()
    return checkpoint


def restore(
    stage: Stage, checkpoint: Any, share: Any, **given: Any
) -> tuple[Record, BaseException | None]:
    request = Record(status="in_progress")
    failures = stage.restore(checkpoint, share["id"], restore=request, given=given)
    return request, failures[0].__cause__ if failures else None


def told(request: Record, share_id: str) -> dict[str, Any]:
    said: dict[str, Any] = jsonutils.loads(request["resources_reason"][f"{SHARE}#{share_id}"])
    return said


def writes(stage: Stage) -> list[str]:
    return [call for call in stage.cloud.calls if call in WRITES]


# -- protect --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"has_replicas": True}, "replicas"),
        ({"task_state": "migration_in_progress"}, "migration"),
        ({"share_proto": "CEPHFS"}, "CEPHFS"),
    ],
)
def test_what_manila_would_not_back_up_is_refused_before(
    stage: Stage, share: Any, changed: Any, said: str
) -> None:
    share.update(changed)
    (error,) = stage.protect(stage.checkpoint(share["id"]), share["id"])
    assert isinstance(error.__cause__, ShareNotProtectable)
    assert said in str(error.__cause__)
    assert writes(stage) == []


def test_a_share_with_snapshots_is_refused_by_their_ids(stage: Stage, share: Any) -> None:
    stage.cloud.snapshots["snap-1"] = {
        "id": "snap-1", "share_id": share["id"], "project_id": stage.project_id, "metadata": {},
        "status": "error",
    }  # fmt: skip
    (error,) = stage.protect(stage.checkpoint(share["id"]), share["id"])
    assert "it has snapshots (snap-1)" in str(error.__cause__)
    assert writes(stage) == []


@pytest.mark.parametrize(("name", "most"), [("TotalShareBackups", 0), ("TotalBackupGigabytes", 1)])
def test_the_quota_is_looked_at_before(stage: Stage, share: Any, name: str, most: int) -> None:
    stage.cloud.limits = {f"max{name}": most, f"t{name[1:]}Used": 0}
    (error,) = stage.protect(stage.checkpoint(share["id"]), share["id"])
    assert isinstance(error.__cause__, QuotaTooSmall)
    assert writes(stage) == []


def test_an_old_manila_is_refused(stage: Stage, share: Any) -> None:
    stage.microversion = "2.79"
    (error,) = stage.protect(stage.checkpoint(share["id"]), share["id"])
    assert isinstance(error.__cause__, BackupsUnsupported)
    assert "2.80" in str(error.__cause__)


def test_a_failed_backup_is_told_and_removed(stage: Stage, share: Any) -> None:
    stage.cloud.failing.add(f"create_backup {share['id']}")
    (error,) = stage.protect(stage.checkpoint(share["id"]), share["id"])
    assert isinstance(error.__cause__, ResourceFailed)
    assert stage.cloud.backups == {}
    assert share["status"] == "available"


def test_a_backup_that_does_not_go_on_fails_long_before_its_deadline(
    stage: Stage, share: Any
) -> None:
    stage.cloud.stuck.add(share["id"])
    began = stage.cloud.clock.now()
    (error,) = stage.protect(stage.checkpoint(share["id"]), share["id"])
    assert "its progress stays at 0 percent" in str(error)
    assert stage.cloud.clock.now() - began < 4000


def test_a_lost_reply_makes_no_second_backup(stage: Stage, share: Any) -> None:
    stage.cloud.plan("create_backup", transient, after=True)
    assert stage.protect(stage.checkpoint(share["id"]), share["id"]) == []
    assert len(stage.cloud.backups) == 1
    stage.cloud.assert_hit()


# -- restore --------------------------------------------------------------------------------------


def test_a_new_share_is_made_filled_and_told(stage: Stage, share: Any, checkpoint: Any) -> None:
    request, error = restore(stage, checkpoint, share, size="3")
    assert error is None
    (new,) = set(stage.cloud.shares) - {share["id"]}
    made = stage.cloud.shares[new]
    assert (made["_text"], made["size"], made["status"]) == ("then", 3, "available")
    assert made["share_type"] == share["share_type"]
    assert request["resources_status"] == {f"{SHARE}#{new}": "available"}
    assert share["_text"] == "now"
    assert writes(stage) == ["create_share", "restore_backup"]


def test_a_new_share_that_is_not_filled_is_no_restore_and_is_left_to_an_administrator(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    stage.cloud.failing.add(f"restore_backup {share['id']}")
    request, error = restore(stage, checkpoint, share)
    assert isinstance(error, ResourceFailed)
    assert error.status == "backup_restoring_error"
    (reason,) = request["resources_reason"].values()
    assert "openstack share delete --force" in reason


def test_below_2_91_a_new_share_is_refused_by_name_and_in_place_works(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    stage.microversion = "2.90"
    _, error = restore(stage, checkpoint, share)
    assert isinstance(error, BackupsUnsupported)
    assert "share_id" in str(error)
    assert writes(stage) == []
    _, error = restore(stage, checkpoint, share, share_id=share["id"])
    assert error is None
    assert share["_text"] == "then"


def test_in_place_with_a_safety_copy(stage: Stage, share: Any, checkpoint: Any) -> None:
    given = {"share_id": share["id"], "safety_copy": "true"}
    request, error = restore(stage, checkpoint, share, **given)
    assert error is None
    said = told(request, share["id"])
    assert (share["_text"], said["way"]) == ("then", "in place")
    assert stage.cloud.shares[said["safety_copy"]]["_text"] == "now"
    assert len(stage.cloud.backups) == 1


def test_a_safety_copy_of_a_share_with_snapshots_is_refused(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    stage.cloud.snapshots["snap-1"] = {
        "id": "snap-1", "share_id": share["id"], "project_id": stage.project_id, "metadata": {},
        "status": "available",
    }  # fmt: skip
    given = {"share_id": share["id"], "safety_copy": "true"}
    _, error = restore(stage, checkpoint, share, **given)
    assert isinstance(error, NoSafetyCopy)
    assert writes(stage) == []


def test_a_failed_restore_in_place_tells_what_an_administrator_does(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    stage.cloud.failing.add(f"restore_backup {share['id']}")
    _, error = restore(stage, checkpoint, share, share_id=share["id"])
    assert isinstance(error, BackupRestoreFailed)
    assert "openstack share set --status available" in str(error)


# -- into another share ---------------------------------------------------------------------------


@pytest.fixture
def other(stage: Stage) -> dict[str, Any]:
    return stage.cloud.add_share(stage.project_id, name="other", size=2, _text="others")


def test_another_share_is_overwritten_and_told(
    stage: Stage, share: Any, checkpoint: Any, other: Any
) -> None:
    request, error = restore(stage, checkpoint, share, share_id=other["id"])
    assert error is None
    assert (other["_text"], share["_text"]) == ("then", "now")
    assert request["resources_status"] == {f"{SHARE}#{other['id']}": "available"}
    assert told(request, other["id"])["way"] == "into another share"
    assert writes(stage) == ["restore_backup"]


def test_the_plan_says_what_is_lost(stage: Stage, share: Any, checkpoint: Any, other: Any) -> None:
    given = {"depth": "plan", "share_id": other["id"]}
    request = Record()
    assert stage.verify(checkpoint, share["id"], verify=request, given=given) == []
    plan = told(request, share["id"])
    assert (plan["way"], plan["into"]) == ("into another share", other["id"])
    assert other["id"] in plan["loses"][0]
    assert writes(stage) == []


@pytest.mark.parametrize(
    ("changed", "leaf"),
    [
        ({"project_id": "project-b", "is_public": True}, TargetMissing),
        ({"status": "extending"}, TargetNotAvailable),
        ({"is_soft_deleted": True}, TargetNotAvailable),
        ({"size": 1}, TargetTooSmall),
        ({"metadata": {PURPOSE: "drill"}}, TargetNotYours),
    ],
)
def test_a_target_that_is_not_for_it_is_refused_and_untouched(
    stage: Stage, share: Any, checkpoint: Any, other: Any, changed: Any, leaf: type
) -> None:
    other.update(changed)
    _, error = restore(stage, checkpoint, share, share_id=other["id"])
    assert isinstance(error, leaf)
    assert other["_text"] == "others"
    assert writes(stage) == []


def test_a_share_that_another_restore_is_making_is_no_target(
    stage: Stage, share: Any, checkpoint: Any, other: Any
) -> None:
    under_way = Record(status="in_progress")
    stage.requested[under_way.id] = ("restore", under_way)
    other["metadata"] = Mark("b", "p", "c", share["id"], under_way.id).metadata()
    _, error = restore(stage, checkpoint, share, share_id=other["id"])
    assert isinstance(error, BeingRestored)
    assert writes(stage) == []


def test_a_driver_that_cannot_is_named_before_anything_is_begun(tmp_path: Path, other: Any) -> None:
    stage = Stage(tmp_path / "snapshots")
    share = stage.cloud.add_share(stage.project_id)
    checkpoint = stage.checkpoint(share["id"])
    assert stage.protect(checkpoint, share["id"]) == []
    options = restore_options(share["id"], {"share_id": other["id"]})
    with pytest.raises(NotSupported, match="with the driver 'snapshot' is not supported"):
        restore_plan.check_by_record(checkpoint, share["id"], options)
    with pytest.raises(InvalidParameter):
        restore_options(share["id"], {"share_id": other["id"], "safety_copy": True})


def test_many_shares_come_back_from_backups_at_once(tmp_path: Path) -> None:
    """The lists that are read for many of them do not say of which backup a share is."""
    stage = Together(tmp_path, default_driver="backup")
    stage.cloud.seconds |= {"create_share": 3.0, "create_backup": 30.0, "restore_backup": 30.0}
    shares = [stage.cloud.add_share(stage.project_id, _text=f"then {n}") for n in range(6)]
    ids = [share["id"] for share in shares]
    checkpoint = stage.checkpoint(*ids)
    assert stage.side_by_side(ProtectOperation, checkpoint, *ids)[0] == []
    for share in shares:
        share["_text"] = "now"
    request = Record(status="in_progress", parameters={SHARE: {}})
    stage.requested[request.id] = ("restore", request)
    errors, _ = stage.side_by_side(RestoreOperation, checkpoint, *ids, restore=request)
    assert errors == []
    made = [view for view in stage.cloud.shares.values() if view["id"] not in ids]
    assert sorted(view["_text"] for view in made) == [f"then {n}" for n in range(6)]

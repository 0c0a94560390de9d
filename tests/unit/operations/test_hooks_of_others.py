# SPDX-License-Identifier: Apache-2.0
"""Hooks around restores, reverts, drills, copies and deletions, and after a death."""

from pathlib import Path
from typing import Any

import pytest
from oslo_serialization import jsonutils

from karbor_manila.hooks.errors import HookSkip
from karbor_manila.operations.adopt import (
    RecoverDeleteOperation,
    RecoverProtectOperation,
    RecoverRestoreOperation,
)
from karbor_manila.operations.copy import CopyOperation
from tests.fakes.manila import Died, refused
from tests.unit.hook_stage import HookStage, failing, giving
from tests.unit.stage import SHARE, Context, Record

OF_MANILA = ("create_snapshot", "create_share", "revert_share", "delete_snapshot", "delete_share")


@pytest.fixture
def stage(tmp_path: Path) -> HookStage:
    return HookStage(tmp_path)


@pytest.fixture
def share(stage: HookStage) -> str:
    return str(stage.cloud.add_share(stage.project_id, name="db", metadata={"app": "x"})["id"])


@pytest.fixture
def checkpoint(stage: HookStage, share: str) -> Any:
    checkpoint = stage.checkpoint(share)
    assert stage.protect(checkpoint, share) == []
    stage.log.clear()
    return checkpoint


def skip(**_: Any) -> None:
    raise HookSkip("not today.")


def told(record: Record) -> dict[str, Any]:
    (reason,) = record["resources_reason"].values()
    found: dict[str, Any] = jsonutils.loads(reason)
    return found


# -- restore ------------------------------------------------------------------------------------


def test_a_restore_is_between_pre_and_post(stage: HookStage, checkpoint: Any, share: str) -> None:
    hook = stage.witness("a")
    record = Record()
    assert stage.restore(checkpoint, share, restore=record) == []
    assert stage.order(*OF_MANILA) == ["a pre", "create_share", "a post success"]
    (call,) = hook.calls
    assert (call.point, call.request_id) == ("restore", record.id)
    assert call.shares[0]["name"] == "db"
    assert call.shares[0]["metadata"] == {"app": "x"}
    assert hook.told[0][1].result["restored_from"]["share_id"] == share
    assert stage.runs() == []


def test_a_post_may_amend_what_the_user_reads_of_a_restore(
    stage: HookStage, checkpoint: Any, share: str
) -> None:
    stage.witness("a", post=giving({"export_locations": ["via:/gate"], "scanned": "clean"}))
    record = Record()
    assert stage.restore(checkpoint, share, restore=record) == []
    assert told(record)["export_locations"] == ["via:/gate"]
    assert told(record)["scanned"] == "clean"
    assert told(record)["restored_from"]["share_id"] == share


@pytest.mark.parametrize("given", [{"restored_from": {}}, {"not_restored": "text"}])
def test_ids_of_a_restore_stay_and_the_user_reads_which_hook_wanted_another(
    stage: HookStage, checkpoint: Any, share: str, given: Any
) -> None:
    stage.witness("a", post=giving(given))
    record = Record()
    assert stage.restore(checkpoint, share, restore=record) == []
    assert told(record)["restored_from"]["share_id"] == share
    assert "'a' failed in its post of restore" in told(record)["remarks"][0]


def test_a_failing_restore_is_thawed_before_its_share_is_removed(
    stage: HookStage, checkpoint: Any, share: str
) -> None:
    stage.witness("a")
    stage.cloud.failing.add(f"create_share {share}")
    record = Record()
    assert len(stage.restore(checkpoint, share, restore=record)) == 1
    order = stage.order(*OF_MANILA)
    assert order == ["a pre", "create_share", "a post failed", "delete_share"]


def test_a_failing_pre_restores_nothing(stage: HookStage, checkpoint: Any, share: str) -> None:
    stage.witness("a", pre=failing())
    record = Record()
    (error,) = stage.restore(checkpoint, share, restore=record)
    assert "'a' failed in its pre of restore" in str(error)
    assert "create_share" not in stage.log
    assert stage.pages(checkpoint, share).keys() == {"metadata", "status"}


def test_a_failing_post_does_not_fail_a_restore(
    stage: HookStage, checkpoint: Any, share: str
) -> None:
    stage.witness("a", post=failing())
    record = Record()
    assert stage.restore(checkpoint, share, restore=record) == []
    assert "delete_share" not in stage.log
    assert "'a'" in told(record)["remarks"][0]
    assert len(stage.runs()) == 1


def test_a_skipped_restore_is_reported_as_left_out(
    stage: HookStage, checkpoint: Any, share: str
) -> None:
    stage.witness("a", pre=skip)
    record = Record()
    assert stage.restore(checkpoint, share, restore=record) == []
    assert record["resources_status"] == {f"{SHARE}#{share}": "undefined"}
    assert "the hook 'a': not today" in record["resources_reason"][f"{SHARE}#{share}"]
    assert "create_share" not in stage.log


# -- revert -------------------------------------------------------------------------------------


def test_a_revert_is_quiet_from_before_the_safety_copy_until_it_is_over(
    stage: HookStage, checkpoint: Any, share: str
) -> None:
    hook = stage.witness("a")
    record = Record()
    given = {"share_id": share, "safety_copy": True}
    assert stage.restore(checkpoint, share, given=given, restore=record) == []
    order = stage.order(*OF_MANILA)
    assert (order[0], order[-1]) == ("a pre", "a post success")
    assert order.index("create_snapshot") < order.index("revert_share")
    assert hook.calls[0].point == "revert"
    assert hook.calls[0].shares[0]["status"] == "available"
    assert stage.runs() == []


def test_a_revert_is_quiet_to_its_end_however_long_it_takes(
    stage: HookStage, checkpoint: Any, share: str
) -> None:
    stage.witness("a")
    stage.cloud.seconds["revert_share"] = 1000.0  # hook_freeze_timeout is 300
    record = Record()
    assert stage.restore(checkpoint, share, given={"share_id": share}, restore=record) == []
    assert stage.order() == ["a pre", "a post success"]


def test_a_skipped_revert_is_a_failure_and_the_share_is_untouched(
    stage: HookStage, checkpoint: Any, share: str
) -> None:
    stage.witness("a", pre=skip)
    (error,) = stage.restore(checkpoint, share, given={"share_id": share}, restore=Record())
    assert "Left out by the hook 'a': not today" in str(error)
    assert "revert_share" not in stage.log


# -- drill --------------------------------------------------------------------------------------


def test_the_share_of_a_drill_is_there_when_its_post_is_called(
    stage: HookStage, checkpoint: Any, share: str
) -> None:
    hook = stage.witness("a")
    record = Record()
    assert stage.verify(checkpoint, share, given={"depth": "drill"}, verify=record) == []
    order = stage.order(*OF_MANILA)
    assert order == ["a pre", "create_share", "a post success", "delete_share"]
    assert hook.calls[0].point == "drill"
    assert hook.told[0][1].result["depth"] == "drill"


def test_a_verification_that_touches_nothing_calls_no_hook(
    stage: HookStage, checkpoint: Any, share: str
) -> None:
    stage.witness("a"), stage.witness("b", scope="checkpoint")
    for depth in ("record", "plan"):
        assert stage.verify(checkpoint, share, given={"depth": depth}, verify=Record()) == []
    assert stage.order() == []
    assert stage.runs() == []


# -- copy ---------------------------------------------------------------------------------------


def copy(stage: HookStage, checkpoint: Any, share: str) -> tuple[Any, list[BaseException]]:
    made = stage.checkpoint(share)
    return made, stage.run(CopyOperation, checkpoint, share, checkpoint_copy=made)


def test_a_copy_is_between_pre_and_post_and_its_record_says_so(
    stage: HookStage, checkpoint: Any, share: str
) -> None:
    hook = stage.witness("a", post=giving({"annotations": {"by": "a"}}))
    made, errors = copy(stage, checkpoint, share)
    assert errors == []
    order = stage.order(*OF_MANILA)
    assert order == ["a pre", "create_share", "create_snapshot", "a post success"]
    assert (hook.calls[0].point, hook.calls[0].checkpoint_id) == ("copy", made.id)
    assert stage.pages(made, share)["metadata"]["hooks"]["annotations"] == {"by": "a"}


def test_a_skipped_copy_is_a_failure_that_says_so(
    stage: HookStage, checkpoint: Any, share: str
) -> None:
    stage.witness("a", pre=skip)
    _made, (error,) = copy(stage, checkpoint, share)
    assert "Left out by the hook 'a': not today" in str(error)
    assert "create_share" not in stage.log


# -- delete -------------------------------------------------------------------------------------


def test_a_deletion_is_between_pre_and_post(stage: HookStage, checkpoint: Any, share: str) -> None:
    hook = stage.witness("a")
    assert stage.delete(checkpoint, share) == []
    assert stage.order(*OF_MANILA) == ["a pre", "delete_snapshot", "a post success"]
    assert hook.calls[0].shares[0]["name"] == "db"
    assert stage.runs() == []


def test_a_failing_pre_deletes_nothing(stage: HookStage, checkpoint: Any, share: str) -> None:
    stage.witness("a", pre=failing())
    (error,) = stage.delete(checkpoint, share)
    assert "'a' failed in its pre of delete" in str(error)
    assert "delete_snapshot" not in stage.log
    assert "metadata" in stage.pages(checkpoint, share)


def test_a_deletion_that_fails_is_thawed(stage: HookStage, checkpoint: Any, share: str) -> None:
    stage.witness("a")
    stage.cloud.plan("delete_snapshot", lambda: refused(403))
    assert len(stage.delete(checkpoint, share)) == 1
    assert stage.order() == ["a pre", "a post failed"]


def test_where_no_hook_is_called_nothing_more_is_read(
    stage: HookStage, checkpoint: Any, share: str
) -> None:
    read: list[str] = []
    get = stage.bank_plugin.get_object

    def get_object(key: str, context: Any = None) -> Any:
        read.append(key)
        return get(key, context)

    stage.bank_plugin.get_object = get_object  # type: ignore[method-assign]
    stage.witness("a", points=["protect"]), stage.witness("b", scope="checkpoint", points=["copy"])
    assert stage.delete(checkpoint, share) == []
    assert len([key for key in read if key.endswith("/metadata")]) == 1
    assert stage.order() == []


def test_where_nothing_was_made_no_hook_is_called(stage: HookStage, share: str) -> None:
    stage.witness("a")
    assert stage.delete(stage.checkpoint(share), share) == []
    assert stage.order() == []


# -- after a death ------------------------------------------------------------------------------


def test_what_is_adopted_calls_no_pre_again_and_says_that_it_was_interrupted(
    stage: HookStage, share: str
) -> None:
    stage.witness("a")
    checkpoint = stage.checkpoint(share)
    stage.cloud.plan("snapshot", Died)
    with pytest.raises(Died):
        stage.protect(checkpoint, share)
    assert stage.order() == ["a pre"]
    assert len(stage.runs()) == 1
    stage.open_bank()
    context = Context(stage.project_id, is_admin=True)
    found = stage.checkpoints.get(checkpoint.id)
    assert stage.run(RecoverProtectOperation, found, share, context=context) == []
    assert stage.order() == ["a pre"]
    hooks = stage.pages(found, share)["metadata"]["hooks"]
    assert (hooks["ran"], hooks["interrupted"]) == (["a"], True)
    remark = jsonutils.loads(found.extra_info)["remarks"][f"{SHARE}#{share}"]
    assert "died" in remark


def test_what_is_adopted_has_the_access_rules_of_before_its_hooks(
    stage: HookStage, share: str
) -> None:
    rule = {"access_type": "ip", "access_to": "10.0.0.1", "access_level": "rw", "state": "active"}
    stage.cloud.access[share] = [{"id": "r", "metadata": {}, **rule}]

    def pre(**_: Any) -> None:
        stage.cloud.access[share][0]["access_level"] = "ro"

    stage.witness("a", pre=pre)
    checkpoint = stage.checkpoint(share)
    stage.cloud.plan("snapshot", Died)
    with pytest.raises(Died):
        stage.protect(checkpoint, share)
    stage.open_bank()
    context = Context(stage.project_id, is_admin=True)
    found = stage.checkpoints.get(checkpoint.id)
    assert stage.run(RecoverProtectOperation, found, share, context=context) == []
    (recorded,) = stage.pages(found, share)["metadata"]["access_rules"]
    assert recorded["access_level"] == "rw"


def test_a_restore_that_is_adopted_calls_nothing(
    stage: HookStage, checkpoint: Any, share: str
) -> None:
    stage.witness("a")
    record = Record()
    stage.cloud.plan("share", Died, nth=2)
    with pytest.raises(Died):
        stage.restore(checkpoint, share, restore=record)
    stage.open_bank()
    context = Context(stage.project_id, is_admin=True)
    found = stage.checkpoints.get(checkpoint.id)
    errors = stage.run(RecoverRestoreOperation, found, share, context=context, restore=record)
    assert errors == []
    assert stage.order() == ["a pre"]


def test_a_deletion_that_the_recovery_runs_anew_has_its_hooks(
    stage: HookStage, checkpoint: Any, share: str
) -> None:
    stage.witness("a")
    context = Context(stage.project_id, is_admin=True)
    assert stage.run(RecoverDeleteOperation, checkpoint, share, context=context) == []
    assert stage.order(*OF_MANILA) == ["a pre", "delete_snapshot", "a post success"]

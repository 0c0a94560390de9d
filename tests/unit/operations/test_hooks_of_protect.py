# SPDX-License-Identifier: Apache-2.0
"""Hooks around a protection: in which order what is done, and what is left of it."""

from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from karbor.resource import Resource
from karbor.services.protection.graph import GraphNode
from oslo_serialization import jsonutils

from karbor_manila.bank.record import load_intent
from karbor_manila.hooks.errors import HookSkip
from karbor_manila.manila.errors import ManilaRefused
from karbor_manila.operations.protect import ProtectOperation
from tests.fakes.manila import refused
from tests.unit.hook_stage import HookStage, failing, giving
from tests.unit.stage import SHARE, Context, Record


@pytest.fixture
def stage(tmp_path: Path) -> HookStage:
    stage = HookStage(tmp_path)
    write = stage.bank_plugin.update_object

    def update_object(key: str, value: Any, context: Any = None) -> None:
        if key.endswith("/metadata"):
            stage.log.append("record")
        write(key, value, context)

    stage.bank_plugin.update_object = update_object  # type: ignore[method-assign]
    return stage


def shares(stage: HookStage, number: int) -> list[str]:
    return [stage.cloud.add_share(stage.project_id)["id"] for _ in range(number)]


def said(checkpoint: Any, name: str) -> dict[str, Any]:
    return jsonutils.loads(checkpoint.extra_info or "{}").get(name) or {}


def hooks_of(stage: HookStage, checkpoint: Any, share_id: str) -> Any:
    return stage.pages(checkpoint, share_id)["metadata"].get("hooks")


def test_pre_then_snapshot_then_post_then_record(stage: HookStage) -> None:
    stage.witness("a"), stage.witness("b")
    (share,) = shares(stage, 1)
    checkpoint = stage.checkpoint(share)
    assert stage.protect(checkpoint, share) == []
    order = stage.order("create_snapshot", "record")
    assert order == [
        "a pre",
        "b pre",
        "create_snapshot",
        "b post success",
        "a post success",
        "record",
    ]
    assert hooks_of(stage, checkpoint, share) == {
        "ran": ["a", "b"],
        "thawed_early": False,
        "annotations": {},
        "failed": {},
        "interrupted": False,
    }
    assert stage.runs() == []
    assert said(checkpoint, "remarks") == {}


def test_the_snapshot_is_complete_when_it_is_thawed(stage: HookStage) -> None:
    def look(**_: Any) -> None:
        (snapshot,) = stage.cloud.snapshots.values()
        assert snapshot["status"] == "available"

    hook = stage.witness("a", post=look)
    (share,) = shares(stage, 1)
    assert stage.protect(stage.checkpoint(share), share) == []
    assert hook.told[0][1].result["size"] == 1


def test_all_ready_shares_are_quiet_before_the_first_snapshot(stage: HookStage) -> None:
    stage.witness("a")
    ids = shares(stage, 3)
    assert stage.protect(stage.checkpoint(*ids), *ids) == []
    order = stage.order("create_snapshot")
    assert order[:6] == ["a pre"] * 3 + ["create_snapshot"] * 3
    assert order[6:] == ["a post success"] * 3


def test_a_share_that_is_ready_again_once_its_hooks_have_left_is_asked_for_once_more(
    stage: HookStage,
) -> None:
    """The post of quiesce waits for a share that its owner reverts between pre and snapshot."""
    (share,) = shares(stage, 1)
    view, seen = stage.cloud.shares[share], ["reverting", "available"]

    def pre(**_: Any) -> None:
        view["status"] = seen.pop(0)

    def post(**_: Any) -> None:
        view["status"] = "available"

    stage.witness("a", pre=pre, post=post)
    assert stage.protect(stage.checkpoint(share), share) == []
    assert stage.order() == ["a pre", "a post failed", "a pre", "a post success"]
    assert len(stage.cloud.snapshots) == 1
    assert stage.runs() == []


def test_a_hook_sees_the_share_as_it_is_in_manila(stage: HookStage) -> None:
    hook = stage.witness("a")
    share = stage.cloud.add_share(stage.project_id, name="db", metadata={"app": "mysql"})
    checkpoint = stage.checkpoint(share["id"])
    stage.protect(checkpoint, share["id"])
    (call,) = hook.calls
    assert (call.point, call.scope, call.checkpoint_id) == ("protect", "share", checkpoint.id)
    assert (call.project_id, call.request_id) == (stage.project_id, "")
    assert call.shares[0]["metadata"] == {"app": "mysql"}
    assert call.shares[0]["share_proto"] == "NFS"


def test_the_intent_and_the_bank_name_the_hooks_before_the_first_pre(stage: HookStage) -> None:
    (share,) = shares(stage, 1)
    checkpoint = stage.checkpoint(share)

    def look(**_: Any) -> None:
        assert load_intent(stage.pages(checkpoint, share)["intent"]).hooks == ("a",)
        assert len(stage.runs()) == 1

    hook = stage.witness("a", pre=look)
    assert stage.protect(checkpoint, share) == []
    assert hook.told[0][1].pre_error == ""


def test_a_failing_pre_makes_nothing_and_the_user_reads_why(stage: HookStage) -> None:
    stage.witness("a"), stage.witness("b", pre=failing())
    (share,) = shares(stage, 1)
    checkpoint = stage.checkpoint(share)
    (error,) = stage.protect(checkpoint, share)
    assert "The hook 'b' failed in its pre of protect" in str(error)
    assert stage.order("create_snapshot") == ["a pre", "b pre", "b post failed", "a post failed"]
    assert "'b'" in said(checkpoint, "reasons")[f"{SHARE}#{share}"]
    assert set(stage.pages(checkpoint, share)) == {"status"}
    assert stage.runs() == []


def test_a_failing_pre_of_one_share_keeps_no_other_from_being_kept(stage: HookStage) -> None:
    first, second = shares(stage, 2)

    def pre(call: Any) -> None:
        if call.shares[0]["id"] == first:
            raise RuntimeError

    stage.witness("a", pre=pre)
    checkpoint = stage.checkpoint(first, second)
    assert len(stage.protect(checkpoint, first, second)) == 1
    assert "metadata" in stage.pages(checkpoint, second)
    assert len(stage.cloud.snapshots) == 1


def test_a_failing_pre_that_is_suppressed_keeps_nothing_up(tmp_path: Path) -> None:
    stage = HookStage(tmp_path, suppress_pre_hooks_errors=True)
    stage.witness("a", pre=failing())
    (share,) = shares(stage, 1)
    assert stage.protect(stage.checkpoint(share), share) == []
    assert stage.order("create_snapshot") == ["a pre", "create_snapshot", "a post success"]


def test_a_failing_driver_is_followed_by_the_posts_before_the_roll_back(stage: HookStage) -> None:
    a = stage.witness("a")
    (share,) = shares(stage, 1)
    stage.cloud.plan("create_snapshot", lambda: refused(403))
    (error,) = stage.protect(stage.checkpoint(share), share)
    order = stage.order("create_snapshot")
    assert order == ["a pre", "create_snapshot", "a post failed"]
    assert str(stage.log[-1]) != "a post failed"  # then it is looked for by its mark
    assert "403" in a.told[0][1].error
    assert "403" in str(error)
    assert a.told[0][1].result == {}


def test_a_failing_snapshot_is_thawed_before_it_is_removed(stage: HookStage) -> None:
    stage.witness("a")
    (share,) = shares(stage, 1)
    stage.cloud.failing.add(f"create_snapshot {share}")
    assert len(stage.protect(stage.checkpoint(share), share)) == 1
    order = stage.order("create_snapshot", "delete_snapshot")
    assert order == ["a pre", "create_snapshot", "a post failed", "delete_snapshot"]


def test_a_failing_post_removes_nothing_and_the_user_reads_it(stage: HookStage) -> None:
    stage.witness("a"), stage.witness("b", post=failing())
    (share,) = shares(stage, 1)
    checkpoint = stage.checkpoint(share)
    assert stage.protect(checkpoint, share) == []
    assert stage.order() == ["a pre", "b pre", "b post success", "a post success"]
    assert list(hooks_of(stage, checkpoint, share)["failed"]) == ["b"]
    assert "'b' failed in its post" in said(checkpoint, "remarks")[f"{SHARE}#{share}"]
    assert len(stage.runs()) == 1  # the reconciliation calls it again


def test_a_failing_post_that_is_suppressed_is_a_line_in_the_log(tmp_path: Path) -> None:
    stage = HookStage(tmp_path, suppress_post_hooks_errors=True)
    stage.witness("a", post=failing())
    (share,) = shares(stage, 1)
    checkpoint = stage.checkpoint(share)
    assert stage.protect(checkpoint, share) == []
    assert hooks_of(stage, checkpoint, share)["failed"] == {}
    assert said(checkpoint, "remarks") == {}
    assert stage.runs() == []


def test_a_hanging_pre_fails_its_share_at_the_deadline_and_leaves_nothing_frozen(
    stage: HookStage,
) -> None:
    stage.witness("a", pre=stage.time.hang)
    (share,) = shares(stage, 1)
    (error,) = stage.protect(stage.checkpoint(share), share)
    assert "60 seconds (hook_timeout)" in str(error)
    assert "create_snapshot" not in stage.log
    assert len(stage.runs()) == 1
    stage.time.go_on()
    assert stage.order() == ["a pre", "a post failed", "a post failed"]
    assert stage.runs() == []


def test_a_hanging_post_keeps_no_record_from_being_written(stage: HookStage) -> None:
    stage.witness("a", post=stage.time.hang)
    (share,) = shares(stage, 1)
    checkpoint = stage.checkpoint(share)
    assert stage.protect(checkpoint, share) == []
    assert "60 seconds" in hooks_of(stage, checkpoint, share)["failed"]["a"]
    assert len(stage.runs()) == 1


def test_when_the_freeze_time_is_over_it_is_thawed_and_the_record_says_so(tmp_path: Path) -> None:
    stage = HookStage(tmp_path, hook_freeze_timeout=10.0)
    stage.cloud.seconds["create_snapshot"] = 100.0
    stage.witness("a")
    (share,) = shares(stage, 1)
    checkpoint = stage.checkpoint(share)
    assert stage.protect(checkpoint, share) == []
    assert stage.order("create_snapshot") == ["a pre", "create_snapshot", "a post timed_out"]
    assert hooks_of(stage, checkpoint, share)["thawed_early"] is True
    assert "after 10 seconds" in said(checkpoint, "remarks")[f"{SHARE}#{share}"]
    assert stage.runs() == []


def test_a_share_that_a_hook_skips_is_left_out_and_named(stage: HookStage) -> None:
    first, second = shares(stage, 2)

    def pre(call: Any) -> None:
        if call.shares[0]["id"] == first:
            raise HookSkip("it is being upgraded.")

    stage.witness("a", pre=pre)
    checkpoint = stage.checkpoint(first, second)
    resources = checkpoint.protection_plan["resources"]
    graph(checkpoint, resources)
    assert stage.protect(checkpoint, first, second) == []
    (entry,) = jsonutils.loads(checkpoint.extra_info)["left_out"]
    assert (entry["id"], entry["kind"]) == (first, "broken")
    assert "the hook 'a': it is being upgraded" in entry["reason"]
    assert set(stage.pages(checkpoint, first)) == set()
    assert "metadata" in stage.pages(checkpoint, second)


def test_a_checkpoint_of_which_a_hook_skips_all_fails(stage: HookStage) -> None:
    def pre(**_: Any) -> None:
        raise HookSkip("it is being upgraded.")

    stage.witness("a", pre=pre)
    (share,) = shares(stage, 1)
    checkpoint = stage.checkpoint(share)
    graph(checkpoint, checkpoint.protection_plan["resources"])
    (error,) = stage.protect(checkpoint, share)
    assert "Left out by the hook 'a'" in str(error)


def graph(checkpoint: Any, resources: list[dict[str, Any]]) -> None:
    checkpoint.resource_graph = [
        GraphNode(Resource(type=each["type"], id=each["id"], name="s"), ()) for each in resources
    ]


def test_posts_chain_what_they_add_and_the_record_has_it(stage: HookStage) -> None:
    def add(name: str) -> Any:
        def post(outcome: Any, **_: Any) -> Any:
            notes = outcome.result["annotations"]
            return {"annotations": {**notes, name: str(len(notes))}}

        return post

    stage.witness("a", post=add("a")), stage.witness("b", post=add("b"))
    (share,) = shares(stage, 1)
    checkpoint = stage.checkpoint(share)
    assert stage.protect(checkpoint, share) == []
    assert hooks_of(stage, checkpoint, share)["annotations"] == {"b": "0", "a": "1"}


@pytest.mark.parametrize(
    "given",
    [
        {"snapshot_id": "another"},
        {"size": 7},
        {"annotations": {"n": 1}},
        {"annotations": {"n": "x" * 2000}},
    ],
)
def test_what_a_post_may_not_change_stays_and_is_remarked(stage: HookStage, given: Any) -> None:
    stage.witness("a", post=giving(given))
    (share,) = shares(stage, 1)
    checkpoint = stage.checkpoint(share)
    assert stage.protect(checkpoint, share) == []
    (snapshot_id,) = stage.cloud.snapshots
    page = stage.pages(checkpoint, share)["metadata"]
    assert (page["snapshot_id"], page["size"], page["hooks"]["annotations"]) == (snapshot_id, 1, {})
    assert "'a' failed in its post" in said(checkpoint, "remarks")[f"{SHARE}#{share}"]
    assert stage.runs() == []


def test_access_rules_are_recorded_as_they_were_before_a_hook_changed_them(
    stage: HookStage,
) -> None:
    (share,) = shares(stage, 1)
    rule = {"access_type": "ip", "access_to": "10.0.0.1", "access_level": "rw", "state": "active"}
    stage.cloud.access[share] = [{"id": "r", "metadata": {}, **rule}]

    def pre(**_: Any) -> None:
        stage.cloud.access[share][0]["access_level"] = "ro"

    stage.witness("a", pre=pre)
    checkpoint = stage.checkpoint(share)
    assert stage.protect(checkpoint, share) == []
    (recorded,) = stage.pages(checkpoint, share)["metadata"]["access_rules"]
    assert recorded["access_level"] == "rw"


def test_a_share_that_manila_finds_busy_is_not_kept_frozen_while_it_is_waited_for(
    stage: HookStage,
) -> None:
    stage.witness("a")
    (share,) = shares(stage, 1)

    def busy() -> ManilaRefused:
        until = stage.cloud.clock.now() + 30
        stage.cloud.shares[share].update(status="extending", _until=until, _fails=False)
        return refused(409)

    stage.cloud.plan("create_snapshot", busy)
    assert stage.protect(stage.checkpoint(share), share) == []
    assert stage.order("create_snapshot") == [
        *("a pre", "create_snapshot", "a post failed"),
        *("a pre", "create_snapshot", "a post success"),
    ]


@pytest.mark.parametrize(
    "settings", [{}, {"enable_pre_hooks": False, "enable_post_hooks": False}], ids=["none", "off"]
)
def test_without_hooks_nothing_more_is_written_or_asked(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    plain = HookStage(tmp_path / "plain")
    other = HookStage(tmp_path / "other", **settings)
    if settings:
        other.witness("a")
    for stage in (plain, other):
        (share,) = shares(stage, 1)
        checkpoint = stage.checkpoint(share)
        assert stage.protect(checkpoint, share) == []
        assert hooks_of(stage, checkpoint, share) is None
        assert stage.order() == []
    assert plain.bank_plugin.writes == other.bank_plugin.writes
    # How often a snapshot is looked at depends on chance.
    plain_log, other_log = ([each for each, _ in groupby(of.log)] for of in (plain, other))
    assert plain_log == other_log


def test_under_an_engine_that_is_not_ours_each_share_is_a_round_of_its_own(
    stage: HookStage,
) -> None:
    stage.witness("a", scope="checkpoint")
    ids = shares(stage, 2)
    checkpoint = stage.checkpoint(*ids)
    operation = ProtectOperation(stage.flow(*ids))
    for each in ids:
        resource = Resource(type=SHARE, id=each, name="s")
        context = Context(stage.project_id)
        operation.on_main(checkpoint, resource, context, {}, operation_log=Record())
    once = ["a pre", "create_snapshot", "a post success"]
    assert stage.order("create_snapshot") == once * 2

# SPDX-License-Identifier: Apache-2.0
"""Hooks of scope checkpoint: called once around all shares that are asked for together."""

from pathlib import Path
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor.resource import Resource
from oslo_serialization import jsonutils

from karbor_manila.hooks.errors import HookSkip
from karbor_manila.operations.restore import RestoreOperation
from tests.fakes.manila import refused
from tests.unit.hook_stage import HookStage, failing
from tests.unit.stage import SHARE, Context, Record


@pytest.fixture
def stage(tmp_path: Path) -> HookStage:
    return HookStage(tmp_path)


@pytest.fixture
def ids(stage: HookStage) -> list[str]:
    return [stage.cloud.add_share(stage.project_id)["id"] for _ in range(3)]


def hooks_of(stage: HookStage, checkpoint: Any, share_id: str) -> Any:
    return stage.pages(checkpoint, share_id)["metadata"].get("hooks")


def test_it_is_entered_before_the_first_share_and_left_after_the_last(
    stage: HookStage, ids: list[str]
) -> None:
    app = stage.witness("app", scope="checkpoint")
    stage.witness("each")
    checkpoint = stage.checkpoint(*ids)
    assert stage.protect(checkpoint, *ids) == []
    assert stage.order("create_snapshot") == [
        *("app pre", "each pre", "each pre", "each pre"),
        *["create_snapshot"] * 3,
        *("each post success", "each post success", "each post success", "app post success"),
    ]
    ((data, outcome),) = app.told
    assert data is None
    assert set(outcome.result) == set(ids)
    assert {share["id"] for share in app.calls[0].shares} == set(ids)
    assert all(hooks_of(stage, checkpoint, each)["ran"] == ["app", "each"] for each in ids)
    assert stage.runs() == []


def test_when_one_share_fails_it_is_left_once_and_told_so(stage: HookStage, ids: list[str]) -> None:
    app = stage.witness("app", scope="checkpoint")
    stage.cloud.plan("create_snapshot", lambda: refused(403), nth=2)
    checkpoint = stage.checkpoint(*ids)
    assert len(stage.protect(checkpoint, *ids)) == 1
    assert stage.order() == ["app pre", "app post failed"]
    ((_data, outcome),) = app.told
    assert len(outcome.result) == 2
    assert "403" in outcome.error
    kept = [each for each in ids if "metadata" in stage.pages(checkpoint, each)]
    assert len(kept) == 2
    assert stage.runs() == []


def test_its_failing_pre_fails_all_of_them_and_it_is_thawed_at_once(
    stage: HookStage, ids: list[str]
) -> None:
    stage.witness("app", scope="checkpoint", pre=failing())
    stage.witness("each")
    assert len(stage.protect(stage.checkpoint(*ids), *ids)) == 3
    assert stage.order("create_snapshot") == ["app pre", "app post failed"]
    assert stage.runs() == []


def test_a_share_whose_own_pre_fails_keeps_the_others_in_it(
    stage: HookStage, ids: list[str]
) -> None:
    def pre(call: Any) -> None:
        if call.shares[0]["id"] == ids[1]:
            raise RuntimeError

    stage.witness("app", scope="checkpoint")
    stage.witness("each", pre=pre)
    assert len(stage.protect(stage.checkpoint(*ids), *ids)) == 1
    order = stage.order("create_snapshot")
    assert order.count("create_snapshot") == 2
    assert (order[0], order[-1]) == ("app pre", "app post failed")


def test_what_its_post_adds_is_in_the_records_that_were_written_before(
    stage: HookStage, ids: list[str]
) -> None:
    def post(outcome: Any, **_: Any) -> Any:
        return {share_id: {"annotations": {"lsn": share_id}} for share_id in outcome.result}

    stage.witness("app", scope="checkpoint", post=post)
    checkpoint = stage.checkpoint(*ids)
    assert stage.protect(checkpoint, *ids) == []
    noted = {each: hooks_of(stage, checkpoint, each)["annotations"]["lsn"] for each in ids}
    assert noted == {each: each for each in ids}


def test_its_failing_post_is_remarked_once_and_stands_in_each_record(
    stage: HookStage, ids: list[str]
) -> None:
    stage.witness("app", scope="checkpoint", post=failing())
    checkpoint = stage.checkpoint(*ids)
    assert stage.protect(checkpoint, *ids) == []
    remarks = jsonutils.loads(checkpoint.extra_info)["remarks"]
    assert list(remarks) == [SHARE]
    assert all(list(hooks_of(stage, checkpoint, each)["failed"]) == ["app"] for each in ids)
    assert len(stage.runs()) == 1


def test_only_what_was_not_complete_by_the_freeze_time_says_so(tmp_path: Path) -> None:
    stage = HookStage(tmp_path, hook_freeze_timeout=10.0)
    stage.witness("app", scope="checkpoint")
    first, second = (stage.cloud.add_share(stage.project_id)["id"] for _ in range(2))
    meanwhile = stage.cloud.meanwhile

    def the_next_is_slow() -> None:
        meanwhile["create_snapshot"] = [
            lambda: stage.cloud.seconds.update(create_snapshot=100.0),
        ]

    meanwhile["create_snapshot"] = [the_next_is_slow]
    checkpoint = stage.checkpoint(first, second)
    assert stage.protect(checkpoint, first, second) == []
    early = {each: hooks_of(stage, checkpoint, each)["thawed_early"] for each in (first, second)}
    assert sorted(early.values()) == [False, True]
    assert stage.order() == ["app pre", "app post timed_out"]


def test_its_skip_fails_the_checkpoint_and_says_so(stage: HookStage, ids: list[str]) -> None:
    def pre(**_: Any) -> None:
        raise HookSkip("the application is away.")

    stage.witness("app", scope="checkpoint", pre=pre)
    errors = stage.protect(stage.checkpoint(*ids), *ids)
    assert len(errors) == 3
    assert all("the hook 'app': the application is away" in str(error) for error in errors)


def test_a_share_that_comes_later_has_a_round_of_its_own(stage: HookStage, ids: list[str]) -> None:
    busy = {"status": "extending", "_until": stage.cloud.clock.now() + 30, "_fails": False}
    stage.cloud.shares[ids[2]].update(busy)
    app = stage.witness("app", scope="checkpoint")
    assert stage.protect(stage.checkpoint(*ids), *ids) == []
    assert stage.order() == ["app pre", "app post success"] * 2
    assert [len(call.shares) for call in app.calls] == [2, 1]


def test_of_a_restore_those_who_are_left_out_keep_nobody_waiting(
    stage: HookStage, ids: list[str]
) -> None:
    checkpoint = stage.checkpoint(*ids)
    hooks, stage.hooks = stage.hooks, ()
    assert stage.protect(checkpoint, *ids) == []
    stage.hooks = hooks
    app = stage.witness("app", scope="checkpoint", points=["restore"])
    wanted = {"include": True}
    record = Record()
    assert stage.restore(checkpoint, *ids, given=wanted, restore=record) == []
    assert stage.order() == ["app pre", "app post success"]
    assert len(app.calls[0].shares) == 3
    assert app.calls[0].request_id == record.id


def test_what_its_post_amends_is_told_of_all_restored_shares(
    stage: HookStage, ids: list[str]
) -> None:
    checkpoint = stage.checkpoint(*ids)
    assert stage.protect(checkpoint, *ids) == []

    def post(outcome: Any, **_: Any) -> Any:
        return {each: {"scanned": True} for each in outcome.result}

    stage.witness("app", scope="checkpoint", points=["restore"], post=post)
    record = Record()
    assert stage.restore(checkpoint, *ids, restore=record) == []
    told = [jsonutils.loads(each) for each in record["resources_reason"].values()]
    assert len(told) == 3
    assert all(each["scanned"] and each["restored_from"] for each in told)


def test_no_hook_stops_anything_of_a_share_that_is_not_the_users(
    stage: HookStage, ids: list[str]
) -> None:
    """A public one of another project, which the user has named as the target of a restore."""
    own, also = ids[:2]
    checkpoint = stage.checkpoint(own, also)
    assert stage.protect(checkpoint, own, also) == []
    others = stage.cloud.add_share("project-b", is_public=True, name="theirs")["id"]
    app = stage.witness("app", scope="checkpoint", points=["revert"])
    flow, record = stage.flow(own, also), Record()
    flow.at_a_time = 1
    given = {own: {"share_id": own}, also: {"share_id": others}}
    record["parameters"] = {f"{SHARE}#{each}": given[each] for each in given}
    with pytest.raises(karbor_exception.RestoreResourceFailed):
        RestoreOperation(flow).run_together(
            {
                "checkpoint": checkpoint,
                "resource": Resource(type=SHARE, id=each, name="s"),
                "context": Context(stage.project_id),
                "parameters": given[each],
                "restore": record,
                "operation_log": Record(),
            }
            for each in given
        )
    (call,) = app.calls
    assert others not in [share["id"] for share in call.shares]

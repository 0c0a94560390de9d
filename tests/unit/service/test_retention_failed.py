# SPDX-License-Identifier: Apache-2.0
"""Karbor's own retention against our manager: what failed checkpoints keep, and for how long."""

from typing import Any

import pytest
from karbor import quota
from karbor.db.sqlalchemy import api as db

from karbor_manila.service.retention import run
from tests.fakes.manila import refused
from tests.unit.service.retention_stage import Stage, status


def failing(stage: Stage) -> tuple[Any, list[str]]:
    """A plan on three shares of which one was deleted."""
    shares = [stage.service.share() for _ in range(3)]
    plan = stage.service.plan(*shares)
    del stage.service.cloud.shares[shares[0]]
    return plan, shares[1:]


def test_what_failed_runs_keep_is_bounded(stage: Stage) -> None:
    plan, there = failing(stage)
    stage.schedule(plan, max_backups=2)
    for _ in range(6):
        stage.run(plan, most=2)
    assert list(stage.left().values()) == ["error"] * 2
    assert [stage.snapshots(share) for share in there] == [2, 2]


def test_a_failed_checkpoint_goes_once_a_newer_good_one_holds_its_shares(stage: Stage) -> None:
    one, other = stage.service.share(), stage.service.share()
    plan = stage.service.plan(one, other)
    stage.schedule(plan, max_backups=5)
    status(stage, other, "error")
    stage.run(plan, most=5)
    status(stage, other, "available")
    good = stage.run(plan, most=5)
    assert stage.left() == {good.id: "available"}
    assert (stage.snapshots(one), stage.snapshots(other)) == (1, 1)


def test_without_retention_failed_checkpoints_are_the_users_own(stage: Stage) -> None:
    plan, _there = failing(stage)
    for _ in range(3):
        stage.service.protect(plan)
        stage.listed(plan)
        stage.listed(plan, stage.context())  # retention that is no more
        stage.service.run()
    assert list(stage.left().values()) == ["error"] * 3


def test_a_failed_checkpoint_that_was_made_good_meanwhile_stays(stage: Stage) -> None:
    """Its user resets it between the list and its removal."""
    plan, _there = failing(stage)
    stage.schedule(plan, max_backups=1)
    first, second = (stage.service.protect(plan) for _ in range(2))
    stage.listed(plan, stage.context())
    assert stage.service.spawned
    stage.service.call("reset_state", stage.service.provider.id, first.id, "available")
    stage.service.run()
    assert stage.left() == {first.id: "available", second.id: "error"}


def test_a_failed_copy_keeps_nothing_for_ever(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=1)
    stage.service.protect(plan)
    for turn in range(3):
        stage.service.cloud.plan("create_share", lambda: refused(400))
        stage.service.call("copy", plan)
        stage.service.run()
        stage.prune(plan, most=1)
        assert sorted(stage.left().values()) == ["available", "error"], turn


def test_a_deletion_that_failed_is_tried_again(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=1)
    first, second = (stage.service.protect(plan) for _ in range(2))
    snapshots = stage.service.cloud.snapshots.values()
    (stuck,) = (view for view in snapshots if first.id in str(view))
    stuck["status"] = "error_deleting"
    stage.prune(plan, most=1)
    assert stage.left() == {first.id: "error-deleting", second.id: "available"}
    stuck["status"] = "available"  # an administrator has mended it
    stage.prune(plan, most=1)
    assert stage.left() == {second.id: "available"}


def test_karbors_count_of_checkpoints_stays_right(stage: Stage) -> None:
    """Its API counts; what is removed without it must be uncounted all the same."""
    plan, _there = failing(stage)
    stage.schedule(plan, max_backups=1)
    context = stage.service.context()
    for _ in range(3):
        quota.QUOTAS.commit(context, quota.QUOTAS.reserve(context, checkpoints=1))
        stage.service.protect(plan)
    stage.prune(plan, most=1)
    used = db.quota_usage_get(context.elevated(), stage.service.project_id, "checkpoints")
    assert used.in_use == len(stage.left()) == 1


def test_only_so_many_failed_checkpoints_are_removed_at_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "FAILED_AT_A_TIME", 2)
    plan, _there = failing(stage)
    stage.schedule(plan, max_backups=1)
    made = [stage.service.protect(plan).id for _ in range(6)]
    stage.prune(plan, most=1)
    assert set(stage.left()) == set(made[2:])  # the oldest first
    for _ in range(2):
        stage.prune(plan, most=1)
    assert set(stage.left()) == {made[-1]}


def test_what_cannot_go_keeps_nothing_else_from_going(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "FAILED_AT_A_TIME", 1)
    plan, _there = failing(stage)
    stage.schedule(plan, max_backups=1)
    made = [stage.service.protect(plan).id for _ in range(4)]
    stuck = [v for v in stage.service.cloud.snapshots.values() if made[0] in str(v)]
    for view in stuck:
        view["status"] = "error_deleting"
    for _ in range(3):
        stage.prune(plan, most=1)
    assert stage.left() == {made[0]: "error-deleting", made[3]: "error"}


def test_a_checkpoint_that_cannot_be_understood_stops_no_retention(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=1)
    made = [stage.service.protect(plan) for _ in range(3)]
    made[0].extra_info = "no JSON"
    made[0].commit()
    stage.prune(plan, most=1)
    assert set(stage.left()) == {made[0].id, made[2].id}


def test_a_record_that_cannot_be_understood_may_keep_a_snapshot(stage: Stage) -> None:
    one, other = stage.service.share(), stage.service.share()
    plan = stage.service.plan(one, other)
    stage.schedule(plan, max_backups=1)
    status(stage, other, "error")
    first, second = (stage.service.protect(plan) for _ in range(2))
    section = first.get_resource_bank_section(one)
    record = section.get_object("metadata")
    section.update_object("metadata", record | {"version": 99})
    # It goes as the other one would: a newer one holds what it may hold.
    section = second.get_resource_bank_section(one)
    section.update_object("metadata", record | {"version": 99})
    stage.prune(plan, most=1)
    assert set(stage.left()) == {first.id, second.id}

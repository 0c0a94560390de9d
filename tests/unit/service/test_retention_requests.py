# SPDX-License-Identifier: Apache-2.0
"""Karbor's own retention against our manager: whose requests are its, and what they get."""

from pathlib import Path
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor import objects

from karbor_manila.service import sessions
from karbor_manila.service.errors import SessionUnavailable
from tests.unit.karbor_stage import (
    NOOP,
    OUR_PROJECT,
    started,
    told,
)
from tests.unit.service.retention_stage import KARBOR, Stage, status


@pytest.mark.parametrize("trustee", [None, "somebody whom the user trusts"])
def test_what_a_user_deletes_is_his_decision(stage: Stage, trustee: str | None) -> None:
    """With his own token, or with a trust that he gave to somebody else than Karbor."""
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=1)
    last = stage.service.protect(plan)
    assert [item["id"] for item in stage.listed(plan, stage.context(trustee))] == [last.id]
    stage.service.delete(last.id, context=stage.context(trustee))
    assert stage.left() == {}


def test_whatever_retention_asks_for_the_newest_of_a_share_stays(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    older, newest = (stage.service.protect(plan) for _ in range(2))
    with pytest.raises(karbor_exception.InvalidInput) as refusal:
        stage.service.delete(newest.id, context=stage.context())
    assert refusal.value.code == 400
    assert newest.id in str(refusal.value)
    assert stage.left() == {older.id: "available", newest.id: "available"}
    assert stage.service.manager.claims.held == frozenset()
    stage.service.delete(older.id, context=stage.context())
    assert stage.left() == {newest.id: "available"}


def test_who_cannot_be_told_counts_as_retention(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_kwargs: Any) -> str:
        raise SessionUnavailable(None)

    monkeypatch.setattr(sessions, "karbor_user_id", away)
    last = stage.service.protect(stage.service.plan(stage.service.share()))
    with pytest.raises(karbor_exception.InvalidInput):
        stage.service.delete(last.id, context=stage.context("anybody"))
    assert stage.left() == {last.id: "available"}


def test_keystone_is_asked_once_and_only_for_trusts(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(sessions, "karbor_user_id", lambda **_k: asked.append(1) or KARBOR)
    plan = stage.service.plan(stage.service.share())
    stage.listed(plan, stage.context(None))
    assert asked == []
    for _ in range(3):
        stage.listed(plan, stage.context())
    assert len(asked) == 1


def test_what_somebody_works_with_does_not_stop_a_run(stage: Stage) -> None:
    """Karbor's retention ends at the first DELETE that is refused."""
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=1)
    made = [stage.service.protect(plan) for _ in range(4)]
    record = stage.service.record(objects.Restore, made[1].id)
    stage.service.call("restore", record, None)  # under way
    context = stage.context()
    shown = [item["id"] for item in stage.listed(plan, context)]
    assert shown == [made[3].id, made[2].id, made[0].id]


def test_a_disabled_retention_and_another_plans_say_nothing(stage: Stage) -> None:
    share = stage.service.share()
    plan, other = stage.service.plan(share), stage.service.plan(share)
    stage.schedule(plan, max_backups=1, enabled=False)
    stage.schedule(other, max_backups=1)
    for _ in range(3):
        stage.service.protect(plan)
    assert stage.listed(plan, stage.context()) == []
    assert len(stage.listed(plan)) == 3


@pytest.mark.parametrize("order", [(2, 4), (4, 2)])
def test_of_several_retentions_of_one_plan_each_prunes_to_its_own_number(
    stage: Stage, order: tuple[int, int]
) -> None:
    plan = stage.service.plan(stage.service.share())
    for most in (2, 4):
        stage.schedule(plan, max_backups=most)
    made = [stage.service.protect(plan).id for _ in range(6)]
    for most in order:
        stage.prune(plan, most=most)
        assert set(stage.left()) == set(made[-min(len(stage.left()), most) :])
    assert set(stage.left()) == set(made[-2:])


def test_numbers_that_are_no_limit_are_none(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=-1, retention_duration=0)
    stage.schedule(plan, max_backups="many")
    for _ in range(3):
        stage.service.protect(plan)
    assert stage.listed(plan, stage.context()) == []


def test_retention_sees_only_its_own_project(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=1)
    stage.service.protect(plan)
    context = stage.context()
    context.project_id = stage.service.other_project
    assert stage.listed(plan, context) == []


def test_a_provider_whose_shares_are_not_ours_is_listed_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(tmp_path, monkeypatch, NOOP, OUR_PROJECT) as service:
        stage = Stage(service, monkeypatch)
        plan = service.plan(service.share())
        made = [service.protect(plan).id for _ in range(2)]
        assert [item["id"] for item in stage.listed(plan, stage.context())] == made[::-1]
        service.delete(made[-1], context=stage.context())
        assert list(stage.left()) == made[:1]


def test_a_partial_checkpoint_can_be_restored(stage: Stage) -> None:
    well, broken = stage.service.share(), stage.service.share()
    status(stage, broken, "error")
    partial = stage.service.protect(stage.whole)
    assert partial.status == "available"
    assert [item["kind"] for item in told(partial)["left_out"]] == ["broken"]
    restore = stage.service.restore(partial.id)
    assert restore.status == "success"
    assert well in str(restore.resources_reason)

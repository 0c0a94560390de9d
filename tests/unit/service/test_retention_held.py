# SPDX-License-Identifier: Apache-2.0
"""Karbor's own retention and what is held: it goes on to the next one."""

from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor import quota

from tests.unit.service.held import hold, release
from tests.unit.service.retention_stage import Stage


@pytest.mark.parametrize("number", [0, 1, 4])
def test_retention_goes_on_to_the_next_one(stage: Stage, number: int) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=2)
    made = [stage.service.protect(plan).id for _ in range(5)]
    hold(stage.service, made[number])
    stage.prune(plan, most=2)
    free = [each for each in made if each != made[number]]
    assert set(stage.left()) == {made[number], *free[-2:]}
    release(stage.service, made[number])
    stage.prune(plan, most=2)
    assert set(stage.left()) == {*made[-2:]}


def test_by_age_too(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, retention_duration=3)
    made = [stage.service.protect(plan) for _ in range(4)]
    for checkpoint in made[:3]:
        stage.age(checkpoint, 10)
    hold(stage.service, made[1].id)
    stage.prune(plan, days=3)
    assert set(stage.left()) == {made[1].id, made[3].id}


def test_a_failed_one_is_not_cleared(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=1)
    failed = stage.service.protect(plan)
    failed.status = "error"
    failed.commit()
    hold(stage.service, failed.id)
    last = stage.run(plan, most=1)
    assert stage.left() == {failed.id: "error", last.id: "available"}
    release(stage.service, failed.id)
    stage.prune(plan, most=1)
    assert stage.left() == {last.id: "available"}


def in_use(stage: Stage) -> int:
    project_id = stage.service.project_id
    usages = quota.QUOTAS.get_project_quotas(stage.service.context(), project_id)
    return int(usages["checkpoints"]["in_use"])


def test_a_delete_of_the_engine_is_accepted_leaves_it_and_is_not_counted(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was held after the list: a refusal would end the run. Karbor's API takes one checkpoint
    off its count for each DELETE that is accepted, at the limit of the quota, too."""
    plan = stage.service.plan(stage.service.share())
    held, _last = (stage.service.protect(plan) for _ in range(2))
    hold(stage.service, held.id)
    context = stage.context()
    limit = 3
    monkeypatch.setitem(quota.QUOTAS._resources, "checkpoints", Limited("checkpoints", limit))
    count(context, limit)
    with pytest.raises(karbor_exception.OverQuota):
        count(context, 1)
    stage.service.call("delete", stage.service.provider.id, held.id, context=context)
    assert in_use(stage) == limit + 1
    count(context, -1)  # as Karbor's API then does
    assert in_use(stage) == limit
    assert held.id in stage.left()
    assert stage.service.manager.claims.held == frozenset()


class Limited(quota.ReservableResource):
    """Checkpoints, of which there may be no more than so many."""

    def __init__(self, name: str, limit: int) -> None:
        super().__init__(name, None)
        self.limit = limit

    @property
    def default(self) -> int:
        return self.limit


def count(context: Any, delta: int) -> None:
    reserved = quota.QUOTAS.reserve(context, project_id=context.project_id, checkpoints=delta)
    quota.QUOTAS.commit(context, reserved, project_id=context.project_id)

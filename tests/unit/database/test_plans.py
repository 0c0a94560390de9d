# SPDX-License-Identifier: Apache-2.0
"""All plans and schedules in Karbor's own tables, read and put back."""

import datetime
import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy
from karbor import objects
from karbor.db.sqlalchemy import api as karbor_db
from karbor.db.sqlalchemy import models
from oslo_config import cfg

from karbor_manila.database import plans
from karbor_manila.database.errors import DatabaseUnreadable, PlanNotPutBack
from karbor_manila.database.requested import as_karbor
from tests.unit.database.plan_stage import PROJECT, PROVIDER, forget, made, scheduled
from tests.unit.karbor_stage import SHARE, context_of, database


@pytest.fixture(autouse=True)
def _database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with database(monkeypatch):
        yield


def test_plans_are_read_whole_with_their_schedules() -> None:
    plan = made()
    one = scheduled(plan)
    there = plans.read()
    assert there.plans == {
        plan.id: {
            "id": plan.id,
            "name": "books",
            "description": None,
            "provider_id": PROVIDER,
            "project_id": PROJECT,
            "status": "suspended",
            "parameters": {SHARE: {"description": "each day"}},
            "resources": plan.resources,
        }
    }
    (schedule,) = there.schedules[plan.id]
    assert (schedule["id"], schedule["name"], schedule["enabled"]) == (one.id, "daily", True)
    assert schedule["operation_definition"] == {"plan_id": plan.id, "provider_id": PROVIDER}
    assert schedule["trigger"]["properties"]["window"] == "30"
    assert "trust" not in str(schedule)


def test_a_deleted_plan_is_told_from_one_that_never_was() -> None:
    plan = made()
    plan.destroy()
    there = plans.read()
    assert (dict(there.plans), there.deleted) == ({}, frozenset({plan.id}))


def test_a_schedule_that_another_project_made_of_a_plan_is_not_the_plans() -> None:
    plan = made()
    own = scheduled(plan)
    scheduled(plan, "forged", project_id=str(uuid.UUID(int=0xB)))
    assert [each["id"] for each in plans.read().schedules[plan.id]] == [own.id]


def test_a_schedule_that_was_deleted_is_gone() -> None:
    plan = made()
    scheduled(plan).destroy()
    assert not plans.read().schedules.get(plan.id)


def test_changed_resources_are_read_as_they_are_now() -> None:
    plan = made()
    plan.update({"resources": [{"type": SHARE, "id": "s-9", "name": "only"}]})
    plan.save()
    (resource,) = plans.read().plans[plan.id]["resources"]
    assert resource == {"type": SHARE, "id": "s-9", "name": "only", "extra_info": None}


def test_what_is_no_json_is_empty() -> None:
    plan = made()
    with karbor_db.get_engine().begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE plans SET parameters = 'x'"))
    assert plans.read().plans[plan.id]["parameters"] == {}


def test_a_lost_plan_is_what_it_was() -> None:
    plan = made()
    was = plans.read().plans[plan.id]
    written = datetime.datetime(2026, 1, 1)
    with karbor_db.get_engine().begin() as connection:
        connection.execute(sqlalchemy.update(models.Plan).values(created_at=written))
    assert plans.read().written == {plan.id: written}
    forget()
    assert not plans.read().plans
    plans.put_back(was)
    there = plans.read()
    assert there.plans == {plan.id: was}
    assert there.written[plan.id] > written
    found = objects.Plan.get_by_id(context_of(PROJECT), plan.id)
    assert found.parameters == plan.parameters
    assert found.resources == plan.resources


def test_one_that_is_there_or_was_deleted_is_not_put_back() -> None:
    plan = made()
    was = plans.read().plans[plan.id]
    for _ in range(2):
        with pytest.raises(PlanNotPutBack, match="a plan with its id"):
            plans.put_back(was)
        plan.destroy()
    assert not plans.read().plans


def test_the_quota_of_the_project_counts() -> None:
    one, two = made(), made()
    there = plans.read().plans
    forget()
    cfg.CONF.set_override("quota_plans", 1)
    try:
        plans.put_back(there[one.id])
        with pytest.raises(PlanNotPutBack, match=f"quota of plans of project {PROJECT}"):
            plans.put_back(there[two.id])
    finally:
        cfg.CONF.clear_override("quota_plans")
    assert set(plans.read().plans) == {one.id}


def test_what_was_not_written_holds_no_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = made()
    was = plans.read().plans[plan.id]
    with pytest.raises(PlanNotPutBack):
        plans.put_back(was)
    usage = karbor_db.quota_usage_get(as_karbor(PROJECT), PROJECT, "plans")
    assert (usage.in_use, usage.reserved) == (0, 0)


def test_a_database_that_is_away_is_said() -> None:
    with pytest.raises(DatabaseUnreadable, match="the plans"):
        plans.read(lambda: sqlalchemy.create_engine("sqlite:////nowhere/at/all"))

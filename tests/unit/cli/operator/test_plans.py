# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila plans``: what is in the banks, and a database that gets it back."""

import uuid
from typing import Any

import pytest
from karbor import objects
from karbor.db.sqlalchemy import api as karbor_db

from karbor_manila.bank import plan_copies
from karbor_manila.bank.plan_copies import PlanCopy
from karbor_manila.database import plans as database
from tests.unit.planned import schedule
from tests.unit.recovery.audit.stage import everything_in


@pytest.fixture
def plan(service: Any) -> Any:
    """A plan in the database, whose copy with a schedule is in the bank."""
    plan = made(service)
    kept = PlanCopy(database.read().plans[plan.id], (schedule("daily"),))
    plan_copies.write(service.provider.bank, kept)
    return plan


def made(service: Any, **fields: Any) -> Any:
    plan = objects.Plan(
        context=service.context(fields.get("project_id")),
        **{
            "name": "books",
            "description": "of the library",
            "provider_id": service.provider.id,
            "project_id": service.project_id,
            "status": "suspended",
            "resources": [{"type": "OS::Manila::Share", "id": str(uuid.uuid4()), "name": "a"}],
            "parameters": {"OS::Manila::Share": {"description": "each day"}},
        }
        | fields,
    )
    plan.create()
    return plan


def lose() -> None:
    """Karbor's database has no plan."""
    with karbor_db.get_engine().begin() as connection:
        for table in ("resources", "plans"):
            connection.execute(f"DELETE FROM {table}")


def copy_of(service: Any, plan: Any) -> PlanCopy:
    bank, provider_id = service.provider.bank, service.provider.id
    (copy,) = (
        copy
        for place, copy in plan_copies.everything(bank, provider_id)
        if place.plan_id == plan.id and isinstance(copy, PlanCopy)
    )
    return copy


def test_plans_are_listed_with_all_that_is_kept(service: Any, run: Any, plan: Any) -> None:
    before = everything_in(service)
    ran = run("plans", "list", "-f", "json")
    (row,) = ran.rows
    assert (ran.code, row["State"]) == (0, "in the database")
    assert (row["Plan"], row["Name"], row["Project"]) == (plan.id, "books", service.project_id)
    assert row["Parameters"] == plan.parameters
    assert [each["name"] for each in row["Schedules"]] == ["daily"]
    assert everything_in(service) == before


def test_people_see_numbers(run: Any, plan: Any) -> None:
    ran = run("plans", "list", "-c", "Resources", "-c", "Schedules")
    assert ran.out.splitlines()[3].replace(" ", "") == "|1|1|"


def test_lost_plans_are_put_back_and_their_schedules_are_said_to_be_lost(
    service: Any, run: Any, plan: Any
) -> None:
    was = database.read().plans[plan.id]
    lose()
    listed = run("plans", "list", "-f", "json")
    assert (listed.code, listed.rows[0]["State"]) == (3, "not in the database")
    ran = run("plans", "import", "-f", "json")
    assert (ran.code, ran.rows[0]["State"]) == (3, "put back")
    assert database.read().plans == {plan.id: was}
    lost = [each["name"] for each in copy_of(service, plan).lost_schedules]
    assert lost == ["daily"]
    again = run("plans", "import", "-f", "json")
    assert (again.code, again.rows[0]["State"]) == (3, "in the database")
    assert [each["name"] for each in again.rows[0]["Lost Schedules"]] == ["daily"]


def test_a_plan_without_schedules_leaves_nothing_to_do(service: Any, run: Any) -> None:
    plan = made(service)
    plan_copies.write(service.provider.bank, PlanCopy(database.read().plans[plan.id]))
    lose()
    assert run("plans", "import").code == 0
    assert run("plans", "list").code == 0


def test_only_those_of_a_project_or_those_that_are_named(service: Any, run: Any, plan: Any) -> None:
    other = made(service, project_id=service.other_project)
    plan_copies.write(service.provider.bank, PlanCopy(database.read().plans[other.id]))
    lose()
    ran = run("plans", "import", "--project", service.other_project, "-f", "json")
    assert [row["Plan"] for row in ran.rows] == [other.id]
    assert run("plans", "import", plan.id, "-f", "json").rows[0]["State"] == "put back"
    unknown = str(uuid.uuid4())
    ran = run("plans", "import", unknown)
    assert (ran.code, unknown in ran.err) == (1, True)


def test_one_that_its_user_deleted_stays_deleted(run: Any, plan: Any) -> None:
    plan.destroy()
    ran = run("plans", "import", "-f", "json")
    assert (ran.code, ran.rows[0]["State"]) == (0, "deleted in the database")
    assert database.read().plans == {}


def test_one_that_resists_or_is_damaged_does_not_hold_up_the_others(
    service: Any, run: Any, plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = made(service)
    bank = service.provider.bank
    plan_copies.write(bank, PlanCopy(database.read().plans[other.id]))
    damaged = plan_copies.Place(service.provider.id, service.project_id, str(uuid.uuid4()))
    bank.update_object(damaged.key, {"version": 1})
    lose()
    real = database.put_back

    def put_back(wanted: Any) -> None:
        if wanted["id"] == plan.id:
            raise database.PlanNotPutBack(plan.id, "the quota of plans")
        real(wanted)

    monkeypatch.setattr(database, "put_back", put_back)
    ran = run("plans", "import", "-f", "json")
    states = {row["Plan"]: row["State"] for row in ran.rows}
    assert ran.code == 1
    assert states[other.id] == "put back"
    assert "quota" in states[plan.id]
    assert "cannot be used" in states[damaged.plan_id]


def test_who_dies_before_the_plan_is_there_has_lost_no_schedule(
    service: Any, run: Any, plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose()

    def dies(_plan: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(database, "put_back", dies)
        assert run("plans", "import").code != 0
    for _ in range(2):
        run("plans", "import")
        assert [each["name"] for each in copy_of(service, plan).lost_schedules] == ["daily"]
    assert database.read().plans.keys() == {plan.id}

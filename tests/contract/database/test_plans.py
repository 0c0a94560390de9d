# SPDX-License-Identifier: Apache-2.0
"""Plans and schedules are read, and lost plans put back, on each kind of database."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from karbor.db.sqlalchemy import api as karbor_db

from karbor_manila.database import plans
from karbor_manila.database.errors import DatabaseUnreadable, PlanNotPutBack
from karbor_manila.database.requested import as_karbor
from tests.contract.database.servers import Database
from tests.unit.database.plan_stage import PROJECT, forget, made, scheduled
from tests.unit.karbor_stage import database as karbors_tables


@pytest.fixture
def karbor(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Karbor's tables, on each of them."""
    with karbors_tables(monkeypatch, database.url):
        yield database


@pytest.fixture
def karbor_served(served: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    with karbors_tables(monkeypatch, served.url):
        yield served


@pytest.mark.usefixtures("karbor")
def test_a_lost_plan_is_what_it_was_on_each_database() -> None:
    plan, deleted = made(name="books 書"), made()
    scheduled(plan)
    deleted.destroy()
    before = plans.read()
    assert (before.plans.keys(), before.deleted) == ({plan.id}, {deleted.id})
    assert [each["name"] for each in before.schedules[plan.id]] == ["daily"]
    assert before.schedules[plan.id][0]["enabled"] is True
    forget()
    plans.put_back(before.plans[plan.id])
    assert plans.read().plans == before.plans


@pytest.mark.usefixtures("karbor_served")
def test_of_two_who_put_a_plan_back_at_once_one_does() -> None:
    plan = made()
    was = plans.read().plans[plan.id]
    forget()
    outcomes: list[Any] = []
    ready = threading.Barrier(2)

    def put_back() -> None:
        ready.wait()
        try:
            outcomes.append(plans.put_back(was))
        except Exception as error:  # noqa: BLE001 - it is looked at below
            outcomes.append(error)

    threads = [threading.Thread(target=put_back) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(each).__name__ for each in outcomes) == ["NoneType", "PlanNotPutBack"]
    assert plans.read().plans == {plan.id: was}
    usage = karbor_db.quota_usage_get(as_karbor(PROJECT), PROJECT, "plans")
    assert (usage.in_use, usage.reserved) == (1, 0)
    with pytest.raises(PlanNotPutBack):
        plans.put_back(was)


def test_a_server_that_is_away_is_said_and_the_plan_put_back_once_it_is_there(
    maria: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with karbors_tables(monkeypatch, maria.url):
        plan = made()
        was = plans.read().plans[plan.id]
        forget()
        karbor_db.get_engine().dispose()
        maria.server.stop()
        try:
            for call in (plans.read, lambda: plans.put_back(was)):
                with pytest.raises(DatabaseUnreadable):
                    call()
        finally:
            maria.server.start()
        plans.put_back(was)
        assert plans.read().plans == {plan.id: was}

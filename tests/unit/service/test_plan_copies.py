# SPDX-License-Identifier: Apache-2.0
"""The copies of plans follow the database, and outlive it."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from karbor_manila.bank import identity, plan_copies
from karbor_manila.database.errors import DatabaseUnreadable
from karbor_manila.database.plans import Plans
from karbor_manila.service.plan_copies import _ANEW, PlanCopies
from tests.unit.karbor_stage import Service, started
from tests.unit.planned import schedule


class Database:
    """What Karbor's database has, as the test says."""

    def __init__(self, provider_id: str) -> None:
        self.provider_id = provider_id
        self.plans: dict[str, dict[str, Any]] = {}
        self.schedules: dict[str, list[dict[str, Any]]] = {}
        self.deleted: set[str] = set()
        self.written: dict[str, int] = {}
        self.error: Exception | None = None

    def read(self) -> Plans:
        if self.error:
            raise self.error
        schedules = {plan_id: list(each) for plan_id, each in self.schedules.items()}
        return Plans(dict(self.plans), schedules, frozenset(self.deleted), dict(self.written))

    def add(self, *schedules: dict[str, Any], **fields: Any) -> str:
        plan_id = str(uuid.uuid4())
        self.plans[plan_id] = {
            "id": plan_id,
            "name": "books",
            "description": None,
            "provider_id": self.provider_id,
            "project_id": "project-a",
            "status": "suspended",
            "parameters": {},
            "resources": [],
        } | fields
        self.schedules[plan_id] = list(schedules)
        return plan_id

    def delete(self, plan_id: str) -> None:
        del self.plans[plan_id]
        self.deleted.add(plan_id)

    def lose(self) -> None:
        """It is another one from now on, and empty."""
        self.plans, self.schedules, self.deleted = {}, {}, set()

    def put_back(self, plan: dict[str, Any]) -> None:
        self.plans[plan["id"]] = plan
        self.written[plan["id"]] = self.written.get(plan["id"], 0) + 1


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch) as service:
        yield service


@pytest.fixture
def karbor(service: Service) -> Database:
    return Database(service.provider.id)


def keeper(service: Service, karbor: Database) -> PlanCopies:
    return PlanCopies(lambda: [service.provider], interval=60, read=karbor.read)


def copies(service: Service) -> dict[str, Any]:
    found = plan_copies.everything(service.provider.bank, service.provider.id)
    return {place.plan_id: copy for place, copy in found}


def names(copy: Any) -> tuple[list[str], list[str]]:
    """The names of the schedules, and of those that are lost."""
    return [each["name"] for each in copy.schedules], [each["name"] for each in copy.lost_schedules]


class Counted:
    """Counts what a bank is asked for."""

    def __init__(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        for name in ("read", "write", "places", "remove"):
            real = getattr(plan_copies, name)
            monkeypatch.setattr(plan_copies, name, self._counting(name, real))

    def _counting(self, name: str, real: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            return real(*args, **kwargs)

        return call


def test_a_new_plan_and_each_change_is_copied(service: Service, karbor: Database) -> None:
    copying = keeper(service, karbor)
    plan_id = karbor.add()
    copying.turn()
    assert copies(service)[plan_id].plan == karbor.plans[plan_id]
    karbor.plans[plan_id]["parameters"] = {"OS::Manila::Share": {"force": "true"}}
    karbor.schedules[plan_id] = [schedule("daily")]
    copying.turn()
    copy = copies(service)[plan_id]
    assert copy.plan == karbor.plans[plan_id]
    assert names(copy) == (["daily"], [])


def test_what_did_not_change_costs_the_bank_nothing(
    service: Service, karbor: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    copying = keeper(service, karbor)
    for _ in range(3):
        karbor.add(schedule())
    counted = Counted(service, monkeypatch)
    copying.turn()
    assert sorted(counted.calls) == ["places", *["read"] * 3, *["write"] * 3]
    counted.calls.clear()
    copying.turn()
    assert counted.calls == []


def test_a_process_that_starts_writes_nothing_that_is_there(
    service: Service, karbor: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    karbor.add(schedule())
    keeper(service, karbor).turn()
    counted = Counted(service, monkeypatch)
    keeper(service, karbor).turn()
    assert "write" not in counted.calls


def test_the_copy_of_a_deleted_plan_goes(service: Service, karbor: Database) -> None:
    copying = keeper(service, karbor)
    one, two = karbor.add(), karbor.add()
    copying.turn()
    karbor.delete(one)
    copying.turn()
    assert copies(service).keys() == {two}
    karbor.delete(two)
    keeper(service, karbor).turn()  # of a process that did not see it before
    assert copies(service) == {}


def test_a_database_that_knows_nothing_takes_nothing_from_the_bank(
    service: Service, karbor: Database
) -> None:
    copying = keeper(service, karbor)
    plan_id = karbor.add(schedule("daily"))
    copying.turn()
    karbor.lose()
    for each in (copying, keeper(service, karbor)):
        for _ in range(_ANEW + 1):
            each.turn()
    assert names(copies(service)[plan_id]) == (["daily"], [])


@pytest.mark.parametrize("restarted", [False, True])
def test_a_plan_that_is_there_again_has_lost_its_schedules_and_not_deleted_them(
    service: Service, karbor: Database, restarted: bool
) -> None:
    copying = keeper(service, karbor)
    plan_id = karbor.add(schedule("daily"))
    plan = karbor.plans[plan_id]
    copying.turn()
    karbor.lose()
    copying.turn()
    karbor.plans[plan_id] = plan
    if restarted:
        copying = keeper(service, karbor)
    copying.turn()
    assert names(copies(service)[plan_id]) == ([], ["daily"])
    karbor.schedules[plan_id] = [schedule("daily")]  # made again, with new ids
    copying.turn()
    assert names(copies(service)[plan_id]) == (["daily"], [])


def test_a_plan_that_was_put_back_between_two_turns_has_lost_its_schedules(
    service: Service, karbor: Database
) -> None:
    copying = keeper(service, karbor)
    plan_id = karbor.add(schedule("daily"))
    plan = karbor.plans[plan_id]
    copying.turn()
    karbor.lose()
    karbor.error = DatabaseUnreadable("the plans", "DBError")
    copying.turn()
    karbor.error = None
    karbor.put_back(plan)  # as 'plans import' does, which has said in the copy what is lost
    plan_copies.write(service.provider.bank, copies(service)[plan_id].as_lost())
    for _ in range(2):
        copying.turn()
        assert names(copies(service)[plan_id]) == ([], ["daily"])


def test_a_database_of_yesterday_loses_no_schedule_of_today(
    service: Service, karbor: Database
) -> None:
    yesterday = schedule("yesterday")
    plan_id = karbor.add(yesterday, schedule("today"))
    keeper(service, karbor).turn()
    karbor.schedules[plan_id] = [yesterday]
    keeper(service, karbor).turn()
    assert names(copies(service)[plan_id]) == (["yesterday"], ["today"])


def test_a_schedule_that_is_deleted_goes_from_the_copy(service: Service, karbor: Database) -> None:
    copying, other = keeper(service, karbor), keeper(service, karbor)
    kept = schedule("kept")
    plan_id = karbor.add(kept, schedule("gone"))
    copying.turn()
    other.turn()
    karbor.schedules[plan_id] = [kept]
    keeper(service, karbor).turn()  # one that never saw it thinks that it is lost
    assert names(copies(service)[plan_id]) == (["kept"], ["gone"])
    copying.turn()
    assert names(copies(service)[plan_id]) == (["kept"], [])
    other.turn()
    assert names(copies(service)[plan_id]) == (["kept"], [])


def test_what_a_slow_process_wrote_last_is_put_right(service: Service, karbor: Database) -> None:
    copying = keeper(service, karbor)
    plan_id = karbor.add()
    copying.turn()
    old = copies(service)[plan_id]
    karbor.plans[plan_id]["name"] = "renamed"
    copying.turn()
    plan_copies.write(service.provider.bank, old)  # it had read the database before
    for _ in range(_ANEW):
        copying.turn()
    assert copies(service)[plan_id].plan["name"] == "renamed"


def test_a_damaged_copy_is_made_anew_and_one_of_a_later_release_is_left(
    service: Service, karbor: Database
) -> None:
    one, two = karbor.add(), karbor.add()
    keeper(service, karbor).turn()
    bank = service.provider.bank
    of = {each.plan_id: each.key for each in plan_copies.places(bank, service.provider.id)}
    bank.update_object(of[one], {"version": 1})
    later = bank.get_object(of[two]) | {"version": 9}
    bank.update_object(of[two], later)
    keeper(service, karbor).turn()
    assert copies(service)[one].plan == karbor.plans[one]
    assert bank.get_object(of[two]) == later


def test_a_bank_or_a_database_that_is_away_is_tried_again(
    service: Service, karbor: Database
) -> None:
    copying = keeper(service, karbor)
    copying.turn()
    plan_id = karbor.add()
    karbor.error = DatabaseUnreadable("the plans", "DBError")
    copying.turn()
    karbor.error = None
    bank = service.folder / "bank"
    bank.rename(service.folder / "away")
    copying.turn()
    shutil.rmtree(bank, ignore_errors=True)
    (service.folder / "away").rename(bank)
    assert copies(service) == {}
    copying.turn()
    assert copies(service).keys() == {plan_id}


def test_a_plan_that_cannot_be_copied_does_not_hold_up_the_others(
    service: Service, karbor: Database
) -> None:
    karbor.add(name=7)
    plan_id = karbor.add()
    keeper(service, karbor).turn()
    assert copies(service).keys() == {plan_id}


def test_a_schedule_that_is_deleted_while_the_bank_is_away_is_not_lost(
    service: Service, karbor: Database
) -> None:
    copying = keeper(service, karbor)
    plan_id = karbor.add(schedule("gone"))
    copying.turn()
    karbor.schedules[plan_id] = []
    bank = service.folder / "bank"
    bank.rename(service.folder / "away")
    copying.turn()
    shutil.rmtree(bank, ignore_errors=True)
    (service.folder / "away").rename(bank)
    copying.turn()
    assert names(copies(service)[plan_id]) == ([], [])


def test_another_bank_gets_nothing_and_one_that_is_accepted_gets_all(
    service: Service, karbor: Database
) -> None:
    copying = keeper(service, karbor)
    plan_id = karbor.add()
    copying.turn()
    shutil.rmtree(service.folder / "bank")
    (service.folder / "bank" / "karbor").mkdir(parents=True)
    copying.turn()
    assert copies(service) == {}
    identity.accept(service.provider.bank, service.provider.id)
    copying.turn()
    assert copies(service).keys() == {plan_id}


def test_plans_of_other_providers_are_not_copied(service: Service, karbor: Database) -> None:
    karbor.add(provider_id=str(uuid.uuid4()))
    karbor.add(project_id="a/b")
    keeper(service, karbor).turn()
    assert copies(service) == {}


def test_a_protected_plan_wakes_the_copying(service: Service) -> None:
    woken: list[bool] = []
    service.manager.runtime.plans.soon = lambda: woken.append(True)
    service.protect(service.plan(service.share()))
    assert woken == [True]


def test_before_the_start_nobody_is_woken(service: Service) -> None:
    service.manager.runtime.plans.soon()
    assert service.manager.runtime.plans._wake.empty()

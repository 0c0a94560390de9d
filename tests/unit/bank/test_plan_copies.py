# SPDX-License-Identifier: Apache-2.0
"""Copies of plans in a bank: what is kept, what goes, and damage."""

import dataclasses
import uuid
from typing import Any

import pytest

from karbor_manila.bank import plan_copies
from karbor_manila.bank.errors import BankUnreadable, RecordInvalid, RecordVersionUnknown
from karbor_manila.bank.plan_copies import PlanCopy
from tests.unit.memory_bank import PROJECT, PROVIDER, MemoryBank
from tests.unit.planned import schedule


def copy(*schedules: dict[str, Any], **fields: Any) -> PlanCopy:
    plan = {
        "id": "plan-1",
        "name": "books",
        "description": "of the library",
        "provider_id": PROVIDER,
        "project_id": PROJECT,
        "status": "suspended",
        "parameters": {"OS::Manila::Share": {"force": "true"}},
        "resources": [{"id": "s-1", "type": "OS::Manila::Share", "name": "a", "extra_info": None}],
    }
    return PlanCopy(plan | fields, schedules)


@pytest.fixture
def bank() -> MemoryBank:
    return MemoryBank()


@pytest.mark.parametrize(
    "kept",
    [
        copy(),
        copy(schedule(), schedule("weekly")),
        copy(name=None, description=None, status=None, parameters={}, resources=[]),
        dataclasses.replace(copy(), lost_schedules=(schedule(),)),
    ],
)
def test_a_copy_comes_back_as_it_was(bank: MemoryBank, kept: PlanCopy) -> None:
    plan_copies.write(bank, kept)
    assert plan_copies.read(bank, kept.place) == kept
    assert list(plan_copies.everything(bank, PROVIDER)) == [(kept.place, kept)]


def test_those_of_another_provider_are_not_listed(bank: MemoryBank) -> None:
    plan_copies.write(bank, copy())
    assert plan_copies.places(bank, str(uuid.uuid4())) == []


def test_what_was_removed_is_gone_and_may_be_removed_again(bank: MemoryBank) -> None:
    plan_copies.write(bank, copy())
    for _ in range(2):
        plan_copies.remove(bank, copy().place)
    assert plan_copies.read(bank, copy().place) is None


@pytest.mark.parametrize(
    "damage",
    [
        {"version": "1"},
        {"plan": {}},
        {"schedules": [{}]},
        {"lost_schedules": None},
        [],
        "",
    ],
)
def test_a_damaged_copy_is_said_and_hides_no_other(bank: MemoryBank, damage: Any) -> None:
    plan_copies.write(bank, copy())
    plan_copies.write(bank, copy(id="plan-2"))
    content = bank.objects[copy().place.key]
    bank.objects[copy().place.key] = content | damage if isinstance(damage, dict) else damage
    with pytest.raises(RecordInvalid):
        plan_copies.read(bank, copy().place)
    found = dict(plan_copies.everything(bank, PROVIDER))
    assert isinstance(found[copy().place], RecordInvalid)
    assert isinstance(found[copy(id="plan-2").place], PlanCopy)


def test_one_of_a_later_release_is_told_from_damage(bank: MemoryBank) -> None:
    plan_copies.write(bank, copy())
    bank.objects[copy().place.key]["version"] = 2
    with pytest.raises(RecordVersionUnknown):
        plan_copies.read(bank, copy().place)


def test_one_that_lies_under_another_key_is_not_believed(bank: MemoryBank) -> None:
    plan_copies.write(bank, copy())
    elsewhere = dataclasses.replace(copy().place, project_id="another")
    bank.put(elsewhere.key, bank.objects[copy().place.key])
    with pytest.raises(RecordInvalid, match="another plan"):
        plan_copies.read(bank, elsewhere)


def test_a_bank_that_fails_is_not_taken_for_one_without_copies(
    bank: MemoryBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: Any, **_kwargs: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(plan_copies.bank_access, "pause", lambda _seconds: None)
    monkeypatch.setattr(bank, "list_objects", away)
    with pytest.raises(BankUnreadable):
        plan_copies.places(bank, PROVIDER)


def test_a_schedule_that_the_database_lacks_is_lost_unless_it_was_seen_to_go() -> None:
    kept, gone, lost = schedule("kept"), schedule("gone"), schedule("lost")
    before = copy(kept, gone, lost)
    after = copy(kept).after(before, {gone["id"]})
    assert (after.schedules, after.lost_schedules) == ((kept,), (lost,))
    assert copy(kept).after(after).lost_schedules == (lost,)


def test_a_lost_schedule_that_was_made_again_is_lost_no_more() -> None:
    lost = schedule()
    again = schedule(trigger=lost["trigger"] | {"id": "new"})
    again["trigger"]["properties"] = {
        "pattern": "0 3 * * *",
        "window": 30,
        "start_time": "2026-11-26",
    }
    assert copy(again).after(copy().after(copy(lost))).lost_schedules == ()


def test_before_its_plan_is_put_back_all_schedules_are_lost() -> None:
    one, two = schedule("one"), schedule("two")
    waiting = dataclasses.replace(copy(one), lost_schedules=(two,)).as_lost()
    assert waiting.schedules == ()
    assert {each["id"] for each in waiting.lost_schedules} == {one["id"], two["id"]}


@pytest.mark.parametrize(("fields", "can"), [({}, True), ({"project_id": "a/b"}, False)])
def test_what_cannot_be_part_of_a_key_is_not_copied(fields: Any, can: bool) -> None:
    assert plan_copies.is_storable(copy(**fields).plan) is can

# SPDX-License-Identifier: Apache-2.0
"""An object store whose list lags behind what was just written: nothing is taken for absent."""

import dataclasses
import types
from typing import Any

import pytest

from karbor_manila.bank import access, checkpoints, fencing, history, identity, plan_copies
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.bank.plan_copies import PlanCopy
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.bank.testing import Fault
from tests.contract.banks.memory_world import MemoryWorld
from tests.unit.bank.stage import INTENT, RECORD
from tests.unit.banks import make_checkpoint
from tests.unit.memory_bank import PROJECT, PROVIDER
from tests.unit.planned import schedule


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> MemoryWorld:
    """The store lists nothing of what it has."""
    world = MemoryWorld()
    monkeypatch.setattr(world.store, "keys", lambda *_args, **_kwargs: iter(()))
    return world


@pytest.fixture
def bank(world: MemoryWorld) -> Any:
    return world.open()


def test_a_checkpoint_that_was_just_made_is_held(bank: Any) -> None:
    made = make_checkpoint(bank)
    assert list(checkpoints.everything(bank)) == []
    assert checkpoints.is_held(bank, made.id)
    assert history.unheard_of(bank, [made.id]) == []


def test_one_that_was_never_made_is_not(bank: Any) -> None:
    assert not checkpoints.is_held(bank, "never-made")
    assert history.unheard_of(bank, ["never-made"]) == ["never-made"]


def test_a_store_that_gives_a_list_and_no_object_does_not_say(
    bank: Any, world: MemoryWorld
) -> None:
    made = make_checkpoint(bank)
    with world.trouble(Fault.ERROR), pytest.raises(BankUnreadable, match="whether it has"):
        checkpoints.is_held(bank, made.id)


def test_what_could_not_be_removed_is_not_taken_for_removed(bank: Any, world: MemoryWorld) -> None:
    bank.update_object("/a/b", 1)
    with world.trouble(Fault.ERROR), pytest.raises(BankUnreadable):
        access.remove(bank, "/a/b", "remove it")
    assert bank.get_object("/a/b") == 1
    access.remove(bank, "/a/b", "remove it")
    assert world.store.objects == {}


def test_a_bank_whose_id_is_not_listed_is_the_bank_all_the_same(bank: Any) -> None:
    """By this the keeper of the lease decides whether it may be renewed."""
    known: Any = types.SimpleNamespace(confirmed={PROVIDER: identity.bank_id(bank)})
    identity.check(bank, PROVIDER, known)


def test_a_copy_of_a_plan_that_is_not_listed_keeps_its_lost_schedules(bank: Any) -> None:
    plan = {
        "id": "plan-1",
        "name": "books",
        "description": None,
        "provider_id": PROVIDER,
        "project_id": PROJECT,
        "status": "suspended",
        "parameters": {},
        "resources": [],
    }
    kept = dataclasses.replace(PlanCopy(plan), lost_schedules=(schedule(),))
    plan_copies.write(bank, kept)
    assert plan_copies.read(bank, kept.place) == kept


@pytest.mark.parametrize("fenced", [False, True])
def test_nothing_is_left_of_a_share_whose_objects_are_not_listed(
    bank: Any, world: MemoryWorld, fenced: bool
) -> None:
    of = fencing.bank(bank, lambda: None) if fenced else bank
    share = ShareSection(of.get_sub_section("/share/"), lambda _seconds: None)
    share.begin(INTENT)
    share.complete(RECORD)
    share.status("available")
    share.forget()
    assert world.store.objects == {}

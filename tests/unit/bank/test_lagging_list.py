# SPDX-License-Identifier: Apache-2.0
"""An object store whose list lags behind what was just written: nothing is taken for absent."""

from typing import Any

import pytest

from karbor_manila.bank import access, checkpoints, history
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.bank.testing import Fault
from tests.contract.banks.memory_world import MemoryWorld
from tests.unit.banks import make_checkpoint


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

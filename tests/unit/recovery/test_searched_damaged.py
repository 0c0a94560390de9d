# SPDX-License-Identifier: Apache-2.0
"""A search of a bank in which something is damaged, was put back, or has a wrong time."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from karbor import exception as karbor_exception

from karbor_manila.bank import identity
from tests.unit.karbor_stage import database
from tests.unit.recovery.search_stage import DAY, OLD, Bank


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bank]:
    monkeypatch.setattr(identity.KNOWN, "confirmed", {})
    with database(monkeypatch):
        yield Bank()


@pytest.mark.parametrize("start", [True, False], ids=["first search", "a day later"])
def test_what_an_earlier_search_left_there_and_cannot_be_read_holds_up_no_search(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, start: bool
) -> None:
    """A bad sector below a file that only saves reading."""
    old = bank.add(1, OLD, status="deleting")
    bank.search_all()
    whole = bank.plugin.get_object

    def broken(key: str, context: Any = None) -> Any:
        if "/searched/" in key:
            raise karbor_exception.BankGetObjectFailed(reason="input/output error", key=key)
        return whole(key, context)

    monkeypatch.setattr("karbor_manila.bank.access.pause", lambda _seconds: None)
    monkeypatch.setattr(bank.plugin, "get_object", broken)
    bank.clock.sleep(DAY)
    if start:
        bank.start()
    assert bank.search_all() == {old}


def test_very_many_damaged_checkpoints_hold_up_no_look_at_the_others(bank: Bank) -> None:
    """A host lost its power: what was being written then is empty."""
    for number in range(20):
        damaged = bank.add(number, OLD)
        bank.plugin.put(f"/checkpoints/{damaged}/index.json", "")
        bank.plugin.put(f"/checkpoints/{damaged}/resource-data/{uuid.UUID(int=0)}/intent", {})
    watched = bank.add(100, status="protecting")
    other = bank.add(101, OLD, status="protecting")
    assert {item.id for item in bank.work.find()} == {watched, other}


def test_a_checkpoint_that_a_copy_of_the_bank_brought_back_is_found_within_a_day(
    bank: Bank,
) -> None:
    """It was deleted, and is in work in the copy that was put back."""
    old = bank.add(1, OLD, status="deleted")
    bank.search_all()
    bank.becomes(old, "deleting")
    bank.clock.sleep(DAY)
    assert bank.search_all() == {old}


def test_a_clock_that_was_set_to_the_right_year_makes_no_list_for_each_day(bank: Bank) -> None:
    """The machine started without a battery, and the service before its time was set."""
    old = bank.add(1, OLD, status="deleting")
    bank.clock._now -= 30 * 365 * DAY
    bank.search_all()
    bank.clock._now += 30 * 365 * DAY
    made = bank.add(2, status="protecting")
    assert bank.search() == {old, made}
    assert len(bank.plugin.lists) < 20


def test_where_the_whole_bank_cannot_be_listed_what_may_be_unfinished_is_found(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of one old checkpoint cannot be read."""
    whole = bank.plugin.list_objects

    def listing(prefix: Any = None, *args: Any, **kwargs: Any) -> Any:
        if prefix == "/checkpoints/":
            raise karbor_exception.BankListObjectsFailed(reason="input/output error")
        return whole(prefix, *args, **kwargs)

    monkeypatch.setattr("karbor_manila.bank.access.pause", lambda _seconds: None)
    made = bank.add(1, status="protecting")
    with monkeypatch.context() as patch:
        patch.setattr(bank.plugin, "list_objects", listing)
        assert [item.id for item in bank.work.find()] == [made]
        assert bank.work.away is not None
    hidden = bank.add(2, OLD, status="deleting")
    assert bank.search_all() == {made, hidden}

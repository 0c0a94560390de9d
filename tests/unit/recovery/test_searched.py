# SPDX-License-Identifier: Apache-2.0
"""A search reads what may be unfinished; the rest of the bank is read once a day, bit by bit."""

import datetime
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from karbor import exception as karbor_exception

from karbor_manila.bank import browses, identity
from karbor_manila.bank.errors import BankNotOurs
from karbor_manila.recovery import searched
from karbor_manila.recovery.searched import Look
from tests.unit.karbor_stage import database
from tests.unit.memory_bank import PROVIDER
from tests.unit.recovery.search_stage import DAY, HOUR, OLD, Bank

MANY = 10_000


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bank]:
    monkeypatch.setattr(identity.KNOWN, "confirmed", {})
    with database(monkeypatch):
        yield Bank()


def test_a_bank_of_ten_thousand_is_read_once_a_day_and_else_what_may_be_unfinished(
    bank: Bank,
) -> None:
    for number in range(MANY):
        bank.add(number, OLD)
    unfinished = {bank.add(MANY + each, OLD, status="protecting") for each in range(3)}

    # The first search of a bank that was never searched.
    found = bank.search()
    assert bank.plugin.read() <= searched.MOST + 3
    turns = 1
    while bank.work.more:
        found |= bank.search()
        assert bank.plugin.read() <= searched.MOST + 3 * 2
        assert bank.plugin.listed < 100
        turns += 1
    assert found == unfinished
    assert turns == MANY // searched.MOST + 1

    # A usual one: what was not at rest.
    bank.clock.sleep(20 * 60.0)
    assert bank.search() == unfinished
    assert bank.plugin.read() == 3
    assert bank.plugin.listed < 20

    # The first one after another start: what was not at rest first, then the rest bit by bit.
    bank.start()
    assert bank.search() == unfinished
    assert bank.plugin.read() <= searched.MOST + 3
    while bank.work.more:
        bank.search()

    # The rare one: nobody has read the whole bank for a day.
    bank.clock.sleep(DAY)
    assert bank.search() == unfinished
    assert searched.MOST <= bank.plugin.read() <= searched.MOST + 3
    assert bank.plugin.listed > MANY
    assert bank.work.more


def test_open_access_costs_one_list_of_what_is_open_however_many_checkpoints_there_are(
    bank: Bank,
) -> None:
    for number in range(2 * searched.MOST):
        bank.add(number, OLD)
    bank.search_all()
    until = bank.clock.utcnow() + datetime.timedelta(hours=1)
    checkpoint_id = bank.add(-1, OLD)
    entries = [
        browses.Entry(until, checkpoint_id, str(uuid.uuid4()), str(uuid.uuid4()))
        for _number in range(3)
    ]
    for entry in entries:
        browses.put(bank.provider.bank, PROVIDER, entry)
    assert bank.search(Look.DATABASE) == set()
    # Two more short lists are of hooks that have begun, and of deletions that wait.
    listed = ("hook-runs", "browses", "deletions")
    short = [f"/karbor-manila/{name}/{PROVIDER}/" for name in listed]
    assert bank.plugin.lists == short
    assert (bank.plugin.read(), bank.plugin.listed) == (0, 3)
    bank.clock.sleep(HOUR)
    assert bank.search(Look.DATABASE) == {checkpoint_id}
    assert bank.plugin.read() == 3


def test_a_search_of_everything_reads_everything_now(bank: Bank) -> None:
    bank.search_all()
    for number in range(2 * searched.MOST):
        bank.add(number, OLD)
    hidden = bank.add(-1, OLD, status="deleting")
    assert bank.search() == set()
    assert bank.search(Look.EVERYTHING) == {hidden}


def test_a_search_of_the_database_reads_no_checkpoint(bank: Bank) -> None:
    bank.add(1, status="protecting")
    assert bank.search(Look.DATABASE) == set()
    assert bank.plugin.read() == 0
    assert bank.plugin.listed == 0


def test_what_was_made_since_the_last_search_is_read_until_it_is_at_rest(bank: Bank) -> None:
    bank.search_all()
    bank.clock.sleep(HOUR)
    made = bank.add(1, status="protecting")
    bank.clock.sleep(10 * HOUR)
    assert bank.search() == {made}
    bank.becomes(made, "available")
    assert bank.search() == set()
    bank.clock.sleep(2 * HOUR)
    assert bank.search() == set()
    assert bank.search() == set()
    assert bank.plugin.read() == 0


def test_what_was_made_by_a_clock_that_is_behind_is_read(bank: Bank) -> None:
    bank.search_all()
    bank.clock.sleep(HOUR)
    assert bank.search() == set()
    late = bank.add(1, bank.clock.utcnow() - datetime.timedelta(minutes=50), status="protecting")
    assert bank.search() == {late}


def test_what_was_made_by_a_clock_that_is_ahead_and_past_midnight_is_read(bank: Bank) -> None:
    bank.search_all()
    early = bank.add(1, bank.clock.utcnow() + datetime.timedelta(hours=20), status="protecting")
    assert bank.search() == {early}


def test_what_was_made_after_our_clock_was_put_back_is_read(bank: Bank) -> None:
    bank.search_all()
    bank.clock.sleep(5 * HOUR)
    assert bank.search() == set()
    bank.clock._now -= 4.5 * HOUR
    made = bank.add(1, status="protecting")
    assert bank.search() == {made}


@pytest.mark.parametrize("field", ["started_at", "ended_at"])
def test_what_karbors_own_manager_works_on_is_read_by_its_logs(bank: Bank, field: str) -> None:
    """Which claims nothing: an old checkpoint that it was deleting when it died."""
    for number in range(10):
        bank.add(number, OLD)
    old = bank.add(10, OLD)
    bank.search_all()
    bank.clock.sleep(5 * HOUR)
    moments = {"started_at": OLD.replace(tzinfo=None)}
    bank.log(old, **moments | {field: bank.clock.utcnow().replace(tzinfo=None)})
    bank.becomes(old, "deleting")
    assert bank.search() == {old}
    assert bank.plugin.read() == 1


def test_what_somebody_was_seen_to_work_on_is_read_when_that_is_over(bank: Bank) -> None:
    old = bank.add(1, OLD)
    bank.search_all()
    bank.clock.sleep(5 * HOUR)
    claims = bank.work._claims
    claims.take(old, "delete", provider_id=PROVIDER, checkpoint_id=old, bank=bank.provider.bank)
    assert bank.search(Look.DATABASE) == set()
    claims.release(old)
    bank.becomes(old, "deleting")
    assert bank.search() == {old}


def test_an_intent_that_was_left_in_a_checkpoint_at_rest_is_watched(bank: Bank) -> None:
    """Its protection is complete and could not say so: only the bank knows."""
    old = bank.add(1, OLD)
    bank.plugin.put(f"/checkpoints/{old}/resource-data/{uuid.UUID(int=0)}/intent", {})
    assert bank.search_all() == {old}
    bank.clock.sleep(5 * HOUR)
    assert bank.search() == {old}
    bank.start()
    assert bank.search() == {old}
    bank.plugin.delete_object(f"/checkpoints/{old}/resource-data/{uuid.UUID(int=0)}/intent")
    assert bank.search() == set()
    bank.search()
    assert bank.plugin.read() == 0


def test_what_shows_nowhere_is_found_within_a_day(bank: Bank) -> None:
    """Whoever died between the first two writes of a checkpoint left it in no index."""
    bank.search_all()
    bank.clock.sleep(HOUR)
    hidden = bank.add(1, status="protecting")
    for key in [each for each in bank.plugin.objects if each.startswith("/indices/")]:
        bank.plugin.delete_object(key)
    assert bank.search() == set()
    bank.clock.sleep(DAY)
    assert bank.search() == {hidden}


def test_a_checkpoint_that_cannot_be_read_is_watched_and_hides_no_other(bank: Bank) -> None:
    damaged = bank.add(1, OLD)
    bank.plugin.put(f"/checkpoints/{damaged}/index.json", "")
    bank.plugin.put(f"/checkpoints/{damaged}/resource-data/{uuid.UUID(int=0)}/intent", {})
    other = bank.add(2, OLD, status="protecting")
    for _search in range(3):
        bank.plugin.forget()
        assert [item.id for item in bank.work.find()] == [other]
        assert bank.work.away is not None
        bank.clock.sleep(HOUR)
    bank.start()
    bank.plugin.forget()
    bank.work.find()
    assert f"/checkpoints/{damaged}/index.json" in bank.plugin.reads


def test_one_look_at_the_whole_bank_serves_all_processes(bank: Bank) -> None:
    for number in range(10):
        bank.add(number, OLD)
    bank.search_all()
    other = bank.work
    bank.clock.sleep(DAY)
    bank.start()
    assert bank.search_all() == set()
    assert bank.plugin.read() == 10
    bank.work = other
    bank.search()
    assert bank.plugin.read() == 0
    assert [key for key in bank.plugin.writes if "searched" in key] == []


@pytest.mark.parametrize(
    "what",
    [
        {"bank": "another"},
        {"whole": "yesterday"},
        {"whole": "2036-01-01T00:00:00+00:00"},
        {"whole": "2026-11-20T00:00:00"},
        {"watched": None},
    ],
    ids=str,
)
def test_what_is_said_of_another_bank_or_time_or_nothing_sensible_does_not_count(
    bank: Bank, what: dict[str, Any]
) -> None:
    old = bank.add(1, OLD, status="deleting")
    bank.search_all()
    key = f"/karbor-manila/searched/{PROVIDER}"
    bank.plugin.put(key, bank.plugin.objects[key] | {"watched": []} | what)
    bank.start()
    assert bank.search() == {old}


def test_what_is_seen_while_another_bank_is_in_the_place_is_no_rest(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mount goes away in the middle of a search."""
    old = bank.add(1, OLD, status="deleting")
    assert bank.search_all() == {old}
    whole = bank.plugin.list_objects
    away: dict[str, Any] = {}

    def listing(prefix: Any = None, *args: Any, **kwargs: Any) -> Any:
        away.update(bank.plugin.objects)
        for key in away:
            bank.plugin.delete_object(key)
        monkeypatch.setattr(bank.plugin, "list_objects", whole)
        return whole(prefix, *args, **kwargs)

    monkeypatch.setattr(bank.plugin, "list_objects", listing)
    assert bank.work.find() == []
    assert isinstance(bank.work.away, BankNotOurs)
    for key, value in away.items():
        bank.plugin.put(key, value)
    assert bank.search() == {old}


def test_a_bank_that_does_not_take_how_far_it_was_searched_is_searched_all_the_same(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = bank.add(1, OLD, status="deleting")

    def full(key: str, value: Any, context: Any = None) -> None:
        raise karbor_exception.BankUpdateObjectFailed(reason="full", key=key)

    monkeypatch.setattr("karbor_manila.bank.access.pause", lambda _seconds: None)
    with monkeypatch.context() as patch:
        patch.setattr(bank.plugin, "update_object", full)
        assert bank.search_all() == {old}
        assert bank.search() == {old}
    bank.start()
    assert bank.search() == {old}

# SPDX-License-Identifier: Apache-2.0
"""The id of a bank: given once, the same for everybody, and never replaced."""

import uuid

import pytest

from karbor_manila.bank import identity
from karbor_manila.bank.errors import BankUnreadable
from tests.unit.banks import (
    CONTAINER,
    FaultyPlugin,
    ForgetfulPlugin,
    open_bank,
    outage,
    stored,
)

DAMAGED = ["", "{", "not json", "null", "7", "[]", '"id"', "{}", '{"id": ""}', '{"id": null}']


def contents(folder):
    return {
        str(path): path.read_bytes() for path in (folder / CONTAINER).rglob("*") if path.is_file()
    }


def test_a_bank_is_given_an_id(tmp_path):
    assert uuid.UUID(identity.bank_id(open_bank(tmp_path)))


def test_the_id_stays_when_the_process_starts_anew(tmp_path):
    given = identity.bank_id(open_bank(tmp_path))
    assert identity.bank_id(open_bank(tmp_path)) == given
    assert identity.read(open_bank(tmp_path)) == given


def test_two_banks_have_two_ids(tmp_path):
    ids = {identity.bank_id(open_bank(tmp_path / name)) for name in ("a", "b")}
    assert len(ids) == 2


def test_reading_gives_a_bank_no_id(tmp_path):
    assert identity.read(open_bank(tmp_path)) is None
    assert contents(tmp_path) == {}


def test_other_objects_of_ours_are_not_taken_for_the_id(tmp_path):
    bank = open_bank(tmp_path)
    bank.update_object(identity.PREFIX + "/leases/owner-1", {"id": "mine"})
    assert identity.read(bank) is None


def test_checkpoints_see_nothing_of_the_id(tmp_path):
    bank = open_bank(tmp_path)
    identity.bank_id(bank)
    assert not list(bank.list_objects("/checkpoints/"))
    assert not list(bank.list_objects("/indices/"))


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("ask", [identity.read, identity.bank_id])
def test_a_damaged_id_is_an_error_and_is_not_replaced(tmp_path, ask, damage):
    bank = open_bank(tmp_path)
    identity.bank_id(bank)
    stored(tmp_path, identity.KEY).write_text(damage)
    before = contents(tmp_path)
    with pytest.raises(BankUnreadable, match="give its id"):
        ask(bank)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("ask", [identity.read, identity.bank_id])
def test_an_id_that_is_no_text_is_an_error_too(tmp_path, ask):
    bank = open_bank(tmp_path)
    identity.bank_id(bank)
    stored(tmp_path, identity.KEY).write_bytes(b"\x80\xff\xfe")
    with pytest.raises(BankUnreadable):
        ask(bank)


@pytest.mark.parametrize("broken", [["get"], ["list", "get"]])
@pytest.mark.parametrize("ask", [identity.read, identity.bank_id])
def test_an_unreadable_bank_is_an_error_and_nothing_is_written(tmp_path, ask, broken):
    bank = open_bank(tmp_path, FaultyPlugin)
    identity.bank_id(bank)
    before = contents(tmp_path)
    outage(bank, *broken)
    with pytest.raises(BankUnreadable, match="out of order"):
        ask(bank)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("ask", [identity.read, identity.bank_id])
def test_what_cannot_be_listed_is_not_taken_for_empty(tmp_path, ask):
    bank = open_bank(tmp_path, FaultyPlugin)
    outage(bank, "list")
    with pytest.raises(BankUnreadable, match="out of order"):
        ask(bank)
    assert contents(tmp_path) == {}


def test_a_bank_that_takes_nothing_is_an_error(tmp_path):
    bank = open_bank(tmp_path, FaultyPlugin)
    outage(bank, "update")
    with pytest.raises(BankUnreadable, match="take its id"):
        identity.bank_id(bank)


def test_a_bank_that_loses_what_it_takes_is_an_error(tmp_path):
    with pytest.raises(BankUnreadable, match="keep its id"):
        identity.bank_id(open_bank(tmp_path, ForgetfulPlugin))


def test_of_two_who_meet_an_empty_bank_both_go_by_what_stands_there(tmp_path):
    class Raced(FaultyPlugin):
        """Another Karbor writes its id right after ours."""

        def update_object(self, key, value, context=None):
            super().update_object(key, value, context)
            super().update_object(key, {"id": "the other's"}, context)

    assert identity.bank_id(open_bank(tmp_path, Raced)) == "the other's"
    assert identity.bank_id(open_bank(tmp_path)) == "the other's"

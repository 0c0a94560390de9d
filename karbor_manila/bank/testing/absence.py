# SPDX-License-Identifier: Apache-2.0
"""Absence: what is not there is told from what is not given."""

import logging
from typing import Any

import pytest
from karbor import exception as karbor_exception

from karbor_manila.bank import access, identity
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.bank.testing.world import BankWorld, Fault, fill, listed, some_key

_OUT = [Fault.ERROR, Fault.BUSY, Fault.GONE, Fault.DENIED, Fault.SILENT]


class Absence:
    """A missing snapshot is never concluded from a store that is down."""

    def test_what_is_not_there_is_an_error_of_karbors(self, world: BankWorld) -> None:
        bank = world.open()
        fill(bank, "/a/b")
        for key in ("/none", "/a/c", some_key()):
            with pytest.raises(karbor_exception.BankGetObjectFailed):
                bank.get_object(key)

    def test_what_is_not_there_is_absent(self, world: BankWorld) -> None:
        bank, key = world.open(), some_key()
        found = access.look(lambda: bank.get_object(key), lambda: key in listed(bank, key))
        assert found.is_absent

    def test_what_is_not_there_makes_no_noise_in_the_log(
        self, world: BankWorld, caplog: pytest.LogCaptureFixture
    ) -> None:
        bank = world.open()
        fill(bank, "/a/b")
        caplog.clear()
        with pytest.raises(karbor_exception.BankGetObjectFailed):
            bank.get_object("/none")
        assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []

    def test_what_is_not_there_can_be_removed_and_nothing_else_goes(self, world: BankWorld) -> None:
        bank = world.open()
        fill(bank, "/a/b", "/a/bc")
        access.remove(bank, "/a/b", "remove")
        access.remove(bank, "/a/b", "remove")
        access.remove(bank, "/a/none", "remove")
        assert [*bank.list_objects("/a/")] == ["/a/bc"]

    @pytest.mark.parametrize("fault", _OUT)
    def test_what_a_store_in_trouble_does_not_give_is_not_absent(
        self, world: BankWorld, fault: Fault
    ) -> None:
        world.requires(fault)
        bank, key = world.open(), some_key()
        bank.update_object(key, 1)

        def look(at: Any) -> access.Stored:
            return access.look(lambda: at.get_object(key), lambda: key in listed(at, key))

        with world.befalling(fault, bank) as asked, pytest.raises(BankUnreadable):
            access.ask(lambda: look(asked), "give it", sleep=lambda _seconds: None, attempts=2)
        assert look(bank).value == 1

    @pytest.mark.parametrize("fault", _OUT)
    def test_a_store_in_trouble_gets_no_new_id(self, world: BankWorld, fault: Fault) -> None:
        world.requires(fault)
        bank = world.open()
        known = identity.bank_id(bank)
        with world.befalling(fault, bank) as asked, pytest.raises(BankUnreadable):
            identity.bank_id(asked)
        assert identity.bank_id(world.open()) == known

    def test_a_bank_keeps_the_id_that_it_was_given(self, world: BankWorld) -> None:
        assert identity.read(world.open()) is None
        known = identity.bank_id(world.open())
        assert identity.bank_id(world.open()) == known == identity.read(world.open())

# SPDX-License-Identifier: Apache-2.0
"""A store that is down, slow, full or silent: an error of Karbor's in time, and nothing lost."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from karbor import exception as karbor_exception

from karbor_manila.bank import access
from karbor_manila.bank.testing.world import BankWorld, Fault, listed, some_key

_OUT = [Fault.ERROR, Fault.BUSY, Fault.GONE, Fault.DENIED, Fault.SILENT]

_Call = Callable[[Any, str], Any]
_CALLS: dict[str, tuple[type[Exception], _Call]] = {
    "get": (karbor_exception.BankGetObjectFailed, lambda bank, key: bank.get_object(key)),
    "update": (
        karbor_exception.BankUpdateObjectFailed,
        lambda bank, key: bank.update_object(key, "new"),
    ),
    "delete": (karbor_exception.BankDeleteObjectFailed, lambda bank, key: bank.delete_object(key)),
    "list": (karbor_exception.BankListObjectsFailed, lambda bank, _key: bank.list_objects("/")),
}


def _no_pause(_seconds: float) -> None:
    """Between two attempts."""


class Trouble:
    """Whatever the store does, a call ends, and what was kept is kept."""

    @pytest.mark.parametrize("fault", _OUT)
    @pytest.mark.parametrize("call", list(_CALLS))
    def test_a_store_in_trouble_is_an_error_of_karbors_in_time(
        self, world: BankWorld, call: str, fault: Fault
    ) -> None:
        world.requires(fault)
        bank, key = world.open(), some_key()
        bank.update_object(key, "old")
        error, act = _CALLS[call]
        began = time.monotonic()
        with world.befalling(fault, bank) as asked, pytest.raises(error):
            act(asked, key)
        assert time.monotonic() - began < world.deadline
        assert bank.get_object(key) in {"old", "new"}

    @pytest.mark.parametrize("fault", [Fault.ERROR, Fault.BUSY, Fault.LOST_REPLY])
    def test_what_fails_once_is_done_by_asking_again(self, world: BankWorld, fault: Fault) -> None:
        world.requires(fault)
        if not world.counts:
            pytest.skip("this store cannot be made to fail once")
        bank, key = world.open(), some_key()
        bank.update_object(key, 0)
        with world.trouble(fault, times=1):
            access.ask(lambda: bank.update_object(key, 1), "take it", sleep=_no_pause)
        assert bank.get_object(key) == 1
        with world.trouble(fault, times=1):
            assert access.ask(lambda: bank.get_object(key), "give it", sleep=_no_pause) == 1
        with world.trouble(fault, times=1):
            assert access.ask(lambda: listed(bank, key), "list", sleep=_no_pause) == [key]
        with world.trouble(fault, times=1):
            access.remove(bank, key, "remove it")
        assert listed(bank, key) == []

    def test_a_slow_store_gives_and_takes_all(self, world: BankWorld) -> None:
        world.requires(Fault.SLOW)
        bank, key = world.open(), some_key()
        with world.trouble(Fault.SLOW):
            bank.update_object(key, {"a": 1})
            assert bank.get_object(key) == {"a": 1}
            assert listed(bank, key) == [key]
            bank.delete_object(key)
        assert listed(bank, key) == []

    def test_a_store_that_takes_no_write_keeps_and_gives_what_it_has(
        self, world: BankWorld
    ) -> None:
        world.requires(Fault.FULL)
        bank, key = world.open(), some_key()
        bank.update_object(key, {"old": 1})
        with world.trouble(Fault.FULL):
            with pytest.raises(karbor_exception.BankUpdateObjectFailed):
                bank.update_object(key, {"new": "x" * 10_000})
            assert bank.get_object(key) == {"old": 1}
            assert listed(bank, key) == [key]
        bank.update_object(key, {"new": 1})
        assert bank.get_object(key) == {"new": 1}

    @pytest.mark.parametrize("fault", [Fault.GONE, Fault.ERROR, Fault.DENIED])
    def test_a_bank_that_is_opened_in_trouble_works_once_that_is_over(
        self, world: BankWorld, fault: Fault
    ) -> None:
        world.requires(fault)
        key = some_key()
        world.open().update_object(key, "old")
        with world.trouble(fault):
            bank = world.open()
            with pytest.raises(karbor_exception.BankGetObjectFailed):
                bank.get_object(key)
        assert bank.get_object(key) == "old"
        bank.update_object(key, "new")
        assert bank.get_object(key) == "new"

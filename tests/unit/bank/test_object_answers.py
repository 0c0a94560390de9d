# SPDX-License-Identifier: Apache-2.0
"""What a store answered is told from what was answered before: a store that is down has nothing
absent."""

from collections.abc import Iterator
from typing import Any

import pytest
from karbor import exception as karbor_exception
from keystoneauth1 import exceptions as keystone_exceptions
from swiftclient.exceptions import ClientException

from karbor_manila.bank import access
from karbor_manila.bank.testing import Fault
from tests.contract.banks.memory_world import MemoryWorld


@pytest.fixture
def world() -> MemoryWorld:
    return MemoryWorld()


def test_what_is_asked_for_after_something_absent_is_not_absent_with_a_store_that_is_down(
    world: MemoryWorld,
) -> None:
    """Python says of an error which other one was being handled when it was raised."""
    bank = world.open()
    bank.update_object("/a", 1)
    with pytest.raises(karbor_exception.BankGetObjectFailed, match="could not be asked"):
        try:
            bank.get_object("/none")
        except karbor_exception.BankGetObjectFailed:
            with world.trouble(Fault.GONE):
                access.look(lambda: bank.get_object("/a"), lambda: False)


def test_a_keystone_that_answers_404_has_no_object_absent(
    world: MemoryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get(_key: str) -> Iterator[Any]:
        raise keystone_exceptions.NotFound

    bank = world.open()
    monkeypatch.setattr(world.store, "get", get)
    with pytest.raises(karbor_exception.BankGetObjectFailed) as failed:
        access.look(lambda: bank.get_object("/a"), lambda: False)
    assert "no such object" not in str(failed.value)


def test_an_answer_of_karbors_own_bank_is_not_that_to_an_earlier_question() -> None:
    """Its errors have what they were raised of as their context alone."""

    def ask(status: int | None) -> None:
        try:
            raise ClientException("", http_status=status)
        except ClientException as error:
            raise karbor_exception.BankGetObjectFailed(reason=error, key="/a")  # noqa: B904 - so

    assert access.look(lambda: ask(404), lambda: False).is_absent
    try:
        raise ClientException("", http_status=503)
    except ClientException:
        assert access.look(lambda: ask(None), lambda: False).is_absent

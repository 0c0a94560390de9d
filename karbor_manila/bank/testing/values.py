# SPDX-License-Identifier: Apache-2.0
"""Values: what is put in comes out equal and of the same type, or does not go in."""

from typing import Any

import pytest

from karbor_manila.bank import access
from karbor_manila.bank.testing.world import BankWorld, listed, same, some_key

_LARGE = 5 * 1024 * 1024

#: Everything that Karbor's checkpoints and our records are made of.
_VALUES: dict[str, Any] = {
    "dict": {"a": [1, None, {"b": "c"}], "empty": {}},
    "list": ["a", 1, []],
    "text": "available",
    "empty-text": "",
    "number-in-text": "123",
    "json-in-text": '{"a": 1}',
    "null-in-text": "null",
    "lines": "a\r\nb\n",
    "unicode": "Größe \U0001f600 \u2028",
    "unicode-in-dict": {"Größe": "\U0001f600"},
    "number": 5,
    "float": 1.5,
    "true": True,
    "null": None,
    "bytes": b"\xff\x00binary",
    "bytes-of-text": b"text",
    "no-bytes": b"",
}


class Values:
    """Exact values back."""

    @pytest.mark.parametrize("name", list(_VALUES))
    def test_a_value_comes_back_equal_and_of_its_type(self, world: BankWorld, name: str) -> None:
        key, value = some_key(), _VALUES[name]
        world.open().update_object(key, value)
        found = world.open().get_object(key)
        assert same(found, value), f"{value!r} came back as {found!r}"

    @pytest.mark.parametrize("kind", ["text", "bytes", "dict"])
    def test_five_mebibytes_come_back(self, world: BankWorld, kind: str) -> None:
        text = "0123456789abcdef" * (_LARGE // 16)
        value = {"text": text, "bytes": text.encode(), "dict": {"a": text}}[kind]
        bank, key = world.open(), some_key()
        bank.update_object(key, value)
        # Not in the assertion: five mebibytes are nothing to read in a report.
        is_same = same(bank.get_object(key), value)
        assert is_same

    @pytest.mark.parametrize(
        "value", [{1: "a"}, {"a": {1, 2}}, {"a": b"bytes"}, float("nan")], ids=repr
    )
    def test_what_would_not_come_back_is_refused_and_the_old_value_stays(
        self, world: BankWorld, value: Any
    ) -> None:
        bank, key = world.open(), some_key()
        bank.update_object(key, {"old": 1})
        with pytest.raises(Exception, match="value"):
            bank.update_object(key, value)
        assert bank.get_object(key) == {"old": 1}

    def test_the_last_value_stands_for_everybody(self, world: BankWorld) -> None:
        bank, other, key = world.open(), world.open(), some_key()
        for turn in range(5):
            bank.update_object(key, {"turn": turn})
            assert other.get_object(key) == {"turn": turn}
        bank.update_object(key, "shorter")
        assert other.get_object(key) == "shorter"
        assert listed(bank, key) == [key]

    def test_a_value_that_is_damaged_is_neither_a_value_nor_absent(self, world: BankWorld) -> None:
        bank, key = world.open(), some_key()
        bank.update_object(key, {"a": 1})
        world.spoil(key)
        found = access.look(lambda: bank.get_object(key), lambda: key in listed(bank, key))
        assert found.outcome is access.Outcome.DAMAGED

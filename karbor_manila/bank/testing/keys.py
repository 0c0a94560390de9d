# SPDX-License-Identifier: Apache-2.0
"""Keys: all that Karbor lets through, each of them its own."""

from typing import Any

import pytest

from karbor_manila.bank.testing.world import BankWorld, fill

_BELOW = "/keys/"
_ODD = (
    "a",
    "a.b",
    ".hidden/.file",
    "a..b/c..",
    "...",
    "-dash/--/-",
    "@at@/x@y",
    "_/_",
    "0/00",
    "Upper/UPPER",
    "deep/" + "/".join("abcdefghijklmnopqrst"),
    "x" * 255 + "/" + "y" * 255,
    "indices/by-date/2026-11-26/project/1790000000@5f2c2e1c-0000-4000-8000-000000000000",
)


class Keys:
    """Karbor's alphabet: letters, digits, ``_``, ``.``, ``-``, ``@`` and slashes."""

    @pytest.mark.parametrize("key", _ODD, ids=lambda key: key[:20])
    def test_a_key_is_written_read_listed_and_removed(self, world: BankWorld, key: str) -> None:
        bank, key = world.open(), _BELOW + key
        bank.update_object(key, {"of": key})
        assert bank.get_object(key) == {"of": key}
        assert [*bank.list_objects(_BELOW)] == [key]
        bank.delete_object(key)
        assert [*bank.list_objects(_BELOW)] == []

    def test_keys_that_look_alike_are_not_taken_for_each_other(self, world: BankWorld) -> None:
        keys = ["/a/b", "/a/B", "/a/b.", "/a/b-", "/a/bb", "/a/b@b", "/a/b_"]
        bank = world.open()
        fill(bank, *keys)
        assert [bank.get_object(key) for key in keys] == keys
        bank.delete_object("/a/b")
        assert sorted(bank.list_objects("/a/")) == sorted(set(keys) - {"/a/b"})

    @pytest.mark.parametrize("key", ["a/b", "//a/b", "/a//b"])
    def test_a_key_is_the_same_with_more_slashes_or_none(self, world: BankWorld, key: str) -> None:
        bank = world.open()
        bank.update_object(key, 1)
        assert bank.get_object("/a/b") == 1
        assert [*bank.list_objects("/a/")] == ["/a/b"]

    @pytest.mark.parametrize("key", ["/a b", "/ü", "/../b", "/a/", "/a\nb", "/a?b", ""])
    def test_a_key_that_karbor_refuses_is_refused(self, world: BankWorld, key: str) -> None:
        bank = world.open()
        calls: list[Any] = [
            lambda: bank.update_object(key, 1),
            lambda: bank.get_object(key),
            lambda: bank.delete_object(key),
        ]
        for call in calls:
            with pytest.raises(Exception, match=r"allowed|parts"):
                call()
        assert [*bank.list_objects("/")] == []

    def test_sections_cut_off_their_own_prefix_and_no_more(self, world: BankWorld) -> None:
        bank = world.open()
        root = bank.get_sub_section("/")
        root.get_sub_section("a").get_sub_section("b").update_object("c", "value")
        for section in (bank.get_sub_section("/a"), root.get_sub_section("a")):
            assert section.list_objects() == ["b/c"]
            assert section.list_objects("/b/") == ["b/c"]
            assert section.get_object("b/c") == "value"
        assert root.list_objects() == ["a/b/c"]
        bank.get_sub_section("/a/").delete_object("b/c")
        assert root.list_objects() == []

# SPDX-License-Identifier: Apache-2.0
"""Lists: complete, in the order asked for, from a marker, up to a limit, of a prefix."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from karbor_manila.bank.testing.world import BankWorld, fill

#: Several folders, in which a file, a folder and a longer name sort as plain strings do.
_TREE = ["/a.b", "/a/1", "/a/10", "/a/2", "/a/b/c", "/a/b/d", "/ab", "/b/1"]


def _expected(
    prefix: str, limit: int | None, marker: str | None, sort_dir: str | None
) -> list[str]:
    is_down = sort_dir == "desc"
    found = sorted((key for key in _TREE if key.startswith(prefix)), reverse=is_down)
    if marker is not None:
        found = [key for key in found if (key < marker if is_down else key > marker)]
    return found[:limit]


class Listing:
    """A list of a bank is that of its keys as plain strings."""

    @pytest.fixture
    def tree(self, world: BankWorld) -> Iterator[Any]:
        bank = world.open()
        fill(bank, *reversed(_TREE))
        yield bank

    @pytest.mark.parametrize("sort_dir", [None, "asc", "desc"])
    def test_a_list_is_in_the_order_asked_for(self, tree: Any, sort_dir: str | None) -> None:
        assert tree.list_objects("/", sort_dir=sort_dir) == _expected("/", None, None, sort_dir)

    def test_without_a_prefix_everything_is_listed(self, tree: Any) -> None:
        assert sorted(tree.list_objects()) == sorted(_TREE)

    @pytest.mark.parametrize("prefix", ["/a/", "/a/b/", "/b/"])
    def test_a_prefix_with_a_slash_is_what_is_below(self, tree: Any, prefix: str) -> None:
        assert sorted(tree.list_objects(prefix)) == _expected(prefix, None, None, None)

    @pytest.mark.parametrize("prefix", ["/a", "/a/1", "/a/b"])
    def test_a_prefix_without_one_is_how_keys_begin(self, tree: Any, prefix: str) -> None:
        assert sorted(tree.list_objects(prefix)) == _expected(prefix, None, None, None)

    @pytest.mark.parametrize("limit", [1, 3, len(_TREE), 100])
    @pytest.mark.parametrize("sort_dir", [None, "desc"])
    def test_a_limit_counts_from_the_beginning_of_the_order(
        self, tree: Any, limit: int, sort_dir: str | None
    ) -> None:
        found = tree.list_objects("/", limit=limit, sort_dir=sort_dir)
        assert found == _expected("/", limit, None, sort_dir)

    @pytest.mark.parametrize("marker", ["/a/10", "/a/b/d", "/a/nothing", "/b/1"])
    @pytest.mark.parametrize("sort_dir", [None, "desc"])
    def test_a_marker_is_what_the_list_begins_after(
        self, tree: Any, marker: str, sort_dir: str | None
    ) -> None:
        found = tree.list_objects("/", marker=marker, sort_dir=sort_dir)
        assert found == _expected("/", None, marker, sort_dir)

    @pytest.mark.parametrize("sort_dir", [None, "desc"])
    @pytest.mark.parametrize("size", [1, 3])
    def test_pages_follow_each_other(self, tree: Any, size: int, sort_dir: str | None) -> None:
        found: list[str] = []
        for _page in range(len(_TREE) + 1):
            page = tree.list_objects(
                "/a", limit=size, marker=found[-1] if found else None, sort_dir=sort_dir
            )
            found += page
            if len(page) < size:
                break
        assert found == _expected("/a", None, None, sort_dir)

    @pytest.mark.parametrize("prefix", ["/none/", "/none", "/a/1/", "/a/b/c/d/"])
    def test_where_nothing_is_the_list_is_empty(self, tree: Any, prefix: str) -> None:
        assert [*tree.list_objects(prefix)] == []

    def test_an_empty_bank_has_an_empty_list(self, world: BankWorld) -> None:
        assert [*world.open().list_objects()] == []

    def test_a_list_longer_than_one_answer_is_complete(self, world: BankWorld) -> None:
        bank = world.open()
        keys = [f"/many/{number:05}" for number in range(2 * world.page + 5)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda key: bank.update_object(key, 1), keys))
        assert sorted(bank.list_objects("/many/")) == keys
        assert sorted(bank.list_objects("/many/", limit=world.page + 1)) == keys[: world.page + 1]

    def test_what_was_written_is_listed_by_everybody_and_what_is_removed_by_nobody(
        self, world: BankWorld
    ) -> None:
        bank, other = world.open(), world.open()
        for turn in range(5):
            key = f"/intents/{turn}"
            bank.update_object(key, turn)
            assert [*other.list_objects("/intents/")] == [key]
            bank.delete_object(key)
            assert [*other.list_objects("/intents/")] == []

# SPDX-License-Identifier: Apache-2.0
"""Protect: each share once for each mark, several side by side, and each for itself."""

import json
import uuid

import pytest

from karbor_manila.drivers.base import Kept
from karbor_manila.drivers.testing.world import KEPT, View, World, mark_for, protect
from karbor_manila.manila.errors import ManilaRefused
from karbor_manila.manila.marks import Mark


class Protecting:
    """What is protected is found again, and never made twice."""

    def test_what_is_protected_bears_the_name_the_text_and_the_mark(
        self, world: World, share: View
    ) -> None:
        mark = mark_for(share)
        kept = protect(world.driver(), share, mark)
        (view,) = world.kept_of(share["id"])
        assert view["name"] == "kept"
        assert view["description"].startswith("why")
        assert view["status"] == "available"
        assert [each.id for each in world.driver().find(mark)] == [kept.id]

    def test_what_keeps_a_share_says_whose_it_is_and_its_data_are_plain(
        self, world: World, share: View
    ) -> None:
        kept = protect(world.driver(), share, mark_for(share))
        assert (kept.driver, kept.share_id) == (world.driver_class.name, share["id"])
        assert (kept.size, kept.status) == (share["size"], "available")
        assert json.loads(json.dumps(dict(kept.data))) == kept.data

    def test_the_same_mark_never_makes_a_second_snapshot(self, world: World, share: View) -> None:
        mark = mark_for(share)
        first = protect(world.driver(), share, mark)
        assert protect(world.driver(), share, mark).id == first.id
        assert len(world.kept_of(share["id"])) == 1

    def test_another_checkpoint_makes_another_snapshot(self, world: World, share: View) -> None:
        first = protect(world.driver(), share, mark_for(share))
        assert protect(world.driver(), share, mark_for(share)).id != first.id

    def test_another_bank_does_not_adopt_the_snapshot(self, world: World, share: View) -> None:
        mark = mark_for(share)
        other = Mark(str(uuid.uuid4()), mark.provider, mark.checkpoint, mark.resource)
        first = protect(world.driver(), share, mark)
        assert protect(world.driver(), share, other).id != first.id

    def test_several_shares_are_protected_by_one_call_and_adopted_by_the_next(
        self, world: World
    ) -> None:
        shares = [world.make_share() for _ in range(3)]
        together = mark_for(shares[0])
        marks = {
            share["id"]: Mark(together.bank, together.provider, together.checkpoint, share["id"])
            for share in shares
        }
        options = dict.fromkeys(marks, KEPT)
        driver = world.driver(expected=3)
        first = dict(driver.protect(shares, marks, options))
        assert set(first) == set(marks)
        for share_id, kept in first.items():
            assert isinstance(kept, Kept)
            assert driver.wait(kept).share_id == share_id
        again = dict(world.driver(expected=3).protect(shares, marks, options))
        assert {share: kept.id for share, kept in again.items() if isinstance(kept, Kept)} == {
            share: kept.id for share, kept in first.items() if isinstance(kept, Kept)
        }

    def test_a_share_that_is_refused_keeps_no_other_from_being_protected(
        self, world: World, share: View
    ) -> None:
        without = world.make_share(snapshot_support=False)
        shares = [without, share]
        marks = {each["id"]: mark_for(each) for each in shares}
        driver = world.driver(expected=2)
        results = dict(driver.protect(shares, marks, dict.fromkeys(marks, KEPT)))
        assert isinstance(results[without["id"]], ManilaRefused)
        kept = results[share["id"]]
        assert isinstance(kept, Kept)
        assert driver.wait(kept).status == "available"

    def test_nothing_to_protect_is_no_request_and_no_result(self, world: World) -> None:
        assert list(world.driver().protect([], {}, {})) == []

    @pytest.mark.parametrize("number", [1, 3])
    def test_each_result_comes_with_the_share_that_it_is_of(
        self, world: World, number: int
    ) -> None:
        shares = [world.make_share() for _ in range(number)]
        marks = {share["id"]: mark_for(share) for share in shares}
        driver = world.driver(expected=number)
        for share_id, kept in driver.protect(shares, marks, dict.fromkeys(marks, KEPT)):
            assert isinstance(kept, Kept)
            assert [each.id for each in world.driver().find(marks[share_id])] == [kept.id]

# SPDX-License-Identifier: Apache-2.0
"""Copy: a share and what keeps it, of its own, that outlive what they were made from."""

import dataclasses

import pytest

from karbor_manila.drivers.testing.world import (
    View,
    World,
    copy,
    keeper_of,
    mark_for,
    protect,
    restore,
    shares_of,
    unknown,
)
from karbor_manila.manila.errors import SnapshotDoubtful, SnapshotGone


class Copying:
    """A copy is a restore and a protection; only what was made for one goes with it."""

    def test_what_is_there_can_be_copied_and_what_is_not_is_refused(
        self, world: World, share: View
    ) -> None:
        driver = world.driver()
        kept = protect(driver, share, mark_for(share))
        gone = unknown(share)
        larger = dataclasses.replace(kept, size=share["size"] + 1)
        assert driver.preflight_copy([kept]) == {}
        assert driver.preflight_copy([]) == {}
        refused = driver.preflight_copy([gone])
        assert isinstance(refused[gone.key], SnapshotGone)
        refused = driver.preflight_copy([larger])
        assert isinstance(refused[kept.key], SnapshotDoubtful)

    def test_a_copy_outlives_what_it_was_made_from(self, world: World, share: View) -> None:
        world.write(share["id"], "before")
        source, mark = mark_for(share), mark_for(share)
        kept = protect(world.driver(), share, source)
        world.write(share["id"], "after")
        driver = world.driver()
        clone, copied = copy(driver, kept, mark)
        assert [each.id for each in keeper_of(driver).find(mark)] == [copied.id]
        assert [view["id"] for view in shares_of(driver).find(mark.of_clone())] == [clone["id"]]
        assert world.read(clone["id"]) == "before"
        driver.delete(kept, source, project_id=world.project_id)
        assert copied.share_id == clone["id"]
        assert keeper_of(world.driver()).check(copied).id == copied.id

    @pytest.mark.parametrize("by", ["id and mark", "mark", "id"])
    def test_a_deleted_copy_leaves_nothing_but_its_source(
        self, world: World, share: View, by: str
    ) -> None:
        mark = mark_for(share)
        kept = protect(world.driver(), share, mark_for(share))
        clone, copied = copy(world.driver(), kept, mark)
        share_id = clone["id"] if "id" in by else None
        marked = mark.of_clone() if "mark" in by else None
        driver = world.driver()
        for _ in range(2):
            keeper_of(driver).delete(copied, mark, project_id=world.project_id)
            shares_of(driver).delete_clone(marked, share_id, project_id=world.project_id)
        assert world.share(clone["id"]) is None
        assert [view["id"] for view in world.kept_of(share["id"])] == [kept.id]

    def test_a_share_that_was_made_for_no_copy_is_not_removed_by_a_mark(
        self, world: World, share: View
    ) -> None:
        driver, mark = world.driver(), mark_for(share)
        kept = protect(driver, share, mark_for(share))
        new = restore(driver, kept, mark.of_clone())["id"]
        shares_of(driver).delete_clone(mark.of_clone(), None, project_id=world.project_id)
        assert world.share(new) is not None

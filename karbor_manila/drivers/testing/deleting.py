# SPDX-License-Identifier: Apache-2.0
"""Delete: by id and by mark, until it is gone, however often; never another's."""

from karbor_manila.drivers.testing.world import (
    View,
    World,
    begin_restore,
    mark_for,
    mark_of_restore,
    protect,
    shares_of,
    unknown,
)


class Deleting:
    """When delete returns, it is gone."""

    def test_what_is_deleted_is_gone_when_delete_returns(self, world: World, share: View) -> None:
        mark = mark_for(share)
        kept = protect(world.driver(), share, mark)
        world.driver().delete(kept, mark, project_id=world.project_id)
        assert world.kept_of(share["id"]) == []

    def test_deleting_again_succeeds(self, world: World, share: View) -> None:
        mark = mark_for(share)
        kept = protect(world.driver(), share, mark)
        for _ in range(2):
            world.driver().delete(kept, mark, project_id=world.project_id)

    def test_deleting_the_unknown_succeeds(self, world: World, share: View) -> None:
        world.driver().delete(unknown(share), mark_for(share), project_id=world.project_id)

    def test_deleting_by_the_mark_alone_finds_what_was_made(
        self, world: World, share: View
    ) -> None:
        mark = mark_for(share)
        protect(world.driver(), share, mark)
        world.driver().delete(None, mark, project_id=world.project_id)
        assert world.kept_of(share["id"]) == []

    def test_an_undo_finds_what_the_same_flow_has_just_made(
        self, world: World, share: View
    ) -> None:
        driver, mark = world.driver(), mark_for(share)
        protect(driver, share, mark)
        driver.delete(None, mark, project_id=world.project_id, undo=True)
        assert world.kept_of(share["id"]) == []

    def test_deleting_leaves_everybody_elses_snapshots(self, world: World, share: View) -> None:
        other = protect(world.driver(), share, mark_for(share))
        mark = mark_for(share)
        mine = protect(world.driver(), share, mark)
        world.driver().delete(mine, mark, project_id=world.project_id)
        assert [view["id"] for view in world.kept_of(share["id"])] == [other.id]

    def test_an_administrators_driver_removes_what_a_project_has_without_its_mark(
        self, world: World, share: View
    ) -> None:
        other = protect(world.driver(), share, mark_for(share))
        kept = protect(world.driver(), share, mark_for(share))
        world.overseer().delete(kept, project_id=world.project_id)
        assert [view["id"] for view in world.kept_of(share["id"])] == [other.id]

    def test_a_clone_that_an_administrator_makes_elsewhere_is_waited_for(
        self, world: World, share: View
    ) -> None:
        world.write(share["id"], "before")
        mark = mark_for(share)
        kept = protect(world.driver(), share, mark)
        driver = world.overseer(world.project_id)
        new = begin_restore(driver, kept, mark_of_restore(share))
        world.requires_snapshots()
        world.overseer(world.project_id).delete(kept, mark, project_id=world.project_id)
        assert shares_of(driver).wait_restored(new)["status"] == "available"
        assert world.read(new) == "before"

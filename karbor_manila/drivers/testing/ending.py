# SPDX-License-Identifier: Apache-2.0
"""The end of a restore: it has its content, and nothing besides its share is left, however often it
is ended."""

from karbor_manila.drivers.base import Driver, Kept, Target
from karbor_manila.drivers.testing.world import (
    BACK,
    View,
    World,
    mark_for,
    mark_of_restore,
    protect,
    shares_of,
)
from karbor_manila.manila import marks


class Ending:
    """Whoever ends a restore may be killed, and another one does it again."""

    def test_a_restore_that_is_completed_again_gives_the_same(
        self, world: World, share: View
    ) -> None:
        kept = _changed_since(world, share)
        target = _target(share)
        driver = world.driver()
        share_id = driver.restore(kept, target)
        for again in (driver, driver, world.driver()):
            view = again.complete_restore(kept, target, share_id)
            assert (view["id"], view["status"]) == (share_id, "available")
            assert world.read(share_id) == "before"
        assert [each["id"] for each in shares_of(world.driver()).find(target.mark)] == [share_id]

    def test_a_restore_that_is_ended_again_keeps_its_share_and_its_source(
        self, world: World, share: View
    ) -> None:
        kept = _changed_since(world, share)
        target = _target(share)
        share_id = _restored(world.driver(), kept, target)
        for driver in (world.driver(), world.driver(), world.overseer(world.project_id)):
            driver.forget_restore(target.mark, project_id=world.project_id)
            assert world.read(share_id) == "before"
            assert world.driver().check(kept).id == kept.id
        assert world.share(share["id"]) is not None

    def test_ending_an_unknown_restore_changes_nothing(self, world: World, share: View) -> None:
        kept = _changed_since(world, share)
        share_id = _restored(world.driver(), kept, _target(share))
        before = world.kept_of(share["id"])
        world.driver().forget_restore(mark_of_restore(share), project_id=world.project_id)
        assert world.kept_of(share["id"]) == before
        assert world.share(share_id) is not None

    def test_what_another_project_has_is_not_removed_with_a_restore(
        self, world: World, share: View
    ) -> None:
        kept = _changed_since(world, share)
        target = _target(share)
        share_id = world.driver().restore(kept, target)
        driver = world.overseer(world.other_project_id)
        driver.forget_restore(target.mark, project_id=world.other_project_id)
        world.driver().complete_restore(kept, target, share_id)
        assert world.read(share_id) == "before"

    def test_what_is_not_left_behind_is_not_collected(self, world: World, share: View) -> None:
        """In the middle of a restore and after it; whoever collects is told what it is by its
        mark."""
        kept = _changed_since(world, share)
        target = _target(share)
        share_id = world.driver().restore(kept, target)
        shown: list[View] = []

        def is_left(view: View) -> bool:
            shown.append(view)
            return False

        assert world.overseer().gc(is_left) == []
        world.driver().complete_restore(kept, target, share_id)
        assert world.overseer().gc(is_left) == []
        assert world.read(share_id) == "before"
        assert world.driver().check(kept).id == kept.id
        for view in shown:
            found = marks.read(view)
            assert found
            assert found.restore
            assert view["id"] not in (kept.id, share_id, share["id"])
            assert {"project_id", "created_at"} <= view.keys()


def _changed_since(world: World, share: View) -> Kept:
    """What keeps a share that has other content by now."""
    world.write(share["id"], "before")
    kept = protect(world.driver(), share, mark_for(share))
    world.write(share["id"], "after")
    return kept


def _target(share: View) -> Target:
    return Target(mark_of_restore(share), BACK, share_proto="NFS")


def _restored(driver: Driver, kept: Kept, target: Target) -> str:
    share_id = driver.restore(kept, target)
    driver.complete_restore(kept, target, share_id)
    return share_id

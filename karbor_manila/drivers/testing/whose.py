# SPDX-License-Identifier: Apache-2.0
"""Whose it is: a driver with an administrator's session leaves alone what is another project's."""

import pytest

from karbor_manila.drivers.testing.world import (
    View,
    World,
    begin_restore,
    mark_for,
    mark_of_restore,
    protect,
    restore,
    shares_of,
)
from karbor_manila.manila.client import EVERY_PROJECT
from karbor_manila.manila.errors import NotAdministrator, SnapshotGone


class Whose:
    """And who does not see a project believes in no absence there."""

    @pytest.mark.parametrize("by", ["id and mark", "mark", "id"])
    @pytest.mark.parametrize("works_for", ["the project", "every project"])
    def test_an_administrators_driver_removes_nothing_of_another_project(
        self, world: World, share: View, by: str, works_for: str
    ) -> None:
        mark = mark_for(share)
        kept = protect(world.driver(), share, mark)
        world.transfer(share["id"])
        driver = world.overseer(EVERY_PROJECT if "every" in works_for else world.project_id)
        driver.delete(
            kept if "id" in by else None,
            mark if "mark" in by else None,
            project_id=world.project_id,
        )
        assert [view["id"] for view in world.kept_of(share["id"])] == [kept.id]

    @pytest.mark.parametrize("by", ["id and mark", "mark", "id"])
    def test_an_administrators_driver_discards_no_share_of_another_project(
        self, world: World, share: View, by: str
    ) -> None:
        kept = protect(world.driver(), share, mark_for(share))
        mark = mark_of_restore(share)
        new = restore(world.driver(), kept, mark)["id"]
        world.transfer(new)
        wanted = mark if "mark" in by else mark_of_restore(share)
        shares = shares_of(world.overseer(world.project_id))
        share_id = new if "id" in by else None
        assert not shares.discard(wanted, share_id, project_id=world.project_id)
        shares.delete_clone(wanted, share_id, project_id=world.project_id)
        assert world.share(new) is not None

    def test_an_administrators_driver_restores_nothing_from_another_project(
        self, world: World, share: View
    ) -> None:
        kept = protect(world.driver(), share, mark_for(share))
        driver = world.overseer(world.project_id)
        assert driver.check(kept, project_id=world.project_id)
        world.transfer(share["id"])
        with pytest.raises(SnapshotGone):
            world.overseer(world.project_id).check(kept, project_id=world.project_id)

    def test_an_administrators_driver_finds_only_what_is_of_the_project(
        self, world: World, share: View
    ) -> None:
        mark = mark_for(share)
        kept = protect(world.driver(), share, mark)
        driver = world.overseer(world.project_id)
        assert [each.id for each in driver.find(mark)] == [kept.id]
        world.transfer(share["id"])
        assert world.overseer(world.project_id).find(mark) == []
        found = world.overseer(world.project_id).find(mark, project_id=world.other_project_id)
        assert [each.id for each in found] == [kept.id]

    def test_what_an_administrator_restores_for_another_project_is_his_and_is_made_once(
        self, world: World, share: View
    ) -> None:
        kept = protect(world.driver(), share, mark_for(share))
        mark = mark_of_restore(share)
        first = begin_restore(world.overseer(world.project_id), kept, mark)
        driver = world.overseer(world.project_id)
        shares = shares_of(driver)
        assert shares.wait_restored(first)["project_id"] == world.other_project_id
        assert begin_restore(driver, kept, mark) == first
        assert shares.find(mark) == []
        found = shares.find(mark, project_id=world.other_project_id)
        assert [view["id"] for view in found] == [first]
        assert shares.discard(mark, None, project_id=world.other_project_id)
        assert world.share(first) is None

    def test_who_does_not_see_a_project_takes_nothing_in_it_for_gone(
        self, world: World, share: View
    ) -> None:
        mark = mark_for(share)
        kept = protect(world.driver(), share, mark)
        whose = world.project_id
        for driver in (world.stranger(whose), world.stranger(world.other_project_id)):
            shares = shares_of(driver)
            for marked, known in ((mark, None), (None, kept)):
                share_id = known.id if known else None
                with pytest.raises(NotAdministrator):
                    driver.delete(known, marked, project_id=whose)
                with pytest.raises(NotAdministrator):
                    shares.discard(mark, share_id, project_id=whose)
                with pytest.raises(NotAdministrator):
                    shares.delete_clone(mark, share_id, project_id=whose)
            with pytest.raises(NotAdministrator):
                driver.find(mark, project_id=whose)
            with pytest.raises(NotAdministrator):
                shares.find(mark, project_id=whose)
        assert [view["id"] for view in world.kept_of(share["id"])] == [kept.id]

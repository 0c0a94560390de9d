# SPDX-License-Identifier: Apache-2.0
"""Check and find: what is kept can be used or not, and is found by its mark and by its id."""

import dataclasses
import datetime
import json
import uuid

import pytest

from karbor_manila.drivers.base import Kept
from karbor_manila.drivers.testing.world import (
    View,
    World,
    mark_for,
    mark_of_restore,
    protect,
    restore,
    shares_kept_by,
    shares_of,
)
from karbor_manila.manila.errors import SnapshotDoubtful, SnapshotGone


class Looking:
    """Absence is only believed of what was asked for by its id."""

    def test_a_snapshot_that_is_there_verifies(self, world: World, share: View) -> None:
        kept = protect(world.driver(), share, mark_for(share))
        assert world.driver().check(kept).status == "available"

    def test_what_is_known_by_its_id_alone_verifies(self, world: World, share: View) -> None:
        kept = protect(world.driver(), share, mark_for(share))
        bare = Kept(kept.driver, kept.id, kept.share_id, data=kept.data)
        assert world.driver().check(bare) == kept

    def test_a_snapshot_that_was_removed_does_not_verify(self, world: World, share: View) -> None:
        kept = protect(world.driver(), share, mark_for(share))
        world.remove(kept.id)
        with pytest.raises(SnapshotGone):
            world.driver().check(kept)

    def test_a_snapshot_of_another_share_does_not_verify(self, world: World, share: View) -> None:
        kept = protect(world.driver(), share, mark_for(share))
        other = dataclasses.replace(kept, share_id=str(uuid.uuid4()))
        with pytest.raises(SnapshotDoubtful, match=r"not of share"):
            world.driver().check(other)

    def test_a_snapshot_of_another_size_than_recorded_is_doubtful(
        self, world: World, share: View
    ) -> None:
        driver = world.driver()
        kept = protect(driver, share, mark_for(share))
        driver.check(dataclasses.replace(kept, size=share["size"]))
        with pytest.raises(SnapshotDoubtful, match="GiB"):
            driver.check(dataclasses.replace(kept, size=share["size"] + 1))

    def test_periodic_hooks_get_a_plain_value_for_each_share(
        self, world: World, share: View
    ) -> None:
        (told,) = world.driver().get_periodic_hook_data([share])
        assert told["id"] == share["id"]
        assert json.loads(json.dumps(told)) == told

    def test_what_bears_a_mark_is_found_and_nothing_else(self, world: World, share: View) -> None:
        mark = mark_for(share)
        assert world.driver().find(mark) == []
        protect(world.driver(), share, mark_for(share))
        mine = protect(world.driver(), share, mark)
        assert world.driver().find(mark) == [mine]

    def test_what_is_made_after_a_driver_has_looked_is_found_by_it(
        self, world: World, share: View
    ) -> None:
        driver, mark = world.driver(), mark_for(share)
        assert driver.find(mark) == []
        mine = protect(world.driver(), share, mark)
        assert [each.id for each in driver.find(mark)] == [mine.id]

    def test_what_a_restore_made_is_found_by_its_mark(self, world: World, share: View) -> None:
        kept = protect(world.driver(), share, mark_for(share))
        mark = mark_of_restore(share)
        new = restore(world.driver(), kept, mark)
        assert [view["id"] for view in shares_of(world.driver()).find(mark)] == [new["id"]]

    def test_a_new_share_is_found_by_its_mark_and_the_snapshot_by_its_own(
        self, world: World, share: View
    ) -> None:
        driver, mark = world.driver(), mark_for(share)
        kept = protect(driver, share, mark)
        back = dataclasses.replace(mark, restore=str(uuid.uuid4()))
        assert shares_of(driver).find(back) == []
        new = restore(driver, kept, back)
        assert [view["id"] for view in shares_of(driver).find(back)] == [new["id"]]
        assert driver.find(back) == []
        assert [each.id for each in driver.find(mark)] == [kept.id]
        shown = driver.show(kept.id)
        assert shown is not None
        assert shown["id"] == kept.id
        assert kept.id in {view["id"] for view in driver.everything()}

    def test_an_administrators_driver_sees_everything_that_keeps_a_share(
        self, world: World, share: View
    ) -> None:
        kept = protect(world.driver(), share, mark_for(share))
        (mine,) = (view for view in world.overseer().everything() if view["id"] == kept.id)
        assert share["id"] in shares_kept_by(mine)
        assert mine["project_id"] == world.project_id
        assert mine == world.overseer().show(kept.id)

    def test_everything_says_when_it_was_made_in_utc(self, world: World, share: View) -> None:
        earlier = world.now() - datetime.timedelta(seconds=1)
        kept = protect(world.driver(), share, mark_for(share))
        (mine,) = (view for view in world.overseer().everything() if view["id"] == kept.id)
        assert mine["created_at"] == kept.created_at
        made = datetime.datetime.fromisoformat(mine["created_at"]).replace(tzinfo=datetime.UTC)
        assert earlier <= made <= world.now()

    def test_what_was_removed_is_not_shown(self, world: World, share: View) -> None:
        kept = protect(world.driver(), share, mark_for(share))
        driver = world.overseer()
        assert driver.show(kept.id)
        world.remove(kept.id)
        assert driver.show(kept.id) is None
        assert kept.id not in {view["id"] for view in driver.everything()}

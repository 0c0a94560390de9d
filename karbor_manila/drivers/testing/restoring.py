# SPDX-License-Identifier: Apache-2.0
"""Restore: a new share with the content of then, once for each mark; a failed one goes again."""

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
from karbor_manila.manila.views import NewShare


class Restoring:
    """The source is never touched."""

    def test_the_restored_share_holds_what_was_protected(self, world: World, share: View) -> None:
        world.write(share["id"], "before")
        kept = protect(world.driver(), share, mark_for(share))
        world.write(share["id"], "after")
        view = restore(world.driver(), kept, mark_of_restore(share))
        assert (view["status"], view["name"], view["size"]) == ("available", "back", share["size"])
        assert (world.read(view["id"]), world.read(share["id"])) == ("before", "after")

    def test_the_same_restore_never_makes_a_second_share(self, world: World, share: View) -> None:
        kept = protect(world.driver(), share, mark_for(share))
        mark = mark_of_restore(share)
        first = restore(world.driver(), kept, mark)
        assert begin_restore(world.driver(), kept, mark) == first["id"]

    def test_a_new_share_is_as_it_was_asked_for(self, world: World, share: View) -> None:
        kept = protect(world.driver(), share, mark_for(share))
        new = NewShare("larger", "why", 2, metadata={"colour": "blue"})
        made = restore(world.driver(), kept, mark_of_restore(share), new)
        assert (made["name"], made["description"], made["size"]) == ("larger", "why", 2)
        assert made["metadata"]["colour"] == "blue"
        assert not made["is_public"]

    def test_a_discarded_restore_leaves_no_share_and_keeps_the_source(
        self, world: World, share: View
    ) -> None:
        kept = protect(world.driver(), share, mark_for(share))
        mark = mark_of_restore(share)
        new = restore(world.driver(), kept, mark)["id"]
        shares = shares_of(world.driver())
        assert shares.discard(mark, None, project_id=world.project_id)
        assert world.share(new) is None
        assert world.share(share["id"]) is not None
        shares = shares_of(world.driver())
        assert not shares.discard(mark, new, project_id=world.project_id)

# SPDX-License-Identifier: Apache-2.0
"""Where a new share would come to be: by what the protected share is now, not by what it was."""

import dataclasses
import uuid

import pytest

from karbor_manila.common.errors import InvalidParameter
from karbor_manila.drivers.testing.world import (
    BACK,
    View,
    World,
    begin_restore,
    mark_for,
    mark_of_restore,
    protect,
    restore,
)
from karbor_manila.manila.errors import ManilaRefused


class Placing:
    """What the preflight of a restore says is what the server does."""

    def test_a_share_of_another_type_since_then_is_restored_as_the_preflight_says(
        self, world: World, share: View
    ) -> None:
        kept = protect(world.driver(), share, mark_for(share))
        name = world.retype(share["id"])
        placed = world.driver().place(kept, BACK)
        assert placed.share_type_name == name != share["share_type_name"]
        assert world.driver().preflight_copy([kept]) == {}
        for asked in ({}, {"share_type": name}):
            new = dataclasses.replace(BACK, asked=asked)
            world.driver().place(kept, new)
            made = restore(world.driver(), kept, mark_of_restore(share), new)
            assert made["share_type_name"] == name

    @pytest.mark.parametrize("of_then", ["share_type", "share_type_name"])
    def test_the_type_of_then_is_refused_by_the_preflight_and_by_the_server(
        self, world: World, share: View, of_then: str
    ) -> None:
        world.requires_snapshots()
        kept = protect(world.driver(), share, mark_for(share))
        world.retype(share["id"])
        new = dataclasses.replace(BACK, asked={"share_type": share[of_then]})
        with pytest.raises(InvalidParameter):
            world.driver().place(kept, new)
        with pytest.raises(ManilaRefused):
            begin_restore(world.driver(), kept, mark_of_restore(share), new)

    def test_a_network_that_the_share_does_not_have_is_refused(
        self, world: World, share: View
    ) -> None:
        world.requires_snapshots()
        kept = protect(world.driver(), share, mark_for(share))
        new = dataclasses.replace(BACK, asked={"share_network_id": str(uuid.uuid4())})
        with pytest.raises(InvalidParameter):
            world.driver().place(kept, new)

# SPDX-License-Identifier: Apache-2.0
"""Revert: the protected share itself gets the content that it had, or nothing is changed."""

import dataclasses
import uuid

import pytest

from karbor_manila.drivers.abilities import Reverts
from karbor_manila.drivers.testing.world import (
    View,
    World,
    mark_for,
    protect,
    shares_of,
)
from karbor_manila.manila.errors import (
    AccessRulesNotActive,
    ManilaRefused,
    RevertUnsupported,
    TargetMissing,
)


class Reverting:
    """For a driver that is :class:`~karbor_manila.drivers.abilities.Reverts`; others skip it."""

    @pytest.fixture
    def reverter(self, world: World) -> Reverts:
        driver = world.driver()
        if not isinstance(driver, Reverts):
            pytest.skip("this driver cannot restore in place")
        assert isinstance(driver, Reverts)
        return driver

    def test_a_reverted_share_holds_what_was_protected_and_is_the_same_share(
        self, world: World, share: View, reverter: Reverts
    ) -> None:
        world.write(share["id"], "before")
        kept = protect(world.driver(), share, mark_for(share))
        world.write(share["id"], "after")
        found = reverter.inspect_revert(kept, project_id=world.project_id)
        assert (found.share["id"], found.snapshot["id"], found.newer) == (
            share["id"],
            kept.id,
            (),
        )
        reverter.preflight_revert(found, safety_copy=True)
        reverter.revert(kept)
        assert reverter.wait_reverted(share["id"])["status"] == "available"
        assert world.read(share["id"]) == "before"

    def test_newer_snapshots_are_told_newest_first_and_older_ones_are_not(
        self, world: World, share: View, reverter: Reverts
    ) -> None:
        world.requires_snapshots()
        made = [protect(world.driver(), share, mark_for(share)) for _ in range(3)]
        found = reverter.inspect_revert(made[0], project_id=world.project_id)
        assert [view["id"] for view in found.newer] == [made[2].id, made[1].id]
        found = reverter.inspect_revert(made[2], project_id=world.project_id)
        assert found.newer == ()

    def test_the_server_refuses_a_revert_past_a_newer_snapshot(
        self, world: World, share: View, reverter: Reverts
    ) -> None:
        world.requires_snapshots()
        older = protect(world.driver(), share, mark_for(share))
        world.write(share["id"], "kept")
        protect(world.driver(), share, mark_for(share))
        with pytest.raises(ManilaRefused):
            reverter.revert(older)
        assert world.read(share["id"]) == "kept"

    def test_a_share_of_a_type_without_reverts_is_refused(
        self, world: World, reverter: Reverts
    ) -> None:
        world.requires_snapshots()
        share = world.make_share(revert_to_snapshot_support=False)
        kept = protect(world.driver(), share, mark_for(share))
        with pytest.raises(RevertUnsupported):
            reverter.inspect_revert(kept, project_id=world.project_id)

    def test_a_share_with_a_rule_in_error_is_refused(
        self, world: World, share: View, reverter: Reverts
    ) -> None:
        world.requires_snapshots()
        kept = protect(world.driver(), share, mark_for(share))
        shares_of(world.driver()).grant(share["id"], [world.refused_rule()])
        with pytest.raises(AccessRulesNotActive):
            reverter.inspect_revert(kept, project_id=world.project_id)

    def test_a_share_that_is_not_there_is_refused(
        self, world: World, share: View, reverter: Reverts
    ) -> None:
        kept = protect(world.driver(), share, mark_for(share))
        elsewhere = dataclasses.replace(kept, share_id=str(uuid.uuid4()))
        with pytest.raises(TargetMissing):
            reverter.inspect_revert(elsewhere, project_id=world.project_id)

    def test_a_temporary_snapshot_is_found_by_the_mark_of_its_restore_alone(
        self, world: World, share: View, reverter: Reverts
    ) -> None:
        mark = mark_for(share)
        temporary = dataclasses.replace(mark, restore=str(uuid.uuid4()))
        kept = protect(world.driver(), share, temporary)
        driver = world.driver()
        assert [each.id for each in driver.find(temporary)] == [kept.id]
        assert driver.find(mark) == []
        assert shares_of(driver).find(temporary) == []

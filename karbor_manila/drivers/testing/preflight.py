# SPDX-License-Identifier: Apache-2.0
"""What a driver says before anything is made: what it can do, and what it cannot protect."""

import dataclasses
import json
from collections.abc import Collection

import pytest

from karbor_manila.drivers.abilities import ABILITIES
from karbor_manila.drivers.base import BASIC, Driver, Preflight
from karbor_manila.drivers.testing.world import (
    KEPT,
    View,
    World,
    mark_for,
    mark_of_restore,
    protect,
)
from karbor_manila.drivers.testing.world import begin_restore as begin
from karbor_manila.manila.errors import (
    CloneUnsupported,
    ManilaRefused,
    NotRestorable,
    ShareNotProtectable,
)


def look(driver: Driver, *shares: View) -> Preflight:
    options, marks = ({}, {})
    for share in shares:
        options[share["id"]], marks[share["id"]] = KEPT, mark_for(share)
    return driver.preflight(shares, options, marks)


class Preflights:
    """Refused is what cannot be protected, or never given back; nothing is written."""

    def test_it_says_what_it_can_do(self, world: World) -> None:
        claims: Collection[str] = world.driver_class.capabilities
        assert set(claims) >= BASIC
        for capability, ability in ABILITIES.items():
            assert issubclass(world.driver_class, ability) == (capability in claims)

    def test_it_says_that_its_server_is_alive_and_how_fast_it_answers(self, world: World) -> None:
        driver = world.driver()
        assert driver.is_alive()
        health = driver.health()
        assert (health["driver"], health["alive"]) == (driver.name, True)
        assert health["latency"] >= 0.0
        assert json.loads(json.dumps(health)) == health

    def test_a_share_that_can_be_protected_passes_the_preflight(
        self, world: World, share: View
    ) -> None:
        found = look(world.driver(), share)
        assert found.refused == {}
        assert not (world.by_snapshots and found.caveats)
        assert world.driver_class.objection(share) is None

    def test_a_share_without_support_is_refused_by_the_preflight(
        self, world: World, share: View
    ) -> None:
        without = world.make_share(snapshot_support=False)
        refused = look(world.driver(), without, share).refused
        assert list(refused) == [without["id"]]
        assert isinstance(refused[without["id"]], ShareNotProtectable)

    def test_a_share_that_could_never_be_given_back_is_refused_by_the_preflight(
        self, world: World
    ) -> None:
        world.requires_snapshots()
        if "together" in world.driver_class.capabilities:
            pytest.skip("this driver gives shares back with their group, whatever their type")
        share = world.make_share(
            create_share_from_snapshot_support=False, revert_to_snapshot_support=False
        )
        refused = look(world.driver(), share).refused
        assert isinstance(refused[share["id"]], NotRestorable)

    def test_what_the_preflight_refuses_is_an_objection_without_a_connection(
        self, world: World
    ) -> None:
        share = world.make_share(snapshot_support=False)
        refused = look(world.driver(), share).refused[share["id"]]
        assert str(world.driver_class.objection(share)) == str(refused)

    def test_a_share_that_can_only_be_put_back_passes_and_no_new_share_is_made_of_it(
        self, world: World, share: View
    ) -> None:
        world.requires_snapshots()
        only = world.make_share(create_share_from_snapshot_support=False)
        driver = world.driver()
        found = look(driver, only, share)
        assert (found.refused, set(found.caveats)) == ({}, {only["id"]})
        assert found.caveats[only["id"]]
        kept = protect(driver, only, mark_for(only))
        with pytest.raises(CloneUnsupported):
            driver.place(kept)
        assert set(driver.preflight_copy([kept])) == {kept.key}
        with pytest.raises(ManilaRefused):
            begin(driver, kept, mark_of_restore(only))

    def test_a_text_that_the_driver_takes_is_kept_beside_the_mark(
        self, world: World, share: View
    ) -> None:
        driver, mark = world.driver(), mark_for(share)
        text = "d" * 255
        refused = driver.preflight(
            [share],
            {share["id"]: dataclasses.replace(KEPT, description=text)},
            {share["id"]: mark},
        ).refused
        if refused:  # the mark stands in the description, too
            text = text[: mark.room()]
        options = dataclasses.replace(KEPT, description=text)
        driver.check_options(options, mark)
        kept = protect(driver, share, mark, options)
        (view,) = world.kept_of(share["id"])
        assert str(view["description"]).startswith(text)
        assert [each.id for each in world.driver().find(mark)] == [kept.id]

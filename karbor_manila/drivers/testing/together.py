# SPDX-License-Identifier: Apache-2.0
"""Together: one thing keeps several shares, and each of them comes back alone or all do."""

import dataclasses
import uuid
from collections.abc import Mapping

import pytest

from karbor_manila.drivers.abilities import KeepsTogether
from karbor_manila.drivers.base import Driver, Kept, Target
from karbor_manila.drivers.testing.world import (
    BACK,
    KEPT,
    View,
    World,
    mark_for,
    restore,
    shares_of,
)
from karbor_manila.manila.marks import Mark


class Together:
    """For a driver that is :class:`~karbor_manila.drivers.abilities.KeepsTogether`; others skip."""

    @pytest.fixture
    def shares(self, world: World) -> list[View]:
        if not issubclass(world.driver_class, KeepsTogether):
            pytest.skip("this driver keeps each share for itself")
        made = world.make_together(3)
        for number, share in enumerate(made):
            world.write(share["id"], f"then {number}")
        return made

    def test_shares_that_are_kept_together_have_one_id_and_each_finds_it(
        self, world: World, shares: list[View]
    ) -> None:
        marks, kept = keep(world.driver(expected=3), shares)
        assert len({each.id for each in kept}) == 1
        assert len(world.kept_of(shares[0]["id"])) == 1
        for share, each in zip(shares, kept, strict=True):
            assert world.driver().find(marks[share["id"]]) == [each]

    def test_a_share_that_is_asked_for_later_adopts_what_the_others_have(
        self, world: World, shares: list[View]
    ) -> None:
        driver = world.driver(expected=3)
        marks, first = keep(driver, shares[:1])
        together = marks[shares[0]["id"]]
        for again in (driver, world.driver()):
            _, later = keep(again, shares[1:], together)
            assert {each.id for each in later} == {first[0].id}

    def test_what_is_kept_together_goes_at_once_and_for_each_share_it_is_gone(
        self, world: World, shares: list[View]
    ) -> None:
        driver = world.driver(expected=3)
        marks, kept = keep(driver, shares)
        for share, each in zip(shares, kept, strict=True):
            driver.delete(each, marks[share["id"]], project_id=world.project_id)
            assert world.kept_of(share["id"]) == []

    def test_shares_come_back_one_by_one_and_nothing_else_remains(
        self, world: World, shares: list[View]
    ) -> None:
        _, kept = keep(world.driver(expected=3), shares)
        before = {view["id"] for view in world.overseer().everything()}
        for share in shares:
            world.write(share["id"], "now")
        driver = world.driver(expected=3)
        restored = str(uuid.uuid4())
        targets = [Target(of_restore(share, restored), BACK, "NFS") for share in shares]
        made = [driver.restore(each, target) for each, target in zip(kept, targets, strict=True)]
        for number, (each, target, share_id) in enumerate(zip(kept, targets, made, strict=True)):
            driver.complete_restore(each, target, share_id)
            driver.forget_restore(target.mark, project_id=world.project_id)
            assert world.read(share_id) == f"then {number}"
        assert temporary(world, restored) == []
        # What is another's may go meanwhile.
        assert {view["id"] for view in world.overseer().everything()} <= before

    @pytest.mark.parametrize("by", ["mark", "collection"])
    def test_a_restore_that_nobody_ends_is_removed_by_its_mark_or_collected(
        self, world: World, shares: list[View], by: str
    ) -> None:
        _, kept = keep(world.driver(expected=3), shares)
        restored = str(uuid.uuid4())
        mark = of_restore(shares[0], restored)
        share_id = world.driver().restore(kept[0], Target(mark, BACK, "NFS"))
        shares_of(world.driver()).wait_restored(share_id)
        assert temporary(world, restored) != []
        if by == "mark":
            for _ in range(2):
                world.driver().forget_restore(mark, project_id=world.project_id)
        else:
            assert world.overseer().gc(lambda _view: False) == []
            assert len(world.overseer().gc(lambda view: view in temporary(world, restored))) == 1
        assert temporary(world, restored) == []
        assert world.share(share_id) is not None

    def test_the_whole_comes_back_as_a_group_and_is_its_users(
        self, world: World, shares: list[View]
    ) -> None:
        _, kept = keep(world.driver(expected=3), shares)
        for share in shares:
            world.write(share["id"], "now")
        driver = world.driver(expected=3)
        restored = str(uuid.uuid4())
        groups = set()
        for number, (share, each) in enumerate(zip(shares, kept, strict=True)):
            mark = of_restore(share, restored)
            new = dataclasses.replace(BACK, name=f"back {number}", metadata={"colour": "blue"})
            view = restore(driver, each, mark, new, as_group=True)
            assert (view["name"], view["metadata"]["colour"]) == (new.name, "blue")
            assert world.read(view["id"]) == f"then {number}"
            assert [found["id"] for found in shares_of(driver).find(mark)] == [view["id"]]
            groups.add(view["share_group_id"])
        assert len(groups) == 1
        assert groups != {shares[0]["share_group_id"]}

    def test_a_group_that_came_back_and_that_nobody_wants_goes_with_its_last_share(
        self, world: World, shares: list[View]
    ) -> None:
        _, kept = keep(world.driver(expected=3), shares)
        driver, restored = world.driver(expected=3), str(uuid.uuid4())
        marks = [of_restore(share, restored) for share in shares]
        made = [
            driver.restore(each, Target(mark, BACK, "NFS", as_group=True))
            for each, mark in zip(kept, marks, strict=True)
        ]
        for share_id, mark in zip(made, marks, strict=True):
            shares_of(driver).wait_restored(share_id)
            assert shares_of(driver).discard(mark, share_id, project_id=world.project_id)
            driver.forget_restore(mark, project_id=world.project_id)
            assert world.share(share_id) is None
        assert temporary(world, restored) == []


def keep(
    driver: Driver, shares: list[View], together: Mark | None = None
) -> tuple[Mapping[str, Mark], list[Kept]]:
    """What keeps the shares in one checkpoint, once it is complete."""
    first = together or mark_for(shares[0])
    marks = {share["id"]: dataclasses.replace(first, resource=share["id"]) for share in shares}
    begun = dict(driver.protect(shares, marks, dict.fromkeys(marks, KEPT)))
    kept = []
    for share in shares:
        each = begun[share["id"]]
        assert isinstance(each, Kept)
        kept.append(driver.wait(each))
    return marks, kept


def of_restore(share: View, restored: str) -> Mark:
    """The mark of a share in a restore: all of its shares are in one checkpoint."""
    return Mark(restored, restored, restored, share["id"], restored)


def temporary(world: World, restored: str) -> list[View]:
    """The share groups that a restore has made."""
    short = restored.replace("-", "")
    every = world.overseer().environment.client.retry(
        world.overseer().environment.manila.share_groups
    )
    return [view for view in every if short in str(view["description"])]

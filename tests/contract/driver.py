# SPDX-License-Identifier: Apache-2.0
"""What every driver keeps, on every Manila: inherit from :class:`DriverContract` and give it a
``world``.

    class TestSnapshotDriverOnFake(DriverContract):
        @pytest.fixture
        def world(self) -> World: ...
"""

import abc
import dataclasses
import datetime
import uuid
from typing import Any

import pytest

from karbor_manila.common.errors import InvalidParameter
from karbor_manila.drivers.base import ShareDriver
from karbor_manila.manila.client import EVERY_PROJECT
from karbor_manila.manila.errors import (
    AccessRulesNotActive,
    CloneUnsupported,
    ManilaRefused,
    NotAdministrator,
    NotRestorable,
    RevertUnsupported,
    ShareNotProtectable,
    SnapshotDoubtful,
    SnapshotGone,
    TargetMissing,
)
from karbor_manila.manila.marks import COPY, PURPOSE, Mark
from karbor_manila.manila.views import NewShare, Source

View = dict[str, Any]


class World(abc.ABC):
    """A Manila with shares in it, and drivers that speak to it."""

    project_id: str

    @abc.abstractmethod
    def driver(self, expected: int = 1) -> ShareDriver:
        """A new driver, as a new flow would get it."""

    #: The project of the administrator whose session :meth:`overseer` has.
    other_project_id: str

    @abc.abstractmethod
    def overseer(self, works_for: str = EVERY_PROJECT) -> ShareDriver:
        """A new driver of an administrator, whose client works for this project, or for all."""

    @abc.abstractmethod
    def stranger(self, works_for: str) -> ShareDriver:
        """A new driver of somebody in another project, who is no administrator and is told to work
        for this one."""

    @abc.abstractmethod
    def transfer(self, share_id: str) -> None:
        """Make the share, with its snapshots, the other project's."""

    @abc.abstractmethod
    def make_share(self, **fields: Any) -> View:
        """An available share (``snapshot_support=False`` for one that cannot be protected,
        ``revert_to_snapshot_support=False`` for one that cannot be restored in place,
        ``create_share_from_snapshot_support=False`` for one of whose snapshots no share can be
        made; both for one that could never be given back)."""

    @abc.abstractmethod
    def retype(self, share_id: str) -> str:
        """Give a share another type of the same capabilities, as a migration does; the type's
        name."""

    @abc.abstractmethod
    def now(self) -> datetime.datetime:
        """The time of the day by Manila's clock, UTC."""

    @abc.abstractmethod
    def snapshots_of(self, share_id: str) -> list[View]:
        """The snapshots of a share, as Manila has them now."""

    @abc.abstractmethod
    def share(self, share_id: str) -> View | None:
        """A share, as Manila has it now."""

    @abc.abstractmethod
    def remove_snapshot(self, snapshot_id: str) -> None:
        """Remove a snapshot behind the driver's back, and wait until it is gone."""

    @abc.abstractmethod
    def refused_rule(self) -> dict[str, Any]:
        """An access rule that this Manila takes and never brings into force, or refuses."""

    @abc.abstractmethod
    def write(self, share_id: str, text: str) -> None:
        """Put data into a share."""

    @abc.abstractmethod
    def read(self, share_id: str) -> str:
        """The data in a share."""


#: A new share of the contract: as large as those that the worlds make.
BACK = NewShare(name="back", description=None, size=1)


def mark_for(share: View, **fields: str) -> Mark:
    return Mark(
        **{
            "bank": str(uuid.uuid4()),
            "provider": str(uuid.uuid4()),
            "checkpoint": str(uuid.uuid4()),
            "resource": share["id"],
        }
        | fields
    )


def source_of(share: View, snapshot_id: str) -> Source:
    return Source(
        snapshot_id=snapshot_id,
        share_id=share["id"],
        size=share["size"],
        share_proto=share["share_proto"],
        share_type=share["share_type"],
        share_network_id=share["share_network_id"],
        availability_zone=share["availability_zone"],
    )


def protect(driver: ShareDriver, share: View, mark: Mark) -> str:
    snapshot_id = driver.protect(share, mark, name="kept", description="why", force=False)
    driver.wait_protected(snapshot_id)
    return snapshot_id


def copy(driver: ShareDriver, source: Source, mark: Mark) -> tuple[View, str]:
    """The share of a copy, and the id of its snapshot."""
    new = dataclasses.replace(BACK, metadata={PURPOSE: COPY})
    clone = driver.wait_restored(driver.restore(source, mark.of_clone(), new))
    return clone, protect(driver, clone, mark)


class DriverContract:
    """The promises. Every test makes its own shares and marks."""

    @pytest.fixture
    def share(self, world: World) -> View:
        return world.make_share()

    def test_it_says_what_it_can_do(self, world: World) -> None:
        assert {"protect", "verify", "restore", "delete"} <= world.driver().capabilities()

    def test_it_says_that_its_server_is_alive(self, world: World) -> None:
        driver = world.driver()
        assert driver.is_alive()
        assert driver.health()["driver"] == driver.name

    def test_a_share_that_can_be_protected_passes_the_preflight(
        self, world: World, share: View
    ) -> None:
        assert world.driver().preflight([share]) == {}

    def test_a_share_without_support_is_refused_by_the_preflight(self, world: World) -> None:
        share = world.make_share(snapshot_support=False)
        refused = world.driver().preflight([share])
        assert isinstance(refused[share["id"]], ShareNotProtectable)

    def test_a_share_that_could_never_be_given_back_is_refused_by_the_preflight(
        self, world: World
    ) -> None:
        share = world.make_share(
            create_share_from_snapshot_support=False, revert_to_snapshot_support=False
        )
        refused = world.driver().preflight([share])
        assert isinstance(refused[share["id"]], NotRestorable)

    def test_a_share_that_can_only_be_put_back_passes_and_no_new_share_is_made_of_it(
        self, world: World, share: View
    ) -> None:
        only = world.make_share(create_share_from_snapshot_support=False)
        driver = world.driver()
        assert driver.preflight([only, share]) == {}
        assert (driver.caveat(share), bool(driver.caveat(only))) == ("", True)
        source = source_of(only, protect(driver, only, mark_for(only)))
        with pytest.raises(CloneUnsupported):
            driver.preflight_clone(source, BACK)
        assert set(driver.preflight_copy([source])) == {source.snapshot_id}
        with pytest.raises(ManilaRefused):
            driver.restore(source, mark_for(only, restore=str(uuid.uuid4())), BACK)

    def test_a_share_of_another_type_since_then_is_restored_as_the_preflight_says(
        self, world: World, share: View
    ) -> None:
        driver = world.driver()
        source = source_of(share, protect(driver, share, mark_for(share)))
        name = world.retype(share["id"])
        placed = world.driver().preflight_clone(source, BACK)
        assert placed.share_type_name == name != share["share_type_name"]
        assert world.driver().preflight_copy([source]) == {}
        for asked in ({}, {"share_type": name}):
            new, mark = dataclasses.replace(BACK, asked=asked), mark_for(share, restore=name)
            world.driver().preflight_clone(source, new)
            driver = world.driver()
            made = driver.wait_restored(driver.restore(source, mark, new))
            assert made["share_type_name"] == name

    @pytest.mark.parametrize("of_then", ["share_type", "share_type_name"])
    def test_the_type_of_then_is_refused_by_the_preflight_and_by_the_server(
        self, world: World, share: View, of_then: str
    ) -> None:
        source = source_of(share, protect(world.driver(), share, mark_for(share)))
        world.retype(share["id"])
        new = dataclasses.replace(BACK, asked={"share_type": share[of_then]})
        with pytest.raises(InvalidParameter):
            world.driver().preflight_clone(source, new)
        with pytest.raises(ManilaRefused):
            world.driver().restore(source, mark_for(share, restore=str(uuid.uuid4())), new)

    def test_a_network_that_the_share_does_not_have_is_refused(
        self, world: World, share: View
    ) -> None:
        source = source_of(share, protect(world.driver(), share, mark_for(share)))
        new = dataclasses.replace(BACK, asked={"share_network_id": str(uuid.uuid4())})
        with pytest.raises(InvalidParameter):
            world.driver().preflight_clone(source, new)

    def test_what_is_protected_bears_the_name_the_text_and_the_mark(
        self, world: World, share: View
    ) -> None:
        protect(world.driver(), share, mark_for(share))
        (snapshot,) = world.snapshots_of(share["id"])
        assert snapshot["name"] == "kept"
        assert snapshot["description"].startswith("why")
        assert snapshot["status"] == "available"

    def test_the_same_mark_never_makes_a_second_snapshot(self, world: World, share: View) -> None:
        mark = mark_for(share)
        first = protect(world.driver(), share, mark)
        assert protect(world.driver(), share, mark) == first
        assert len(world.snapshots_of(share["id"])) == 1

    def test_another_checkpoint_makes_another_snapshot(self, world: World, share: View) -> None:
        first = protect(world.driver(), share, mark_for(share))
        assert protect(world.driver(), share, mark_for(share)) != first

    def test_another_bank_does_not_adopt_the_snapshot(self, world: World, share: View) -> None:
        mark = mark_for(share)
        other = Mark(str(uuid.uuid4()), mark.provider, mark.checkpoint, mark.resource)
        first = protect(world.driver(), share, mark)
        assert protect(world.driver(), share, other) != first

    def test_the_restored_share_holds_what_was_protected(self, world: World, share: View) -> None:
        world.write(share["id"], "before")
        snapshot_id = protect(world.driver(), share, mark_for(share))
        world.write(share["id"], "after")
        driver, mark = world.driver(), mark_for(share, restore=str(uuid.uuid4()))
        new = driver.restore(source_of(share, snapshot_id), mark, BACK)
        view = driver.wait_restored(new)
        assert (view["status"], view["name"], view["size"]) == ("available", "back", share["size"])
        assert (world.read(new), world.read(share["id"])) == ("before", "after")

    def test_the_same_restore_never_makes_a_second_share(self, world: World, share: View) -> None:
        snapshot_id = protect(world.driver(), share, mark_for(share))
        mark = mark_for(share, restore=str(uuid.uuid4()))
        first = world.driver().restore(source_of(share, snapshot_id), mark, BACK)
        world.driver().wait_restored(first)
        again = world.driver().restore(source_of(share, snapshot_id), mark, BACK)
        assert again == first

    def test_a_discarded_restore_leaves_no_share_and_keeps_the_source(
        self, world: World, share: View
    ) -> None:
        snapshot_id = protect(world.driver(), share, mark_for(share))
        driver, mark = world.driver(), mark_for(share, restore=str(uuid.uuid4()))
        new = driver.restore(source_of(share, snapshot_id), mark, BACK)
        driver.wait_restored(new)
        assert world.driver().discard(mark, None, project_id=world.project_id)
        assert world.share(new) is None
        assert world.share(share["id"]) is not None
        assert not world.driver().discard(mark, new, project_id=world.project_id)

    def test_a_snapshot_that_is_there_verifies(self, world: World, share: View) -> None:
        snapshot_id = protect(world.driver(), share, mark_for(share))
        assert world.driver().verify(snapshot_id, share["id"])["status"] == "available"

    def test_a_snapshot_that_was_removed_does_not_verify(self, world: World, share: View) -> None:
        snapshot_id = protect(world.driver(), share, mark_for(share))
        world.remove_snapshot(snapshot_id)
        with pytest.raises(SnapshotGone):
            world.driver().verify(snapshot_id, share["id"])

    def test_a_snapshot_of_another_share_does_not_verify(self, world: World, share: View) -> None:
        snapshot_id = protect(world.driver(), share, mark_for(share))
        with pytest.raises(SnapshotDoubtful, match=r"not of share"):
            world.driver().verify(snapshot_id, str(uuid.uuid4()))

    def test_what_is_deleted_is_gone_when_delete_returns(self, world: World, share: View) -> None:
        mark = mark_for(share)
        snapshot_id = protect(world.driver(), share, mark)
        world.driver().delete(mark, snapshot_id, project_id=world.project_id)
        assert world.snapshots_of(share["id"]) == []

    def test_deleting_again_succeeds(self, world: World, share: View) -> None:
        mark = mark_for(share)
        snapshot_id = protect(world.driver(), share, mark)
        for _ in range(2):
            world.driver().delete(mark, snapshot_id, project_id=world.project_id)

    def test_deleting_the_unknown_succeeds(self, world: World, share: View) -> None:
        unknown = str(uuid.uuid4())
        world.driver().delete(mark_for(share), unknown, project_id=world.project_id)

    def test_deleting_by_the_mark_alone_finds_what_was_made(
        self, world: World, share: View
    ) -> None:
        mark = mark_for(share)
        protect(world.driver(), share, mark)
        world.driver().delete(mark, None, project_id=world.project_id)
        assert world.snapshots_of(share["id"]) == []

    def test_deleting_leaves_everybody_elses_snapshots(self, world: World, share: View) -> None:
        other = protect(world.driver(), share, mark_for(share))
        mark = mark_for(share)
        mine = protect(world.driver(), share, mark)
        world.driver().delete(mark, mine, project_id=world.project_id)
        assert [snapshot["id"] for snapshot in world.snapshots_of(share["id"])] == [other]

    def test_a_new_share_is_as_it_was_asked_for(self, world: World, share: View) -> None:
        driver = world.driver()
        snapshot_id = protect(driver, share, mark_for(share))
        new = NewShare("larger", "why", 2, metadata={"colour": "blue"})
        mark = mark_for(share, restore=str(uuid.uuid4()))
        made = driver.wait_restored(driver.restore(source_of(share, snapshot_id), mark, new))
        assert (made["name"], made["description"], made["size"]) == ("larger", "why", 2)
        assert made["metadata"]["colour"] == "blue"
        assert not made["is_public"]

    def test_a_new_share_is_found_by_its_mark_and_the_snapshot_by_its_own(
        self, world: World, share: View
    ) -> None:
        driver, kept = world.driver(), mark_for(share)
        snapshot_id = protect(driver, share, kept)
        back = dataclasses.replace(kept, restore=str(uuid.uuid4()))
        assert driver.find(back) == []
        new = driver.restore(source_of(share, snapshot_id), back, BACK)
        driver.wait_restored(new)
        assert [view["id"] for view in driver.find(back)] == [new]
        assert [view["id"] for view in driver.find(kept)] == [snapshot_id]
        assert driver.show(snapshot_id)["id"] == snapshot_id
        assert snapshot_id in {view["id"] for view in driver.everything()}

    def test_access_rules_are_read_without_keys_and_given_to_another_share(
        self, world: World, share: View
    ) -> None:
        driver = world.driver()
        rules = [
            {
                "access_type": "ip",
                "access_to": "127.0.0.9",
                "access_level": "ro",
                "metadata": {},
            }
        ]
        assert driver.grant(share["id"], rules) == []
        assert driver.access_rules(share["id"]) == rules
        assert driver.grant(share["id"], rules) == []  # a reply that was lost does not matter

    def test_a_rule_that_does_not_come_into_force_is_told(self, world: World, share: View) -> None:
        driver = world.driver()
        told = driver.grant(share["id"], [world.refused_rule()])
        assert len(told) == 1

    def test_a_description_as_long_as_there_is_room_is_kept_beside_the_mark(
        self, world: World, share: View
    ) -> None:
        driver, mark = world.driver(), mark_for(share)
        text = "d" * min(driver.room(mark) or 255, 255)
        snapshot_id = driver.protect(share, mark, name="kept", description=text, force=False)
        driver.wait_protected(snapshot_id)
        (snapshot,) = world.snapshots_of(share["id"])
        assert snapshot["description"].startswith(text)
        assert [view["id"] for view in world.driver().find(mark)] == [snapshot_id]

    def test_a_share_says_where_it_is_mounted(self, world: World, share: View) -> None:
        assert world.driver().export_locations(share["id"])

    def test_a_snapshot_of_another_size_than_recorded_is_doubtful(
        self, world: World, share: View
    ) -> None:
        driver = world.driver()
        snapshot_id = protect(driver, share, mark_for(share))
        driver.verify(snapshot_id, share["id"], size=share["size"])
        with pytest.raises(SnapshotDoubtful, match="GiB"):
            driver.verify(snapshot_id, share["id"], size=share["size"] + 1)

    def test_what_bears_a_mark_is_found_and_nothing_else(self, world: World, share: View) -> None:
        mark = mark_for(share)
        assert world.driver().find(mark) == []
        protect(world.driver(), share, mark_for(share))
        mine = protect(world.driver(), share, mark)
        assert [view["id"] for view in world.driver().find(mark)] == [mine]

    def test_what_is_made_after_a_driver_has_looked_is_found_by_it(
        self, world: World, share: View
    ) -> None:
        driver, mark = world.driver(), mark_for(share)
        assert driver.find(mark) == []
        mine = protect(world.driver(), share, mark)
        assert [view["id"] for view in driver.find(mark)] == [mine]

    def test_what_a_restore_made_is_found_by_its_mark(self, world: World, share: View) -> None:
        snapshot_id = protect(world.driver(), share, mark_for(share))
        driver, mark = world.driver(), mark_for(share, restore=str(uuid.uuid4()))
        new = driver.restore(source_of(share, snapshot_id), mark, BACK)
        driver.wait_restored(new)
        assert [view["id"] for view in world.driver().find(mark)] == [new]

    def test_an_administrators_driver_sees_everything_that_keeps_a_share(
        self, world: World, share: View
    ) -> None:
        snapshot_id = protect(world.driver(), share, mark_for(share))
        (mine,) = (view for view in world.overseer().everything() if view["id"] == snapshot_id)
        assert mine["share_id"] == share["id"]
        assert mine["project_id"] == world.project_id
        assert mine == world.overseer().show(snapshot_id)

    def test_everything_says_when_it_was_made_in_utc(self, world: World, share: View) -> None:
        earlier = world.now() - datetime.timedelta(seconds=1)
        snapshot_id = protect(world.driver(), share, mark_for(share))
        (mine,) = (view for view in world.overseer().everything() if view["id"] == snapshot_id)
        made = datetime.datetime.fromisoformat(mine["created_at"]).replace(tzinfo=datetime.UTC)
        assert earlier <= made <= world.now()

    def test_what_was_removed_is_not_shown(self, world: World, share: View) -> None:
        snapshot_id = protect(world.driver(), share, mark_for(share))
        driver = world.overseer()
        assert driver.show(snapshot_id)
        world.remove_snapshot(snapshot_id)
        assert driver.show(snapshot_id) is None
        assert snapshot_id not in {view["id"] for view in driver.everything()}

    def test_an_administrators_driver_removes_what_a_project_has_without_its_mark(
        self, world: World, share: View
    ) -> None:
        other = protect(world.driver(), share, mark_for(share))
        snapshot_id = protect(world.driver(), share, mark_for(share))
        world.overseer().delete(None, snapshot_id, project_id=world.project_id)
        assert [snapshot["id"] for snapshot in world.snapshots_of(share["id"])] == [other]

    # -- whose it is --------------------------------------------------------------------------

    @pytest.mark.parametrize("by", ["id and mark", "mark", "id"])
    @pytest.mark.parametrize("works_for", ["the project", "every project"])
    def test_an_administrators_driver_removes_nothing_of_another_project(
        self, world: World, share: View, by: str, works_for: str
    ) -> None:
        mark = mark_for(share)
        snapshot_id = protect(world.driver(), share, mark)
        world.transfer(share["id"])
        driver = world.overseer(EVERY_PROJECT if "every" in works_for else world.project_id)
        driver.delete(
            mark if "mark" in by else None,
            snapshot_id if "id" in by else None,
            project_id=world.project_id,
        )
        assert [view["id"] for view in world.snapshots_of(share["id"])] == [snapshot_id]

    @pytest.mark.parametrize("by", ["id and mark", "mark", "id"])
    def test_an_administrators_driver_discards_no_share_of_another_project(
        self, world: World, share: View, by: str
    ) -> None:
        snapshot_id = protect(world.driver(), share, mark_for(share))
        mark = mark_for(share, restore=str(uuid.uuid4()))
        new = world.driver().restore(source_of(share, snapshot_id), mark, BACK)
        world.driver().wait_restored(new)
        world.transfer(new)
        wanted = mark if "mark" in by else mark_for(share, restore=str(uuid.uuid4()))
        driver, thing = world.overseer(world.project_id), new if "id" in by else None
        assert not driver.discard(wanted, thing, project_id=world.project_id)
        driver.delete_clone(wanted, thing, project_id=world.project_id)
        assert world.share(new) is not None

    def test_an_administrators_driver_restores_nothing_from_another_project(
        self, world: World, share: View
    ) -> None:
        snapshot_id = protect(world.driver(), share, mark_for(share))
        driver = world.overseer(world.project_id)
        assert driver.verify(snapshot_id, share["id"], project_id=world.project_id)
        world.transfer(share["id"])
        with pytest.raises(SnapshotGone):
            world.overseer(world.project_id).verify(
                snapshot_id, share["id"], project_id=world.project_id
            )

    def test_an_administrators_driver_finds_only_what_is_of_the_project(
        self, world: World, share: View
    ) -> None:
        mark = mark_for(share)
        snapshot_id = protect(world.driver(), share, mark)
        driver = world.overseer(world.project_id)
        assert [view["id"] for view in driver.find(mark)] == [snapshot_id]
        world.transfer(share["id"])
        assert world.overseer(world.project_id).find(mark) == []
        found = world.overseer(world.project_id).find(mark, project_id=world.other_project_id)
        assert [view["id"] for view in found] == [snapshot_id]

    def test_what_an_administrator_restores_for_another_project_is_his_and_is_made_once(
        self, world: World, share: View
    ) -> None:
        snapshot_id = protect(world.driver(), share, mark_for(share))
        mark = mark_for(share, restore=str(uuid.uuid4()))
        source = source_of(share, snapshot_id)
        first = world.overseer(world.project_id).restore(source, mark, BACK)
        driver = world.overseer(world.project_id)
        assert driver.wait_restored(first)["project_id"] == world.other_project_id
        assert driver.restore(source, mark, BACK) == first
        assert driver.find(mark) == []
        found = driver.find(mark, project_id=world.other_project_id)
        assert [view["id"] for view in found] == [first]
        assert driver.discard(mark, None, project_id=world.other_project_id)
        assert world.share(first) is None

    def test_who_does_not_see_a_project_takes_nothing_in_it_for_gone(
        self, world: World, share: View
    ) -> None:
        mark = mark_for(share)
        snapshot_id = protect(world.driver(), share, mark)
        whose = world.project_id
        for driver in (world.stranger(whose), world.stranger(world.other_project_id)):
            for kept, thing in ((mark, None), (None, snapshot_id)):
                with pytest.raises(NotAdministrator):
                    driver.delete(kept, thing, project_id=whose)
                with pytest.raises(NotAdministrator):
                    driver.discard(mark, thing, project_id=whose)
                with pytest.raises(NotAdministrator):
                    driver.delete_clone(mark, thing, project_id=whose)
            with pytest.raises(NotAdministrator):
                driver.find(mark, project_id=whose)
        assert [view["id"] for view in world.snapshots_of(share["id"])] == [snapshot_id]

    def test_a_clone_that_an_administrator_makes_elsewhere_is_waited_for(
        self, world: World, share: View
    ) -> None:
        world.write(share["id"], "before")
        mark = mark_for(share)
        snapshot_id = protect(world.driver(), share, mark)
        back = mark_for(share, restore=str(uuid.uuid4()))
        driver = world.overseer(world.project_id)
        new = driver.restore(source_of(share, snapshot_id), back, BACK)
        world.overseer(world.project_id).delete(mark, snapshot_id, project_id=world.project_id)
        assert driver.wait_restored(new)["status"] == "available"
        assert world.read(new) == "before"

    def test_what_is_there_can_be_copied_and_what_is_not_is_refused(
        self, world: World, share: View
    ) -> None:
        driver = world.driver()
        snapshot_id = protect(driver, share, mark_for(share))
        gone = source_of(share, str(uuid.uuid4()))
        larger = dataclasses.replace(source_of(share, snapshot_id), size=share["size"] + 1)
        assert driver.preflight_copy([source_of(share, snapshot_id)]) == {}
        assert driver.preflight_copy([]) == {}
        refused = driver.preflight_copy([gone])
        assert isinstance(refused[gone.snapshot_id], SnapshotGone)
        refused = driver.preflight_copy([larger])
        assert isinstance(refused[snapshot_id], SnapshotDoubtful)

    def test_a_copy_outlives_what_it_was_made_from(self, world: World, share: View) -> None:
        world.write(share["id"], "before")
        source, mark = mark_for(share), mark_for(share)
        snapshot_id = protect(world.driver(), share, source)
        world.write(share["id"], "after")
        driver = world.driver()
        clone, kept = copy(driver, source_of(share, snapshot_id), mark)
        assert [view["id"] for view in driver.find(mark)] == [kept]
        assert [view["id"] for view in driver.find(mark.of_clone())] == [clone["id"]]
        assert world.read(clone["id"]) == "before"
        driver.delete(source, snapshot_id, project_id=world.project_id)
        assert world.driver().verify(kept, clone["id"], size=share["size"])["id"] == kept

    @pytest.mark.parametrize("by", ["id and mark", "mark", "id"])
    def test_a_deleted_copy_leaves_nothing_but_its_source(
        self, world: World, share: View, by: str
    ) -> None:
        source, mark = mark_for(share), mark_for(share)
        snapshot_id = protect(world.driver(), share, source)
        clone, kept = copy(world.driver(), source_of(share, snapshot_id), mark)
        thing = clone["id"] if "id" in by else None
        marked = mark.of_clone() if "mark" in by else None
        driver = world.driver()
        for _ in range(2):
            driver.delete(mark, kept, project_id=world.project_id)
            driver.delete_clone(marked, thing, project_id=world.project_id)
        assert world.share(clone["id"]) is None
        assert [view["id"] for view in world.snapshots_of(share["id"])] == [snapshot_id]

    def test_a_share_that_was_made_for_no_copy_is_not_removed_by_a_mark(
        self, world: World, share: View
    ) -> None:
        driver, mark = world.driver(), mark_for(share)
        snapshot_id = protect(driver, share, mark_for(share))
        new = driver.restore(source_of(share, snapshot_id), mark.of_clone(), BACK)
        driver.wait_restored(new)
        driver.delete_clone(mark.of_clone(), None, project_id=world.project_id)
        assert world.share(new) is not None

    # -- in place -----------------------------------------------------------------------------

    @pytest.fixture
    def reverter(self, world: World) -> ShareDriver:
        driver = world.driver()
        if "revert" not in driver.capabilities():
            pytest.skip("this driver cannot restore in place")
        return driver

    def test_a_reverted_share_holds_what_was_protected_and_is_the_same_share(
        self, world: World, share: View, reverter: ShareDriver
    ) -> None:
        world.write(share["id"], "before")
        snapshot_id = protect(world.driver(), share, mark_for(share))
        world.write(share["id"], "after")
        found = reverter.inspect_revert(snapshot_id, share["id"], world.project_id)
        assert (found.share["id"], found.snapshot["id"], found.newer) == (
            share["id"],
            snapshot_id,
            (),
        )
        reverter.preflight_revert(found, safety_copy=True)
        reverter.revert(snapshot_id, share["id"])
        assert reverter.wait_reverted(share["id"])["status"] == "available"
        assert world.read(share["id"]) == "before"

    def test_newer_snapshots_are_told_newest_first_and_older_ones_are_not(
        self, world: World, share: View, reverter: ShareDriver
    ) -> None:
        made = [protect(world.driver(), share, mark_for(share)) for _ in range(3)]
        found = reverter.inspect_revert(made[0], share["id"], world.project_id)
        assert [view["id"] for view in found.newer] == [made[2], made[1]]
        found = reverter.inspect_revert(made[2], share["id"], world.project_id)
        assert found.newer == ()

    def test_the_server_refuses_a_revert_past_a_newer_snapshot(
        self, world: World, share: View, reverter: ShareDriver
    ) -> None:
        older = protect(world.driver(), share, mark_for(share))
        world.write(share["id"], "kept")
        protect(world.driver(), share, mark_for(share))
        with pytest.raises(ManilaRefused):
            reverter.revert(older, share["id"])
        assert world.read(share["id"]) == "kept"

    def test_a_share_of_a_type_without_reverts_is_refused(
        self, world: World, reverter: ShareDriver
    ) -> None:
        share = world.make_share(revert_to_snapshot_support=False)
        snapshot_id = protect(world.driver(), share, mark_for(share))
        with pytest.raises(RevertUnsupported):
            reverter.inspect_revert(snapshot_id, share["id"], world.project_id)

    def test_a_share_with_a_rule_in_error_is_refused(
        self, world: World, share: View, reverter: ShareDriver
    ) -> None:
        snapshot_id = protect(world.driver(), share, mark_for(share))
        world.driver().grant(share["id"], [world.refused_rule()])
        with pytest.raises(AccessRulesNotActive):
            reverter.inspect_revert(snapshot_id, share["id"], world.project_id)

    def test_a_share_that_is_not_there_is_refused(
        self, world: World, share: View, reverter: ShareDriver
    ) -> None:
        snapshot_id = protect(world.driver(), share, mark_for(share))
        assert reverter.show_share(share["id"])["id"] == share["id"]
        assert reverter.show_share(str(uuid.uuid4())) is None
        with pytest.raises(TargetMissing):
            reverter.inspect_revert(snapshot_id, str(uuid.uuid4()), world.project_id)

    def test_a_temporary_snapshot_is_found_by_the_mark_of_its_restore_alone(
        self, world: World, share: View, reverter: ShareDriver
    ) -> None:
        kept = mark_for(share)
        temporary = dataclasses.replace(kept, restore=str(uuid.uuid4()))
        snapshot_id = protect(world.driver(), share, temporary)
        assert [view["id"] for view in reverter.find_temporary(temporary)] == [snapshot_id]
        assert reverter.find(kept) == []
        assert reverter.find(temporary) == []

# SPDX-License-Identifier: Apache-2.0
"""The backup driver: how far a restore had come it finds out by Manila alone."""

from typing import Any

import pytest

from karbor_manila.common.errors import DeadlineExceeded
from karbor_manila.drivers.testing.world import (
    KEPT,
    begin_restore,
    end_restore,
    mark_for,
    mark_of_restore,
    protect,
    restore,
    shares_of,
)
from karbor_manila.manila.errors import (
    BackupDoubtful,
    BackupsUnsupported,
    NeedsAdministrator,
    ResourceFailed,
)
from tests.contract.backup_world import BackupWorld
from tests.fakes.manila import transient


@pytest.fixture
def world() -> BackupWorld:
    return BackupWorld()


@pytest.fixture
def share(world: BackupWorld) -> dict[str, Any]:
    share = world.make_share()
    world.write(share["id"], "then")
    return share


def asked(world: BackupWorld) -> int:
    return world.cloud.calls.count("restore_backup")


def test_a_restore_whose_reply_was_lost_is_asked_for_once(world: BackupWorld, share: Any) -> None:
    kept = protect(world.driver(), share, mark_for(share))
    world.cloud.plan("restore_backup", transient, after=True)
    new = restore(world.driver(), kept, mark_of_restore(share))
    assert world.read(new["id"]) == "then"
    assert asked(world) == 1
    world.cloud.assert_hit()


@pytest.mark.parametrize("seconds", [0.0, 10.0, 20.0 + 15.0])
def test_another_process_goes_on_where_one_died(
    world: BackupWorld, share: Any, seconds: float
) -> None:
    kept = protect(world.driver(), share, mark_for(share))
    mark = mark_of_restore(share)
    first = begin_restore(world.driver(), kept, mark)
    world.cloud.clock.sleep(seconds)
    view = end_restore(world.driver(), kept, mark, first)
    assert (view["status"], world.read(first)) == ("available", "then")
    assert asked(world) == 1
    assert end_restore(world.driver(), kept, mark, first)["id"] == first  # and again
    assert asked(world) == 1


def test_a_request_of_a_dead_process_that_comes_late_is_waited_for(
    world: BackupWorld, share: Any
) -> None:
    kept = protect(world.driver(), share, mark_for(share))
    mark = mark_of_restore(share)
    first = begin_restore(world.driver(), kept, mark)
    shares_of(world.driver()).wait_restored(first)
    manila, looks = world.environment().manila, iter(range(100))

    def late() -> None:
        if next(looks) < 3:
            world.cloud.meanwhile["share"] = [late]
        else:
            manila.restore_backup(kept.id, first)

    world.cloud.meanwhile["share"] = [late]
    end_restore(world.driver(), kept, mark, first)
    assert (world.read(first), asked(world)) == ("then", 1)


def test_a_share_that_was_reset_after_a_failed_restore_is_filled_again(
    world: BackupWorld, share: Any
) -> None:
    kept = protect(world.driver(), share, mark_for(share))
    mark = mark_of_restore(share)
    world.cloud.failing.add(f"restore_backup {share['id']}")
    driver = world.driver()
    first = begin_restore(driver, kept, mark)
    with pytest.raises(ResourceFailed, match="backup_restoring_error"):
        end_restore(driver, kept, mark, first)
    with pytest.raises(BackupDoubtful, match="--status available"):
        world.driver().check(kept)
    world.cloud.failing.clear()
    world.cloud.shares[first]["status"] = "available"  # an administrator looked
    world.cloud.backups[kept.id]["status"] = "available"
    assert world.read(first) == ""
    end_restore(world.driver(), kept, mark, first)
    assert world.read(first) == "then"


def test_two_restores_from_one_backup_take_turns(world: BackupWorld, share: Any) -> None:
    kept = protect(world.driver(), share, mark_for(share))
    mark = mark_of_restore(share)
    target = world.make_share()
    world.environment().manila.restore_backup(kept.id, target["id"])
    assert world.driver().check(kept).status == "restoring"
    new = restore(world.driver(), kept, mark)
    assert (world.read(new["id"]), world.read(target["id"])) == ("then", "then")


def test_a_backup_that_is_restored_from_goes_afterwards(world: BackupWorld, share: Any) -> None:
    mark = mark_for(share)
    kept = protect(world.driver(), share, mark)
    target = world.make_share()
    world.environment().manila.restore_backup(kept.id, target["id"])
    world.driver().delete(kept, mark, project_id=world.project_id)
    assert world.kept_of(share["id"]) == []
    assert world.read(target["id"]) == "then"


def test_what_a_failed_restore_leaves_goes_for_an_administrator_alone(
    world: BackupWorld, share: Any
) -> None:
    kept = protect(world.driver(), share, mark_for(share))
    mark = mark_of_restore(share)
    world.cloud.failing.add(f"restore_backup {share['id']}")
    driver = world.driver()
    first = begin_restore(driver, kept, mark)
    with pytest.raises(ResourceFailed):
        end_restore(driver, kept, mark, first)
    with pytest.raises(NeedsAdministrator):
        shares_of(world.driver()).discard(mark, first, project_id=world.project_id)
    overseer = shares_of(world.overseer(world.project_id))
    assert overseer.discard(mark, first, project_id=world.project_id)
    assert world.share(first) is None


def test_a_restore_that_does_not_go_on_fails_by_its_progress(
    world: BackupWorld, share: Any
) -> None:
    kept = protect(world.driver(), share, mark_for(share))
    world.cloud.stuck.add(share["id"])
    with pytest.raises(DeadlineExceeded, match="progress stays"):
        restore(world.driver(), kept, mark_of_restore(share))


@pytest.mark.parametrize("number", [1, 4])
def test_progress_is_told_of_each_share(world: BackupWorld, number: int) -> None:
    told: list[tuple[str, str, int]] = []
    environment = world.environment(number)
    environment.progress = lambda *each: told.append(each)
    driver = world.driver_class(environment)
    for share in [world.make_share() for _ in range(number)]:
        protect(driver, share, mark_for(share))
        mine = [percent for share_id, _what, percent in told if share_id == share["id"]]
        assert mine == sorted(mine)
        assert len(mine) > 1


def test_a_manila_of_before_has_no_backups_and_an_audit_sees_none() -> None:
    world = BackupWorld("2.79")
    share = world.make_share()
    driver = world.driver()
    assert driver.everything() == []
    (result,) = dict(
        driver.protect([share], {share["id"]: mark_for(share)}, {share["id"]: KEPT})
    ).values()
    assert isinstance(result, BackupsUnsupported)
    assert "back" not in " ".join(world.cloud.calls)

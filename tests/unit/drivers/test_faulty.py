# SPDX-License-Identifier: Apache-2.0
"""The driver that fails, hangs or forgets on request."""

from collections.abc import Iterator

import pytest

from karbor_manila.drivers import faulty
from karbor_manila.drivers.base import Driver, Kept
from karbor_manila.drivers.testing.world import KEPT, mark_for, protect
from karbor_manila.manila.errors import ManilaRefused, ManilaUnavailable, SnapshotGone
from tests.contract.world import FakeWorld


@pytest.fixture
def world() -> Iterator[FakeWorld]:
    yield FakeWorld("2.98", faulty.FaultyDriver)
    faulty.PLANNED.clear()


def with_faults(world: FakeWorld, *planned: str, hang_seconds: float = 3600.0) -> Driver:
    environment = world.environment()
    environment.options = type("Options", (), {"faults": planned, "hang_seconds": hang_seconds})
    return faulty.FaultyDriver(environment)


def test_a_failure_is_that_of_each_share_and_nothing_is_made(world: FakeWorld) -> None:
    first, second = world.make_share(), world.make_share()
    faulty.PLANNED.plan("protect", faulty.FAIL, times=1)
    marks = {share["id"]: mark_for(share) for share in (first, second)}
    results = dict(world.driver().protect([first, second], marks, dict.fromkeys(marks, KEPT)))
    assert isinstance(results[first["id"]], ManilaRefused)
    assert isinstance(results[second["id"]], Kept)
    assert world.kept_of(first["id"]) == []


def test_a_lost_answer_leaves_what_was_made(world: FakeWorld) -> None:
    share = world.make_share()
    faulty.PLANNED.plan("protect", faulty.LOSE, times=1)
    mark = mark_for(share)
    with pytest.raises(ManilaUnavailable):
        protect(world.driver(), share, mark)
    (made,) = world.kept_of(share["id"])
    assert protect(world.driver(), share, mark).id == made["id"]


def test_what_hangs_takes_so_much_longer(world: FakeWorld) -> None:
    began = world.cloud.clock.now()
    with_faults(world, "everything:hang", hang_seconds=500.0).everything()
    assert world.cloud.clock.now() - began == 500.0


def test_what_is_forgotten_is_not_there_and_a_share_gets_no_answer(world: FakeWorld) -> None:
    share = world.make_share()
    kept = protect(world.driver(), share, mark_for(share))
    forgets = with_faults(world, "check:forget", "show:forget", "delete:forget", "protect:forget")
    with pytest.raises(SnapshotGone):
        forgets.check(kept)
    assert forgets.show(kept.id) is None
    forgets.delete(kept, project_id=world.project_id)
    assert [view["id"] for view in world.kept_of(share["id"])] == [kept.id]
    assert list(forgets.protect([share], {share["id"]: mark_for(share)}, {share["id"]: KEPT})) == []


@pytest.mark.parametrize("planned", ["protect:explode", "protect:"])
def test_a_fault_that_there_is_not_is_refused(world: FakeWorld, planned: str) -> None:
    with pytest.raises(ValueError, match="fail, lose, hang, forget"):
        with_faults(world, planned)


def test_it_is_used_where_it_is_named_alone_and_says_so(
    world: FakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world.driver()
    assert "it is for tests" in caplog.text

# SPDX-License-Identifier: Apache-2.0
"""What is not surely gone keeps its record, whatever lists say."""

from pathlib import Path
from typing import Any

import pytest

from karbor_manila.operations.delete import DeleteOperation
from karbor_manila.operations.protect import ProtectOperation
from tests.fakes.manila import FakeManila
from tests.unit.together import Together


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Together:
    monkeypatch.setattr(FakeManila, "parallel", 1)
    return Together(tmp_path)


class Kept:
    """A checkpoint of some shares, of whose snapshots some cannot be deleted."""

    def __init__(self, stage: Together, number: int) -> None:
        self.stage = stage
        self.shares = [stage.cloud.add_share(stage.project_id)["id"] for _ in range(number)]
        self.checkpoint = stage.checkpoint(*self.shares)
        assert stage.side_by_side(ProtectOperation, self.checkpoint, *self.shares)[0] == []

    def delete(self, *fails: str) -> list[Exception]:
        self.stage.cloud.failing.update(f"delete_snapshot {share}" for share in fails)
        return self.stage.side_by_side(DeleteOperation, self.checkpoint, *self.shares)[0]

    def recorded(self) -> list[str]:
        """The shares that still have their record."""
        return [each for each in self.shares if "metadata" in self.pages(each)]

    def pages(self, share: str) -> dict[str, Any]:
        return self.stage.pages(self.checkpoint, share)

    def snapshot_of(self, share: str) -> str:
        return str(self.pages(share)["metadata"]["snapshot_id"])


def test_what_a_list_without_an_end_leaves_out_is_asked_for(stage: Together) -> None:
    kept = Kept(stage, 8)
    stuck = kept.shares[3:5]
    stage.cloud.hidden = {kept.snapshot_of(share) for share in stuck}
    assert len(kept.delete(*stuck)) == len(stuck)
    assert kept.recorded() == stuck


def test_empty_lists_that_say_they_are_whole_are_not_believed(stage: Together) -> None:
    kept = Kept(stage, 8)
    stage.cloud.hidden = {kept.snapshot_of(share) for share in kept.shares}
    stage.cloud.hides_well = True
    assert len(kept.delete(*kept.shares)) == len(kept.shares)
    assert kept.recorded() == kept.shares


def test_one_list_that_leaves_something_out_is_not_believed(stage: Together) -> None:
    kept = Kept(stage, 8)
    stuck = kept.shares[5]

    cloud = stage.cloud

    def show_again() -> None:
        cloud.hidden.clear()

    def hide() -> None:
        cloud.hidden, cloud.hides_well = {kept.snapshot_of(stuck)}, True
        cloud.meanwhile["snapshots"] = [lambda: cloud.meanwhile.update(snapshots=[show_again])]

    cloud.meanwhile["delete_snapshot"] = [hide]  # after the look before
    assert len(kept.delete(stuck)) == 1
    assert not cloud.hidden
    assert kept.recorded() == [stuck]


def test_a_mark_that_a_tenant_takes_off_meanwhile_hides_no_failure(stage: Together) -> None:
    kept = Kept(stage, 12)
    stuck = kept.shares[5]
    snapshot, cloud = kept.snapshot_of(stuck), stage.cloud

    def take_off() -> None:
        cloud.snapshots[snapshot]["metadata"] = {}

    cloud.meanwhile["delete_snapshot"] = [take_off]
    (error,) = kept.delete(stuck)
    assert "error_deleting" in str(error)
    assert kept.recorded() == [stuck]


@pytest.mark.parametrize("project", ["project-of-karbor", "project-a"])
def test_what_became_another_projects_since_the_list_is_not_asked_for_by_an_administrator(
    stage: Together, project: str
) -> None:
    """A session that reaches other projects looks at each by its id right before the request."""
    kept = Kept(stage, 8)
    transferred = kept.shares[2]
    stage.cloud.meanwhile["snapshot"] = [lambda: stage.cloud.transfer(transferred, "project-b")]
    errors, requests = stage.side_by_side(
        DeleteOperation, kept.checkpoint, *kept.shares, administrator=project
    )
    assert errors == []
    assert requests["delete_snapshot"] == len(kept.shares) - 1
    assert [view["share_id"] for view in stage.cloud.snapshots.values()] == [transferred]

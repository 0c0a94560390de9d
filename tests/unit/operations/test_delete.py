# SPDX-License-Identifier: Apache-2.0
"""Delete: every road leads to the same end, and what cannot end says who can end it."""

from typing import Any

import pytest

from tests.fakes.manila import Died, refused, transient
from tests.unit.stage import Stage


def gone(stage: Stage, checkpoint: Any, share: dict[str, Any]) -> bool:
    pages = stage.pages(checkpoint, share["id"])
    return not stage.cloud.snapshots and pages == {"status": "deleted"}


def test_the_snapshot_and_the_pages_are_gone(stage: Stage, share: Any, checkpoint: Any) -> None:
    assert stage.delete(checkpoint, share["id"]) == []
    assert gone(stage, checkpoint, share)


def test_twice_is_as_good_as_once(stage: Stage, share: Any, checkpoint: Any) -> None:
    stage.delete(checkpoint, share["id"])
    assert stage.delete(checkpoint, share["id"]) == []


def test_a_snapshot_removed_by_hand_is_success(stage: Stage, share: Any, checkpoint: Any) -> None:
    stage.cloud.snapshots.clear()
    assert stage.delete(checkpoint, share["id"]) == []
    assert gone(stage, checkpoint, share)


def test_no_record_at_all_is_success(stage: Stage, share: Any) -> None:
    checkpoint = stage.checkpoint(share["id"])
    assert stage.delete(checkpoint, share["id"]) == []
    assert gone(stage, checkpoint, share)


@pytest.mark.parametrize(
    "damage",
    [
        "not json at all",
        {"version": 0},
        {"version": None},
        {"version": 1},
        {"share_id": "x"},
        [],
    ],
)
def test_a_record_that_cannot_be_understood_is_removed_with_what_bears_its_mark(
    stage: Stage, share: Any, checkpoint: Any, damage: Any
) -> None:
    checkpoint.get_resource_bank_section(share["id"]).update_object("metadata", damage)
    assert stage.delete(checkpoint, share["id"]) == []
    assert gone(stage, checkpoint, share)


def test_a_record_of_karbors_own_plugin_is_deleted(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    section = checkpoint.get_resource_bank_section(share["id"])
    whole = section.get_object("metadata")
    foreign = ("share_id", "size", "share_proto", "share_type", "share_network_id", "snapshot_id")
    section.update_object("metadata", {name: whole[name] for name in foreign})
    for view in stage.cloud.snapshots.values():
        view["metadata"] = {}
    assert stage.delete(checkpoint, share["id"]) == []
    assert gone(stage, checkpoint, share)


def test_a_snapshot_in_error_is_deleted(stage: Stage, share: Any, checkpoint: Any) -> None:
    for view in stage.cloud.snapshots.values():
        view["status"] = "error"
    assert stage.delete(checkpoint, share["id"]) == []
    assert gone(stage, checkpoint, share)


def test_a_busy_snapshot_is_waited_for(stage: Stage, share: Any, checkpoint: Any) -> None:
    for view in stage.cloud.snapshots.values():
        view |= {"status": "restoring", "_until": stage.cloud.clock.now() + 300, "_fails": False}
    assert stage.delete(checkpoint, share["id"]) == []
    assert gone(stage, checkpoint, share)


@pytest.mark.parametrize("status", ["creating", "creating_from_snapshot"])
def test_a_clone_that_is_being_made_is_waited_for(
    stage: Stage, share: Any, checkpoint: Any, status: str
) -> None:
    (snapshot_id,) = stage.cloud.snapshots
    clone = stage.cloud.add_share(
        stage.project_id,
        status=status,
        snapshot_id=snapshot_id,
        _until=stage.cloud.clock.now() + 300,
        _fails=False,
    )
    stage.delete(checkpoint, share["id"])
    assert stage.cloud.shares[clone["id"]]["status"] == "available"
    assert gone(stage, checkpoint, share)


def test_what_only_an_administrator_can_end_names_the_command_and_can_be_deleted_later(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    stage.cloud.failing.add(f"delete_snapshot {share['id']}")
    (error,) = stage.delete(checkpoint, share["id"])
    (snapshot_id,) = stage.cloud.snapshots
    assert f"openstack share snapshot delete --force {snapshot_id}" in str(error)
    assert "metadata" in stage.pages(checkpoint, share["id"])
    stage.cloud.snapshots.clear()
    assert stage.delete(checkpoint, share["id"]) == []


def test_a_snapshot_that_stays_fails_at_the_deadline_with_manilas_words(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    stage.cloud.plan("delete_snapshot", refused, times=10**6)
    (error,) = stage.delete(checkpoint, share["id"])
    assert "3600 seconds" in str(error)
    assert "HTTP 400" in str(error)
    assert len(stage.cloud.snapshots) == 1


@pytest.mark.parametrize("method", ["snapshots", "shares", "delete_snapshot", "snapshot"])
def test_a_transient_error_on_any_call_is_retried(
    stage: Stage, share: Any, checkpoint: Any, method: str
) -> None:
    stage.cloud.plan(method, transient, times=3)
    assert stage.delete(checkpoint, share["id"]) == []
    assert gone(stage, checkpoint, share)
    stage.cloud.assert_hit()


def test_many_shares_are_looked_at_with_lists(stage: Stage) -> None:
    ids = [stage.cloud.add_share(stage.project_id)["id"] for _ in range(10)]  # in less than RECENT
    checkpoint = stage.checkpoint(*ids)
    stage.protect(checkpoint, *ids)
    stage.cloud.calls.clear()
    assert stage.delete(checkpoint, *ids) == []
    assert stage.cloud.calls.count("snapshots") == 1
    assert not stage.cloud.snapshots


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("method", ["snapshots", "shares", "delete_snapshot", "snapshot"])
def test_a_death_at_any_call_is_mended_by_another_delete(
    stage: Stage, share: Any, checkpoint: Any, method: str, after: bool
) -> None:
    stage.cloud.plan(method, Died, after=after)
    with pytest.raises(Died):
        stage.delete(checkpoint, share["id"])
    stage.open_bank()
    assert stage.delete(stage.checkpoints.get(checkpoint.id), share["id"]) == []
    assert gone(stage, checkpoint, share)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", [1, 2, 3])
def test_a_death_at_any_write_is_mended_by_another_delete(
    stage: Stage, share: Any, checkpoint: Any, write: int, after: bool
) -> None:
    stage.bank_plugin.writes = 0
    stage.bank_plugin.dies_at = (write, after, Died)
    with pytest.raises(Died):
        stage.delete(checkpoint, share["id"])
    stage.open_bank()
    assert stage.delete(stage.checkpoints.get(checkpoint.id), share["id"]) == []
    assert gone(stage, checkpoint, share)


def test_a_mark_in_another_project_is_left_alone(stage: Stage, share: Any, checkpoint: Any) -> None:
    (view,) = stage.cloud.snapshots.values()
    forged = view | {"id": "forged", "project_id": "project-b"}
    stage.cloud.snapshots["forged"] = forged
    stage.delete(checkpoint, share["id"])
    assert list(stage.cloud.snapshots) == ["forged"]


def test_a_bank_without_its_id_gives_no_word_on_marks(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    (view,) = stage.cloud.snapshots.values()
    stage.cloud.snapshots["twin"] = view | {"id": "twin"}
    stage.bank.delete_object("/karbor-manila/bank.json")
    assert stage.delete(checkpoint, share["id"]) == []
    assert list(stage.cloud.snapshots) == ["twin"]

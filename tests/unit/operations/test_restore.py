# SPDX-License-Identifier: Apache-2.0
"""Restore: a new share, or nothing at all; the source and the checkpoint are never touched."""

from typing import Any

import pytest

from tests.fakes.manila import Died, transient
from tests.unit.stage import SHARE, Record, Stage


@pytest.fixture
def share(stage: Stage) -> dict[str, Any]:
    return stage.cloud.add_share(stage.project_id, name="home", description="of all", size=3)


def new_shares(stage: Stage, share: dict[str, Any]) -> list[dict[str, Any]]:
    return [view for view in stage.cloud.shares.values() if view["id"] != share["id"]]


def test_the_new_share_is_of_the_same_kind(stage: Stage, share: Any, checkpoint: Any) -> None:
    assert stage.restore(checkpoint, share["id"], restore=Record()) == []
    (new,) = new_shares(stage, share)
    same = ("size", "share_proto", "share_network_id", "availability_zone", "share_type")
    assert {name: new[name] for name in same} == {name: share[name] for name in same}
    assert not new["is_public"]


def test_the_new_share_has_the_name_asked_for(stage: Stage, share: Any, checkpoint: Any) -> None:
    given = {"restore_name": "back", "restore_description": "after the fire"}
    stage.restore(checkpoint, share["id"], restore=Record(), given=given)
    (new,) = new_shares(stage, share)
    assert (new["name"], new["description"]) == ("back", "after the fire")


def test_without_a_name_it_has_the_old_one(stage: Stage, share: Any, checkpoint: Any) -> None:
    stage.restore(checkpoint, share["id"], restore=Record())
    (new,) = new_shares(stage, share)
    assert (new["name"], new["description"]) == ("home", "of all")


def test_the_restore_names_the_new_share_with_its_final_status(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    restore = Record()
    stage.restore(checkpoint, share["id"], restore=restore)
    (new,) = new_shares(stage, share)
    assert restore["resources_status"] == {f"{SHARE}#{new['id']}": "available"}


def test_another_share_is_refused_before_anything(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    restore, other = Record(), stage.cloud.add_share(stage.project_id)
    given = {"share_id": other["id"]}
    (error,) = stage.restore(checkpoint, share["id"], restore=restore, given=given)
    assert "which leaves share_id out" in str(error)
    assert "which leaves share_id out" in restore["resources_reason"][f"{SHARE}#{share['id']}"]
    assert stage.cloud.calls == []


def test_a_snapshot_that_is_gone_is_told_before_anything_is_made(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    stage.cloud.snapshots.clear()
    restore = Record()
    assert len(stage.restore(checkpoint, share["id"], restore=restore)) == 1
    told = restore["resources_reason"][f"{SHARE}#{share['id']}"]
    assert "Manila at http://manila.invalid/v2 does not show it in this project any more" in told
    assert "transferred to another project" in told
    assert "create_share" not in stage.cloud.calls


def test_a_checkpoint_without_a_record_is_refused(stage: Stage, share: Any) -> None:
    (error,) = stage.restore(stage.checkpoint(share["id"]), share["id"], restore=Record())
    assert "no complete record" in str(error)


def test_a_share_that_fails_is_removed_and_named_with_manilas_reason(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    stage.cloud.failing.add(f"create_share {share['id']}")
    restore = Record()
    assert len(stage.restore(checkpoint, share["id"], restore=restore)) == 1
    assert new_shares(stage, share) == []
    ((key, reason),) = restore["resources_reason"].items()
    assert restore["resources_status"][key] == "error"
    assert key != f"{SHARE}#{share['id']}"
    assert "the backend is full" in reason
    assert "removed again" in reason
    assert len(stage.cloud.snapshots) == 1


def test_a_lost_reply_makes_no_second_share(stage: Stage, share: Any, checkpoint: Any) -> None:
    stage.cloud.plan("create_share", transient, after=True)
    assert stage.restore(checkpoint, share["id"], restore=Record()) == []
    assert len(new_shares(stage, share)) == 1
    stage.cloud.assert_hit()


@pytest.mark.parametrize("method", ["snapshot", "shares", "create_share", "share"])
def test_a_transient_error_on_any_call_is_retried(
    stage: Stage, share: Any, checkpoint: Any, method: str
) -> None:
    stage.cloud.plan(method, transient, times=3)
    assert stage.restore(checkpoint, share["id"], restore=Record()) == []
    stage.cloud.assert_hit()


def test_a_finished_restore_leaves_the_pages_as_they_were(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    before = stage.pages(checkpoint, share["id"])
    stage.restore(checkpoint, share["id"], restore=Record())
    assert stage.pages(checkpoint, share["id"]) == before


def test_a_death_after_the_share_was_made_leaves_an_intent_that_names_the_restore(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    restore = Record()
    stage.cloud.plan("create_share", Died, after=True)
    with pytest.raises(Died):
        stage.restore(checkpoint, share["id"], restore=restore)
    intent = stage.pages(checkpoint, share["id"])[f"restores/{restore.id}"]
    (new,) = new_shares(stage, share)
    assert new["metadata"]["karbor_manila_restore"] == intent["mark"]["restore"] == restore.id


def test_a_record_of_karbors_own_plugin_is_restored(stage: Stage, share: Any) -> None:
    checkpoint = stage.checkpoint(share["id"])
    stage.protect(checkpoint, share["id"])
    section = checkpoint.get_resource_bank_section(share["id"])
    whole = section.get_object("metadata")
    foreign = ("share_id", "size", "share_proto", "share_type", "share_network_id", "snapshot_id")
    section.update_object("metadata", {name: whole[name] for name in foreign})
    assert stage.restore(checkpoint, share["id"], restore=Record()) == []
    (new,) = new_shares(stage, share)
    assert new["name"] == f"{checkpoint.id}@{share['id']}"

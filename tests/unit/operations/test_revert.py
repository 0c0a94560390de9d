# SPDX-License-Identifier: Apache-2.0
"""Restore in place: Manila's rules first, then the revert; the share itself is never removed."""

import dataclasses
from typing import Any

import pytest
from oslo_serialization import jsonutils

from karbor_manila.bank import record
from karbor_manila.manila.errors import (
    AccessRulesNotActive,
    CopyUnsupported,
    ManilaRefused,
    ManilaUnavailable,
    QuotaTooSmall,
    ResourceFailed,
    RevertFailed,
    RevertUnsupported,
    TargetBusy,
    TargetMissing,
    TargetNotAvailable,
)
from karbor_manila.manila.marks import Mark
from karbor_manila.operations.errors import NewerSnapshots, SnapshotOfClone
from tests.fakes.manila import refused, transient
from tests.unit.stage import SHARE, Record, Stage

WRITES = {"create_snapshot", "delete_snapshot", "create_share", "delete_share", "revert_share"}


class Asked(Record):
    """A restore or verification with the parameters that the user gave."""

    def __init__(self, given: dict[str, Any]) -> None:
        super().__init__()
        self.__dict__["parameters"] = {SHARE: given}

    parameters: Any = None


@pytest.fixture
def share(stage: Stage) -> dict[str, Any]:
    return stage.cloud.add_share(stage.project_id, name="home", size=3, _text="then")


@pytest.fixture
def checkpoint(stage: Stage, share: dict[str, Any]) -> Any:
    checkpoint = stage.checkpoint(share["id"])
    assert stage.protect(checkpoint, share["id"]) == []
    share["_text"] = "now"
    stage.cloud.calls.clear()
    return checkpoint


def restore(
    stage: Stage, checkpoint: Any, share: Any, **given: Any
) -> tuple[Record, BaseException | None]:
    given = {"share_id": share["id"], **given}
    request = Asked(given)
    failures = stage.restore(checkpoint, share["id"], restore=request, given=given)
    return request, failures[0].__cause__ if failures else None


def told(request: Record, share: Any) -> dict[str, Any]:
    said: dict[str, Any] = jsonutils.loads(request["resources_reason"][f"{SHARE}#{share['id']}"])
    return said


def writes(stage: Stage) -> list[str]:
    return [call for call in stage.cloud.calls if call in WRITES]


def test_the_share_is_put_back_and_told(stage: Stage, share: Any, checkpoint: Any) -> None:
    pages = stage.pages(checkpoint, share["id"])
    request, error = restore(stage, checkpoint, share)
    assert error is None
    assert (share["_text"], share["status"]) == ("then", "available")
    assert request["resources_status"] == {f"{SHARE}#{share['id']}": "available"}
    said = told(request, share)
    assert said["way"] == "in place"
    assert said["export_locations"]
    assert "metadata and access rules" in said["not_restored"][0]
    assert writes(stage) == ["revert_share"]
    assert stage.pages(checkpoint, share["id"]) == pages


def test_the_dry_run_tells_what_is_lost_and_writes_nothing(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    share["size"] = 5
    given = {"depth": "plan", "share_id": share["id"], "safety_copy": True}
    request = Asked(given)
    assert stage.verify(checkpoint, share["id"], verify=request, given=given) == []
    plan = told(request, share)
    assert (plan["way"], plan["safety_copy"], plan["new"]) == ("in place", True, None)
    assert "5 GiB: it had 3 GiB" in plan["loses"][1]
    assert writes(stage) == []


@pytest.mark.parametrize(
    ("changed", "leaf", "said"),
    [
        ({"status": "extending"}, TargetNotAvailable, "'extending'"),
        ({"status": "reverting_error"}, TargetNotAvailable, "'reverting_error'"),
        ({"is_soft_deleted": True}, TargetNotAvailable, "recycle bin"),
        ({"revert_to_snapshot_support": False}, RevertUnsupported, "'default'"),
        ({"task_state": "migration_in_progress"}, TargetBusy, "migration"),
        ({"access_rules_status": "error"}, AccessRulesNotActive, "'error'"),
        ({"access_rules_status": "syncing"}, AccessRulesNotActive, "'syncing'"),
        ({"project_id": "project-b", "is_public": True}, TargetMissing, "no such share"),
    ],
)
def test_what_manila_would_refuse_is_refused_by_name_and_nothing_is_written(
    stage: Stage, share: Any, checkpoint: Any, changed: Any, leaf: type, said: str
) -> None:
    share.update(changed)
    request, error = restore(stage, checkpoint, share, safety_copy=True)
    assert isinstance(error, leaf)
    assert said in str(error)
    assert "Nothing was changed" in request["resources_reason"][f"{SHARE}#{share['id']}"]
    assert writes(stage) == []
    assert share["_text"] == "now"


def test_a_task_that_has_ended_is_in_nobodys_way(stage: Stage, share: Any, checkpoint: Any) -> None:
    share["task_state"] = "migration_success"
    assert restore(stage, checkpoint, share)[1] is None


@pytest.mark.parametrize("status", ["available", "error", "deleting"])
def test_a_newer_snapshot_blocks_whatever_its_status_and_is_named(
    stage: Stage, share: Any, checkpoint: Any, status: str
) -> None:
    manila = stage.bound(share["id"]).manila
    own = manila.create_snapshot(share["id"], name="mine", description=None)
    stage.cloud.snapshots[own["id"]].update(status=status, _until=float("inf"))
    stage.cloud.calls.clear()
    _request, error = restore(stage, checkpoint, share, remove_newer=True)
    assert isinstance(error, NewerSnapshots)
    assert not error.removable
    assert own["id"] in error.newer[0]
    assert "'mine'" in error.newer[0]
    assert "a user made it" in error.newer[0]
    assert writes(stage) == []


def test_of_two_snapshots_of_the_same_moment_neither_is_taken_for_the_newest(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    """A database may keep whole seconds, and Manila takes either then."""
    manila = stage.bound(share["id"]).manila
    own = manila.create_snapshot(share["id"], name="twin", description=None)
    (kept,) = (view for view in stage.cloud.snapshots.values() if view["id"] != own["id"])
    stage.cloud.snapshots[own["id"]]["created_at"] = kept["created_at"]
    assert isinstance(restore(stage, checkpoint, share)[1], NewerSnapshots)


def test_a_newer_checkpoint_is_named_and_nothing_is_removed_unasked(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    newer = stage.checkpoint(share["id"])
    stage.protect(newer, share["id"])
    stage.cloud.calls.clear()
    _request, error = restore(stage, checkpoint, share)
    assert isinstance(error, NewerSnapshots)
    assert newer.id in error.newer[0]
    assert writes(stage) == []


@pytest.mark.parametrize(
    ("limits", "given"),
    [
        ({"maxTotalShares": 1, "totalSharesUsed": 1}, {"safety_copy": True}),
        (
            {"maxTotalShareSnapshots": 1, "totalShareSnapshotsUsed": 1},
            {"safety_copy": True},
        ),
        ({"maxTotalShareGigabytes": 5, "totalShareGigabytesUsed": 3}, {"safety_copy": True}),
    ],
)
def test_the_quota_of_a_safety_copy_is_checked_before_anything(
    stage: Stage, share: Any, checkpoint: Any, limits: Any, given: Any
) -> None:
    stage.cloud.limits.update(limits)
    assert isinstance(restore(stage, checkpoint, share, **given)[1], QuotaTooSmall)
    assert writes(stage) == []
    assert restore(stage, checkpoint, share)[1] is None  # without a copy it fits


def test_a_share_that_was_shrunk_needs_quota_to_grow_again(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    share["size"] = 1
    stage.cloud.limits.update({"maxTotalShareGigabytes": 2, "totalShareGigabytesUsed": 1})
    assert isinstance(restore(stage, checkpoint, share)[1], QuotaTooSmall)
    assert writes(stage) == []


def test_a_copied_checkpoint_is_refused_with_the_ways_that_there_are(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    section = checkpoint.get_resource_bank_section(share["id"])
    known = section.get_object("metadata")
    kept = known["kept"] | {"share_id": "c-1"}
    section.update_object("metadata", known | {"clone_id": "c-1", "kept": kept})
    _request, error = restore(stage, checkpoint, share)
    assert isinstance(error, SnapshotOfClone)
    assert "clone c-1" in str(error)
    assert stage.cloud.calls == []


def test_a_safety_copy_holds_what_was_there_and_its_snapshot_goes_again(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    request, error = restore(stage, checkpoint, share, safety_copy=True)
    assert error is None
    copy = stage.cloud.shares[told(request, share)["safety_copy"]]
    assert (share["_text"], copy["_text"]) == ("then", "now")
    assert copy["name"] == f"before-restore-{checkpoint.id}"
    assert request["resources_status"][f"{SHARE}#{copy['id']}"] == "available"
    assert writes(stage) == [
        "create_snapshot",
        "create_share",
        "delete_snapshot",
        "revert_share",
    ]
    assert len(stage.cloud.snapshots) == 1


@pytest.mark.parametrize("method", ["create_snapshot", "create_share"])
def test_without_its_safety_copy_a_share_is_not_put_back(
    stage: Stage, share: Any, checkpoint: Any, method: str
) -> None:
    pages = stage.pages(checkpoint, share["id"])
    stage.cloud.failing.add(f"{method} {share['id']}")
    _request, error = restore(stage, checkpoint, share, safety_copy=True)
    assert isinstance(error, ResourceFailed)
    assert share["_text"] == "now"
    assert "revert_share" not in stage.cloud.calls
    assert list(stage.cloud.shares) == [share["id"]]
    assert len(stage.cloud.snapshots) == 1
    assert stage.pages(checkpoint, share["id"]) == pages


def test_a_failed_revert_needs_an_administrator_and_keeps_share_copy_and_checkpoint(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    pages = stage.pages(checkpoint, share["id"])
    stage.cloud.failing.add(f"revert_share {share['id']}")
    request, error = restore(stage, checkpoint, share, safety_copy=True)
    assert isinstance(error, RevertFailed)
    reason = request["resources_reason"][f"{SHARE}#{share['id']}"]
    assert "administrator" in reason
    assert "complete and stays" in reason
    assert share["status"] == "reverting_error"
    assert len(stage.cloud.shares) == 2
    assert "delete_share" not in stage.cloud.calls
    assert stage.pages(checkpoint, share["id"]) == pages


@pytest.mark.parametrize("method", ["snapshot", "snapshots", "share", "limits", "revert_share"])
def test_a_transient_error_on_any_call_is_retried(
    stage: Stage, share: Any, checkpoint: Any, method: str
) -> None:
    stage.cloud.plan(method, transient, times=3)
    assert restore(stage, checkpoint, share)[1] is None
    assert share["_text"] == "then"
    stage.cloud.assert_hit()


def test_a_lost_reply_is_seen_to_be_carried_out_and_not_repeated(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    stage.cloud.plan("revert_share", transient, after=True)
    assert restore(stage, checkpoint, share)[1] is None
    assert writes(stage) == ["revert_share"]


def test_a_lost_reply_of_a_revert_that_is_over_at_once_is_repeated_after_the_settle_time(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    stage.cloud.seconds["revert_share"] = 0.0
    stage.cloud.plan("revert_share", transient, after=True)
    began = stage.cloud.clock.now()
    assert restore(stage, checkpoint, share)[1] is None
    assert writes(stage) == ["revert_share", "revert_share"]
    assert stage.cloud.clock.now() - began >= 15


def test_with_manila_away_at_the_revert_nobody_claims_to_know(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    stage.cloud.plan("revert_share", transient, times=10**6)
    request, error = restore(stage, checkpoint, share)
    assert isinstance(error, ManilaUnavailable)
    assert "not known" in request["resources_reason"][f"{SHARE}#{share['id']}"]


@pytest.mark.parametrize("microversion", ["2.37", "2.98"])
def test_a_safety_copy_leaves_the_checkpoints_own_snapshot_alone(
    stage: Stage, share: Any, microversion: str
) -> None:
    """Without snapshot metadata both marks stand in descriptions."""
    stage.microversion = microversion
    checkpoint = stage.checkpoint(share["id"])
    assert stage.protect(checkpoint, share["id"]) == []
    (kept,) = stage.cloud.snapshots
    assert restore(stage, checkpoint, share, safety_copy=True)[1] is None
    assert list(stage.cloud.snapshots) == [kept]
    assert stage.delete(checkpoint, share["id"]) == []
    assert stage.cloud.snapshots == {}
    assert len(stage.cloud.shares) == 2


def test_a_safety_copy_that_cannot_be_made_is_refused_before_anything(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    share["create_share_from_snapshot_support"] = False
    _request, error = restore(stage, checkpoint, share, safety_copy=True)
    assert isinstance(error, CopyUnsupported)
    assert writes(stage) == []


def test_with_manila_away_at_the_safety_copy_nothing_is_left(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    pages = stage.pages(checkpoint, share["id"])
    stage.cloud.plan("create_share", transient, times=10**6)
    _request, error = restore(stage, checkpoint, share, safety_copy=True)
    assert isinstance(error, ManilaUnavailable)
    assert list(stage.cloud.shares) == [share["id"]]
    assert len(stage.cloud.snapshots) == 1
    assert stage.pages(checkpoint, share["id"]) == pages


def test_a_snapshot_that_nobody_sees_is_manilas_own_refusal(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    """Of another project, of a share that was public; or one whose deletion is deferred."""
    hidden = dict(next(iter(stage.cloud.snapshots.values())))
    hidden |= {"id": "hidden", "project_id": "project-b", "created_at": "2027-01-01T00:00:00"}
    stage.cloud.snapshots["hidden"] = hidden
    for given in ({}, {"safety_copy": True}):
        request, error = restore(stage, checkpoint, share, **given)
        assert isinstance(error, ManilaRefused)
        assert error.status == 409
        assert "not known" not in request["resources_reason"][f"{SHARE}#{share['id']}"]
        assert share["_text"] == "now"


def test_a_deferred_deletion_is_waited_for(stage: Stage, share: Any, checkpoint: Any) -> None:
    """A removed snapshot is counted for a while, although nobody sees it any more."""
    stage.cloud.plan("revert_share", lambda: refused(409), times=3)
    assert restore(stage, checkpoint, share, safety_copy=True)[1] is None
    assert share["_text"] == "then"
    stage.cloud.assert_hit()


def test_the_protected_share_is_not_removed_even_when_it_bears_the_restores_own_mark(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    """A tenant can write anything into its metadata."""
    job_mark = Mark("b", "p", checkpoint.id, share["id"], restore="r")
    share["metadata"] = job_mark.metadata()
    shares = stage.bound(share["id"]).shares
    assert not shares.discard(job_mark, share["id"], project_id=stage.project_id)
    assert "delete_share" not in stage.cloud.calls


def test_the_intent_of_a_revert_comes_back_as_it_went_in_and_others_do_not_grow() -> None:
    mark = Mark("b", "p", "c", "s", restore="r")
    since = "2026-11-20T12:00:00+00:00"
    intent = record.Intent("revert", "snapshot", "project", mark, "owner", since)
    for changed in (
        {},
        {"snapshot_id": "x", "safety_copy": True},
        {"asked": since, "removing": {"x": "y"}, "created_id": "z"},
    ):
        written = dataclasses.replace(intent, **changed)
        assert record.load_intent(record.dump_intent(written)) == written
    other = record.dump_intent(dataclasses.replace(intent, operation="restore"))
    assert not other.keys() & {"snapshot_id", "asked", "safety_copy", "removing"}

# SPDX-License-Identifier: Apache-2.0
"""A verification of depth plan writes nothing; a drill restores for real and leaves nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from karbor import exception as karbor_exception

from tests.fakes.manila import Died, transient
from tests.unit.stage import SHARE, Record, Stage

WRITING = {"create_share", "create_snapshot", "delete_share", "delete_snapshot", "allow_access"}


@pytest.fixture
def share(stage: Stage) -> dict[str, Any]:
    return stage.cloud.add_share(stage.project_id, name="home", size=3, metadata={"a": "b"})


def verified(stage: Stage, checkpoint: Any, share: Any, **given: Any) -> tuple[str, str]:
    verification = Record()
    stage.verify(checkpoint, share["id"], verify=verification, given=given)
    key = f"{SHARE}#{share['id']}"
    assert set(verification["resources_status"]) == {key}
    return verification["resources_status"][key], verification["resources_reason"].get(key, "")


def test_a_plan_tells_what_a_restore_would_make_and_writes_nothing(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    status, reason = verified(stage, checkpoint, share, depth="plan", restore_name="x", size="4")
    plan = json.loads(reason)
    assert status == "available"
    assert plan["way"] == "new share"
    assert (plan["new"]["name"], plan["new"]["size"]) == ("x", 4)
    assert plan["new"]["metadata"] == {"a": "b"}
    assert plan["source"]["snapshot_id"] in stage.cloud.snapshots
    assert not WRITING & set(stage.cloud.calls)


def test_a_restore_does_what_its_plan_told(stage: Stage, share: Any, checkpoint: Any) -> None:
    _status, reason = verified(stage, checkpoint, share, depth="plan")
    stage.restore(checkpoint, share["id"], restore=Record())
    (new,) = [view for view in stage.cloud.shares.values() if view["id"] != share["id"]]
    planned = json.loads(reason)["new"]
    assert {name: new[name] for name in ("name", "description", "size", "is_public")} == {
        name: planned[name] for name in ("name", "description", "size", "is_public")
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [({"size": "1"}, "had 3 GiB"), ({"share_type": "gold"}, "'gold'")],
)
def test_a_plan_tells_what_cannot_be_done(
    stage: Stage, share: Any, checkpoint: Any, given: Any, said: str
) -> None:
    status, reason = verified(stage, checkpoint, share, depth="plan", **given)
    assert status == "error"
    assert said in reason
    assert not WRITING & set(stage.cloud.calls)


def test_the_recorded_size_must_be_the_snapshots(stage: Stage, share: Any, checkpoint: Any) -> None:
    for view in stage.cloud.snapshots.values():
        view["size"] = 7
    status, reason = verified(stage, checkpoint, share, depth="record")
    assert status == "error"
    assert "7 GiB" in reason


def test_a_drill_restores_a_share_for_a_while_and_says_how_long_it_took(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    stage.cloud.seconds["create_share"] = 40.0
    before = stage.pages(checkpoint, share["id"])
    status, reason = verified(stage, checkpoint, share, depth="drill")
    told = json.loads(reason)
    assert status == "available"
    assert told["seconds"] >= 40.0
    assert told["check"] == "none is configured"
    assert "create_share" in stage.cloud.calls
    assert list(stage.cloud.shares) == [share["id"]]
    assert stage.pages(checkpoint, share["id"]) == before


def test_a_drills_share_is_not_taken_for_the_users(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    stage.cloud.plan("delete_share", Died)
    with pytest.raises(Died):
        verified(stage, checkpoint, share, depth="drill")
    (temporary,) = [view for view in stage.cloud.shares.values() if view["id"] != share["id"]]
    assert temporary["metadata"]["karbor_manila_purpose"] == "drill"
    assert "a" not in temporary["metadata"]
    assert not temporary["is_public"]


@pytest.mark.parametrize(
    ("command", "good", "said"),
    [
        ("true", True, "passed"),
        ("false", False, "ended with exit code 1"),
        ("/no/such/program", False, "could not be run"),
        ("sh -c 'printenv KARBOR_MANILA_EXPORT_LOCATION; exit 3'", False, "127.0.0.1:/shares/"),
        ("sh -c 'printenv KARBOR_MANILA_SOURCE_SHARE_ID; exit 3'", False, "exit code 3"),
    ],
)
def test_the_operators_check_decides_and_nothing_is_left(
    tmp_path: Path, command: str, good: bool, said: str
) -> None:
    stage = Stage(tmp_path, drill_command=command)
    share = stage.cloud.add_share(stage.project_id)
    checkpoint = stage.checkpoint(share["id"])
    stage.protect(checkpoint, share["id"])
    status, reason = verified(stage, checkpoint, share, depth="drill")
    assert status == ("available" if good else "error")
    assert said in reason
    assert list(stage.cloud.shares) == [share["id"]]
    assert set(stage.pages(checkpoint, share["id"])) == {"metadata", "status"}


def test_a_drill_that_fails_leaves_nothing(stage: Stage, share: Any, checkpoint: Any) -> None:
    stage.cloud.failing.add(f"create_share {share['id']}")
    status, reason = verified(stage, checkpoint, share, depth="drill")
    assert status == "error"
    assert "the backend is full" in reason
    assert list(stage.cloud.shares) == [share["id"]]


@pytest.mark.parametrize("method", ["limits", "create_share", "share", "delete_share"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_transient_error_in_a_drill_is_retried(
    stage: Stage, share: Any, checkpoint: Any, method: str, after: bool
) -> None:
    stage.cloud.plan(method, transient, after=after)
    assert verified(stage, checkpoint, share, depth="drill")[0] == "available"
    assert list(stage.cloud.shares) == [share["id"]]
    stage.cloud.assert_hit()


def test_a_drill_whose_share_cannot_be_removed_goes_with_the_checkpoint(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    fault = stage.cloud.plan("delete_share", transient, times=10**6)
    status, reason = verified(stage, checkpoint, share, depth="drill")
    assert status == "available"
    assert "is not gone yet" in json.loads(reason)["left"]
    stage.cloud.faults.remove(fault)
    assert stage.delete(checkpoint, share["id"]) == []
    assert list(stage.cloud.shares) == [share["id"]]


@pytest.mark.parametrize("seconds", [300.0, 10**6], ids=["late", "never"])
def test_a_share_that_takes_long_to_go_does_not_make_its_drill_a_bad_one(
    stage: Stage, share: Any, checkpoint: Any, seconds: float
) -> None:
    stage.cloud.seconds["delete_share"] = seconds
    status, reason = verified(stage, checkpoint, share, depth="drill")
    told = json.loads(reason)
    assert status == "available"
    assert told["check"] == "none is configured"
    left = [view for view in stage.cloud.shares.values() if view["id"] != share["id"]]
    intents = [page for page in stage.pages(checkpoint, share["id"]) if "restores/" in page]
    if seconds == 300.0:
        assert "left" not in told
        assert (left, intents) == ([], [])
    else:
        assert left[0]["id"] in told["left"]
        assert "goes on trying" in told["left"]
        assert len(intents) == 1  # by it the reconciliation goes on


def test_a_drills_verdict_is_told_before_its_share_is_removed(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    stage.cloud.plan("delete_share", Died)
    verification = Record()
    with pytest.raises(Died):
        stage.verify(checkpoint, share["id"], verify=verification, given={"depth": "drill"})
    assert verification["resources_status"][f"{SHARE}#{share['id']}"] == "available"


def test_a_bank_that_keeps_the_intent_of_a_good_drill_does_not_make_it_a_bad_one(
    stage: Stage, share: Any, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: Any, **_kwargs: Any) -> None:
        raise karbor_exception.BankDeleteObjectFailed(reason="read-only", key="any")

    monkeypatch.setattr(stage.bank_plugin, "delete_object", full)
    status, reason = verified(stage, checkpoint, share, depth="drill")
    assert status == "available"
    assert "left" not in json.loads(reason)
    assert list(stage.cloud.shares) == [share["id"]]


def test_a_deletion_has_its_own_patience_with_the_share_that_a_drill_left(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    """That of a deletion, not that of an undo."""
    stage.cloud.plan("delete_share", Died)
    with pytest.raises(Died):
        verified(stage, checkpoint, share, depth="drill")
    stage.cloud.seconds["delete_share"] = 300.0
    assert stage.delete(checkpoint, share["id"]) == []
    assert list(stage.cloud.shares) == [share["id"]]

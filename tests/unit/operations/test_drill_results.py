# SPDX-License-Identifier: Apache-2.0
"""What is kept of a drill after its share is gone."""

import json
from pathlib import Path
from typing import Any

import pytest
from oslo_db import exception as db_exception

from karbor_manila.bank import drill_results
from karbor_manila.drivers.snapshot import SnapshotDriver
from karbor_manila.manila.errors import ManilaReplaced
from karbor_manila.manila.shares import Shares
from karbor_manila.operations import reporting
from tests.fakes.manila import Died
from tests.unit.keys import key_file
from tests.unit.stage import SHARE, Record, Stage

REPLACED = ManilaReplaced("DELETE /shares/x", "2.98", "2.40")


def away(*_args: Any) -> None:
    raise db_exception.DBConnectionError


def kept(stage: Stage, checkpoint: Any) -> list[tuple[drill_results.Place, dict[str, Any]]]:
    """The results in the bank, and what is signed in each."""
    return [
        (place, json.loads(drill_results.get(stage.bank, place)["text"]))
        for place in drill_results.places(stage.bank, checkpoint.provider_id)
    ]


def verified(stage: Stage, checkpoint: Any, share: Any, **given: Any) -> tuple[str, str]:
    """The status of a share and its reason, after a verification."""
    record, key = Record(), f"{SHARE}#{share['id']}"
    stage.verify(checkpoint, share["id"], verify=record, given=given)
    return record["resources_status"][key], record["resources_reason"].get(key, "")


def protected(stage: Stage) -> tuple[dict[str, Any], Any]:
    share = stage.cloud.add_share(stage.project_id)
    checkpoint = stage.checkpoint(share["id"])
    stage.protect(checkpoint, share["id"])
    return share, checkpoint


def test_a_good_drill_is_kept_with_all_that_was_seen(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "bank", drill_command="true")
    share, checkpoint = protected(stage)
    stage.cloud.seconds["create_share"] = 40.0
    _status, reason = verified(stage, checkpoint, share, depth="drill")
    ((place, told),) = kept(stage, checkpoint)
    assert (place.share_id, place.checkpoint_id) == (share["id"], checkpoint.id)
    assert told["result"] == "good"
    assert told["found"]["check"] == "passed"
    assert told["found"]["seconds"] >= 40.0
    assert told["by"]["project"] == stage.project_id
    assert told["temporary_share_id"] not in stage.cloud.shares
    assert "signed_by" not in json.loads(reason)


@pytest.mark.parametrize("fails", ["check", "restore"])
def test_a_failed_drill_is_kept_with_the_reason(tmp_path: Path, fails: str) -> None:
    stage = Stage(tmp_path / "bank", drill_command="false" if fails == "check" else "true")
    share, checkpoint = protected(stage)
    if fails == "restore":
        stage.cloud.failing.add(f"create_share {share['id']}")
    status, reason = verified(stage, checkpoint, share, depth="drill")
    ((_place, told),) = kept(stage, checkpoint)
    assert (status, told["result"]) == ("error", "bad")
    assert told["found"]["reason"] == reason


def test_a_failed_drill_is_kept_with_the_reason_while_the_database_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path / "bank", drill_command="false")
    share, checkpoint = protected(stage)
    monkeypatch.setattr(reporting, "save_retried", away)
    stage.verify(checkpoint, share["id"], verify=Record(), given={"depth": "drill"})
    ((_place, told),) = kept(stage, checkpoint)
    assert told["result"] == "bad"
    assert "ended with exit code 1" in told["found"]["reason"]


@pytest.mark.parametrize("error", [REPLACED, KeyError("id")], ids=["replaced", "unexpected"])
@pytest.mark.parametrize("step", ["discard", "forget_restore"])
def test_a_good_drill_stays_good_whatever_keeps_its_share_from_going(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, step: str, error: Exception
) -> None:
    share, checkpoint = protected(stage)

    def refuse(*_args: Any, **_kwargs: Any) -> None:
        raise error

    monkeypatch.setattr(Shares if step == "discard" else SnapshotDriver, step, refuse)
    status, reason = verified(stage, checkpoint, share, depth="drill")
    assert status == "available"
    assert [told["result"] for _place, told in kept(stage, checkpoint)] == ["good"]
    # What is left is found by the intent.
    assert any("restores/" in page for page in stage.pages(checkpoint, share["id"]))
    assert ("is not gone yet" in reason) == (step == "discard")
    assert "'id'" not in reason  # what an error that is not ours holds is for the log


@pytest.mark.parametrize("depth", ["record", "plan"])
def test_nothing_is_kept_of_another_verification(stage: Stage, depth: str) -> None:
    share, checkpoint = protected(stage)
    verified(stage, checkpoint, share, depth=depth)
    assert kept(stage, checkpoint) == []


def test_the_result_is_signed_and_its_user_reads_by_which_key(tmp_path: Path) -> None:
    path = key_file(tmp_path)
    stage = Stage(tmp_path / "bank", drill_signing_key=path)
    share, checkpoint = protected(stage)
    _status, reason = verified(stage, checkpoint, share, depth="drill")
    (place,) = drill_results.places(stage.bank, checkpoint.provider_id)
    sealed = drill_results.get(stage.bank, place)
    assert sealed["key"] == json.loads(reason)["signed_by"]


def test_with_a_key_that_cannot_be_used_nothing_is_restored(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "bank", drill_signing_key=str(tmp_path / "gone.pem"))
    share, checkpoint = protected(stage)
    before = stage.cloud.calls.count("create_share")
    status, reason = verified(stage, checkpoint, share, depth="drill")
    assert status == "error"
    assert "gone.pem" in reason
    assert stage.cloud.calls.count("create_share") == before
    ((_place, told),) = kept(stage, checkpoint)
    assert told["result"] == "bad"


def test_a_good_drill_whose_result_the_bank_does_not_take_is_good_and_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    share, checkpoint = protected(stage)
    update = stage.bank_plugin.update_object

    def refuse(key: str, value: Any, context: Any = None) -> None:
        if key.startswith("/karbor-manila-drills/"):
            raise OSError(28, "No space left on device")
        update(key, value, context)

    monkeypatch.setattr(stage.bank_plugin, "update_object", refuse)
    status, reason = verified(stage, checkpoint, share, depth="drill")
    assert status == "available"
    assert "is not kept" in json.loads(reason)["remarks"][0]


def test_a_result_that_is_kept_is_not_said_to_be_lost_for_old_ones_that_stay(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    share, checkpoint = protected(stage)
    listing = stage.bank_plugin.list_objects

    def refuse(prefix: Any = None, **given: Any) -> Any:
        if str(prefix).startswith("/karbor-manila-drills/"):
            raise OSError(5, "Input/output error")
        return listing(prefix, **given)

    with monkeypatch.context() as patched:
        patched.setattr(stage.bank_plugin, "list_objects", refuse)
        _status, reason = verified(stage, checkpoint, share, depth="drill")
    assert "remarks" not in json.loads(reason)
    assert [told["result"] for _place, told in kept(stage, checkpoint)] == ["good"]


def test_a_drill_that_dies_after_its_result_was_kept_has_left_the_result(stage: Stage) -> None:
    share, checkpoint = protected(stage)
    stage.cloud.plan("delete_share", Died)
    with pytest.raises(Died):
        verified(stage, checkpoint, share, depth="drill")
    ((_place, told),) = kept(stage, checkpoint)
    assert told["result"] == "good"


def test_the_result_outlives_the_checkpoint(stage: Stage) -> None:
    share, checkpoint = protected(stage)
    verified(stage, checkpoint, share, depth="drill")
    stage.delete(checkpoint, share["id"])
    assert [told["result"] for _place, told in kept(stage, checkpoint)] == ["good"]


def test_the_newest_results_of_a_share_alone_are_kept(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drill_results, "MOST", 2)
    share, checkpoint = protected(stage)
    ids = []
    for _ in range(3):
        record = Record()
        stage.verify(checkpoint, share["id"], verify=record, given={"depth": "drill"})
        assert record["resources_status"] == {f"{SHARE}#{share['id']}": "available"}
        ids.append(record.id)
    assert [place.verification_id for place, _told in kept(stage, checkpoint)] == ids[1:]

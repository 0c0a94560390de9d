# SPDX-License-Identifier: Apache-2.0
"""Verify: green only when the share could be given back."""

from typing import Any

import pytest

from tests.fakes.manila import transient
from tests.unit.stage import SHARE, Record, Stage


@pytest.fixture
def checkpoint(stage: Stage, share: dict[str, Any]) -> Any:
    checkpoint = stage.checkpoint(share["id"])
    stage.protect(checkpoint, share["id"])
    stage.cloud.calls.clear()
    return checkpoint


def verify(stage: Stage, checkpoint: Any, share: Any, **given: Any) -> tuple[str, str]:
    record = Record()
    stage.verify(checkpoint, share["id"], verify=record, given=given)
    key = f"{SHARE}#{share['id']}"
    return record["resources_status"][key], record["resources_reason"].get(key, "")


def test_a_whole_record_with_an_available_snapshot_is_green(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    assert verify(stage, checkpoint, share) == ("available", "")


def test_it_asks_once_and_writes_nothing_to_manila(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    verify(stage, checkpoint, share)
    assert stage.cloud.calls == ["snapshot"]


@pytest.mark.parametrize("status", ["error", "creating", "deleting"])
def test_a_snapshot_that_is_not_available_is_not_green(
    stage: Stage, share: Any, checkpoint: Any, status: str
) -> None:
    for view in stage.cloud.snapshots.values():
        view["status"] = status
    verdict, reason = verify(stage, checkpoint, share)
    assert verdict == "error"
    assert status in reason


def test_a_snapshot_that_is_gone_is_not_green(stage: Stage, share: Any, checkpoint: Any) -> None:
    stage.cloud.snapshots.clear()
    verdict, reason = verify(stage, checkpoint, share)
    assert verdict == "error"
    assert "does not show it in this project any more" in reason


def test_a_record_from_the_future_is_not_green(stage: Stage, share: Any, checkpoint: Any) -> None:
    section = checkpoint.get_resource_bank_section(share["id"])
    section.update_object("metadata", section.get_object("metadata") | {"version": 99})
    verdict, reason = verify(stage, checkpoint, share)
    assert verdict == "error"
    assert "Upgrade karbor-manila" in reason


def test_an_unknown_parameter_is_refused(stage: Stage, share: Any, checkpoint: Any) -> None:
    verdict, reason = verify(stage, checkpoint, share, depth="deep")
    assert verdict == "error"
    assert "'depth'" in reason


def test_a_transient_error_is_retried(stage: Stage, share: Any, checkpoint: Any) -> None:
    stage.cloud.plan("snapshot", transient, times=3)
    assert verify(stage, checkpoint, share)[0] == "available"
    stage.cloud.assert_hit()

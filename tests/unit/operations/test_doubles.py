# SPDX-License-Identifier: Apache-2.0
"""A request that Manila answers with an error and carries out all the same makes nothing twice."""

from typing import Any

import pytest

from tests.fakes.manila import transient
from tests.unit.stage import Record, Stage


def carried_out_late(stage: Stage, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request for a thing gets a 503; the thing appears when the second was answered."""
    things: dict[str, Any] = getattr(stage.cloud, kind)
    before = set(things)
    hidden: dict[str, Any] = {}
    method = {"snapshots": "create_snapshot", "shares": "create_share"}[kind]

    def hide() -> Exception:
        (new,) = set(things) - before
        hidden[new] = things.pop(new)
        return transient()

    stage.cloud.plan(method, hide, after=True)
    sleep = stage.cloud.clock.sleep
    wait = stage.cloud.clock.wait

    def appear() -> None:
        if hidden and set(things) - before:
            things.update(hidden)
            hidden.clear()

    def slept(seconds: float) -> None:
        sleep(seconds)
        appear()

    def waited(condition: Any, seconds: float) -> None:
        wait(condition, seconds)
        appear()

    monkeypatch.setattr(stage.cloud.clock, "sleep", slept)
    monkeypatch.setattr(stage.cloud.clock, "wait", waited)


def test_a_snapshot_that_appears_late_is_removed_beside_the_one_that_is_kept(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = stage.cloud.add_share(stage.project_id)
    checkpoint = stage.checkpoint(share["id"])
    carried_out_late(stage, "snapshots", monkeypatch)
    assert stage.protect(checkpoint, share["id"]) == []
    stage.cloud.assert_hit()
    kept = stage.pages(checkpoint, share["id"])["metadata"]["snapshot_id"]
    assert list(stage.cloud.snapshots) == [kept]
    assert stage.cloud.calls.count("create_snapshot") == 2


def test_a_share_that_appears_late_is_removed_beside_the_one_that_is_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = stage.cloud.add_share(stage.project_id)
    checkpoint = stage.checkpoint(share["id"])
    stage.protect(checkpoint, share["id"])
    carried_out_late(stage, "shares", monkeypatch)
    restore = Record()
    assert stage.restore(checkpoint, share["id"], restore=restore) == []
    stage.cloud.assert_hit()
    (new,) = set(stage.cloud.shares) - {share["id"]}
    assert list(restore["resources_status"]) == [f"OS::Manila::Share#{new}"]
    assert stage.cloud.calls.count("create_share") == 2

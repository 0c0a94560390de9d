# SPDX-License-Identifier: Apache-2.0
"""Hooks of a flow that has lost its claim: whoever has taken over thaws."""

from pathlib import Path
from typing import Any

import pytest

from karbor_manila.bank import fencing, hook_runs
from karbor_manila.common.errors import ClaimLost
from tests.unit.hook_stage import HookStage


class Hold:
    """A hold that is lost at some moment."""

    is_lost = False

    def __init__(self, claimed_id: str) -> None:
        self.claimed_id = claimed_id
        self.tokens = {claimed_id: ""}

    def check(self) -> None:
        if self.is_lost:
            raise ClaimLost(self.claimed_id, "another process has taken it over")

    confirm = check

    def lose(self) -> None:
        self.is_lost = True


class Claimed:
    """A checkpoint of one share that is protected under a hold."""

    def __init__(self, folder: Path) -> None:
        self.stage = HookStage(folder)
        self.share = self.stage.cloud.add_share(self.stage.project_id)["id"]
        made = self.stage.checkpoint(self.share)
        self.hold: Any = Hold(made.id)
        self.checkpoint = fencing.checkpoint(made, self.hold.check)
        usual = self.stage.flow

        def flow(*ids: str) -> Any:
            flow = usual(*ids)
            flow.hold = self.hold
            return flow

        self.stage.flow = flow  # type: ignore[method-assign]

    def protect(self) -> str:
        (error,) = self.stage.protect(self.checkpoint, self.share)
        return str(error)

    def lose_in(self, seconds: float) -> None:
        clock: Any = self.stage.cloud.clock
        clock.alarms.append((clock.now() + seconds, self.hold.lose))


@pytest.fixture
def claimed(tmp_path: Path) -> Claimed:
    return Claimed(tmp_path)


def test_after_the_claim_is_lost_no_post_runs_and_nothing_is_undone(claimed: Claimed) -> None:
    stage = claimed.stage
    stage.witness("a"), stage.witness("b", scope="checkpoint")
    claimed.lose_in(stage.cloud.seconds["create_snapshot"] / 2)
    assert "another process has taken it over" in claimed.protect()
    order = stage.order("create_snapshot", "delete_snapshot")
    assert order == ["b pre", "a pre", "create_snapshot"]
    assert len(stage.runs()) == 2
    stage.cloud.clock.sleep(1000)  # nor when the freeze time is over
    assert stage.order() == ["b pre", "a pre"]


def test_a_claim_that_is_lost_before_the_first_pre_calls_none(claimed: Claimed) -> None:
    claimed.stage.witness("a")
    claimed.hold.lose()
    claimed.protect()
    assert claimed.stage.order("create_snapshot") == []
    assert claimed.stage.runs() == []


def test_a_pre_that_ends_when_the_claim_is_lost_leaves_word_for_who_has_it(
    claimed: Claimed,
) -> None:
    stage = claimed.stage
    stage.witness("a", pre=lambda **_: stage.time.hang() or {"level": "rw"})
    claimed.protect()
    (key,) = stage.runs()
    stage.bank.delete_object(key)  # the other one has called its post, and it was too early
    claimed.hold.lose()
    stage.time.go_on()
    assert stage.order() == ["a pre", "a post failed"]
    (run,) = hook_runs.entries(stage.bank, claimed.checkpoint.provider_id)
    assert [(each.name, each.data) for each in run.hooks] == [("a", {"level": "rw"})]

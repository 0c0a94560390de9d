# SPDX-License-Identifier: Apache-2.0
"""What hooks leave to the reconciliation while their flow is under way."""

from pathlib import Path
from typing import Any

import pytest

from karbor_manila.common.errors import ClaimLost
from karbor_manila.manila.errors import ManilaRefused
from tests.fakes.manila import refused
from tests.unit.hook_stage import HookStage


@pytest.fixture
def stage(tmp_path: Path) -> HookStage:
    return HookStage(tmp_path)


def open_hooks(stage: HookStage) -> list[list[str]]:
    found = [stage.bank_plugin.get_object(key)["hooks"] for key in stage.runs()]
    return sorted([each["name"] for each in hooks] for hooks in found)


def test_what_is_handed_over_takes_nothing_from_what_is_open(stage: HookStage) -> None:
    """Who took over has to thaw what each of them has frozen."""

    def wake(call: Any) -> None:
        call.remember({"rules": ["x"]})
        raise ClaimLost("checkpoint", "another process has taken it over")

    stage.witness("a"), stage.witness("b", pre=wake)
    share = stage.cloud.add_share(stage.project_id)["id"]
    assert stage.protect(stage.checkpoint(share), share) != []
    assert open_hooks(stage) == [["a", "b"], ["b"]]


def tokens(stage: HookStage) -> list[str]:
    return [str(stage.bank_plugin.get_object(key)["token"]) for key in stage.runs()]


def test_a_failed_post_waits_for_no_other_share(stage: HookStage) -> None:
    """That may be copied for hours under the claim of the same checkpoint."""
    first, second = (stage.cloud.add_share(stage.project_id)["id"] for _ in range(2))

    def fail(call: Any, **_: Any) -> None:
        if call.shares[0]["id"] == first:
            raise RuntimeError("Manila is away")
        assert open_hooks(stage) == [["a"], ["a"]]
        assert len([token for token in tokens(stage) if token]) == 1

    stage.witness("a", post=fail)
    checkpoint = stage.checkpoint(first, second)
    assert stage.protect(checkpoint, first, second) == []
    assert open_hooks(stage) == [["a"]]
    assert tokens(stage) != [""]


def test_nobody_thaws_a_busy_share_that_is_asked_for_once_more(stage: HookStage) -> None:
    share = stage.cloud.add_share(stage.project_id)["id"]
    seen: list[list[str]] = []

    def fail(**_: Any) -> None:
        seen.append(tokens(stage))
        raise RuntimeError("Manila is away")

    stage.witness("a", post=fail)

    def busy() -> ManilaRefused:
        until = stage.cloud.clock.now() + 30
        stage.cloud.shares[share].update(status="extending", _until=until, _fails=False)
        return refused(409)

    stage.cloud.plan("create_snapshot", busy)
    assert stage.protect(stage.checkpoint(share), share) == []
    assert seen == [[""], ["", ""]]
    assert len([token for token in tokens(stage) if token]) == 1

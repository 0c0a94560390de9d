# SPDX-License-Identifier: Apache-2.0
"""What hooks leave to the reconciliation while their flow is under way."""

from pathlib import Path
from typing import Any

import pytest

from karbor_manila.common.errors import ClaimLost
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

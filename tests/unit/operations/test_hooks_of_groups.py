# SPDX-License-Identifier: Apache-2.0
"""Hooks of shares that one group snapshot keeps: what the user reads when one is held back."""

import json
from pathlib import Path
from typing import Any

import pytest
from karbor.resource import Resource
from karbor.services.protection.graph import GraphNode

from karbor_manila.hooks.errors import HookSkip
from tests.unit.hook_stage import HookStage
from tests.unit.operations.grouped import group_of, posts, remarks
from tests.unit.stage import SHARE


@pytest.mark.parametrize("error", [HookSkip("busy"), RuntimeError("no")], ids=["out", "failed"])
def test_a_share_of_a_group_that_a_hook_holds_back_is_told_as_such(
    tmp_path: Path, error: Exception
) -> None:
    stage = HookStage(tmp_path, default_driver="group")
    first, held_back, third = group_of(stage, 3)

    def pre(*, call: Any) -> None:
        if call.shares[0]["id"] == held_back:
            raise error

    stage.witness("a", pre=pre)
    checkpoint = stage.checkpoint(first, held_back, third)
    checkpoint.resource_graph = [
        GraphNode(Resource(type=SHARE, id=each, name="s"), ()) for each in (first, held_back, third)
    ]
    stage.protect(checkpoint, first, held_back, third)
    assert posts(stage) == 1
    said = remarks(checkpoint)
    assert set(said) == {f"{SHARE}#{first}", f"{SHARE}#{third}"}  # the other one is not kept
    for remark in said.values():
        assert "at one moment" in remark
        assert f"together with share {held_back}, which a hook held back" in remark
    where = "left_out" if isinstance(error, HookSkip) else "reasons"
    assert held_back in json.dumps(json.loads(checkpoint.extra_info)[where])

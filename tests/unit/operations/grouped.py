# SPDX-License-Identifier: Apache-2.0
"""Share groups for tests of operations, and what is there of them."""

import json
from typing import Any

from tests.unit.stage import Stage

Ids = list[str]


def group_of(stage: Stage, number: int, kind: str | None = "host", **fields: Any) -> Ids:
    group = stage.cloud.add_group(stage.project_id, consistent_snapshot_support=kind)
    return [
        stage.cloud.add_share(stage.project_id, share_group_id=group["id"], **fields)["id"]
        for _ in range(number)
    ]


def posts(stage: Stage) -> int:
    return stage.cloud.calls.count("create_share_group_snapshot")


def record_of(stage: Stage, checkpoint: Any, share: str) -> dict[str, Any]:
    record: dict[str, Any] = stage.pages(checkpoint, share)["metadata"]
    return record


def remarks(checkpoint: Any) -> dict[str, str]:
    found: dict[str, str] = json.loads(checkpoint.extra_info)["remarks"]
    return found


def made_groups(stage: Stage) -> list[dict[str, Any]]:
    every = stage.cloud.groups.values()
    return [view for view in every if view["source_share_group_snapshot_id"]]


def protected(stage: Stage, number: int, **fields: Any) -> tuple[Any, Ids]:
    shares = group_of(stage, number, **fields)
    for share in shares:
        stage.cloud.shares[share]["_text"] = f"then {share}"
    checkpoint = stage.checkpoint(*shares)
    assert stage.protect(checkpoint, *shares) == []
    for share in shares:
        stage.cloud.shares[share]["_text"] = "now"
    return checkpoint, shares

# SPDX-License-Identifier: Apache-2.0
"""What the tests of the watch tell about the snapshots of a checkpoint."""

import json
from typing import Any

from karbor_manila.manila import marks
from karbor_manila.recovery.audit.told import Told, load
from karbor_manila.recovery.audit.watched import Verdict, Watched
from tests.unit.karbor_stage import Service
from tests.unit.recovery.audit.stage import snapshots_of

WHO = {"user_id": "u-1", "project_id": "p-9", "request_id": "req-1"}


def event(service: Service, checkpoint: Any, share: str, **fields: Any) -> dict[str, Any]:
    """What the hook writes of the snapshot of a share."""
    snapshot_id = snapshots_of(service, checkpoint)[share]
    view = service.cloud.snapshots[snapshot_id]
    mark = marks.read(view)
    assert mark
    return {
        "version": 1,
        "what": "delete_snapshot",
        "at": "2025-12-31T03:04:05+00:00",
        "host": "host@backend",
        "by": WHO,
        "snapshot_id": snapshot_id,
        "share_id": view["share_id"],
        "project_id": service.project_id,
        "mark": {name: value for name, value in vars(mark).items() if value},
    } | fields


def told(service: Service, checkpoint: Any, share: str, **fields: Any) -> Told:
    return load(dump(event(service, checkpoint, share, **fields)))


def dump(value: Any) -> bytes:
    return json.dumps(value).encode()


def judge(service: Service, *tolds: Told) -> list[Verdict]:
    """Judge these in one turn."""
    watched = Watched(service.provider, service.manager.claims, service.cloud.clock)
    try:
        return [watched.judge(each).verdict for each in tolds]
    finally:
        watched.close()

# SPDX-License-Identifier: Apache-2.0
"""A driver that leaves a temporary snapshot behind at each restore, for the tests of leftovers."""

import uuid
from collections.abc import Callable
from typing import Any

from karbor_manila.bank import identity
from karbor_manila.drivers.snapshot import SnapshotDriver
from karbor_manila.manila import marks
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.views import View
from tests.fakes.manila import FakeManila
from tests.unit.karbor_stage import Service

NAME = "temporary"


class Leaving(SnapshotDriver):
    """What it leaves are snapshots of this name, with the mark of a restore or a copy."""

    name = "leaving"

    def gc(self, is_left: Callable[[View], bool]) -> list[View]:
        removed = []
        for view in self._snapshots.everything():
            found = marks.read(view)
            if found is None or view["name"] != NAME or not is_left(view):
                continue
            timeout = self.environment.timeouts.delete
            self._snapshots.remove(view["id"], timeout, view["project_id"], fresh=True)
            removed.append(view)
        return removed


def left_by(service: Service, checkpoint: Any, share: str, **fields: Any) -> str:
    """The id of what a restore of this checkpoint, which ended long ago, has left."""
    project_id = fields.pop("project_id", service.project_id)
    named = {
        "bank": identity.bank_id(service.provider.bank),
        "provider": service.provider.id,
        "checkpoint": getattr(checkpoint, "id", checkpoint),
        "resource": share,
        "restore": str(uuid.uuid4()),
    }
    mark = Mark(**{**named, **fields})
    manila = FakeManila(service.cloud, service.cloud.shares[share]["project_id"], "2.98")
    view = manila.create_snapshot(share, name=NAME, description=None, metadata=mark.metadata())
    manila.snapshots()  # lets it become available
    service.cloud.snapshots[view["id"]]["project_id"] = project_id
    return str(view["id"])

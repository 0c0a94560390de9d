# SPDX-License-Identifier: Apache-2.0
"""A driver that leaves temporary snapshots behind, for the test of what becomes of them."""

from collections.abc import Callable

from karbor_manila.drivers.snapshot import SnapshotDriver
from karbor_manila.manila import marks
from karbor_manila.manila.views import View


class LeavingDriver(SnapshotDriver):
    """Whatever snapshot is named ``temporary`` and bears a mark is one that it left."""

    name = "leaving"

    def gc(self, is_left: Callable[[View], bool]) -> list[View]:
        """Remove those of which the caller says so."""
        removed = []
        for view in self._snapshots.everything():
            if view["name"] == "temporary" and marks.read(view) and is_left(view):
                timeout = self.environment.timeouts.delete
                self._snapshots.remove(view["id"], timeout, view["project_id"], fresh=True)
                removed.append(view)
        return removed

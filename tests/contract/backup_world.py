# SPDX-License-Identifier: Apache-2.0
"""The fake Manila as the stage of the backup driver."""

from typing import Any

from karbor_manila.drivers.backup import BackupDriver
from tests.contract.world import FakeWorld

View = dict[str, Any]


class BackupWorld(FakeWorld):
    """Where what a share's type says of snapshots does not count."""

    by_snapshots = False

    def __init__(self, microversion: str = "2.98") -> None:
        super().__init__(microversion, BackupDriver)
        self.cloud.seconds |= {"create_backup": 30.0, "restore_backup": 30.0, "delete_backup": 2.0}

    def make_share(self, **fields: Any) -> View:
        """One that cannot be protected has replicas."""
        if fields.pop("snapshot_support", True) is False:
            fields["has_replicas"] = True
        return super().make_share(**fields)

    def remove(self, kept_id: str) -> None:
        del self.cloud.backups[kept_id]

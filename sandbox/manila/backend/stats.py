# SPDX-License-Identifier: Apache-2.0
"""What the scheduler is told about a backend."""

from sandbox.manila.backend.places import Places


class Stats(Places):
    """Reports what this driver can do; the base class adds the reserved percentages."""

    def _update_share_stats(self, data=None):
        """Set ``_stats``.

        Without pools of its own the backend is its only pool, and
        manila/scheduler/host_manager.py copies every one of these keys to it.
        """
        capacity = self.configuration.sandbox_capacity_gb
        consistent = "host" if self.configuration.sandbox_consistent_groups else None
        super()._update_share_stats(
            {
                "vendor_name": "karbor-manila sandbox",
                "storage_protocol": "NFS_CIFS_CEPHFS",
                "total_capacity_gb": capacity,
                "free_capacity_gb": capacity,
                "revert_to_snapshot_support": True,
                "mount_snapshot_support": True,
                "mount_point_name_support": True,
                "snapshot_inherit_share_access_support": True,
                "share_group_stats": {"consistent_snapshot_support": consistent},
                # Of a backend without pools the scheduler copies this to the pool at the first
                # report only, and forgets it at the second (scheduler/host_manager.py).
                "sg_consistent_snapshot_support": consistent,
                **({"replication_type": "readable"} if self.replication_domain else {}),
                **(data or {}),
            }
        )

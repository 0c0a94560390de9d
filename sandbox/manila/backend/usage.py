# SPDX-License-Identifier: Apache-2.0
"""What Manila asks a driver about its shares from time to time."""

from manila.common import constants
from oslo_utils import timeutils

from sandbox.manila import tree
from sandbox.manila.backend.places import Places
from sandbox.manila.backend.turning import turnable

GIB = 1024**3


class Usage(Places):
    """Looks at the directories."""

    @turnable
    def update_share_usage_size(self, context, shares):
        """Answer in GiB what the files of each share occupy; a share that is gone is left out."""
        now = timeutils.utcnow()
        return [
            {
                "id": share["id"],
                "used_size": tree.used_bytes(self.shares / share["id"]) / GIB,
                "gathered_at": now,
            }
            for share in shares or []
            if (self.shares / share["id"]).is_dir()
        ]

    @turnable
    def get_periodic_hook_data(self, context, share_instances):
        """Answer for hooks which directory has the files of which share instance."""
        return [
            {
                "id": one["id"],
                "share_id": one["share_id"],
                "directory": str(self.shares / one["id"] / tree.DATA),
            }
            for one in share_instances
        ]

    @turnable
    def get_share_status(self, share, share_server=None):
        """Answer what has become of a share that somebody waits for."""
        if not (self.shares / share["id"]).is_dir():
            return {"status": constants.STATUS_ERROR}
        return {
            "status": constants.STATUS_AVAILABLE,
            "export_locations": self.exports_of(share, share_server),
        }

# SPDX-License-Identifier: Apache-2.0
"""Shares and snapshots that Manila gives up and takes (back) under other ids.

What is unmanaged stays where it is. What is managed is named by where it is: a share by its export
location, a snapshot by its provider location, which is its directory. It gets the name of its new
instance, so both locations change.
"""

import math
import pathlib

from manila import exception

from sandbox.manila import tree
from sandbox.manila.backend.places import Places
from sandbox.manila.backend.turning import turnable

GIB = 1024**3


class Managing(Places):
    """Takes directories that are there, and leaves them there."""

    @turnable
    def manage_existing(self, share, driver_options):
        """Take a share by its export location.

        :returns: its size in GiB, rounded up, and where it is now
        :raises ManageInvalidShare: there is no share of this backend
        """
        return self._take_share(share)

    @turnable
    def manage_existing_with_server(self, share, driver_options, share_server=None):
        """Take a share that a share server exports."""
        return self._take_share(share, share_server)

    @turnable
    def unmanage(self, share):
        """Forget the rules of a share; the files stay."""
        self.rules.remove(share["id"])

    @turnable
    def unmanage_with_server(self, share, share_server=None):
        """Forget the rules of a share; the files stay."""
        self.rules.remove(share["id"])

    @turnable
    def manage_existing_snapshot(self, snapshot, driver_options):
        """Take a snapshot by its provider location.

        :returns: its size in GiB, rounded up, and where it is now
        :raises ManageInvalidShareSnapshot: there is no snapshot of this backend
        """
        return self._take_snapshot(snapshot)

    @turnable
    def manage_existing_snapshot_with_server(self, snapshot, driver_options, share_server=None):
        """Take a snapshot of a share that a share server exports."""
        return self._take_snapshot(snapshot, share_server)

    @turnable
    def unmanage_snapshot(self, snapshot):
        """Forget the rules of a snapshot; the files stay."""
        self.rules.remove(snapshot["id"])

    @turnable
    def unmanage_snapshot_with_server(self, snapshot, share_server=None):
        """Forget the rules of a snapshot; the files stay."""
        self.rules.remove(snapshot["id"])

    def _take_share(self, share, server=None) -> dict:
        location = share["export_location"] or ""
        found = pathlib.Path(location.partition(":")[2]).parent
        if not _is_tree_in(self.shares, found):
            raise exception.ManageInvalidShare(reason=f"{location} is no share here")
        target = self.shares / share["id"]
        found.rename(target)
        return {"size": _size(target), "export_locations": self.exports(target, server)}

    def _take_snapshot(self, snapshot, server=None) -> dict:
        location = snapshot["provider_location"] or ""
        found = pathlib.Path(location)
        if not _is_tree_in(self.snapshots, found):
            raise exception.ManageInvalidShareSnapshot(reason=f"{location} is no snapshot here")
        target = self.snapshots / snapshot["id"]
        found.rename(target)
        return {
            "size": _size(target),
            "provider_location": str(target),
            "export_locations": self.exports(target, server),
        }


def _is_tree_in(directory: pathlib.Path, path: pathlib.Path) -> bool:
    return path.parent == directory and (path / tree.DATA).is_dir()


def _size(path: pathlib.Path) -> int:
    return max(1, math.ceil(tree.used_bytes(path) / GIB))

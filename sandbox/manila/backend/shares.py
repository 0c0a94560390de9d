# SPDX-License-Identifier: Apache-2.0
"""Shares and their snapshots: make, clone, revert, resize, delete."""

import pathlib

from manila import exception
from manila.common import constants

from sandbox.manila import freezing, tree
from sandbox.manila.backend.places import Places
from sandbox.manila.backend.turning import turnable

GIB = 1024**3


class Shares(Places):
    """What every share driver has to be able to do, and a little more."""

    @turnable
    def create_share(self, context, share, share_server=None):
        """Make an empty directory and answer its export locations."""
        tree.create(self.shares / share["id"], self.scratch)
        return self.exports_of(share, share_server)

    @turnable
    def create_share_from_snapshot(
        self, context, share, snapshot, share_server=None, parent_share=None
    ):
        """Copy a snapshot to a new share, which may be larger."""
        tree.copy(self.snapshot(snapshot), self.shares / share["id"], self.scratch)
        return {
            "status": constants.STATUS_AVAILABLE,
            "export_locations": self.exports_of(share, share_server),
        }

    @turnable
    def delete_share(self, context, share, share_server=None):
        """Remove a share and its access rules; one that is gone is deleted."""
        self.discard(share)

    def discard(self, share) -> None:
        """Remove what a share has left."""
        tree.remove(self.shares / share["id"], self.scratch)
        self.rules.remove(share["id"])
        (self.freezes / share["id"]).unlink(missing_ok=True)

    @turnable
    def extend_share(self, share, new_size, share_server=None):
        """Accept any larger size: a directory has none of its own."""
        self.share(share)

    @turnable
    def shrink_share(self, share, new_size, share_server=None):
        """Accept a smaller size (GiB) that the files fit in."""
        if tree.used_bytes(self.share(share)) > new_size * GIB:
            raise exception.ShareShrinkingPossibleDataLoss(share_id=share["share_id"])

    @turnable
    def create_snapshot(self, context, snapshot, share_server=None):
        """Copy a share; the export locations matter where the type allows to mount snapshots.

        The provider location is what an administrator names to manage it once more.
        """
        target = self.keep(self.share_of(snapshot), snapshot)
        return {
            "provider_location": str(target),
            "export_locations": self.exports(target, share_server),
        }

    @turnable
    def delete_snapshot(self, context, snapshot, share_server=None):
        """Remove a snapshot; one that is gone is deleted."""
        tree.remove(self.snapshots / snapshot["id"], self.scratch)
        self.rules.remove(snapshot["id"])

    @turnable
    def revert_to_snapshot(
        self, context, snapshot, share_access_rules, snapshot_access_rules, share_server=None
    ):
        """Make a share what it was; rules and snapshot stay."""
        tree.replace(self.share_of(snapshot), self.snapshot(snapshot), self.scratch)

    def keep(self, source: pathlib.Path, snapshot, frozen: bool = False) -> pathlib.Path:
        """Copy the tree of a share to where a snapshot of it lies, and answer that.

        :param frozen: whether whoever calls has the share frozen already
        """
        target = self.snapshots / snapshot["id"]
        with freezing.frozen(self.freezes, [] if frozen else [source.name]):
            tree.copy(source, target, self.scratch)
        return target

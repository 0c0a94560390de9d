# SPDX-License-Identifier: Apache-2.0
"""Migrations of shares with their snapshots to another backend of the sandbox.

The first phase copies while the share is written; the looks that Manila takes meanwhile
(``migration_continue``) end it after as many steps as the delays file asks for. The second phase
copies once more, so that nothing written in between is lost, and removes the source.
"""

from sandbox.manila import tree
from sandbox.manila.backend import peers
from sandbox.manila.backend.shares import Shares
from sandbox.manila.backend.turning import ids_of, turnable


class Migrations(Shares):
    """Moves shares to a peer. Manila asks the backend that a share leaves."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.progress: dict[str, int] = {}

    @turnable
    def migration_check_compatibility(
        self,
        context,
        source_share,
        destination_share,
        share_server=None,
        destination_share_server=None,
    ):
        """Say yes to backends of this driver; only the export locations are not kept."""
        yes = peers.of(destination_share) is not None
        return {
            "compatible": yes,
            "writable": yes,
            "preserve_metadata": yes,
            "nondisruptive": False,
            "preserve_snapshots": yes,
        }

    @turnable
    def migration_start(
        self,
        context,
        source_share,
        destination_share,
        source_snapshots,
        snapshot_mappings,
        share_server=None,
        destination_share_server=None,
    ):
        """Copy the share and its snapshots for the first time."""
        peer = peers.of(destination_share)
        target = peer.shares / destination_share["id"]
        tree.copy(self.share(source_share), target, peer.scratch)
        for source, destination in self._snapshots(peer, snapshot_mappings):
            tree.copy(source, destination, peer.scratch)

    @turnable
    def migration_continue(
        self,
        context,
        source_share,
        destination_share,
        source_snapshots,
        snapshot_mappings,
        share_server=None,
        destination_share_server=None,
    ):
        """Answer whether the first phase is over."""
        steps = self.knobs.steps("migration_continue", ids_of([source_share]))
        looks = self.progress.get(source_share["id"], 0) + 1
        self.progress[source_share["id"]] = looks
        return looks >= steps

    @turnable
    def migration_get_progress(
        self,
        context,
        source_share,
        destination_share,
        source_snapshots,
        snapshot_mappings,
        share_server=None,
        destination_share_server=None,
    ):
        """Answer the percentage of the first phase."""
        steps = self.knobs.steps("migration_continue", ids_of([source_share]))
        looks = self.progress.get(source_share["id"], 0)
        return {"total_progress": min(100, looks * 100 // steps)}

    @turnable
    def migration_complete(
        self,
        context,
        source_share,
        destination_share,
        source_snapshots,
        snapshot_mappings,
        share_server=None,
        destination_share_server=None,
    ):
        """Copy what was written since, answer the new locations, and remove the source."""
        peer = peers.of(destination_share)
        target = peer.shares / destination_share["id"]
        source = self.shares / source_share["id"]
        if source.exists():  # else it was done before, and the answer got lost
            tree.replace(target, source, peer.scratch)
        answer = {
            "export_locations": peer.exports(target, destination_share_server),
            "snapshot_updates": {
                instance["id"]: {
                    "provider_location": str(peer.snapshots / instance["id"]),
                    "export_locations": peer.exports(
                        peer.snapshots / instance["id"], destination_share_server
                    ),
                }
                for instance in snapshot_mappings.values()
            },
        }
        for kept, _ in self._snapshots(peer, snapshot_mappings):
            tree.remove(kept, self.scratch)
        tree.remove(source, self.scratch)
        self.rules.remove(source_share["id"])
        self.progress.pop(source_share["id"], None)
        return answer

    @turnable
    def migration_cancel(
        self,
        context,
        source_share,
        destination_share,
        source_snapshots,
        snapshot_mappings,
        share_server=None,
        destination_share_server=None,
    ):
        """Remove what was copied."""
        peer = peers.of(destination_share)
        for _, copied in self._snapshots(peer, snapshot_mappings):
            tree.remove(copied, peer.scratch)
        tree.remove(peer.shares / destination_share["id"], peer.scratch)
        self.progress.pop(source_share["id"], None)

    def _snapshots(self, peer, mappings) -> list[tuple]:
        """Pair the tree of each snapshot with what it becomes at the peer."""
        return [
            (self.snapshots / source, peer.snapshots / destination["id"])
            for source, destination in mappings.items()
        ]

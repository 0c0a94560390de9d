# SPDX-License-Identifier: Apache-2.0
"""Share groups, their snapshots, and groups made from such a snapshot.

A group has a file of its own below ``groups``, so that tests see what the backend knows. A member
of a group's snapshot is a tree below ``snapshots``, as any snapshot is. All members are copied
while all are frozen (freezing.py), unless ``sandbox_consistent_groups`` is off: then one after
the other, as a backend without ``consistent_snapshot_support`` does.
"""

import pathlib

from sandbox import files
from sandbox.manila import freezing, tree
from sandbox.manila.backend.shares import Shares
from sandbox.manila.backend.turning import turnable


class Groups(Shares):
    """Shares that are snapshot together."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.groups = self.root / "groups"

    def directories(self) -> list[pathlib.Path]:
        """Answer what has to be there before the first call."""
        return [*super().directories(), self.groups]

    @turnable
    def create_share_group(self, context, share_group_dict, share_server=None):
        """Remember a group; its shares come later, one by one."""
        self._remember(share_group_dict)

    @turnable
    def delete_share_group(self, context, share_group_dict, share_server=None):
        """Forget a group; Manila deletes only empty ones."""
        (self.groups / share_group_dict["id"]).unlink(missing_ok=True)

    @turnable
    def create_share_group_snapshot(self, context, snap_dict, share_server=None):
        """Copy all members, or leave nothing behind.

        :returns: None, and id and provider location of each member; of an empty group nothing
        """
        members = snap_dict.get("share_group_snapshot_members")
        if not members:
            return None, None
        together = [member["share_instance_id"] for member in members]
        if not self.configuration.sandbox_consistent_groups:
            together = []
        try:
            with freezing.frozen(self.freezes, together):
                for member in members:
                    self.keep(self.share(member["share"]), member, frozen=bool(together))
        except BaseException:
            for member in members:
                tree.remove(self.snapshots / member["id"], self.scratch)
            raise
        return None, [
            {"id": member["id"], "provider_location": str(self.snapshots / member["id"])}
            for member in members
        ]

    @turnable
    def delete_share_group_snapshot(self, context, snap_dict, share_server=None):
        """Remove the members; what is gone is deleted."""
        for member in snap_dict["share_group_snapshot_members"]:
            tree.remove(self.snapshots / member["id"], self.scratch)
        return None, None

    @turnable
    def create_share_group_from_share_group_snapshot(
        self, context, share_group_dict, share_group_snapshot_dict, share_server=None
    ):
        """Copy each member to the new share that is made from it.

        :returns: None, and id and export locations of each share; of an empty group nothing
        """
        if not share_group_snapshot_dict["share_group_snapshot_members"]:
            return None, None
        self._remember(share_group_dict)
        made = self._collate_share_group_snapshot_info(share_group_dict, share_group_snapshot_dict)
        updates = []
        for pair in made:
            target = self.shares / pair["share"]["id"]
            tree.copy(self.snapshot(pair["snapshot"]), target, self.scratch)
            updates.append(
                {"id": target.name, "export_locations": self.exports(target, share_server)}
            )
        return None, updates

    def _remember(self, group) -> None:
        files.write_json(
            self.groups / group["id"],
            {
                "id": group["id"],
                "name": group.get("name"),
                "made from": group.get("source_share_group_snapshot_id"),
            },
        )

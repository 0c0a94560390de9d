# SPDX-License-Identifier: Apache-2.0
"""Requests about share groups, their snapshots and the shares in them (since microversion 2.31)."""

import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

from karbor_manila.manila.connection import Connection
from karbor_manila.manila.paging import Listing
from karbor_manila.manila.views import View


class GroupRequests(Connection):
    """What :class:`.client.Manila` asks about share groups. Every method is one HTTP request, but
    for paged lists, which are of the same projects as those of shares.

    Neither groups nor their snapshots have metadata.
    """

    _list: Callable[..., Listing]  # :class:`.client.Manila`'s

    def share_groups(
        self, *, metadata: Mapping[str, str] | None = None, project_id: str | None = None
    ) -> Listing:
        """A project's share groups in detail; ``metadata`` has to be empty."""
        return self._list("share_groups", "list the share groups", {}, metadata, project_id)

    def share_group(self, group_id: str) -> View | None:
        """A share group, or None when there is none that this session may see. Since 2.34 it says
        ``consistent_snapshot_support``: None unless its snapshots are of one moment."""
        asked = f"show share group {group_id}"
        return self._get(f"/share-groups/{group_id}", "share_group", asked)

    def create_share_group(self, **fields: Any) -> View:
        """Ask for a share group with Manila's own field names. One that is made from a group
        snapshot has its shares at once, in status ``creating``."""
        source = fields.get("source_share_group_snapshot_id")
        asked = f"make a share group from group snapshot {source}"
        return self._post("/share-groups", "share_group", fields, asked)

    def delete_share_group(self, group_id: str) -> bool:
        """Delete a share group without shares and snapshots. False when there is none."""
        return self._delete(f"/share-groups/{group_id}", f"delete share group {group_id}")

    def share_group_snapshots(
        self, *, metadata: Mapping[str, str] | None = None, project_id: str | None = None
    ) -> Listing:
        """As :meth:`share_groups`; each has its ``members``: ``id``, ``share_id`` and ``size``."""
        asked = "list the group snapshots"
        return self._list("share_group_snapshots", asked, {}, metadata, project_id)

    def share_group_snapshot(self, snapshot_id: str) -> View | None:
        """A group snapshot, or None when there is none that this session may see."""
        asked = f"show group snapshot {snapshot_id}"
        return self._get(f"/share-group-snapshots/{snapshot_id}", "share_group_snapshot", asked)

    def create_share_group_snapshot(
        self, share_group_id: str, *, name: str, description: str
    ) -> View:
        """Ask for a snapshot of all shares of a group. What is answered has no members yet
        (manila/api/v2/share_group_snapshots.py, _create)."""
        fields = {"share_group_id": share_group_id, "name": name, "description": description}
        asked = f"snapshot share group {share_group_id}"
        return self._post("/share-group-snapshots", "share_group_snapshot", fields, asked)

    def delete_share_group_snapshot(self, snapshot_id: str) -> bool:
        """Delete a group snapshot. False when there is none; True is an HTTP 202: it has begun."""
        asked = f"delete group snapshot {snapshot_id}"
        return self._delete(f"/share-group-snapshots/{snapshot_id}", asked)

    def shares_of_group(self, group_id: str, *, project_id: str | None = None) -> Listing:
        """The shares in a group, in detail."""
        asked = f"list the shares of group {group_id}"
        filters = {"share_group_id": group_id}
        found = self._list("shares", asked, filters, None, project_id)
        # A filter that a Manila does not know is ignored: then all of the project's shares come.
        inside = [view for view in found if view.get("share_group_id") == group_id]
        return Listing(inside, whole=found.whole)

    def update_share(self, share_id: str, **fields: Any) -> None:
        """Change the name, description or visibility of a share, by Manila's own field names
        (``display_name``, ``display_description``, ``is_public``)."""
        asked = f"name share {share_id}"
        path = f"/shares/{urllib.parse.quote(share_id)}"
        self._send(asked, "PUT", path, body={"share": fields})

    def set_share_metadata(self, share_id: str, metadata: Mapping[str, str]) -> None:
        """Add to the metadata of a share."""
        asked = f"set metadata of share {share_id}"
        path = f"/shares/{urllib.parse.quote(share_id)}/metadata"
        self._send(asked, "POST", path, body={"metadata": dict(metadata)})

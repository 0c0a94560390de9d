# SPDX-License-Identifier: Apache-2.0
"""Requests for snapshots that can be mounted: their access rules and export locations (2.32)."""

from typing import Any

from karbor_manila.manila.connection import Connection
from karbor_manila.manila.errors import ManilaRefused
from karbor_manila.manila.views import View

# In which a share says snapshot_inherit_share_access_support (manila/api/views/shares.py). It is
# newer than what else is asked for, and a Manila without it has no such shares.
_WITH_INHERITED_ACCESS = "2.99"

_NOT_ACCEPTABLE = 406


class SnapshotAccessRequests(Connection):
    """Each method is one HTTP request. The level of a rule is read-only, always; it has no key
    (manila/api/views/share_snapshots.py, detail_access)."""

    def snapshot_access_rules(self, snapshot_id: str) -> list[View] | None:
        """The access rules of a snapshot: ``id``, ``access_type``, ``access_to``, ``state``. None
        when there is no snapshot that this session may see.

        :raises ManilaRefused: HTTP 400, if its share's snapshots cannot be mounted
        """
        asked = f"list the access rules of snapshot {snapshot_id}"
        path = f"/snapshots/{snapshot_id}/access-list"
        rules: Any = self._get(path, "snapshot_access_list", asked)
        found: list[View] | None = rules
        return found

    def allow_snapshot_access(self, snapshot_id: str, access_type: str, access_to: str) -> View:
        """Ask for an access rule. The view has ``request_id`` besides what the list shows.

        :raises ManilaRefused: HTTP 400, also if there is such a rule
        """
        asked = f"allow {access_type} {access_to} access to snapshot {snapshot_id}"
        rule = {"access_type": access_type, "access_to": access_to}
        path = f"/snapshots/{snapshot_id}/action"
        response, body = self._send(asked, "POST", path, body={"allow_access": rule})
        view: View = self._part(asked, body, "snapshot_access")
        view["request_id"] = response.headers.get("x-openstack-request-id")
        return view

    def deny_snapshot_access(self, snapshot_id: str, rule_id: str) -> bool:
        """Take an access rule back. False when there is none; True is an HTTP 202: it has begun."""
        asked = f"take access rule {rule_id} of snapshot {snapshot_id} back"
        path = f"/snapshots/{snapshot_id}/action"
        body = {"deny_access": {"access_id": rule_id}}
        try:
            self._send(asked, "POST", path, readable=False, body=body)
        except ManilaRefused as refused:
            if refused.status == 404:
                self._confirm()
                return False
            raise
        return True

    def snapshot_export_locations(self, snapshot_id: str) -> list[str]:
        """The paths under which a snapshot is mounted, without those for administrators alone."""
        asked = f"show the export locations of snapshot {snapshot_id}"
        reply = self._ask("GET", f"/snapshots/{snapshot_id}/export-locations", asked)
        found: list[View] = self._part(asked, reply, "share_snapshot_export_locations")
        return [view["path"] for view in found if not view.get("is_admin_only")]

    def snapshots_inherit_access(self, share_id: str) -> bool:
        """Whether who may mount the share may mount its snapshots, which have no rules of their
        own then (``snapshot_inherit_share_access_support``, 2.99)."""
        asked = f"show share {share_id}"
        try:
            path, version = f"/shares/{share_id}", _WITH_INHERITED_ACCESS
            body = self._send(asked, "GET", path, microversion=version)[1]
        except ManilaRefused as refused:
            if refused.status == _NOT_ACCEPTABLE:
                return False
            raise
        share: View = self._part(asked, body, "share")
        return bool(share.get("snapshot_inherit_share_access_support"))

# SPDX-License-Identifier: Apache-2.0
"""Requests to Manila for what a new share is made with: its network, its type, its name, and the
locks that keep one from going."""

import urllib.parse

from karbor_manila.manila.connection import Connection
from karbor_manila.manila.views import View


class PlacementRequests(Connection):
    """A part of the client; every method is one HTTP request."""

    def share_network(self, network_id: str) -> View | None:
        """A share network with its subnets (2.51) and status (2.63); None when there is none that
        this session may see."""
        asked = f"show share network {network_id}"
        return self._get(f"/share-networks/{network_id}", "share_network", asked)

    def share_type(self, type_id: str) -> View | None:
        """A share type with those ``extra_specs`` that its users may see
        (manila/common/constants.py, TENANT_VISIBLE); None when it is not for this session."""
        return self._get(f"/types/{type_id}", "share_type", f"show share type {type_id}")

    def share_types(self) -> list[View]:
        """The share types, private ones too if the session is an administrator's. They come in one
        answer, without pages (manila/api/v2/share_types.py, _get_share_types)."""
        asked = "list its share types"
        reply = self._ask("GET", "/types?is_public=all", asked)
        found: list[View] = self._part(asked, reply, "share_types")
        return found

    def mounted_as(self, name: str, *, soft_deleted: bool = False) -> list[View]:
        """The shares of the session's own project with this ``mount_point_name``, prefix included:
        views with ``id`` and ``name``. No view tells that name, a list can be filtered by it
        (manila/api/v2/share.py, _get_share_search_options).

        :param soft_deleted: those in the recycle bin; without it, all others
        """
        query = {"mount_point_name": name} | ({"is_soft_deleted": "True"} if soft_deleted else {})
        asked = f"list the shares that are mounted as {name}"
        reply = self._ask("GET", f"/shares?{urllib.parse.urlencode(query)}", asked)
        found: list[View] = self._part(asked, reply, "shares")
        return found

    def shares_named(self, name: str) -> list[View]:
        """The shares of the session's own project with this name, in detail."""
        asked = f"list the shares named {name}"
        query = urllib.parse.urlencode({"name": name, "is_public": "False"})
        reply = self._ask("GET", f"/shares/detail?{query}", asked)
        found: list[View] = self._part(asked, reply, "shares")
        return found

    def locks(self, resource_id: str, *, every_project: bool = False) -> list[View]:
        """The locks of deletion on a share (2.81): views with ``id``, ``resource_id`` and
        ``lock_reason``.

        :param every_project: for administrators; without it those of the session's own project
        """
        asked = f"list the locks of share {resource_id}"
        query = {"resource_id": resource_id, "resource_action": "delete"}
        query |= {"all_projects": "True"} if every_project else {}
        reply = self._ask("GET", f"/resource-locks?{urllib.parse.urlencode(query)}", asked)
        found: list[View] = self._part(asked, reply, "resource_locks")
        return found

# SPDX-License-Identifier: Apache-2.0
"""The one Manila client: takes a keystoneauth session, gives back plain dicts.

It says whose objects are listed, and sorts what can go wrong into two kinds:
:class:`~karbor_manila.manila.errors.ManilaTransient` (the same request may succeed) and
:class:`~karbor_manila.manila.errors.ManilaRefused` (permanent). It never retries;
:mod:`karbor_manila.common.retry` does. Nothing here knows Karbor.
"""

import urllib.parse
from collections.abc import Collection, Mapping
from typing import Any

from oslo_log import log as logging

from karbor_manila.common.errors import KarborManilaError
from karbor_manila.manila import paging
from karbor_manila.manila.access_level_requests import AccessLevelRequests
from karbor_manila.manila.backup_requests import BackupRequests

# What belongs to the face of the client.
from karbor_manila.manila.endpoint import SERVICE_TYPES, Where
from karbor_manila.manila.errors import ManilaRefused, NotAdministrator
from karbor_manila.manila.features import Features
from karbor_manila.manila.group_requests import GroupRequests
from karbor_manila.manila.paging import Listing
from karbor_manila.manila.placement_requests import PlacementRequests
from karbor_manila.manila.snapshot_access_requests import SnapshotAccessRequests
from karbor_manila.manila.views import View

__all__ = ["EVERY_PROJECT", "SERVICE_TYPES", "Features", "Manila", "View", "Where"]

LOG = logging.getLogger(__name__)

PAGE = 1000

# The last one in which a list of shares has their export locations.
_WITH_EXPORT_LOCATIONS = "2.8"

# Lists that say how many there are; the others refuse unknown filters.
_COUNTED = frozenset({"shares", "snapshots"})

#: As ``project_id`` of :class:`Manila` and its lists: what all projects have.
EVERY_PROJECT = "*"


class Manila(
    PlacementRequests, SnapshotAccessRequests, BackupRequests, GroupRequests, AccessLevelRequests
):
    """Manila as one session sees it. Every method is one HTTP request, but for paged lists.

    Whose objects a list shows is what it was asked for, whatever Manila makes of the question:
    another project's lists are for administrators alone, who are asked to prove it first, and what
    is not of the project is left out.

    :param session: a keystoneauth session; what is created belongs to its project
    :param where: where to find Manila
    :param project_id: whose objects are worked on when it is not the session's own project, or
        :data:`EVERY_PROJECT`; only an administrator gets an answer to that
    :param own_project_id: the session's project, if it is known already
    :param timeout: seconds to wait for one answer
    :param parallel, patience: of its requests, see :class:`.connection.Connection`
    :raises: as :class:`.connection.Connection`
    """

    def __init__(
        self,
        session: Any,
        where: Where,
        *,
        project_id: str | None = None,
        own_project_id: str | None = None,
        timeout: float = 60.0,
        parallel: int = 10,
        patience: float | None = None,
    ) -> None:
        super().__init__(
            session,
            where,
            own_project_id=own_project_id,
            timeout=timeout,
            parallel=parallel,
            patience=patience,
        )
        self._project_id = project_id
        self._proven = False  # an administrator

    @property
    def project_id(self) -> str:
        """Whose objects are worked on; EVERY_PROJECT for all of them."""
        return self._project_id or self.own_project_id

    @property
    def reach(self) -> str:
        """Whose objects this client may see, as far as it is known without asking."""
        return EVERY_PROJECT if self._project_id else self.own_project_id

    def shares(
        self,
        *,
        status: str | None = None,
        metadata: Mapping[str, str] | None = None,
        project_id: str | None = None,
    ) -> Listing:
        """A project's shares in detail; another project's public shares are left out.

        :param project_id: whose; by default of the project that is worked on
        :raises NotAdministrator: it is another project's, or every project's
        """
        filters = {"is_public": "False"} | ({"status": status} if status else {})
        return self._list("shares", "list the shares of the project", filters, metadata, project_id)

    def mounted_shares(
        self, ids: Collection[str], *, metadata: Mapping[str, str], project_id: str
    ) -> Listing:
        """As :meth:`shares`, those with these ids at least, each with ``export_locations``: all its
        paths, of which the ones for administrators and the preferred ones are not marked.

        A list has them up to microversion 2.8 alone (manila/api/views/shares.py,
        remove_export_locations), in which shares show less else. It is never known to be whole.

        :raises ManilaRefused: this Manila does not speak 2.8 any more (HTTP 406)
        """
        asked = "list the shares of the project"
        return self._list("shares", asked, {}, metadata, project_id, wanted=ids)

    def share(self, share_id: str) -> View | None:
        """A share, or None when there is none that this session may see."""
        return self._get(f"/shares/{share_id}", "share", f"show share {share_id}")

    def snapshots(
        self,
        *,
        metadata: Mapping[str, str] | None = None,
        share_id: str | None = None,
        project_id: str | None = None,
        most: int | None = None,
    ) -> Listing:
        """As :meth:`shares`; ``metadata`` needs 2.73, ``most`` is of :func:`.paging.everything`."""
        asked = "list the snapshots of " + (f"share {share_id}" if share_id else "the project")
        filters = {"share_id": share_id} if share_id else {}
        return self._list("snapshots", asked, filters, metadata, project_id, most=most)

    def snapshot(self, snapshot_id: str) -> View | None:
        """A snapshot, or None when there is none that this session may see."""
        return self._get(f"/snapshots/{snapshot_id}", "snapshot", f"show snapshot {snapshot_id}")

    def create_snapshot(
        self,
        share_id: str,
        *,
        name: str | None,
        description: str | None,
        force: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> View:
        """Ask for a snapshot. The view has ``request_id``, the id of the request that made it."""
        body: View = {
            "share_id": share_id,
            "name": name,
            "description": description,
            "force": force,
        }
        if metadata:
            body["metadata"] = dict(metadata)
        return self._post("/snapshots", "snapshot", body, f"snapshot share {share_id}")

    def delete_snapshot(self, snapshot_id: str) -> bool:
        """Delete a snapshot. False when there is none; True is an HTTP 202: it has begun."""
        return self._delete(f"/snapshots/{snapshot_id}", f"delete snapshot {snapshot_id}")

    def create_share(self, **fields: Any) -> View:
        """Ask for a share with Manila's own field names; ``request_id`` as above."""
        source = fields.get("snapshot_id")
        asked = f"create a share from snapshot {source}" if source else "create a share"
        return self._post("/shares", "share", fields, asked)

    def delete_share(self, share_id: str, group: str | None = None, *, force: bool = False) -> bool:
        """Delete a share. False when there is none; True is an HTTP 202: it has begun.

        :param group: the id of the share group that it is in, without which Manila deletes none
        :param force: whatever its status is, which only an administrator may
        """
        if force:
            self._act(share_id, {"force_delete": None}, f"delete share {share_id} by force")
            return True
        inside = f"?share_group_id={group}" if group else ""
        return self._delete(f"/shares/{share_id}{inside}", f"delete share {share_id}")

    def revert_share(self, share_id: str, snapshot_id: str) -> None:
        """Ask for a share to be put back to its newest snapshot (microversion 2.27)."""
        asked = f"revert share {share_id} to snapshot {snapshot_id}"
        self._act(share_id, {"revert": {"snapshot_id": snapshot_id}}, asked)

    def access_rules(self, share_id: str) -> list[View]:
        """The access rules of a share, without their keys."""
        asked = f"list the access rules of share {share_id}"
        if self.features.access_rules_resource:
            reply = self._ask("GET", f"/share-access-rules?share_id={share_id}", asked)
        else:
            reply = self._act(share_id, {"access_list": None}, asked, readable=True)
        rules: list[View] = self._part(asked, reply, "access_list")
        return [
            {name: value for name, value in rule.items() if name != "access_key"} for rule in rules
        ]

    def allow_access(self, share_id: str, rule: Mapping[str, Any]) -> View:
        """Ask for an access rule, with Manila's own field names."""
        asked = f"allow {rule.get('access_type')} {rule.get('access_to')} access to {share_id}"
        reply = self._act(share_id, {"allow_access": dict(rule)}, asked, readable=True)
        view: View = self._part(asked, reply, "access")
        view.pop("access_key", None)
        return view

    def export_locations(self, share_id: str) -> list[str]:
        """The paths under which a share is mounted, the preferred ones first."""
        asked = f"show the export locations of share {share_id}"
        reply = self._ask("GET", f"/shares/{share_id}/export_locations", asked)
        found: list[View] = self._part(asked, reply, "export_locations")
        return [view["path"] for view in sorted(found, key=lambda view: not view.get("preferred"))]

    def messages(self, **filters: str) -> list[View]:
        """The project's user messages, newest first (microversion 2.37)."""
        query = urllib.parse.urlencode(filters | {"sort_key": "created_at", "sort_dir": "desc"})
        asked = "read its messages"
        reply = self._ask("GET", f"/messages?{query}", asked)
        messages: list[View] = self._part(asked, reply, "messages")
        return messages

    def require_administrator(self, project_id: str | None = None) -> None:
        """Make sure that the session sees what other projects have; asked once.

        Manila does not refuse a list of theirs to anybody else: it gives what the session's own
        project has (manila/share/api.py, get_all), and everything seems to be gone.

        :param project_id: whose objects are wanted, for the error
        :raises NotAdministrator: the session is not an administrator's
        """
        if self._proven:
            return
        try:
            self._ask("GET", "/services", "list its services")
        except ManilaRefused as refused:
            if refused.status == 403:
                raise NotAdministrator(refused.answer, project_id) from refused
            raise
        self._proven = True

    def is_alive(self) -> bool:
        """Whether Manila answers this session at all."""
        try:
            self.limits()
        except KarborManilaError as error:
            LOG.warning("Manila at %s does not answer: %s", self.endpoint, error)
            return False
        return True

    def _list(
        self,
        kind: str,
        asked: str,
        filters: Mapping[str, str],
        metadata: Mapping[str, str] | None,
        project_id: str | None,
        **reading: Any,
    ) -> Listing:
        whose = project_id or self._project_id
        query = dict(filters)
        if metadata:
            # Manila evaluates it as a Python literal (manila/api/v2/share_snapshots.py).
            query["metadata"] = str(dict(metadata))
        own = whose is None or whose == self.own_project_id
        if whose and not own:
            self.require_administrator(None if whose == EVERY_PROJECT else whose)
            query["all_tenants"] = "1"
            if whose != EVERY_PROJECT:
                query["project_id"] = whose
        # Asked for the number, Manila 23 forgets whose objects are wanted
        # (manila/db/sqlalchemy/api.py, share_get_all_with_count).
        counts = self.features.counts and kind in _COUNTED
        if "wanted" not in reading and counts and (own or whose == EVERY_PROJECT):
            query["with_count"] = "True"
        found = self._pages(kind, asked, query, **reading)
        theirs = [view for view in found if own or whose in (EVERY_PROJECT, view.get("project_id"))]
        return Listing(theirs, whole=found.whole)

    def _pages(self, kind: str, asked: str, filters: Mapping[str, str], **reading: Any) -> Listing:
        form: dict[str, Any] = {}
        if "wanted" in reading:
            form["microversion"] = _WITH_EXPORT_LOCATIONS

        def ask(offset: int) -> tuple[list[View], int | None]:
            query = dict(filters) | {"limit": str(PAGE), "offset": str(offset)}
            path = f"/{kind.replace('_', '-')}/detail?{urllib.parse.urlencode(query)}"
            body = self._send(asked, "GET", path, **form)[1]
            return self._part(asked, body, kind), body.get("count")

        return paging.everything(ask, PAGE, asked, **reading)

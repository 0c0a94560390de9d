# SPDX-License-Identifier: Apache-2.0
"""The one Manila client: takes a keystoneauth session, gives back plain dicts.

It finds Manila in the catalog of the session, negotiates the microversion, says which features that
gives, and sorts what can go wrong into two kinds: :class:`~karbor_manila.exception.ManilaPassing`
(worth another try) and :class:`~karbor_manila.exception.ManilaRefused` (final). It never retries;
:mod:`karbor_manila.waiting` does. Nothing here knows Karbor.

manilaclient's adapter (``client.client``) is used rather than its managers: the managers write a
completion cache into the home folder at every list and create
(manilaclient/base.py, completion_cache) and drop the request id, by which Manila's user messages
are found.
"""

import re
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cachetools
from keystoneauth1 import exceptions as ks_exc
from manilaclient import api_versions
from manilaclient import client as manilaclient
from oslo_log import log as logging

from karbor_manila import answers, exception

LOG = logging.getLogger(__name__)

#: In the order in which they are looked for. ``shared-file-system`` is the official name; ``share``
#: is that of the v1 API in old clouds, so its endpoint counts only when it is a v2 one.
SERVICE_TYPES = ("sharev2", "shared-file-system", "share")

#: Below it there are no user messages (2.37) and no revert (2.27).
OLDEST = "2.37"
#: The newest microversion that this code was run with.
NEWEST = "2.98"

PAGE = 1000

#: As ``project_id`` of :class:`Manila`: the lists show what all projects have.
EVERY_PROJECT = "*"

View = dict[str, Any]

# Endpoint -> microversion. A cloud is upgraded rarely, and one GET per operation is a cost that a
# plan with one share can feel.
_negotiated: cachetools.TTLCache[str, str] = cachetools.TTLCache(maxsize=64, ttl=600)
_negotiated_lock = threading.Lock()


@dataclass(frozen=True)
class Where:
    """Where Manila is: the operator's choice. ``region`` None means any region.

    ``endpoint`` overrides the catalog. ``interfaces`` are tried in order.
    """

    interfaces: tuple[str, ...] = ("public",)
    region: str | None = None
    endpoint: str | None = None
    service_types: tuple[str, ...] = SERVICE_TYPES


@dataclass(frozen=True)
class Features:
    """What the negotiated microversion can do (Manila's REST API version history)."""

    microversion: str

    def _at_least(self, version: str) -> bool:
        return api_versions.APIVersion(self.microversion) >= api_versions.APIVersion(version)

    @property
    def snapshot_metadata(self) -> bool:
        """Snapshots have metadata, and lists can be filtered by it."""
        return self._at_least("2.73")

    @property
    def creating_from_snapshot(self) -> bool:
        """A clone that is being made has a status of its own."""
        return self._at_least("2.54")

    @property
    def access_rules_resource(self) -> bool:
        """Access rules have a list of their own, and metadata."""
        return self._at_least("2.45")

    @property
    def counts(self) -> bool:
        """Lists say how many things there are in all (``with_count``)."""
        return self._at_least("2.79")


class Manila:
    """Manila as one session sees it. Every method is one HTTP request, but for paged lists.

    :param session: a keystoneauth session; its project is whose shares are seen
    :param where: where to find Manila
    :param project_id: whose things the lists show when it is not the session's own project, or
        :data:`EVERY_PROJECT`; only an administrator gets an answer to that
    :param timeout: seconds to wait for one answer
    :param parallel: requests under way at a time; the others queue here
    :raises EndpointMissing: there is none in the catalog
    :raises ManilaTooOld: no common microversion
    :raises ManilaPassing, ManilaRefused: as every method
    """

    def __init__(
        self,
        session: Any,
        where: Where,
        *,
        project_id: str | None = None,
        timeout: float = 60.0,
        parallel: int = 10,
    ) -> None:
        #: Called before each request that changes something; raises when it must not be sent.
        self.guard: Callable[[], None] = lambda: None
        self._project_id = project_id
        self._slots = threading.BoundedSemaphore(parallel)
        with answers.asking("find Manila in Keystone's catalog"):
            self.endpoint = _find_endpoint(session, where)
        self._session = session
        self._timeout = timeout
        self.features = Features(self._negotiate())
        self._http = self._adapter(self.features.microversion)

    def shares(
        self, *, status: str | None = None, metadata: Mapping[str, str] | None = None
    ) -> list[View]:
        """The project's shares in detail; another project's public shares are left out."""
        filters = self._filters(metadata) | {"is_public": "False"}
        if status:
            filters["status"] = status
        return list(self._pages("shares", "list the shares of the project", filters))

    def share(self, share_id: str) -> View | None:
        """A share, or None when there is none that this project may see."""
        return self._get(f"/shares/{share_id}", "share", f"show share {share_id}")

    def snapshots(
        self, *, metadata: Mapping[str, str] | None = None, share_id: str | None = None
    ) -> list[View]:
        """The project's snapshots in detail. ``metadata`` needs ``features.snapshot_metadata``."""
        filters = self._filters(metadata)
        asked = "list the snapshots of the project"
        if share_id:
            filters["share_id"] = share_id
            asked = f"list the snapshots of share {share_id}"
        return list(self._pages("snapshots", asked, filters))

    def snapshot(self, snapshot_id: str) -> View | None:
        """A snapshot, or None when there is none that this project may see."""
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
        """Ask for the end of a snapshot. False when there is none; True is only a promise (202)."""
        return self._delete(f"/snapshots/{snapshot_id}", f"delete snapshot {snapshot_id}")

    def create_share(self, **fields: Any) -> View:
        """Ask for a share with Manila's own field names; ``request_id`` as above."""
        asked = f"create a share from snapshot {fields.get('snapshot_id')}"
        return self._post("/shares", "share", fields, asked)

    def delete_share(self, share_id: str) -> bool:
        """Ask for the end of a share. False when there is none; True is only a promise (202)."""
        return self._delete(f"/shares/{share_id}", f"delete share {share_id}")

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
        rules: list[View] = answers.part(asked, reply, "access_list")
        return [
            {name: value for name, value in rule.items() if name != "access_key"} for rule in rules
        ]

    def allow_access(self, share_id: str, rule: Mapping[str, Any]) -> View:
        """Ask for an access rule, with Manila's own field names."""
        asked = f"allow {rule.get('access_type')} {rule.get('access_to')} access to {share_id}"
        reply = self._act(share_id, {"allow_access": dict(rule)}, asked, readable=True)
        view: View = answers.part(asked, reply, "access")
        view.pop("access_key", None)
        return view

    def export_locations(self, share_id: str) -> list[str]:
        """The paths under which a share is mounted, the preferred ones first."""
        asked = f"show the export locations of share {share_id}"
        reply = self._ask("GET", f"/shares/{share_id}/export_locations", asked)
        found: list[View] = answers.part(asked, reply, "export_locations")
        return [view["path"] for view in sorted(found, key=lambda view: not view.get("preferred"))]

    def limits(self) -> dict[str, int]:
        """The project's absolute limits and what is used of them; -1 is no limit."""
        asked = "show the quota of the project"
        limits = answers.part(asked, self._ask("GET", "/limits", asked), "limits")
        absolute: dict[str, int] = answers.part(asked, limits, "absolute")
        return absolute

    def messages(self, **filters: str) -> list[View]:
        """The project's user messages, newest first (microversion 2.37)."""
        query = urllib.parse.urlencode(filters | {"sort_key": "created_at", "sort_dir": "desc"})
        asked = "read its messages"
        reply = self._ask("GET", f"/messages?{query}", asked)
        messages: list[View] = answers.part(asked, reply, "messages")
        return messages

    def require_administrator(self) -> None:
        """Make sure that lists of other projects are whole.

        Manila does not refuse such a list to anybody else: it gives what the session's own project
        has (manila/share/api.py, get_all), and everything seems to be gone.

        :raises NotAdministrator: the session is not an administrator's
        """
        try:
            self._ask("GET", "/services", "list its services")
        except exception.ManilaRefused as refused:
            if refused.status == 403:
                raise exception.NotAdministrator(refused.answer) from refused
            raise

    def is_alive(self) -> bool:
        """Whether Manila answers this session at all."""
        try:
            self.limits()
        except exception.KarborManilaError as error:
            LOG.warning("Manila at %s does not answer: %s", self.endpoint, error)
            return False
        return True

    def _filters(self, metadata: Mapping[str, str] | None) -> dict[str, str]:
        filters: dict[str, str] = {}
        if self._project_id:
            filters["all_tenants"] = "1"
            if self._project_id != EVERY_PROJECT:
                filters["project_id"] = self._project_id
        if metadata:
            # Manila evaluates it as a Python literal (manila/api/v2/share_snapshots.py).
            filters["metadata"] = str(dict(metadata))
        return filters

    def _pages(self, kind: str, asked: str, filters: Mapping[str, str]) -> Iterator[View]:
        """Everything in a list, once.

        ``marker`` is ignored, a page may be short because it counts joined rows, and a server may
        give less than what is asked for (``osapi_max_limit``). So each step is as long as the page
        that came: never too long, and repeats are dropped.
        """
        seen: set[str] = set()
        offset = 0
        while True:
            query = dict(filters) | {"limit": str(PAGE), "offset": str(offset)}
            if self.features.counts:
                query["with_count"] = "True"
            body = self._ask("GET", f"/{kind}/detail?{urllib.parse.urlencode(query)}", asked)
            page = answers.part(asked, body, kind)
            for view in page:
                if view["id"] not in seen:
                    seen.add(view["id"])
                    yield view
            offset += len(page)
            total = body.get("count")
            if not page or (total is not None and len(seen) >= total):
                return

    def _get(self, path: str, key: str, asked: str) -> View | None:
        try:
            view: View = answers.part(asked, self._ask("GET", path, asked), key)
        except exception.ManilaRefused as refused:
            if refused.status == 404:
                return None
            raise
        return view

    def _post(self, path: str, key: str, fields: Mapping[str, Any], asked: str) -> View:
        response, body = self._send(asked, "POST", path, body={key: dict(fields)})
        view: View = answers.part(asked, body, key)
        view["request_id"] = response.headers.get("x-openstack-request-id")
        return view

    def _act(
        self, share_id: str, body: Mapping[str, Any], asked: str, *, readable: bool = False
    ) -> dict[str, Any]:
        path = f"/shares/{share_id}/action"
        return self._send(asked, "POST", path, readable=readable, body=dict(body))[1]

    def _delete(self, path: str, asked: str) -> bool:
        try:
            self._send(asked, "DELETE", path, readable=False)
        except exception.ManilaRefused as refused:
            if refused.status == 404:
                return False
            raise
        return True

    def _ask(self, method: str, path: str, asked: str) -> dict[str, Any]:
        return self._send(asked, method, path)[1]

    def _send(
        self, asked: str, method: str, path: str, *, readable: bool = True, **kwargs: Any
    ) -> tuple[Any, dict[str, Any]]:
        with self._slots, answers.asking(asked):
            if method != "GET":
                self.guard()
            response, body = self._http.request(path, method, raise_exc=False, **kwargs)
        return response, answers.checked(asked, response, body, readable=readable)

    def _adapter(self, microversion: str) -> Any:
        return manilaclient.Client(
            microversion,
            session=self._session,
            service_catalog_url=self.endpoint,
            timeout=self._timeout,
            retries=0,
        ).client

    def _negotiate(self) -> str:
        with _negotiated_lock:
            known = _negotiated.get(self.endpoint)
        if known:
            return known
        asked = "say which microversions it speaks"
        with answers.asking(asked):
            response, body = self._adapter(OLDEST).get_with_base_url("", raise_exc=False)
        # 300 Multiple Choices is how Manila answers when it speaks more than one version.
        microversion = negotiate(answers.checked(asked, response, body).get("versions"))
        LOG.info("Manila at %s is spoken to in microversion %s", self.endpoint, microversion)
        with _negotiated_lock:
            _negotiated[self.endpoint] = microversion
        return microversion


def negotiate(versions: object) -> str:
    """The newest microversion that the server, manilaclient and this code all know.

    :param versions: the entries of ``versions`` in Manila's version document (GET /)
    :raises ManilaTooOld: the server does not reach :data:`OLDEST`, or starts above us, or does not
        say anything that Manila would say
    """
    offers = [
        offer
        for offer in (versions if isinstance(versions, list) else [])
        if isinstance(offer, Mapping) and str(offer.get("id", "")).startswith("v2")
    ]
    newest = min(api_versions.APIVersion(NEWEST), api_versions.APIVersion(api_versions.MAX_VERSION))
    for offer in offers:
        lowest = _version(offer.get("min_version") or "2.0")
        highest = _version(offer.get("version") or "2.0")
        if lowest is None or highest is None:
            continue
        chosen = min(newest, highest)
        if chosen >= lowest and chosen >= api_versions.APIVersion(OLDEST):
            return str(chosen.get_string())
    spoken = ", ".join(f"{v.get('min_version')} to {v.get('version')}" for v in offers) or "no v2"
    raise exception.ManilaTooOld(OLDEST, spoken)


def _version(text: object) -> Any:
    return api_versions.APIVersion(text) if re.fullmatch(r"\d+\.\d+", str(text)) else None


def _find_endpoint(session: Any, where: Where) -> str:
    if where.endpoint:
        return where.endpoint.rstrip("/")
    for interface in where.interfaces:
        for service_type in where.service_types:
            try:
                found = session.get_endpoint(
                    service_type=service_type,
                    interface=interface,
                    region_name=where.region,
                    skip_discovery=True,
                )
            except ks_exc.EndpointNotFound:
                continue
            # "share" is also what the v1 API was called: keystoneauth knows the names as aliases
            # and may answer with its endpoint, on which nothing here would work.
            if found and "/v1" not in urllib.parse.urlparse(found).path:
                return str(found).rstrip("/")
    raise exception.EndpointMissing(
        list(where.service_types), " or ".join(where.interfaces), where.region
    )

# SPDX-License-Identifier: Apache-2.0
"""Manila's v2 API on a simulated cloud: one method for each call that karbor_manila uses."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.simulator import errors, microversions, views
from sandbox.simulator.actions import Actions
from sandbox.simulator.cloud import Cloud
from sandbox.simulator.errors import Refused
from sandbox.simulator.identity import Who
from sandbox.simulator.lists import Lists
from sandbox.simulator.microversions import Version

Handler = Callable[["Asked"], Awaitable[web.Response]]


class Asked:
    """A request, by whom and in which microversion."""

    def __init__(self, request: web.Request, who: Who, version: Version) -> None:
        self.request = request
        self.who = who
        self.version = version
        self.request_id = f"req-{uuid.uuid4()}"
        self.base = f"{request.scheme}://{request.host}"

    @property
    def id(self) -> str:
        """The id in the path."""
        return self.request.match_info["id"]

    async def body(self, key: str) -> dict[str, Any]:
        """What stands below the one key of the body.

        :raises Refused: 400 or 422, it is not there
        """
        try:
            body = await self.request.json()
        except ValueError as error:
            raise Refused(400, "Malformed request body") from error
        found = body.get(key) if isinstance(body, dict) else None
        if not isinstance(found, dict):
            raise Refused(422, f"Missing required element '{key}' in request body.")
        return found


class Api:
    """The calls. A method's answer is JSON; what Manila refuses is raised as Refused."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._actions = Actions(cloud)
        self._lists = Lists(cloud)

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler; a list's before the things' in it."""
        return [
            ("GET", "/v2/shares", self.list_shares),
            ("GET", "/v2/shares/detail", self.list_shares),
            ("POST", "/v2/shares", self.create_share),
            ("GET", "/v2/shares/{id}", self.show_share),
            ("DELETE", "/v2/shares/{id}", self.delete_share),
            ("POST", "/v2/shares/{id}/action", self.act),
            ("GET", "/v2/shares/{id}/export_locations", self.export_locations),
            ("GET", "/v2/snapshots", self.list_snapshots),
            ("GET", "/v2/snapshots/detail", self.list_snapshots),
            ("POST", "/v2/snapshots", self.create_snapshot),
            ("GET", "/v2/snapshots/{id}", self.show_snapshot),
            ("DELETE", "/v2/snapshots/{id}", self.delete_snapshot),
            ("GET", "/v2/share-access-rules", self.access_rules),
            ("GET", "/v2/limits", self.limits),
            ("GET", "/v2/quota-sets/{id}", self.quota),
            ("GET", "/v2/types", self.types),
            ("GET", "/v2/messages", self.messages),
            ("GET", "/v2/services", self.services),
        ]

    async def list_shares(self, asked: Asked) -> web.Response:
        """GET /shares and /shares/detail."""
        return self._list("shares", asked)

    async def list_snapshots(self, asked: Asked) -> web.Response:
        """GET /snapshots and /snapshots/detail."""
        return self._list("snapshots", asked)

    def _list(self, kind: str, asked: Asked) -> web.Response:
        url = f"{asked.base}{asked.request.path_qs}"
        query = asked.request.query
        return _json(self._lists.list(kind, asked.who, query, asked.version, url, asked.base))

    async def show_share(self, asked: Asked) -> web.Response:
        """GET /shares/ID."""
        share = self._actions.share(asked.who, asked.id)
        return _json({"share": views.share(share, asked.version, asked.base)})

    async def show_snapshot(self, asked: Asked) -> web.Response:
        """GET /snapshots/ID."""
        snapshot = self._actions.snapshot(asked.who, asked.id)
        return _json({"snapshot": views.snapshot(snapshot, asked.version, asked.base)})

    async def create_share(self, asked: Asked) -> web.Response:
        """POST /shares: 200."""
        fields = await asked.body("share")
        share = self._actions.create_share(asked.who, fields, asked.request_id)
        return _json({"share": views.share(share, asked.version, asked.base)})

    async def create_snapshot(self, asked: Asked) -> web.Response:
        """POST /snapshots: 202."""
        fields = await asked.body("snapshot")
        made = self._actions.create_snapshot(asked.who, fields, asked.version, asked.request_id)
        return _json({"snapshot": views.snapshot(made, asked.version, asked.base)}, 202)

    async def delete_share(self, asked: Asked) -> web.Response:
        """DELETE /shares/ID: 202."""
        self._actions.delete_share(asked.who, asked.id)
        return web.Response(status=202)

    async def delete_snapshot(self, asked: Asked) -> web.Response:
        """DELETE /snapshots/ID: 202."""
        self._actions.delete_snapshot(asked.who, asked.id)
        return web.Response(status=202)

    async def act(self, asked: Asked) -> web.Response:
        """POST /shares/ID/action."""
        body = await asked.request.json()
        ((name, fields),) = body.items()
        if name == "revert" and asked.version >= (2, 27):
            self._actions.revert(asked.who, asked.id, str(fields["snapshot_id"]))
            return web.Response(status=202)
        if name == "allow_access":
            rule = self._actions.allow_access(asked.who, asked.id, fields)
            return _json({"access": views.rule(rule, asked.version) | {"share_id": asked.id}})
        if name == "deny_access":
            self._actions.deny_access(asked.who, asked.id, str(fields["access_id"]))
            return web.Response(status=202)
        if name == "access_list" and asked.version < (2, 45):
            return self._rules(asked, asked.id)
        raise Refused(400, f"There is no such action: {name}")

    async def access_rules(self, asked: Asked) -> web.Response:
        """GET /share-access-rules: of one share, there is no list for all."""
        share_id = asked.request.query.get("share_id")
        if asked.version < (2, 45):
            raise Refused(404, "The resource could not be found.")
        if not share_id:
            raise Refused(400, "The field share_id has to be specified.")
        return self._rules(asked, share_id)

    def _rules(self, asked: Asked, share_id: str) -> web.Response:
        share = self._actions.share(asked.who, share_id)
        return _json({"access_list": [views.rule(r, asked.version) for r in share.rules or ()]})

    async def export_locations(self, asked: Asked) -> web.Response:
        """GET /shares/ID/export_locations; a share that is being made has none."""
        share = self._actions.share(asked.who, asked.id)
        made = not share.status.startswith("creating")
        return _json({"export_locations": [views.export_location(share)] if made else []})

    async def limits(self, asked: Asked) -> web.Response:
        """GET /limits: the project's quota and what is used of it."""
        quota, used = self._cloud.profile.quota, self._cloud.used[asked.who.project_id]
        absolute = {
            "maxTotalShares": quota["shares"],
            "maxTotalShareGigabytes": quota["gigabytes"],
            "maxTotalShareSnapshots": quota["snapshots"],
            "maxTotalSnapshotGigabytes": quota["snapshot_gigabytes"],
            "maxTotalShareNetworks": -1,
            "totalSharesUsed": used["shares"],
            "totalShareGigabytesUsed": used["gigabytes"],
            "totalShareSnapshotsUsed": used["snapshots"],
            "totalSnapshotGigabytesUsed": used["snapshot_gigabytes"],
            "totalShareNetworksUsed": 0,
        }
        return _json({"limits": {"rate": [], "absolute": absolute}})

    async def quota(self, asked: Asked) -> web.Response:
        """GET /quota-sets/PROJECT."""
        if not asked.who.reaches(asked.id):
            raise Refused(403, "Policy doesn't allow quota_set:show to be performed.")
        return _json({"quota_set": self._cloud.profile.quota | {"id": asked.id}})

    async def types(self, asked: Asked) -> web.Response:
        """GET /types, in one answer."""
        profile = self._cloud.profile
        found = [
            views.share_type(name, can, profile.default_type)
            for name, can in profile.share_types.items()
        ]
        return _json({"share_types": found, "volume_types": found})

    async def messages(self, asked: Asked) -> web.Response:
        """GET /messages, the newest first (microversion 2.37)."""
        if asked.version < (2, 37):
            raise Refused(404, "The resource could not be found.")
        names = ("resource_id", "request_id", "resource_type")
        wanted = {name: asked.request.query[name] for name in names if name in asked.request.query}
        found = [
            views.message(message, asked.base)
            for message in reversed(self._cloud.messages)
            if asked.who.reaches(message.project_id)
            and all(getattr(message, name) == value for name, value in wanted.items())
        ]
        return _json({"messages": found})

    async def services(self, asked: Asked) -> web.Response:
        """GET /services, for administrators alone."""
        if not asked.who.is_admin:
            raise Refused(403, "Policy doesn't allow service:index to be performed.")
        share = {
            "id": 1,
            "binary": "manila-share",
            "host": "simulator@backend",
            "zone": "nova",
            "status": "enabled",
            "state": "up",
            "updated_at": None,
        }
        return _json({"services": [share]})


def refusal(refused: Refused) -> web.Response:
    """The answer to what Manila refuses."""
    headers = {"Retry-After": "0"} if refused.status == 413 else {}
    body = errors.body(refused.status, refused.message)
    return web.json_response(body, status=refused.status, headers=headers)


def version_document(request: web.Request, newest: str) -> web.Response:
    """GET /: 300 Multiple Choices, without a token."""
    base = f"{request.scheme}://{request.host}"
    status = 300 if request.path == "/" else 200
    return web.json_response(views.versions(base, newest), status=status)


def sign(response: web.StreamResponse, asked: Asked) -> None:
    """The headers of every answer of the v2 API."""
    response.headers["x-openstack-request-id"] = asked.request_id
    response.headers["x-compute-request-id"] = asked.request_id
    response.headers[microversions.HEADER] = ".".join(map(str, asked.version))
    response.headers["Vary"] = microversions.HEADER


def _json(body: dict[str, Any], status: int = 200) -> web.Response:
    return web.json_response(body, status=status)

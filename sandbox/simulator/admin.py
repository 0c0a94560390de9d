# SPDX-License-Identifier: Apache-2.0
"""What tests and benchmarks do behind Manila's back, below ``/simulator`` on the same port.

====== ======================== ===================================================================
GET    /simulator/counts         requests per method and route template
DELETE /simulator/counts         start counting from nothing
GET    /simulator/state          how many things there are by status, what is under way, faults met
PUT    /simulator/profile        another profile from now on (see ``sandbox.simulator.profile``)
POST   /simulator/seed           ``{"project_id": ..., "count": 1000, "snapshots": 0, ...}``: shares
                                 that are there at once; the rest are fields of each
GET    /simulator/shares/{id}    ``project_id``, ``status`` and ``text`` (the content) of a share
PATCH  /simulator/shares/{id}    set ``text``, ``status``, ``share_type`` or ``project_id``
DELETE /simulator/snapshots/{id} the snapshot is gone
DELETE /simulator/objects        everything is gone
====== ======================== ===================================================================
"""

from collections import Counter
from typing import Any

from aiohttp import web

from sandbox.simulator.cloud import Cloud
from sandbox.simulator.gate import Gate
from sandbox.simulator.profile import Profile, ProfileWrong


class Admin:
    """The paths below ``/simulator``."""

    def __init__(self, cloud: Cloud, gate: Gate) -> None:
        self._cloud = cloud
        self._gate = gate

    def routes(self) -> list[web.RouteDef]:
        """As aiohttp takes them."""
        return [
            web.get("/simulator/counts", self.counts),
            web.delete("/simulator/counts", self.clear_counts),
            web.get("/simulator/state", self.state),
            web.put("/simulator/profile", self.change),
            web.post("/simulator/seed", self.seed),
            web.get("/simulator/shares/{id}", self.show),
            web.patch("/simulator/shares/{id}", self.update),
            web.delete("/simulator/snapshots/{id}", self.remove),
            web.delete("/simulator/objects", self.clear),
        ]

    async def counts(self, request: web.Request) -> web.Response:
        """GET /simulator/counts."""
        return web.json_response(dict(sorted(self._gate.counts.items())))

    async def clear_counts(self, request: web.Request) -> web.Response:
        """DELETE /simulator/counts."""
        self._gate.counts.clear()
        return web.Response(status=204)

    async def state(self, request: web.Request) -> web.Response:
        """GET /simulator/state."""
        cloud = self._cloud
        cloud.settle()
        return web.json_response(
            {
                "shares": Counter(share.status for share in cloud.shares.values()),
                "snapshots": Counter(each.status for each in cloud.snapshots.values()),
                "under_way": cloud.under_way,
                "faults": self._gate.troubles.met,
            }
        )

    async def change(self, request: web.Request) -> web.Response:
        """PUT /simulator/profile; what is under way ends as it was to. ``speed`` stays."""
        try:
            self._cloud.profile = Profile(await request.json())
        except (ProfileWrong, TypeError, KeyError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.Response(status=204)

    async def seed(self, request: web.Request) -> web.Response:
        """POST /simulator/seed."""
        fields: dict[str, Any] = await request.json()
        project_id, count = fields.pop("project_id"), fields.pop("count", 1)
        snapshots, name = fields.pop("snapshots", 0), fields.pop("name", "share")
        cloud, made = self._cloud, []
        for number in range(count):
            own = fields | {
                "name": f"{name}-{number}",
                "metadata": dict(fields.get("metadata", {})),
            }
            share = cloud.add_share(project_id, **own)
            for _ in range(snapshots):
                cloud.add_snapshot(share, project_id)
            made.append(share.id)
        return web.json_response({"share_ids": made}, status=201)

    async def show(self, request: web.Request) -> web.Response:
        """GET /simulator/shares/ID."""
        self._cloud.settle()
        share = self._cloud.shares[request.match_info["id"]]
        return web.json_response({n: getattr(share, n) for n in ("project_id", "status", "text")})

    async def update(self, request: web.Request) -> web.Response:
        """PATCH /simulator/shares/ID."""
        self._cloud.settle()
        share = self._cloud.shares[request.match_info["id"]]
        wanted: dict[str, Any] = await request.json()
        if "project_id" in wanted:
            self._cloud.transfer(share, wanted["project_id"])
        if "share_type" in wanted:
            share.type_name = wanted["share_type"]
            for name, value in self._cloud.profile.share_types[share.type_name].items():
                setattr(share, name, value)
        for name in ("text", "status"):
            if name in wanted:
                setattr(share, name, wanted[name])
        return web.Response(status=204)

    async def remove(self, request: web.Request) -> web.Response:
        """DELETE /simulator/snapshots/ID."""
        self._cloud.settle()
        self._cloud.remove(self._cloud.snapshots[request.match_info["id"]])
        return web.Response(status=204)

    async def clear(self, request: web.Request) -> web.Response:
        """DELETE /simulator/objects."""
        self._cloud.forget()
        return web.Response(status=204)

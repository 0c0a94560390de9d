# SPDX-License-Identifier: Apache-2.0
"""The control API of the proxy, on a loopback port of its own.

====== ============= ==============================================================
GET    /counts       requests per method and route template
DELETE /counts       start counting from nothing
GET    /requests     the counted requests, one by one in their order
GET    /rules        rules with ``id``, ``seen`` and ``hits``
POST   /rules        add a rule; answers its ``id``
DELETE /rules        lift all rules
DELETE /rules/{id}   lift one rule; answers its last report
POST   /outage       ``{"seconds": 5}``: refuse everything, from now on
DELETE /outage       end an outage early
PUT    /newest       ``{"microversion": "2.54"}``: an older Manila, see ``microversions``
DELETE /newest       whatever the server speaks
====== ============= ==============================================================
"""

from aiohttp import web

from sandbox.proxy import microversions, rules
from sandbox.proxy.forward import Forwarder
from sandbox.proxy.listener import Listener


def application(forwarder: Forwarder, listener: Listener) -> web.Application:
    """Return the control API of one proxy."""
    control = _Control(forwarder, listener)
    app = web.Application()
    app.add_routes(
        [
            web.get("/counts", control.counts),
            web.delete("/counts", control.clear_counts),
            web.get("/requests", control.requests),
            web.get("/rules", control.report),
            web.post("/rules", control.add),
            web.delete("/rules", control.clear_rules),
            web.delete("/rules/{id}", control.remove),
            web.post("/outage", control.outage),
            web.delete("/outage", control.end_outage),
            web.put("/newest", control.limit),
            web.delete("/newest", control.unlimited),
        ]
    )
    return app


class _Control:
    def __init__(self, forwarder: Forwarder, listener: Listener) -> None:
        self._forwarder = forwarder
        self._listener = listener

    async def counts(self, request: web.Request) -> web.Response:
        return web.json_response(self._forwarder.counts.as_dict())

    async def clear_counts(self, request: web.Request) -> web.Response:
        self._forwarder.counts.clear()
        return web.Response(status=204)

    async def requests(self, request: web.Request) -> web.Response:
        return web.json_response(self._forwarder.counts.in_order())

    async def report(self, request: web.Request) -> web.Response:
        return web.json_response(self._forwarder.rules.report())

    async def add(self, request: web.Request) -> web.Response:
        try:
            rule = rules.Rule.parse(await request.json())
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"id": self._forwarder.rules.add(rule)}, status=201)

    async def clear_rules(self, request: web.Request) -> web.Response:
        self._forwarder.rules.clear()
        return web.Response(status=204)

    async def remove(self, request: web.Request) -> web.Response:
        rule_id = request.match_info["id"]
        report = {entry["id"]: entry for entry in self._forwarder.rules.report()}
        if not self._forwarder.rules.remove(rule_id):
            return web.json_response({"error": f"no rule {rule_id}"}, status=404)
        return web.json_response(report[rule_id])

    async def outage(self, request: web.Request) -> web.Response:
        seconds = float((await request.json())["seconds"])
        self._listener.outage(seconds)
        return web.Response(status=204)

    async def end_outage(self, request: web.Request) -> web.Response:
        await self._listener.end_outage()
        return web.Response(status=204)

    async def limit(self, request: web.Request) -> web.Response:
        try:
            self._forwarder.limit.set((await request.json())["microversion"])
        except microversions.BadMicroversion as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.Response(status=204)

    async def unlimited(self, request: web.Request) -> web.Response:
        self._forwarder.limit.newest = None
        return web.Response(status=204)

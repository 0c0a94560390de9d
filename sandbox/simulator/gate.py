# SPDX-License-Identifier: Apache-2.0
"""What every request of Manila's API passes: counts, latency, faults, the token, the microversion.

Faults of the kinds ``reset`` and ``lost reply`` break the connection; after the second the work is
done. 500 is Manila's own, 503 and 429 are those of something in front of it.
"""

from collections import Counter
from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox.proxy.counts import template
from sandbox.proxy.listener import reset
from sandbox.simulator import api, errors, microversions
from sandbox.simulator.api import Asked, Handler
from sandbox.simulator.cloud import Cloud
from sandbox.simulator.errors import Refused
from sandbox.simulator.identity import Identity
from sandbox.simulator.profile import Fault
from sandbox.simulator.troubles import Troubles


class Gate:
    """Stands before the calls."""

    def __init__(self, cloud: Cloud, identity: Identity) -> None:
        self.counts: Counter[str] = Counter()
        self.troubles = Troubles(cloud)
        self._cloud = cloud
        self._identity = identity

    def guarded(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The handler, behind all that a request passes first."""

        async def handle(request: web.Request) -> web.StreamResponse:
            self.counts[f"{request.method} {template(request.path)}"] += 1
            await self.troubles.delay()
            fault = self.troubles.draw(f"{request.method} {request.path}")
            if fault is None:
                return await self._answer(request, handler)
            return await self._disturb(request, handler, fault)

        return handle

    async def unknown(self, request: web.Request) -> web.Response:
        """What is no call of Manila, or none that is simulated."""
        self.counts[f"{request.method} {template(request.path)}"] += 1
        return api.refusal(Refused(404, "The resource could not be found."))

    async def _disturb(
        self, request: web.Request, handler: Handler, fault: Fault
    ) -> web.StreamResponse:
        # Read to the end, or the client would see a reset while it still sends.
        await request.read()
        if fault.kind == "delay":
            await self._cloud.clock.sleep(fault.seconds)
            return await self._answer(request, handler)
        if fault.kind in ("reset", "lost reply"):
            if fault.kind == "lost reply":
                await self._answer(request, handler)
            reset(request.transport)
            return web.Response(status=502)  # the connection is gone; aiohttp wants one
        after = fault.retry_after
        headers = {} if after is None else {"Retry-After": str(after)}
        if fault.kind == "500":
            return web.json_response(errors.body(500, errors.ERRED), status=500, headers=headers)
        text = "<html><body>try later</body></html>"
        return web.Response(
            status=int(fault.kind), text=text, content_type="text/html", headers=headers
        )

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        headers = request.headers
        token = headers.get("X-Auth-Token", "")
        who = await self._identity.ask(token, headers.get("X-Service-Token", "")) if token else None
        if who is None:
            return self._unauthorized()
        try:
            asked_for = headers.get(microversions.HEADER)
            version = microversions.of(asked_for, self._cloud.profile.data["microversion"])
        except Refused as refused:
            return api.refusal(refused)
        asked = Asked(request, who, version)
        self._cloud.settle()
        try:
            response: web.StreamResponse = await handler(asked)
        except Refused as refused:
            response = api.refusal(refused)
        api.sign(response, asked)
        return response

    @staticmethod
    def _unauthorized() -> web.Response:
        # keystonemiddleware/auth_token/__init__.py, _reject_auth_headers
        body = {
            "error": {
                "code": 401,
                "title": "Unauthorized",
                "message": "The request you have made requires authentication.",
            }
        }
        headers = {"WWW-Authenticate": 'Keystone uri="http://127.0.0.1/v3"'}
        return web.json_response(body, status=401, headers=headers)

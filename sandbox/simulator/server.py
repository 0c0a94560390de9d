# SPDX-License-Identifier: Apache-2.0
"""Puts the simulator together, and runs it in a thread for tests."""

import asyncio
import threading
from typing import Any

from aiohttp import web

from sandbox.simulator import api
from sandbox.simulator.admin import Admin
from sandbox.simulator.api import Api
from sandbox.simulator.clock import Clock
from sandbox.simulator.cloud import Cloud
from sandbox.simulator.gate import Gate
from sandbox.simulator.identity import Identity, Noauth
from sandbox.simulator.profile import Profile

HOST = "127.0.0.1"


class SimulatedManila:
    """The whole simulator on one loopback port.

    :param port: 0 lets the kernel choose; ``port`` then says which
    :param clock: by default the machine's, as fast as the profile has it
    """

    def __init__(
        self,
        profile: Profile | None = None,
        identity: Identity | None = None,
        *,
        port: int = 0,
        clock: Clock | None = None,
    ) -> None:
        self.profile = profile or Profile()
        self.cloud = Cloud(self.profile, clock or Clock(self.profile.data["speed"]))
        self.identity = identity or Noauth()
        self.gate = Gate(self.cloud, self.identity)
        self._port = port
        self._runner = web.AppRunner(self._application(), access_log=None)

    @property
    def port(self) -> int:
        """The port on which it serves."""
        return int(self._runner.addresses[0][1])

    @property
    def url(self) -> str:
        """The URL, without a path."""
        return f"http://{HOST}:{self.port}"

    async def open(self) -> None:
        """Serve."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self._port, reuse_address=True, backlog=512)
        await site.start()

    async def close(self) -> None:
        """Stop serving."""
        await self._runner.cleanup()
        await self.identity.close()

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=64 * 2**20)
        for method, path, handler in Api(self.cloud).routes():
            app.router.add_route(method, path, self.gate.guarded(handler))
        app.add_routes(Admin(self.cloud, self.gate).routes())
        for path in ("/", "/v2", "/v2/"):
            app.router.add_route("GET", path, self._versions)
        app.router.add_route("*", "/{rest:.*}", self.gate.unknown)
        return app

    async def _versions(self, request: web.Request) -> web.Response:
        self.gate.counts[f"GET {request.path}"] += 1
        return api.version_document(request, self.cloud.profile.data["microversion"])


class InThread:
    """A simulator in a thread of this process, for the length of a ``with``.

    :param given: as :class:`SimulatedManila`
    """

    def __init__(self, *given: Any, **more: Any) -> None:
        self._given = given, more
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self.simulator: SimulatedManila

    def __enter__(self) -> SimulatedManila:
        """Serve."""
        self._thread.start()
        self._ready.wait()
        return self.simulator

    def __exit__(self, *args: object) -> None:
        """Stop, and wait until the thread has ended."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._ready.set()
            self._loop.close()

    async def _serve(self) -> None:
        given, more = self._given
        self.simulator = SimulatedManila(*given, **more)
        await self.simulator.open()
        self._ready.set()
        await self._stop.wait()
        await self.simulator.close()

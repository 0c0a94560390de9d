# SPDX-License-Identifier: Apache-2.0
"""Puts the proxy together: the listener, the forwarder, the control API."""

from aiohttp import web

from sandbox.proxy import api
from sandbox.proxy.forward import Forwarder
from sandbox.proxy.listener import HOST, Listener


class ProxyServer:
    """The whole proxy on two loopback ports.

    :param upstream: URL without a path, of the server behind.
    :param port: for clients; 0 lets the kernel choose.
    :param control_port: for the control API; 0 lets the kernel choose.
    """

    def __init__(self, upstream: str, port: int = 0, control_port: int = 0) -> None:
        self.forwarder = Forwarder(upstream, self._outage)
        self._server = web.Server(self.forwarder.handle, access_log=None)
        self._listener = Listener(self._server, port)
        self._control = web.AppRunner(
            api.application(self.forwarder, self._listener), access_log=None
        )
        self._control_port = control_port

    @property
    def port(self) -> int:
        """The port for clients."""
        return self._listener.port

    @property
    def control_port(self) -> int:
        """The port of the control API."""
        return self._control.addresses[0][1]

    async def open(self) -> None:
        """Serve on both ports."""
        await self.forwarder.open()
        await self._listener.open()
        await self._control.setup()
        await web.TCPSite(self._control, HOST, self._control_port, reuse_address=True).start()

    async def close(self) -> None:
        """Stop serving; clients that are connected see a reset."""
        self._listener.close()
        await self._control.cleanup()
        await self.forwarder.close()

    def _outage(self, seconds: float) -> None:
        self._listener.outage(seconds)

# SPDX-License-Identifier: Apache-2.0
"""The listening side of the proxy: it can break connections and refuse new ones."""

import asyncio
import logging
import socket
import struct

from aiohttp import web

LOG = logging.getLogger(__name__)
HOST = "127.0.0.1"
# l_onoff, l_linger: closing sends a reset at once, and throws away what was not sent yet.
_RESET = struct.pack("ii", 1, 0)


def reset(transport: asyncio.Transport | None) -> None:
    """Break a client's connection so that it sees a TCP reset; a closed one is left alone."""
    if transport is None or transport.is_closing():
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


class Listener:
    """One loopback port that can be out of service for a while.

    :param server: aiohttp's low-level server that handles the connections.
    :param port: 0 lets the kernel choose; ``port`` then says which.
    """

    def __init__(self, server: web.Server, port: int) -> None:
        self.port = port
        self._server = server
        self._socket: asyncio.Server | None = None
        self._back: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._socket = await loop.create_server(
            self._server, HOST, self.port, reuse_address=True, backlog=512
        )
        self.port = self._socket.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Refuse new connections and reset all present ones."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        for connection in self._server.connections:
            reset(connection.transport)

    def outage(self, seconds: float) -> None:
        """Close now and open again after so many seconds; a new outage replaces the old end."""
        LOG.info("outage for %s s", seconds)
        self.close()
        if self._back is not None:
            self._back.cancel()
        self._back = asyncio.get_running_loop().create_task(self._reopen(seconds))

    async def end_outage(self) -> None:
        """Open again at once, if there is an outage; clients can connect when this returns."""
        if self._back is not None:
            self._back.cancel()
            await self._reopen(0)

    async def _reopen(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._back = None
        await self.open()

# SPDX-License-Identifier: Apache-2.0
"""Handles one request: counts it, lets a rule act on it, or forwards it as it is.

What is newer than the microversion that the proxy is limited to is refused in Manila's place."""

import asyncio
import json
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable

import aiohttp
import multidict
import yarl
from aiohttp import web

from sandbox import process
from sandbox.proxy import listener, microversions, rules
from sandbox.proxy.counts import Counts

LOG = logging.getLogger(__name__)
CHUNK = 64 * 1024
STOP_SECONDS = 5
LOOK_SECONDS = 0.05
_BODY = "body"
# They speak of one connection, not of the message (RFC 9110, 7.6.1), and each side has its own.
HOP_BY_HOP = frozenset(
    (
        "connection",
        "expect",  # answered by _body
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


class Forwarder:
    """Knows the upstream, the rules and the counts.

    The Host header is forwarded as it came: Manila builds its links from it, so they lead back
    through the proxy and nothing has to be rewritten.

    :param upstream: URL without a path, of the server behind.
    :param outage: breaks and refuses all connections for the seconds it is given.
    """

    _session: aiohttp.ClientSession

    def __init__(self, upstream: str, outage: Callable[[float], None]) -> None:
        self.upstream = upstream.rstrip("/")
        self.rules = rules.Rules()
        self.counts = Counts()
        self.limit = microversions.Limit()
        self._outage = outage

    async def open(self) -> None:
        """Open the pool of connections to the server behind."""
        # Manila drops an idle connection after 10 s. We let go much earlier: a request must not
        # fail on a connection that was just being closed, as no rule planned that.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=2)
        self._session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
        )

    async def close(self) -> None:
        """Close the pool."""
        await self._session.close()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, by a rule or from the server behind."""
        began = time.monotonic()
        path = request.rel_url.raw_path
        self.counts.add(request.method, path)
        rule = self.rules.take(request.method, path)
        response = await self._act(request, rule)
        LOG.info(
            "%s %s %s %s %.0f ms",
            request.method,
            request.raw_path,
            "broken" if response is None else response.status,
            rule.action if rule else "forwarded",
            (time.monotonic() - began) * 1000,
        )
        # The connection is gone already; aiohttp wants a response all the same.
        return response if response is not None else web.Response(status=502)

    async def _act(
        self, request: web.BaseRequest, rule: rules.Rule | None
    ) -> web.StreamResponse | None:
        """Return the response, or None when the connection was broken on purpose."""
        if rule is None:
            return await self._too_new(request) or await self._forward(request, lose=False)
        if rule.action == rules.ANSWER:
            # Read to the end, or the client would see a reset while it still sends.
            await _body(request)
            return _answer(rule)
        if rule.action in (rules.RESET, rules.OUTAGE):
            self._break(request, rule)
            return None
        if rule.action in (rules.DELAY, rules.SILENCE):
            late = self._delay if rule.action == rules.DELAY else self._hold
            return await late(request, rule)
        if rule.action in rules.WITH_PID:
            return await (self._kill if rule.action == rules.KILL else self._pause)(request, rule)
        return await self._forward(request, lose=rule.action == rules.LOSE_REPLY)

    async def _too_new(self, request: web.BaseRequest) -> web.Response | None:
        """Return the answer of a Manila that does not know the request's microversion."""
        asked = request.headers.get(microversions.HEADER)
        said = self.limit.refusal(request.rel_url.raw_path, asked)
        if said is None:
            return None
        await request.read()
        return web.json_response(said, status=microversions.NOT_ACCEPTABLE)

    def _break(self, request: web.BaseRequest, rule: rules.Rule) -> None:
        if rule.action == rules.OUTAGE:
            self._outage(rule.seconds)
        else:
            listener.reset(request.transport)

    async def _delay(self, request: web.BaseRequest, rule: rules.Rule) -> web.StreamResponse | None:
        if rule.side == rules.AFTER:
            return await self._forward(request, first=lambda: asyncio.sleep(rule.seconds))
        await asyncio.sleep(rule.seconds)
        return await self._forward(request)

    async def _hold(self, request: web.BaseRequest, rule: rules.Rule) -> web.StreamResponse | None:
        """What a delayed request does not have: it is not forwarded behind the client's back."""
        await _body(request)
        for _look in range(round(rule.seconds / LOOK_SECONDS)):
            if request.transport is None or request.transport.is_closing():
                return None
            await asyncio.sleep(LOOK_SECONDS)
        return await self._forward(request)

    async def _kill(self, request: web.BaseRequest, rule: rules.Rule) -> None:
        if rule.side == rules.AFTER:
            # The reply is held back until its reader is dead; only then is the connection broken.
            await self._forward(request, lose=True, first=lambda: _end(rule.pid))
            return
        await _end(rule.pid)
        listener.reset(request.transport)

    async def _pause(self, request: web.BaseRequest, rule: rules.Rule) -> web.StreamResponse | None:
        if rule.side == rules.AFTER:
            return await self._forward(request, first=lambda: _stop(rule.pid))
        await _body(request)
        await _stop(rule.pid)
        if rule.seconds:
            await asyncio.sleep(rule.seconds)
            return await self._forward(request, lose=True)
        listener.reset(request.transport)
        return None

    async def _forward(
        self,
        request: web.BaseRequest,
        *,
        lose: bool = False,
        first: Callable[[], Awaitable[None]] | None = None,
    ) -> web.StreamResponse | None:
        """Forward. With ``first``, the reply is read whole and that is waited for before anything
        of it is passed on; with ``lose``, nothing of it ever is.
        """
        try:
            async with self._session.request(
                request.method,
                yarl.URL(self.upstream + request.raw_path, encoded=True),
                headers=_end_to_end(request.headers),
                data=await _body(request) if request.body_exists else None,
                allow_redirects=False,
            ) as reply:
                lower = self.limit.is_for(request.rel_url.raw_path)
                if not lose and first is None and not lower:
                    return await _pass_on(request, reply)
                body = await reply.read()
                if lower:
                    body = self.limit.lowered(body)
                if first is not None:
                    await first()
                if not lose:
                    headers = multidict.CIMultiDict(_end_to_end(reply.headers))
                    headers.popall("Content-Length", None)  # aiohttp counts
                    return web.Response(status=reply.status, body=body, headers=headers)
                listener.reset(request.transport)
                return None
        except aiohttp.ClientError as error:
            # The client shall see what the server did to us: nothing it could read as an answer.
            LOG.warning("%s %s: upstream failed: %r", request.method, request.raw_path, error)
            listener.reset(request.transport)
            return None


async def _body(request: web.BaseRequest) -> bytes:
    """What the client sends, however long; who waits to be asked for it (S3's clients) is asked.

    It is kept with the request, for a rule and a forwarding after it.
    """
    if _BODY in request:
        return bytes(request[_BODY])
    if request.headers.get("Expect", "").lower() == "100-continue":
        writer = request.writer
        await writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        writer.output_size = 0  # as aiohttp's own, in web_urldispatcher.py
    request[_BODY] = await request.content.read()
    return bytes(request[_BODY])


async def _pass_on(request: web.BaseRequest, reply: aiohttp.ClientResponse) -> web.StreamResponse:
    response = web.StreamResponse(
        status=reply.status, reason=reply.reason, headers=_end_to_end(reply.headers)
    )
    await response.prepare(request)
    async for chunk in reply.content.iter_chunked(CHUNK):
        await response.write(chunk)
    await response.write_eof()
    return response


async def _stop(pid: int | None) -> None:
    """Send SIGSTOP, and wait until not one thread of the process runs."""
    if pid is None:
        return
    LOG.info("kill -STOP %s", pid)
    try:
        os.kill(pid, signal.SIGSTOP)
    except ProcessLookupError:
        LOG.warning("process %s is gone", pid)
        return
    deadline = time.monotonic() + STOP_SECONDS
    while not process.is_stopped(pid):
        if time.monotonic() > deadline:
            LOG.warning("process %s still runs after SIGSTOP", pid)
            return
        await asyncio.sleep(0.005)


async def _end(pid: int | None) -> None:
    """Send SIGKILL, which is there before the next byte: nothing of the process runs after it."""
    if pid is None:
        return
    LOG.info("kill -9 %s", pid)
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        LOG.warning("process %s was gone already", pid)


def _answer(rule: rules.Rule) -> web.Response:
    headers = dict(rule.headers)
    if isinstance(rule.body, str):
        return web.Response(status=rule.status, text=rule.body, headers=headers)
    return web.Response(
        status=rule.status,
        body=json.dumps(rule.body).encode(),
        headers={"Content-Type": "application/json", **headers},
    )


def _end_to_end(headers: "aiohttp.typedefs.LooseHeaders") -> list[tuple[str, str]]:
    """Return the headers that belong to the message, with repeated ones kept."""
    named = {item.strip().lower() for item in headers.get("Connection", "").split(",")}
    drop = HOP_BY_HOP | named
    return [(name, value) for name, value in headers.items() if name.lower() not in drop]

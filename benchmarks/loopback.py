# SPDX-License-Identifier: Apache-2.0
"""A server that answers like Manila at once, for what only its client costs.

It writes its port as its first line, and ends with its standard input. Its argument is how many
seconds each request waits for its answer.
"""

import asyncio
import contextlib
import functools
import json
import subprocess
import sys
from collections.abc import Iterator

_VIEW = {"id": "8b4f", "share_id": "9c1a", "status": "available", "size": 1, "metadata": {"a": "b"}}
_VERSIONS = {"versions": [{"id": "v2.0", "version": "2.98", "min_version": "2.0", "links": []}]}


@contextlib.contextmanager
def serving(delay: float = 0.0) -> Iterator[str]:
    """Such a server in a process of its own; gives its URL."""
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.loopback", str(delay)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
    finally:
        server.terminate()
        server.wait()


async def _answer(delay: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, which stays open."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            sizes = [int(line[15:]) for line in lines if line.startswith(b"content-length:")]
            await reader.readexactly(sizes[0] if sizes else 0)
            found = _VERSIONS if lines[0].startswith(b"get / ") else {"snapshot": _VIEW}
            body = json.dumps(found).encode()
            await asyncio.sleep(delay)
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                b"x-openstack-request-id: req-1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            )
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _listen(delay: float) -> None:
    server = await asyncio.start_server(functools.partial(_answer, delay), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_listen(float(sys.argv[1]) if len(sys.argv) > 1 else 0.0))

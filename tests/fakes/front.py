# SPDX-License-Identifier: Apache-2.0
"""What stands before Manila in a cloud: a gateway with a path, on IPv6, with TLS; a web proxy.

Standard library only, in threads of the test's process, on loopback ports that the kernel chooses.
"""

import contextlib
import http.client
import http.server
import select
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

_OF_ONE_CONNECTION = frozenset(("connection", "keep-alive", "transfer-encoding", "host"))
_SECONDS = 60


class Server:
    """Answers with a handler of http.server, each connection in a thread of the machine.

    Not ``http.server.ThreadingHTTPServer``: beside tests with Karbor eventlet is imported, which
    leaves green threads in ``socketserver``, of which one that waits holds up all others.

    :ivar seen: requests in their order, as handlers put them down
    :ivar port: where it listens
    """

    def __init__(self, handler: Any, host: str, certificate: Path | None = None) -> None:
        self.seen: list[Any] = []
        self._handler = handler
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if self._tls and certificate:
            self._tls.load_cert_chain(certificate)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, 0), family=family)
        self._host, self.port = self._socket.getsockname()[:2]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def url(self) -> str:
        """Where it is, without a path."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    def close(self) -> None:
        """Take no more connections."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, client = self._socket.accept()
            except OSError:  # closed
                return
            arguments = (connection, client)
            threading.Thread(target=self._answer, args=arguments, daemon=True).start()

    def _answer(self, connection: socket.socket, client: Any) -> None:
        # A client that accepts no certificate hangs up.
        with contextlib.suppress(OSError), connection:
            if self._tls is None:
                self._handler(connection, client, self)
                return
            with self._tls.wrap_socket(connection, server_side=True) as encrypted:
                self._handler(encrypted, client, self)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any  # a Server

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: ``seen`` has it."""

    def pass_on(self, upstream: str, path: str) -> None:
        """Answer what another server answers to this request."""
        to = urllib.parse.urlsplit(upstream)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _OF_ONE_CONNECTION}
        connection = http.client.HTTPConnection(to.hostname or "", to.port, timeout=_SECONDS)
        with contextlib.closing(connection):
            connection.request(self.command, path, body or None, headers)
            reply = connection.getresponse()
            content = reply.read()
        self.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in {*_OF_ONE_CONNECTION, "content-length", "date", "server"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class _Gateway(_Handler):
    upstream: ClassVar[str]
    prefix: ClassVar[str]

    def answer(self) -> None:
        """Pass on what is asked for below the prefix; there is nothing else."""
        self.server.seen.append(f"{self.command} {self.path}")
        if self.path.startswith(f"{self.prefix}/"):
            self.pass_on(self.upstream, self.path.removeprefix(self.prefix))
        else:
            self.send_error(404)

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - http.server's names


class _WebProxy(_Handler):
    def answer(self) -> None:
        """Pass on a request whose line has a whole URL."""
        self.server.seen.append(f"{self.command} {self.path}")
        to = urllib.parse.urlsplit(self.path)
        self.pass_on(f"{to.scheme}://{to.netloc}", urllib.parse.urlunsplit(("", "", *to[2:])))

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - http.server's names

    def do_CONNECT(self) -> None:  # noqa: N802 - http.server's name
        """Be a tunnel for what is encrypted."""
        self.server.seen.append(f"CONNECT {self.path}")
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS) as there:
            self.send_response(200)
            self.end_headers()
            ends = [self.connection, there]
            while ready := select.select(ends, [], [], _SECONDS)[0]:
                for end in ready:
                    if not (data := end.recv(65536)):
                        self.close_connection = True
                        return
                    ends[1 - ends.index(end)].sendall(data)


@contextlib.contextmanager
def gateway(
    upstream: str, *, prefix: str = "", ipv6: bool = False, server_certificate: Path | None = None
) -> Iterator[Server]:
    """A server that has another one below a path: ``url()``, and ``seen`` requests in their order.

    :param upstream: URL of the other one, without a path
    :param server_certificate: PEM with certificate and key; https then
    """
    handler = type("Gateway", (_Gateway,), {"upstream": upstream, "prefix": prefix})
    with serving(handler, "::1" if ipv6 else "127.0.0.1", server_certificate) as server:
        yield server


@contextlib.contextmanager
def web_proxy() -> Iterator[Server]:
    """What ``HTTP_PROXY`` and ``HTTPS_PROXY`` name."""
    with serving(_WebProxy) as server:
        yield server


@contextlib.contextmanager
def serving(
    handler: type[http.server.BaseHTTPRequestHandler],
    host: str = "127.0.0.1",
    server_certificate: Path | None = None,
) -> Iterator[Server]:
    """A server with any handler: ``url()``."""
    server = Server(handler, host, server_certificate)
    try:
        yield server
    finally:
        server.close()

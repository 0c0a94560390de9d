# SPDX-License-Identifier: Apache-2.0
"""The page live on this machine: a WSGI application that asks Karbor again when somebody looks.

Whoever works on the same machine can reach a port on loopback, and a web site can have a browser
ask it. So the page is below a secret word that is in the printed URL alone, the Host header has to
be that of loopback, nothing but this one page is given, and nothing can be changed through it.
"""

import hmac
import logging
import secrets
import socketserver
import threading
import wsgiref.simple_server
from collections.abc import Callable, Iterable
from typing import Any

from karbor_manila.cli.page import render
from karbor_manila.cli.views.face import Face
from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.common.visible import visible

LOG = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"

#: Seconds between two questions to Karbor, however often somebody looks.
FRESH = 30.0
#: Seconds after which a browser looks again, and after which what it has counts as old.
REFRESH, OLD_AFTER = 60, 600.0

# Seconds that a browser may be silent: it opens connections that it may never use.
_SILENT = 10.0

_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)

Answer = tuple[str, str]


class Live:
    """The application.

    :param look: asks for everything
    :param port: the one that it is served on
    :param version: of karbor-manila
    :ivar path: where the page is
    """

    def __init__(self, look: Callable[[], Face], port: int, clock: Clock, version: str) -> None:
        self._look = look
        self._hosts = {f"{LOOPBACK}:{port}", f"localhost:{port}"}
        self._clock = clock
        self._version = version
        self.path = f"/{secrets.token_urlsafe(24)}/"
        self._face: Face | None = None
        self._asked: float | None = None
        self._trouble = ""
        self._one = threading.Lock()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        status, text = self._answer(environ)
        policy = f"{render.policy()}; frame-ancestors 'none'"
        body = text.encode()
        kind = "html" if status.startswith("200") else "plain"
        headers = {
            "Content-Type": f"text/{kind}; charset=utf-8",
            "Content-Length": str(len(body)),
            "Content-Security-Policy": policy,
        }
        start(status, [*_HEADERS, *headers.items()])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer(self, environ: dict[str, Any]) -> Answer:
        if environ.get("HTTP_HOST") not in self._hosts:
            return "403 Forbidden", "This is served on loopback alone."
        given = str(environ.get("PATH_INFO", "")).encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self.path.encode()):
            return "404 Not Found", "There is nothing here: use the whole URL that was printed."
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return "405 Method Not Allowed", "This page can be read, and nothing else."
        self._ask()
        if self._face is None:
            return "503 Service Unavailable", f"Karbor could not be asked. {self._trouble}"
        return "200 OK", render.page(
            self._face,
            self._clock.utcnow(),
            version=self._version,
            old_after=OLD_AFTER,
            refresh=REFRESH,
            trouble=self._trouble,
        )

    def _ask(self) -> None:
        """What was seen stays when Karbor is away, with its age. Who comes meanwhile waits for the
        same answer."""
        with self._one:
            self._ask_alone()

    def _ask_alone(self) -> None:
        now = self._clock.now()
        if self._asked is not None and now - self._asked < FRESH:
            return
        try:
            self._face = self._look()
            self._trouble = ""
        except KarborManilaError as error:
            LOG.warning("%s", error)
            self._trouble = visible(str(error))
        self._asked = self._clock.now()


class _Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away or was silent: it may ask again."""
        LOG.debug("A request of %s ended", client_address, exc_info=True)


class _Handler(wsgiref.simple_server.WSGIRequestHandler):
    timeout = _SILENT

    def log_message(self, format: str, *args: Any) -> None:
        """The secret word is in each line that would be written."""


def serve(
    look: Callable[[], Face], port: int, clock: Clock, version: str, tell: Callable[[str], None]
) -> None:
    """Serve until Ctrl-C.

    :param port: 0 for any that is free
    :param tell: is given the URL
    :raises OSError: the port is taken
    """
    with _Server((LOOPBACK, port), _Handler) as server:
        live = Live(look, server.server_port, clock, version)
        server.set_app(live)
        tell(f"http://{LOOPBACK}:{server.server_port}{live.path}")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return

# SPDX-License-Identifier: Apache-2.0
"""The port on which a karbor-protection shows its metrics to Prometheus.

A green thread serves it, because what it reads is shared by green threads: while one of them
computes, a scrape waits like everything else in the process. Nothing that goes wrong here changes
an operation.
"""

import contextlib
import socket
from collections.abc import Callable
from typing import Any

import eventlet
import eventlet.wsgi
from oslo_log import log as logging

from karbor_manila.telemetry.seldom import Seldom

LOG = logging.getLogger(__name__)

# Seconds after which a port that is taken is asked for again: by the process before this one, which
# ends its work, say.
_AGAIN = 10.0

# Seconds that somebody who has connected may say nothing, and so many who connect at a time.
_SILENCE, _AT_ONCE = 10.0, 10

Serve = Callable[[Any, Callable[..., Any]], None]


class MetricsPort:
    """Shows what a collector of prometheus_client gives.

    :param port: 0 to do nothing at all
    :param make_collector: makes it once the port is asked for
    :param listen, serve, sleep: for tests
    """

    def __init__(
        self,
        address: str,
        port: int,
        make_collector: Callable[[], Any],
        *,
        listen: Callable[[str, int], Any] | None = None,
        serve: Serve | None = None,
        sleep: Callable[[float], None] = eventlet.sleep,
    ) -> None:
        self._address = address
        self._port = port
        self._make_collector = make_collector
        self._listen = listen or _listen
        self._serve = serve or _serve
        self._sleep = sleep
        self._taken = Seldom(3600.0)
        self._thread: Any = None

    def start(self) -> None:
        """Begin, beside everything else; nothing without a port."""
        if self._port and self._thread is None:
            self._thread = eventlet.spawn(self.run)

    def stop(self) -> None:
        """End, and give the port back."""
        if self._thread is not None:
            self._thread.kill()
            self._thread = None

    def run(self) -> None:
        """Serve until it is killed."""
        # Who shows nothing does not load it.
        from prometheus_client import CollectorRegistry, make_wsgi_app  # noqa: PLC0415

        registry = CollectorRegistry()
        registry.register(self._make_collector())
        app = make_wsgi_app(registry)
        while True:
            try:
                with contextlib.closing(self._listen(self._address, self._port)) as listening:
                    LOG.info("Metrics are at http://%s:%d/metrics", self._address, self._port)
                    self._serve(listening, app)
            except OSError as error:
                if self._taken.due() is not None:
                    LOG.error(
                        "[manila_share_protection] metrics_port: %s port %d cannot be had (%s); "
                        "it is asked for again every %.0f seconds",
                        self._address,
                        self._port,
                        error,
                        _AGAIN,
                    )
            self._sleep(_AGAIN)


def _listen(address: str, port: int) -> Any:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # With reuse_port two processes had the same port, and each scrape another one's numbers.
    return eventlet.listen((address, port), family=family, reuse_port=False)


def _serve(listening: Any, app: Callable[..., Any]) -> None:
    eventlet.wsgi.server(
        listening,
        app,
        max_size=_AT_ONCE,
        socket_timeout=_SILENCE,
        log=LOG,
        log_output=False,
        debug=False,
    )

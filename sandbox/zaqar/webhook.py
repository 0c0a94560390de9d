# SPDX-License-Identifier: Apache-2.0
"""A webhook to try Zaqar's subscriptions with: ``python3 -m sandbox.zaqar.webhook``.

Prints where it listens, then a line of JSON for each message that is posted to it, until Ctrl-C or
until there were so many as ``--count`` says. Standard library only.
"""

import argparse
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from sandbox import ports


class _Handler(BaseHTTPRequestHandler):
    server: "Webhook"

    def do_POST(self) -> None:  # noqa: N802 - http.server looks for this name
        """Take one message, as Zaqar posts it."""
        text = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
        self.server.got(json.loads(text))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Say nothing else."""


class Webhook(HTTPServer):
    """Listens on a loopback port; 0 for any that is free."""

    def __init__(self, port: int) -> None:
        super().__init__((ports.HOST, port), _Handler)
        self.count = 0

    @property
    def url(self) -> str:
        """What a subscription has as its subscriber."""
        return f"http://{ports.HOST}:{self.server_port}/"

    def got(self, message: dict[str, Any]) -> None:
        """Tell of one message."""
        self.count += 1
        say(json.dumps(message, sort_keys=True))


def main(argv: list[str] | None = None) -> None:
    """Listen."""
    parser = argparse.ArgumentParser(prog="python3 -m sandbox.zaqar.webhook")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--count", type=int, default=0, help="end after so many; 0 for never")
    given = parser.parse_args(argv)
    with Webhook(given.port) as webhook:
        say(webhook.url)
        while not given.count or webhook.count < given.count:
            webhook.handle_request()


def say(line: str) -> None:
    """Write one line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

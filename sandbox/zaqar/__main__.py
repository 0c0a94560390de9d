# SPDX-License-Identifier: Apache-2.0
"""Runs Zaqar's API until SIGTERM.

Run in Zaqar's venv as ``python -m sandbox.zaqar --config-file ... --port ...``.
"""

import argparse
import signal
import types
from collections.abc import Callable
from pathlib import Path

import waitress
from oslo_config import cfg
from oslo_log import log
from zaqar import bootstrap

from sandbox import files, ports, serving

THREADS = 4


def main() -> None:
    """Serve; returns after SIGTERM."""
    parser = argparse.ArgumentParser(prog="sandbox.zaqar")
    parser.add_argument("--config-file", type=Path, required=True)
    parser.add_argument("--ready-file", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()

    app = application(given.config_file)
    server = waitress.create_server(
        app,
        host=ports.HOST,
        port=given.port,
        threads=THREADS,
        channel_timeout=serving.IDLE_SECONDS,
    )
    signal.signal(signal.SIGTERM, _leave)
    files.write(given.ready_file, "READY\n")
    server.run()


def application(config_file: Path) -> Callable:
    """Zaqar's WSGI application, as zaqar/transport/wsgi/app.py makes it; that one takes no file."""
    conf = cfg.CONF
    log.register_options(conf)
    conf(["--config-file", str(config_file)], project="zaqar", prog="zaqar-queues")
    log.setup(conf, "zaqar")
    return bootstrap.Bootstrap(conf).transport.app


def _leave(number: int, frame: types.FrameType | None) -> None:
    # waitress ends its loop cleanly on SystemExit.
    raise SystemExit(0)


if __name__ == "__main__":
    main()

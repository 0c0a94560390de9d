# SPDX-License-Identifier: Apache-2.0
"""Runs Swift's four servers in one process until SIGTERM.

Run in Swift's venv as ``python -m sandbox.swift --directory ... --ready-file ...``.
"""

# ruff: noqa: E402 - everything below must be imported after the patch
import eventlet
import eventlet.wsgi
from swift.common import utils

utils.monkey_patch()

import argparse
import os
import signal
import socket
from pathlib import Path
from typing import Any

from swift.common import storage_policy, wsgi
from swift.common.http_protocol import SwiftHttpProtocol
from swift.common.ring import RingBuilder

from sandbox import files, serving
from sandbox.swift import config

_PARTITIONS = 6  # as a power of two
_REPLICAS = 1
_TICK = 0.1  # seconds


def main() -> None:
    """Serve; returns after SIGTERM."""
    parser = argparse.ArgumentParser(prog="sandbox.swift")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--ready-file", type=Path, required=True)
    given = parser.parse_args()

    utils.set_swift_dir(str(given.directory))
    storage_policy.reload_storage_policies()
    servers = {
        name: wsgi.appconfig(str(given.directory / f"{name}-server.conf"), name=f"{name}-server")
        for name in ("proxy", *config.KINDS)
    }
    for kind in config.KINDS:
        _ring(given.directory, kind, int(servers[kind]["bind_port"]))
    listening = {name: _listen(conf) for name, conf in servers.items()}
    # The proxy last: it asks the others.
    for name in (*config.KINDS, "proxy"):
        eventlet.spawn_n(_serve, name, given.directory, listening[name])
    leaving: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: leaving.append(number))
    files.write(given.ready_file, "READY\n")
    while not leaving:
        eventlet.sleep(_TICK)  # what a handler raises would end a green thread, not this one
    os._exit(0)  # nothing is kept in memory, and a green thread may be in the middle of a request


def _ring(directory: Path, kind: str, port: int) -> None:
    """Have the ring say where the server is; the ports are others after some starts."""
    builder = RingBuilder(_PARTITIONS, _REPLICAS, min_part_hours=1)
    device = {"region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": config.DEVICE}
    builder.add_dev({**device, "weight": 100.0})
    builder.rebalance(seed="1")
    builder.get_ring().save(str(directory / f"{kind}.ring.gz"))


def _listen(conf: dict[str, Any]) -> socket.socket:
    return eventlet.listen((conf["bind_ip"], int(conf["bind_port"])), backlog=512)


def _serve(name: str, directory: Path, listener: socket.socket) -> None:
    """As swift/common/wsgi.py, run_server, which would take another event loop for each server."""
    app = wsgi.loadapp(str(directory / f"{name}-server.conf"), global_conf={"log_name": name})
    eventlet.wsgi.server(
        listener,
        app,
        utils.NullLogger(),
        protocol=SwiftHttpProtocol,
        socket_timeout=serving.IDLE_SECONDS,
        capitalize_response_headers=False,
    )


if __name__ == "__main__":
    main()

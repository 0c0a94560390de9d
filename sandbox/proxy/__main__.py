# SPDX-License-Identifier: Apache-2.0
"""Runs the proxy until SIGTERM: ``python -m sandbox.proxy --upstream URL --port N ...``."""

import argparse
import asyncio
import logging
import signal
from pathlib import Path

from sandbox import files
from sandbox.proxy.server import ProxyServer


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="sandbox.proxy")
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--control-port", type=int, required=True)
    parser.add_argument("--ready-file", type=Path, required=True)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(_serve(parser.parse_args()))


async def _serve(given: argparse.Namespace) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = ProxyServer(given.upstream, given.port, given.control_port)
    await server.open()
    files.write(given.ready_file, "READY\n")
    await stop.wait()
    await server.close()


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Runs the simulator until SIGTERM: ``python -m sandbox.simulator --port N --noauth``."""

import argparse
import asyncio
import json
import logging
import signal
from pathlib import Path

from sandbox import files
from sandbox.simulator.identity import Identity, Keystone, Noauth
from sandbox.simulator.profile import Profile
from sandbox.simulator.server import SimulatedManila


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="sandbox.simulator", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument("--identity", metavar="URL", help="Keystone, with /v3")
    whose.add_argument("--noauth", action="store_true", help="tokens are PROJECT:ROLE,ROLE")
    parser.add_argument("--profile", type=Path, help="a JSON file (sandbox/simulator/profile.py)")
    parser.add_argument("--ready-file", type=Path)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(_serve(parser.parse_args()))


async def _serve(given: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    profile = Profile(json.loads(given.profile.read_text()) if given.profile else None)
    identity: Identity = Noauth() if given.noauth else Keystone(given.identity)
    simulator = SimulatedManila(profile, identity, port=given.port)
    await simulator.open()
    logging.info("Simulated Manila on %s", simulator.url)
    if given.ready_file:
        files.write(given.ready_file, "READY\n")
    await stop.wait()
    await simulator.close()


if __name__ == "__main__":
    main()

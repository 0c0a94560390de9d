# SPDX-License-Identifier: Apache-2.0
"""Protect many plans at once on one, two and three workers: what does another worker save?

    tox -e cluster -- --workers 1 2 3 --plans 40 --shares 5

Keystone, RabbitMQ, MariaDB and Karbor's services are real, Manila is simulated. Measured from
outside. Exit code 1: a plan failed, or a worker was idle for more than a second while another had
ten plans.
"""

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from benchmarks.cluster.measured import Measured, table
from benchmarks.cluster.run import PROFILE, Cluster
from sandbox.stack import Stack

_MOST_IDLE = 1.0  # seconds


def main() -> int:
    """Measure, the most workers first, and print a table."""
    given = _parser().parse_args()
    console = Console(stderr=True)
    measured: list[Measured] = []
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(
            Path(folder) / "state",
            say=console.print,
            layout="cluster",
            workers=max(given.workers),
            simulated_manila=True,
            simulator_profile=PROFILE,
            karbor_options=dict(option.split("=", 1) for option in given.option),
        )
        try:
            stack.start()
            for count in sorted(given.workers, reverse=True):
                for number in range(count + 1, max(given.workers) + 1):
                    stack.stop_worker(number)
                measured.append(Cluster(stack, given.seconds).run(given.plans, given.shares))
                console.print(asdict(measured[-1]))
        finally:
            stack.destroy()
    # A pipe has no width of its own, and the table is wide.
    out = Console() if sys.stdout.isatty() else Console(width=150)
    out.print(table(measured[::-1]))
    load = os.getloadavg()[0]
    out.print(f"{len(os.sched_getaffinity(0))} cores; the load at the end was {load:.1f}")
    if given.json:
        given.json.write_text(json.dumps([asdict(each) for each in measured], indent=2))
    return int(any(each.failed or each.idle > _MOST_IDLE for each in measured))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.cluster", description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--plans", type=int, default=40)
    parser.add_argument("--shares", type=int, default=5, help="of each plan")
    parser.add_argument("--seconds", type=float, default=600, help="the most that one run takes")
    parser.add_argument(
        "--option", action="append", default=[], metavar="GROUP/NAME=VALUE", help="of karbor.conf"
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser


if __name__ == "__main__":
    sys.exit(main())

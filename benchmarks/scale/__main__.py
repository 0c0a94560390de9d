# SPDX-License-Identifier: Apache-2.0
"""Protect, restore and delete N shares by one plan: does a share cost the same among ten thousand?

    tox -e scale -- --shares 100 1000

Keystone and Karbor are real, Manila is simulated (``sandbox/simulator``). Measured is Karbor's one
process, from outside. Exit code 1 when a work failed or a goal is not met.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks.scale import pages, report
from benchmarks.scale.goals import goals
from benchmarks.scale.measured import Measured
from benchmarks.scale.run import PROFILE, Scale
from sandbox.stack import Stack


def main() -> int:
    """Measure, print tables, write JSON and a chart where that was asked for."""
    given = _parser().parse_args()
    console = Console(stderr=True)
    measured: list[Measured] = []
    lists = []
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(
            Path(folder) / "state",
            say=console.print,
            simulated_manila=True,
            simulator_profile=PROFILE,
        )
        try:
            stack.start()
            scale = Scale(stack, console.print, given.seconds)
            for count in given.shares:
                console.print(f"{count} shares")
                for line in scale.run(count):
                    measured.append(line)
                    if given.json:  # as soon as it is there: a run of ten thousand takes its time
                        given.json.write_text(report.as_json(measured, lists))
            if given.checkpoints:
                console.print(f"lists of {given.checkpoints} checkpoints")
                lists = pages.measure(stack, given.checkpoints)
        finally:
            stack.destroy()
    # A pipe has no width of its own, and the table is wide.
    out = Console() if sys.stdout.isatty() else Console(width=150)
    report.show(out, measured, lists)
    if given.json:
        given.json.write_text(report.as_json(measured, lists))
    if given.chart:
        report.draw(measured, given.chart)
    good = all(goal.met for goal in goals(measured))
    return 0 if good and not any(line.failed for line in [*measured, *lists]) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.scale", description=__doc__.splitlines()[0])
    parser.add_argument("--shares", type=int, nargs="*", default=[10, 100, 1000, 2000, 10000])
    parser.add_argument("--checkpoints", type=int, default=10000, help="of the lists; 0: none")
    parser.add_argument("--seconds", type=float, default=3600, help="the most that one work takes")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="a PNG")
    return parser


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""``kill -9`` of Karbor at every point, or at some, on a sandbox of its own.

    python -m tests.crash                                 all points, ours
    python -m tests.crash --operation delete --list       what points it has
    python -m tests.crash --sample 8 --seed 4711          some of them, the same each time
    python -m tests.crash --provider karbor-stock         what Karbor's own plugin leaves

Run it in a venv with the package and python-karborclient, as ``tox -e crash`` does. The exit code
is 1 when ours broke the promise, or a planned kill never happened.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from sandbox.karbor import providers
from sandbox.stack import Stack
from tests.crash import points, report
from tests.crash.operations import OPERATIONS
from tests.crash.points import Point
from tests.crash.scenario import FAILED, NEVER, Harness, Outcome
from tests.crash.world import World

DEADLINES = {providers.OURS: 90.0, providers.STOCK: 20.0}


def main() -> int:
    """Run, print, and answer the exit code."""
    given = _parser().parse_args()
    # A table in a log has no terminal that would say how wide it may be.
    console = Console(width=140, soft_wrap=True, highlight=False, markup=False)
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(
            given.state or Path(folder) / "state",
            say=console.print,
            mortal_bank=True,
            # Karbor as it is without us has its own manager, too.
            stock_manager=given.provider == providers.STOCK,
            share_options={"undo_timeout": 30},
        )
        try:
            stack.start()
            world = World(stack, given.provider)
            harness = Harness(world, given.deadline or DEADLINES[given.provider])
            return _run(harness, given, console)
        finally:
            stack.stop()
            if not given.state:
                stack.destroy()


def _run(harness: Harness, given: argparse.Namespace, console: Console) -> int:
    began = time.monotonic()
    chosen = _choose(harness.discover(given.operation or list(OPERATIONS)), given, console)
    if given.list:
        for point in chosen:
            console.print(str(point))
        return 0
    outcomes: list[Outcome] = []
    for number, point in enumerate(chosen, 1):
        outcomes.append(harness.run(point))
        console.print(f"{number}/{len(chosen)} {report.line(outcomes[-1])}")
        if given.json:
            seconds = time.monotonic() - began
            figures = report.figures(given.provider, seconds, outcomes)
            given.json.write_text(json.dumps(figures, indent=1) + "\n")
    for group in report.groups(outcomes):
        console.print(group)
    console.print(report.table(outcomes))
    console.print(f"{given.provider}: {time.monotonic() - began:.0f} s")
    broken = any(outcome.findings for outcome in outcomes)
    failed = any(finding.kind in (NEVER, FAILED) for it in outcomes for finding in it.findings)
    return int(failed or (broken and harness.world.ours))


def _choose(found: list[Point], given: argparse.Namespace, console: Console) -> list[Point]:
    if given.sample is None:
        return found
    seed = random.randrange(1_000_000) if given.seed is None else given.seed
    console.print(f"{given.sample} of {len(found)} points, --seed {seed}")
    return points.sample(found, given.sample, seed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tests.crash", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--provider", choices=sorted(providers.IDS), default=providers.OURS)
    parser.add_argument("--operation", action="append", choices=list(OPERATIONS))
    parser.add_argument("--sample", type=int, metavar="N", help="so many points only")
    parser.add_argument("--seed", type=int, metavar="S", help="of the sample")
    parser.add_argument("--list", action="store_true", help="kill nothing, print the points")
    parser.add_argument("--deadline", type=float, metavar="SECONDS", help="to settle, per point")
    parser.add_argument("--state", type=Path, metavar="DIR", help="is kept; without: a new one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the figures, point by point")
    return parser


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""``kill -9`` of Karbor at every point, or at some, on a sandbox of its own.

    python -m tests.crash                                 all points, ours
    python -m tests.crash --operation delete --list       what points it has
    python -m tests.crash --sample 8 --seed 4711          some of them, the same each time
    python -m tests.crash --driver group                  another way to keep the shares
    python -m tests.crash --provider karbor-stock         what Karbor's own plugin leaves
    python -m tests.crash --pauses                        SIGSTOP instead, a takeover, SIGCONT
    python -m tests.crash --actors                        a second one acts at each call
    python -m tests.crash --hooks                         with hooks around it: nothing stays frozen
    python -m tests.crash --layout cluster --help         trouble in a cluster of three workers

Run it in a venv with the package and python-karborclient, as ``tox -e crash`` does. The exit code
is 1 when ours broke the promise, or a planned kill never happened.
"""

import argparse
import json
import random
import re
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from sandbox.karbor import providers
from sandbox.stack import Stack
from sandbox.state import BANKS, FILES
from tests.crash import actors, hooked, pauses, points, report
from tests.crash.cluster import command
from tests.crash.more_operations import EVERY_OPERATION
from tests.crash.points import Point
from tests.crash.scenario import FAILED, NEVER, Harness, Outcome
from tests.crash.ways import WAYS
from tests.crash.world import World

DEADLINES = {providers.OURS: 90.0, providers.STOCK: 20.0}


def main() -> int:
    """Run, print, and answer the exit code."""
    if sys.argv[1:3] == ["--layout", "cluster"]:
        return command.main(sys.argv[3:])
    given = _parse()
    # The services of the sandbox must end with this, also when somebody's patience is over.
    signal.signal(signal.SIGTERM, lambda *_args: sys.exit(1))
    # A table in a log has no terminal that would say how wide it may be.
    console = Console(width=160, soft_wrap=True, highlight=False, markup=False)
    with tempfile.TemporaryDirectory() as folder:
        state = given.state or Path(folder) / "state"
        calls = Path(folder) / "hooks"
        settings = {"bank": given.bank, **_settings(given, calls)}
        stack = Stack(state, say=console.print, mortal_bank=True, **settings)
        try:
            stack.start()
            return _run(_harness(stack, given, calls), given, console)
        finally:
            stack.stop()
            if not given.state:
                stack.destroy()


def _settings(given: argparse.Namespace, calls: Path) -> dict[str, Any]:
    """Of the sandbox.

    :param calls: where hooks put down their calls
    """
    if given.pauses or given.actors:
        return {
            "second_karbor": True,
            "karbor_options": pauses.KARBOR_OPTIONS,
            "share_options": {**pauses.SHARE_OPTIONS, **WAYS[given.driver].share_options()},
        }
    # Karbor as it is without us has its own manager, too.
    stock = given.provider == providers.STOCK
    options = {"undo_timeout": 30, **WAYS[given.driver].share_options()}
    if given.hooks:
        options |= hooked.options(calls)
    return {"stock_manager": stock, "share_options": options}


def _harness(stack: Stack, given: argparse.Namespace, calls: Path) -> Harness:
    deadline = given.deadline or DEADLINES[given.provider]
    if given.pauses:
        return pauses.Pauses.on(stack, deadline, given.driver)
    if given.actors:
        return actors.Actors.on(stack, deadline, given.driver)
    if given.hooks:
        return hooked.Hooked.on(stack, deadline, given.provider, calls)
    return Harness(World(stack, given.provider, driver=given.driver), deadline)


def _run(harness: Harness, given: argparse.Namespace, console: Console) -> int:
    began = time.monotonic()
    chosen = _choose(harness.discover(given.operation or harness.operations), given, console)
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
            figures = report.figures(given.provider, given.driver, seconds, outcomes)
            given.json.write_text(json.dumps(figures, indent=1) + "\n")
    for group in report.groups(outcomes):
        console.print(group)
    console.print(report.table(outcomes))
    console.print(f"{given.provider}, driver {given.driver}: {time.monotonic() - began:.0f} s")
    broken = any(outcome.findings for outcome in outcomes)
    failed = any(finding.kind in (NEVER, FAILED) for it in outcomes for finding in it.findings)
    return int(failed or (broken and harness.world.ours))


def _choose(found: list[Point], given: argparse.Namespace, console: Console) -> list[Point]:
    if given.only:
        found = [point for point in found if re.search(given.only, str(point))]
    if given.sample is None or not found:
        return found
    seed = random.randrange(1_000_000) if given.seed is None else given.seed
    console.print(f"{given.sample} of {len(found)} points, --seed {seed}")
    return points.sample(found, given.sample, seed)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tests.crash", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--provider", choices=sorted(providers.IDS), default=providers.OURS)
    parser.add_argument("--driver", choices=list(WAYS), default="snapshot", help="keeps the shares")
    parser.add_argument("--bank", choices=BANKS, default=FILES, help="where the bank is")
    parser.add_argument("--operation", action="append", choices=list(EVERY_OPERATION))
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--pauses", action="store_true", help="stop, take over, go on")
    ways.add_argument("--actors", action="store_true", help="somebody else acts at a call")
    ways.add_argument(
        "--hooks", action="store_true", help="with hooks, which thaw whatever happens"
    )
    parser.add_argument("--only", metavar="REGEX", help="points whose line it is found in")
    parser.add_argument("--sample", type=int, metavar="N", help="so many points only")
    parser.add_argument("--seed", type=int, metavar="S", help="of the sample")
    parser.add_argument("--list", action="store_true", help="kill nothing, print the points")
    parser.add_argument("--deadline", type=float, metavar="SECONDS", help="to settle, per point")
    parser.add_argument("--state", type=Path, metavar="DIR", help="is kept; without: a new one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the figures, point by point")
    given = parser.parse_args()
    if given.driver != "snapshot" and given.provider != providers.OURS:
        parser.error(f"{given.provider} has snapshots alone")
    if given.hooks and (given.driver != "snapshot" or given.provider != providers.OURS):
        parser.error("--hooks is of our provider and its snapshots")
    for name in set(given.operation or ()) - set(WAYS[given.driver].operations):
        parser.error(f"the driver {given.driver!r} has no {name!r}")
    return given


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""``python -m tests.crash --layout cluster``: ten plans at work on three workers, and trouble.

    --list                        what may happen, and in which operations
    --trouble REGEX               some of that
    --operation NAME              in some operations; may be repeated
    --before COMMIT               and an upgrade of two workers from that commit to this tree
    --sample N --seed S           so many pairs of both, the same each time
    --markdown FILE               the table, for the documents

The exit code is 1 when a promise was broken or the harness failed.
"""

import argparse
import contextlib
import random
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from sandbox import paths
from sandbox.stack import Stack
from tests.crash.cluster import plans, table, troubles
from tests.crash.cluster.harness import SETTLE_SECONDS, Harness, Outcome
from tests.crash.cluster.troubles import TROUBLES, Trouble

Pair = tuple[Trouble, str]


def main(argv: list[str]) -> int:
    """Run, print, and answer the exit code."""
    given = _parse(argv)
    with contextlib.ExitStack() as held:
        return _main(given, held)


def _main(given: argparse.Namespace, held: contextlib.ExitStack) -> int:
    known = dict(TROUBLES)
    if given.before:
        upgrade = troubles.upgrade(held.enter_context(checked_out(given.before)))
        known[upgrade.name] = upgrade
    pairs = _choose(given, known)
    console = Console(width=160, soft_wrap=True, highlight=False, markup=False)
    if given.list:
        for trouble, operation in pairs:
            console.print(f"{operation}, {trouble.name}")
        return 0
    # The services of the sandbox must end with this, also when somebody's patience is over.
    signal.signal(signal.SIGTERM, lambda *_args: sys.exit(1))
    with tempfile.TemporaryDirectory() as folder:
        stack = made(given.state or Path(folder) / "state", given.workers)
        try:
            stack.start()
            outcomes = _run(stack, pairs, given, console)
        finally:
            stack.stop()
            if not given.state:
                stack.destroy()
    return int(any(outcome.findings for outcome in outcomes))


def made(state: Path, workers: int = 3) -> Stack:
    """A cluster with which a takeover takes seconds; it is not started yet."""
    return Stack(
        state,
        layout="cluster",
        workers=workers,
        karbor_options=troubles.KARBOR_OPTIONS,
        share_options=troubles.SHARE_OPTIONS,
    )


def _run(
    stack: Stack, pairs: list[Pair], given: argparse.Namespace, console: Console
) -> list[Outcome]:
    harness = Harness(stack, given.deadline)
    outcomes: list[Outcome] = []
    began = time.monotonic()
    for number, (trouble, operation) in enumerate(pairs, 1):
        outcomes.append(harness.run(trouble, operation))
        console.print(f"{number}/{len(pairs)} {outcomes[-1]}")
        if given.markdown:
            given.markdown.write_text(table.markdown(outcomes))
    console.print(table.markdown(outcomes))
    console.print(f"{len(pairs)} scenarios on {given.workers} workers: ", end="")
    console.print(f"{time.monotonic() - began:.0f} s")
    return outcomes


@contextlib.contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """A folder with the packages of a commit of this repository; it is removed in the end."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "packages.tar"
        subprocess.run(  # noqa: S603
            ["git", "archive", "-o", archive, commit, "karbor_manila", "schemas"],  # noqa: S607
            cwd=paths.REPO,
            check=True,
        )
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        # As setup.cfg has it.
        (Path(folder) / "schemas").rename(Path(folder) / "karbor_manila" / "schemas")
        yield Path(folder)


def _choose(given: argparse.Namespace, known: dict[str, Trouble]) -> list[Pair]:
    operations = given.operation or plans.OPERATIONS
    found = [
        (trouble, operation)
        for trouble in known.values()
        if re.search(given.trouble, trouble.name)
        for operation in operations
    ]
    if given.sample is None:
        return found
    seed = random.randrange(1_000_000) if given.seed is None else given.seed
    sys.stderr.write(f"{given.sample} of {len(found)}, --seed {seed}\n")
    return random.Random(seed).sample(found, min(given.sample, len(found)))


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tests.crash --layout cluster",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--trouble", metavar="REGEX", default="", help="what happens")
    parser.add_argument("--operation", action="append", choices=plans.OPERATIONS)
    parser.add_argument("--before", metavar="COMMIT", help="of an earlier release")
    parser.add_argument("--sample", type=int, metavar="N", help="so many of the pairs only")
    parser.add_argument("--seed", type=int, metavar="S", help="of the sample")
    parser.add_argument("--list", action="store_true", help="do nothing, print the pairs")
    parser.add_argument("--workers", type=int, default=3, metavar="N")
    parser.add_argument(
        "--deadline", type=float, default=SETTLE_SECONDS, metavar="SECONDS", help="to settle"
    )
    parser.add_argument("--state", type=Path, metavar="DIR", help="is kept; without: a new one")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="for the table")
    return parser.parse_args(argv)

# SPDX-License-Identifier: Apache-2.0
"""What hooks and events cost a protection when none is configured.

    python -m benchmarks.unheard --shares 100

Run it where the unit tests run (``tox -e unit`` makes that environment). Karbor's real manager,
flows and bank in this process, on a fake Manila that takes no time: all CPU is Karbor's and ours.
A protection is done with nothing measured in it, and its CPU is taken; then once more under a
profiler that counts each call of a function of hooks or events, and how long it took itself. The
profiler makes them look dearer than they are; what it costs to call a function, which it books to
the caller, is added. So the share that is printed is more than the true one, but for looks at an
empty list of hooks in functions that were there before. The goal is 1 percent.

Exit code 1: it is more than the goal.
"""

import argparse
import cProfile
import gc
import logging
import pstats
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

import karbor_manila
from karbor_manila.operations.flow import FlowContext
from tests.unit.karbor_stage import Service, started

GOAL = 1.0
"""Percent of the CPU of a protection of a hundred shares."""

#: Where what is for hooks and events stands, below karbor_manila; all else was there before.
ADDED = (
    "hooks/",
    "telemetry/",
    "operations/hook",
    "operations/telling.py",
    "service/flows/telling.py",
    "bank/hook_runs.py",
)


class Called(NamedTuple):
    """The calls of one function in a protection.

    :ivar number: of its calls
    :ivar seconds: of all of them, without what they called
    """

    name: str
    number: int
    seconds: float


def protect(service: Service, shares: int) -> Callable[[], None]:
    """Protects a plan of so many new shares when it is called."""
    plan = service.plan(*(service.share() for _ in range(shares)))

    def work() -> None:
        checkpoint = service.protect(plan)
        if checkpoint.status != "available":
            raise RuntimeError(f"the checkpoint is {checkpoint.status}")

    return work


def cpu_of(work: Callable[[], None]) -> float:
    """Seconds of CPU that it takes."""
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began


def called(work: Callable[[], None]) -> list[Called]:
    """The calls of functions of hooks and events while it works, the dearest first."""
    profile = cProfile.Profile(time.process_time)
    profile.runcall(work)
    return sorted(_added(pstats.Stats(profile)), key=lambda each: -each.seconds)


def _added(stats: pstats.Stats) -> Iterable[Called]:
    root = f"{Path(karbor_manila.__file__).parent}/"
    for (file, _line, name), (_primitive, number, own, _all, _callers) in stats.stats.items():  # type: ignore[attr-defined]
        place = file.removeprefix(root)
        if place != file and place.startswith(ADDED):
            yield Called(f"{place}:{name}", number, own)


def of_a_call(times: int = 1_000_000) -> float:
    """Seconds to call a function of two arguments that does nothing, and to come back."""

    def nothing(_one: object, _other: object) -> None:
        pass

    began = time.process_time()
    for _ in range(times):
        nothing(None, None)
    return (time.process_time() - began) / times


def main() -> int:
    """Print what is called, what it costs, and its share of the whole."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.unheard")
    parser.add_argument("--shares", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5, help="the median of them counts")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        started(Path(folder), patch) as service,
    ):
        # One thread, which is all that the profiler sees; the calls are the same.
        patch.setattr(FlowContext, "at_a_time", 1)
        protect(service, given.shares)()  # imports, and what is made once
        whole = statistics.median(
            cpu_of(protect(service, given.shares)) for _ in range(given.rounds)
        )
        found = called(protect(service, given.shares))
    return _print(given.shares, whole, found, of_a_call())


def _print(shares: int, whole: float, found: list[Called], a_call: float) -> int:
    say = sys.stdout.write
    say(f"{'function':<58}{'calls':>8}{'ns a call':>11}\n")
    for each in found:
        say(f"{each.name:<58}{each.number:>8}{each.seconds / each.number * 1e9:>11.0f}\n")
    number = sum(each.number for each in found)
    added = sum(each.seconds for each in found) + number * a_call
    percent = added / whole * 100
    say(f"calls: {number} ({number / shares:.1f} a share), {a_call * 1e9:.0f} ns more for each\n")
    say(f"hooks and events, none configured: {added * 1e3:.2f} ms of CPU at most\n")
    say(f"protect of {shares} shares: {whole * 1e3:.0f} ms of CPU, the median\n")
    say(f"share: {percent:.2f} % (goal: at most {GOAL:g} %)\n")
    return int(percent > GOAL)


if __name__ == "__main__":
    sys.exit(main())

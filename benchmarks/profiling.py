# SPDX-License-Identifier: Apache-2.0
"""Looks where Karbor's processor time goes during one work, with py-spy.

Counted is the thread that holds the interpreter: what waits, or works in the kernel or in SQLite,
is not seen. py-spy stops the process for each look, so the work takes longer than without; the
shares of the samples are what counts.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table

from benchmarks.contenders import DELETE, PROTECT, RESTORE, Contender
from benchmarks.measured import Measured
from benchmarks.rounds import take
from benchmarks.site import Site
from benchmarks.stacks import Line, Profile
from sandbox.install import Say

FUNCTIONS = 40
_START_SECONDS = 2.0


def profile(
    site: Site, contender: Contender, count: int, work: str, rate: int, raw: Path, say: Say
) -> Measured:
    """Do one work under py-spy; its samples are in ``raw`` then.

    :param rate: looks a second.
    :raises AssertionError: the work failed.
    """
    assert contender.karbor  # noqa: S101 - a script has no Karbor to look at
    shares = site.make_shares(1)
    say("warming up")
    _protect_restore_delete(site, contender, shares, None, lambda do: do())
    say(f"making {count} shares")
    shares += site.make_shares(count - 1)
    say(f"{work} of {count} shares")

    def watched(do: Callable[[], Any]) -> Any:
        with _sampling(site.pid(contender.karbor or ""), rate, raw):
            return do()

    found = _protect_restore_delete(site, contender, shares, work, watched)
    assert found  # noqa: S101 - the work is one of the three
    return found


def _protect_restore_delete(
    site: Site,
    contender: Contender,
    shares: list[Any],
    watched: str | None,
    around: Callable[[Callable[[], Measured]], Measured],
) -> Measured | None:
    """Do all up to the watched work, which is done within ``around``; all of it without one."""
    prepared = contender.prepare(shares)
    held: list[Any] = []
    todo: dict[str, Callable[[Any], Any]] = {
        PROTECT: lambda answered: held.append(contender.protect(prepared, answered)),
        RESTORE: lambda answered: contender.restore(held[0], answered),
        DELETE: lambda answered: contender.delete(held[0], answered),
    }
    for work in (PROTECT, RESTORE, DELETE):
        if watched == DELETE and work == RESTORE:
            continue

        def do(work: str = work) -> Measured:
            return take(site, contender, work, todo[work], len(shares), 1)

        line = around(do) if work == watched else do()
        if line.error:
            raise AssertionError(f"{work}: {line.error}")
        if work == watched:
            return line
    return None


@contextmanager
def _sampling(pid: int, rate: int, raw: Path) -> Iterator[None]:
    tool = Path(sys.executable).with_name("py-spy")
    words = [
        "record",
        "--gil",
        "-F",
        "-f",
        "raw",
        "-r",
        str(rate),
        "-o",
        str(raw),
        "--pid",
        str(pid),
    ]
    sampler = subprocess.Popen(  # noqa: S603
        [str(tool), *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    time.sleep(_START_SECONDS)
    try:
        yield
    finally:
        sampler.send_signal(signal.SIGINT)
        _, said = sampler.communicate(timeout=120)
        if not raw.exists():
            raise RuntimeError(f"py-spy wrote nothing: {said}")


def shown(found: Profile) -> Group:
    """Return the tables of a profile: groups of packages, then functions."""
    packages = _table("package", found.packages(), found.samples)
    functions = _table("function", found.functions()[:FUNCTIONS], found.samples)
    return Group(f"{found.samples} samples", packages, functions)


def _table(what: str, lines: list[Line], samples: int) -> Table:
    table = Table(what)
    table.add_column("inclusive", justify="right")
    table.add_column("own", justify="right")
    for line in lines:
        shares = [f"{100 * number / samples:.1f} %" for number in (line.inclusive, line.own)]
        table.add_row(line.name, *shares)
    return table

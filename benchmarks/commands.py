# SPDX-License-Identifier: Apache-2.0
"""The three commands behind ``python -m benchmarks``."""

import argparse
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks import contenders, profiling, rounds, site, tables
from benchmarks.measured import Run
from benchmarks.stacks import Profile

path = Path
FILE_WIDTH = 220
MARKDOWN_WIDTH = 1000  # a row of a Markdown table is one line


def option(text: str) -> tuple[str, str]:
    """Return name and value of ``NAME=VALUE``.

    :raises argparse.ArgumentTypeError: there is no ``=``.
    """
    name, found, value = text.partition("=")
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def measure(given: argparse.Namespace) -> int:
    """Measure and print; answers 1 when a contender failed."""
    say = Console(stderr=True).print
    setup = _setup(given)
    run = Run(setup.about(), ())
    with site.started(setup, say) as here:
        for line in rounds.measure(
            here, chosen(given), given.shares, given.rounds, given.works, say
        ):
            run = run.plus([line])
            if given.json:
                run.save(given.json)
    _show([run], given)
    return int(any(line.error for line in run.measured))


def chosen(given: argparse.Namespace) -> list[str]:
    """Return the names of the contenders, in the order of a round."""
    words = {*given.contenders} - ({"stock-default"} if given.one_karbor else set())
    return [name for word, name in contenders.NAMES.items() if word in words]


def report(given: argparse.Namespace) -> int:
    """Print what was measured before."""
    _show([Run.load(file) for file in given.files], given)
    return 0


def profile(given: argparse.Namespace) -> int:
    """Profile one work and print its tables."""
    say = Console(stderr=True).print
    console = _console()
    with tempfile.TemporaryDirectory() as folder:
        raw = given.raw or Path(folder) / "raw"
        with site.started(_setup(given), say) as here:
            contender = here.contender(contenders.NAMES[given.contender])
            line = profiling.profile(
                here, contender, given.shares, given.work, given.rate, raw, say
            )
        found = Profile.parse(raw.read_text().splitlines())
    console.print(
        f"{line.who}, {line.work} of {line.shares} shares: {line.seconds:.1f} s, Karbor on a "
        f"processor for {line.karbor_ms_a_share:.0f} ms a share"
    )
    console.print(profiling.shown(found))
    return 0


def _setup(given: argparse.Namespace) -> site.Setup:
    return site.Setup(dict(given.option), given.package, given.one_karbor)


def _show(runs: list[Run], given: argparse.Namespace) -> None:
    console = _console()
    found = tables.one(runs[0]) if len(runs) == 1 else tables.two(runs[0], runs[-1])
    if given.markdown:
        console = Console(width=MARKDOWN_WIDTH)
        found = tables.markdown(found)
    console.print(found)
    if given.chart:
        # Only here: matplotlib is slow to import, and a report without a chart needs none.
        from benchmarks.chart import draw  # noqa: PLC0415

        draw(runs, given.chart)


def _console() -> Console:
    """A terminal has its width; a file gets lines that are not broken."""
    console = Console()
    return console if console.is_terminal else Console(width=FILE_WIDTH)

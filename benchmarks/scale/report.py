# SPDX-License-Identifier: Apache-2.0
"""What the scale run found: tables, JSON and a chart."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.scale.goals import FROM, MOST_MEMORY, goals
from benchmarks.scale.measured import Measured, Pages

_COLUMNS = (
    "work",
    "shares",
    "wall s",
    "answer s",
    "standstill s",
    "CPU ms a share",
    "KiB a share",
    "peak MiB",
    "requests a share",
    "",
)
_MARKS = {"protect": "o", "restore": "s", "delete": "^"}


def show(console: Console, measured: Sequence[Measured], pages: Sequence[Pages]) -> None:
    """The tables."""
    console.print(_figures(measured))
    if pages:
        console.print(_pages(pages))
    table = Table("goal", "found", "at most", "met", title="Goals")
    for goal in goals(measured):
        found, most = f"{goal.found:.2f}", f"{goal.at_most:g}"
        table.add_row(goal.what, found, most, "yes" if goal.met else "NO")
    console.print(table)


def _figures(measured: Sequence[Measured]) -> Table:
    table = Table(*_COLUMNS, title="Real Karbor and Keystone, simulated Manila")
    for line in measured:
        table.add_row(
            line.work,
            str(line.shares),
            f"{line.wall:.1f}",
            f"{line.answer:.2f}",
            f"{line.standstill:.2f}",
            f"{line.cpu_share:.1f}",
            f"{line.memory_share:.1f}",
            f"{line.peak / 1024:.0f}",
            f"{line.requests_share:.2f}",
            line.failed[:60],
        )
    return table


def _pages(pages: Sequence[Pages]) -> Table:
    table = Table(
        "checkpoints", "filter", "pages", "longest s", "CPU s a page", "MiB more", "", title="Lists"
    )
    for line in pages:
        number = max(1, len(line.pages))
        table.add_row(
            str(line.checkpoints),
            line.filtered,
            f"{len(line.pages)} of {line.limit}",
            f"{max(line.pages, default=0):.2f}",
            f"{line.cpu / number:.2f}",
            f"{(line.peak - line.baseline) / 1024:.1f}",
            line.failed[:60],
        )
    return table


def as_json(measured: Sequence[Measured], pages: Sequence[Pages]) -> str:
    """All figures, and the goals with whether they are met."""
    document = {
        "measured": [_with_shares(line) for line in measured],
        "pages": [asdict(line) for line in pages],
        "goals": [asdict(goal) | {"met": goal.met} for goal in goals(measured)],
    }
    return json.dumps(document, indent=2) + "\n"


def _with_shares(line: Measured) -> dict[str, Any]:
    return asdict(line) | {
        "cpu_ms_a_share": line.cpu_share,
        "kib_a_share": line.memory_share,
        "requests_a_share": line.requests_share,
    }


def draw(measured: Sequence[Measured], path: Path) -> None:
    """A chart: CPU and memory a share by the number of shares, with what is allowed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - only for a chart
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    for work, lines in _by_work(measured):
        sizes = [line.shares for line in lines]
        how = {"marker": _MARKS.get(work, "x"), "label": work}
        left.plot(sizes, [line.cpu_share for line in lines], **how)
        right.plot(sizes, [max(line.memory_share, 0.1) for line in lines], **how)
    right.axhline(MOST_MEMORY, linestyle="--", color="grey", label=f"goal: {MOST_MEMORY:g} KiB")
    for axes, title in ((left, "Karbor's CPU a share, ms"), (right, "KiB a share in flight")):
        axes.set(xscale="log", title=title, xlabel="shares of one plan")
        axes.set_ylim(bottom=0)
        axes.axvspan(FROM, max(line.shares for line in measured), alpha=0.06)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=120, format="png")


def _by_work(measured: Sequence[Measured]) -> Iterator[tuple[str, list[Measured]]]:
    for work in dict.fromkeys(line.work for line in measured):
        lines = [line for line in measured if line.work == work and not line.failed]
        if lines:
            yield work, sorted(lines, key=lambda line: line.shares)

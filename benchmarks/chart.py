# SPDX-License-Identifier: Apache-2.0
"""Draws runs as a PNG: time, Karbor's processor time and requests, by work and number of shares."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Picture
from matplotlib.ticker import NullFormatter, ScalarFormatter

from benchmarks import ratios
from benchmarks.contenders import BARE, OURS, SAME, STOCK, STOCK_DEFAULT
from benchmarks.measured import Run
from benchmarks.ratios import Figures, Spread

COLOURS = {
    BARE: "#b8b8b8",
    SAME: "#808080",
    STOCK: "#e0a030",
    STOCK_DEFAULT: "#b06020",
    OURS: "#2070b0",
}
BEFORE, BEFORE_COLOUR = "karbor-manila, before", "#90b8d8"
_WIDTH = 0.8
_INCHES = (4.5, 2.8)

Row = Callable[[Figures, str, str, int], Spread | None]
"""What a row of the picture shows, of a contender, a work and a number of shares."""

ROWS: dict[str, Row] = {
    "time, to the bare client (log)": lambda its, *what: its.ratio(
        what[0], BARE, *what[1:], ratios.seconds
    ),
    "Karbor's CPU, ms a share": lambda its, *what: its.spread(*what, ratios.karbor),
    "requests to Manila a share": lambda its, *what: its.spread(*what, ratios.requests),
}


def draw(runs: Sequence[Run], path: Path) -> None:
    """Draw one run; of two, ours of the first one stands beside all of the second one.

    :param path: the PNG's; what is there is replaced.
    """
    figures = Figures(runs[-1].measured)
    before = Figures(runs[0].measured) if len(runs) > 1 else None
    works, sizes = figures.works(), figures.sizes()
    picture = Picture(figsize=(_INCHES[0] * len(works), _INCHES[1] * len(ROWS)))
    FigureCanvasAgg(picture)
    grid = picture.subplots(len(ROWS), len(works), squeeze=False)
    for row, (title, figure) in enumerate(ROWS.items()):
        for column, work in enumerate(works):
            bars = {
                (who, COLOURS[who]): [figure(figures, who, work, size) for size in sizes]
                for who in figures.who()
            }
            if before:
                old = [figure(before, OURS, work, size) for size in sizes]
                bars[BEFORE, BEFORE_COLOUR] = old
            axes = grid[row][column]
            axes.set_title(f"{work}: {title}", fontsize=9)
            if row == 0:  # who polls every fifteen seconds would hide the others
                axes.set_yscale("log")
                axes.yaxis.set_major_formatter(ScalarFormatter())
                axes.yaxis.set_minor_formatter(NullFormatter())
            _bars(axes, {name: line for name, line in bars.items() if any(line)}, sizes)
    _legend(picture, grid)
    picture.suptitle(f"karbor-manila {runs[-1].about['commit']}, {runs[-1].about['date'][:10]}")
    picture.tight_layout(rect=(0, 0.05, 1, 1))
    picture.savefig(path, dpi=110, format="png")


def _bars(
    axes: Any, bars: dict[tuple[str, str], list[Spread | None]], sizes: Sequence[int]
) -> None:
    """A group of bars for each number of shares; a thin line from the lowest to the highest."""
    width = _WIDTH / max(1, len(bars))
    for number, ((who, colour), line) in enumerate(bars.items()):
        known = [(place, it) for place, it in enumerate(line) if it]
        axes.bar(
            [place - _WIDTH / 2 + (number + 0.5) * width for place, _ in known],
            [it.median for _, it in known],
            width,
            yerr=[
                [it.median - it.low for _, it in known],
                [it.high - it.median for _, it in known],
            ],
            error_kw={"elinewidth": 0.8},
            color=colour,
            label=who,
        )
    axes.set_xticks(range(len(sizes)), [f"{size}" for size in sizes])
    axes.set_xlabel("shares", fontsize=8)
    axes.tick_params(labelsize=8)


def _legend(picture: Picture, grid: Any) -> None:
    named: dict[str, Any] = {}
    for axes in grid.flat:
        handles, labels = axes.get_legend_handles_labels()
        named.update(zip(labels, handles, strict=True))
    picture.legend(named.values(), named.keys(), loc="lower center", ncols=6, fontsize=8)

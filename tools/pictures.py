#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draw the pictures of the documents: ``doc/pictures/*.toml`` in, an SVG beside each out.

    python3 tools/pictures.py

Needs Python 3.11 or later and nothing else: Graphviz, PlantUML and Mermaid need a program, Java or
a browser, which a machine with Python, git and a package index does not have. What a room may
import comes from ``[tool.importlinter]`` in ``pyproject.toml``, so that the picture cannot differ
from the rule.
"""

import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "doc" / "pictures"

WIDTH, MARGIN, HEAD = 960, 20, 50
ROW, BOX, GAP = 76, 52, 16
LANE_ROW = 36
INK, PAPER, FILL, LINE = "#1b1b1b", "#ffffff", "#eef3f8", "#5b7083"


def text(x: float, y: float, words: str, *, size: int = 14, anchor: str = "middle") -> str:
    """One line of text; y is its baseline."""
    style = f'font-size="{size}" text-anchor="{anchor}" fill="{INK}"'
    return f'<text x="{x:g}" y="{y:g}" {style}>{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, *, fill: str = FILL) -> str:
    """A rectangle by its upper left corner."""
    shape = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="4"'
    return f'<rect {shape} fill="{fill}" stroke="{LINE}"/>'


def arrow(x: float, y: float, to_x: float, to_y: float) -> str:
    """A line with a head at its end."""
    ends = f'x1="{x:g}" y1="{y:g}" x2="{to_x:g}" y2="{to_y:g}"'
    return f'<line {ends} stroke="{LINE}" stroke-width="1.5" marker-end="url(#head)"/>'


def room(x: float, y: float, width: float, name: str, what: str) -> Iterator[str]:
    """A box with a room's name and its one job."""
    yield box(x, y, width, BOX)
    yield text(x + width / 2, y + 22, name, size=15)
    yield text(x + width / 2, y + 41, what, size=12)


def layers(project: Mapping[str, Any]) -> list[list[str]]:
    """The rooms in rows, the uppermost first, as import-linter holds the tree to them."""
    contracts = project["tool"]["importlinter"]["contracts"]
    found = next(contract for contract in contracts if contract["type"] == "layers")
    return [
        [name.strip().removeprefix("karbor_manila.") for name in row.split("|")]
        for row in found["layers"]
    ]


def rooms(source: Mapping[str, Any], rows: list[list[str]]) -> Iterator[str]:
    """The layers as rows of boxes, each with an arrow to the row below; others beside them."""
    known = source["rooms"]
    side = 250.0
    width = WIDTH - 3 * MARGIN - side
    for index, row in enumerate(rows):
        y = HEAD + index * ROW
        each = (width - GAP * (len(row) - 1)) / len(row)
        for place, name in enumerate(row):
            yield from room(MARGIN + place * (each + GAP), y, each, name, known[name])
        if index + 1 < len(rows):
            middle = MARGIN + width / 2
            yield arrow(middle, y + BOX, middle, y + ROW - 2)
    for index, (name, what) in enumerate(source["beside"].items()):
        yield from room(WIDTH - MARGIN - side, HEAD + index * ROW, side, name, what)


def flow(source: Mapping[str, Any]) -> Iterator[str]:
    """Lanes from left to right, steps from top to bottom: an arrow, or a box where it happens."""
    lanes = source["lanes"]
    step = (WIDTH - 2 * MARGIN) / len(lanes)
    middles = {lane: MARGIN + step * (index + 0.5) for index, lane in enumerate(lanes)}
    bottom = HEAD + LANE_ROW * (len(source["step"]) + 1) + GAP
    for lane, x in middles.items():
        line = f'x1="{x:g}" y1="{HEAD + 30}" x2="{x:g}" y2="{bottom:g}"'
        yield f'<line {line} stroke="{LINE}" stroke-dasharray="3 4"/>'
        yield box(x - step / 2 + 5, HEAD, step - 10, 30)
        yield text(x, HEAD + 20, lane)
    for index, each in enumerate(source["step"], 1):
        y = HEAD + 30 + LANE_ROW * index
        words = f"{index}. {each['text']}"
        if "at" in each:
            x, to_x = middles[each["at"]], middles[each["at"]]
        else:
            x, to_x = middles[each["from"]], middles[each["to"]]
            yield arrow(x, y, to_x, y)
        wide = len(words) * 6.4 + 10
        left = min(max((x + to_x) / 2 - wide / 2, 2), WIDTH - wide - 2)
        yield box(left, y - 23, wide, 18, fill=PAPER if "at" not in each else FILL)
        yield text(left + wide / 2, y - 10, words, size=12)


def draw(source: Mapping[str, Any], project: Mapping[str, Any]) -> str:
    """The SVG of one picture."""
    if "lanes" in source:
        height = HEAD + LANE_ROW * (len(source["step"]) + 1) + MARGIN + 10
        parts = list(flow(source))
    else:
        rows = layers(project)
        height = HEAD + ROW * len(rows)
        parts = list(rooms(source, rows))
    head = (
        '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" '
        f'markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="{LINE}"/></marker></defs>'
    )
    opened = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif">'
    )
    title = text(MARGIN, 32, source["title"], size=18, anchor="start")
    paper = f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>'
    return "\n".join([opened, head, paper, title, *parts, "</svg>"]) + "\n"


def pictures(folder: Path = PICTURES) -> dict[Path, str]:
    """Each picture's file and what is to be in it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {
        source.with_suffix(".svg"): draw(tomllib.loads(source.read_text(encoding="utf-8")), project)
        for source in sorted(folder.glob("*.toml"))
    }


def main() -> int:
    """Write them."""
    for path, drawn in pictures().items():
        path.write_text(drawn, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

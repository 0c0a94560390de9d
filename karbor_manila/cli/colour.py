# SPDX-License-Identifier: Apache-2.0
"""Colour for the words of a table that say how something is, where a person looks at it.

The table is painted when it has been made: codes in its cells would be counted as letters where
cliff fits it into the terminal, and be cut in two.
"""

import os
import re
import unicodedata
from collections.abc import Iterator
from typing import TextIO

_GREEN, _YELLOW, _RED, _END = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[0m"

#: Columns, and facts of one thing, whose words are painted.
OF_WORDS = {"status", "result", "drill", "state"}
#: Those that are empty when all is well.
OF_FAULTS = {"not well", "cannot"}
_WORDS = {
    **dict.fromkeys(("good", "available", "success"), _GREEN),
    **dict.fromkeys(("doubtful", "left out", "never", "not told"), _YELLOW),
    **dict.fromkeys(("bad", "error", "error-deleting", "fail", "failed"), _RED),
}


def is_wanted(stream: TextIO, asked_off: bool) -> bool:
    """Whether to paint what goes there.

    :param asked_off: there is ``--no-color``; ``NO_COLOR`` (https://no-color.org) says the same
    """
    off = asked_off or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return not off and stream.isatty()


def painted(table: str) -> str:
    """A table of prettytable's, with colour in the cells that have one.

    A line whose letters do not stand in the table's columns stays as it is.
    """
    lines = table.split("\n")
    bounds = [match.start() for match in re.finditer(r"\+", lines[0])]
    if len(lines) < 3 or len(bounds) < 2:
        return table
    names = [cell.strip().lower() for cell in _cells(lines[1], bounds) or ()]
    return "\n".join([*lines[:3], *(_line(line, bounds, names) for line in lines[3:])])


def _line(line: str, bounds: list[int], names: list[str]) -> str:
    cells = _cells(line, bounds)
    if not cells:
        return line
    if names == ["field", "value"]:
        names = ["", cells[0].strip().lower()]
    return "|" + "|".join(map(_cell, cells, names)) + "|"


def _cell(cell: str, name: str) -> str:
    text = cell.strip()
    colour = _RED if name in OF_FAULTS else None
    if name in OF_WORDS:
        colour = _WORDS.get(text.partition(",")[0].lower())
    return cell.replace(text, f"{colour}{text}{_END}", 1) if colour and text else cell


def _cells(line: str, bounds: list[int]) -> list[str] | None:
    """What stands between the bars at these places of the screen; None when they are not there."""
    at = {place: number for number, place in _places(line)}
    ends = [at.get(bound) for bound in bounds]
    found = [end for end in ends if end is not None and line[end] == "|"]
    if len(found) < len(bounds) or found[-1] != len(line) - 1:
        return None
    return [line[left + 1 : right] for left, right in zip(found, found[1:], strict=False)]


def _places(line: str) -> Iterator[tuple[int, int]]:
    """Each letter's number and its place on the screen, where a wide one takes two."""
    place = 0
    for number, letter in enumerate(line):
        yield number, place
        if not unicodedata.combining(letter):
            place += 2 if unicodedata.east_asian_width(letter) in "WF" else 1

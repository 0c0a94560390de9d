# SPDX-License-Identifier: Apache-2.0
"""The table microversion x operation in a page of the documents: read, compared, written."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

#: The heading that the table stands below.
HEADING = "## What works on which Manila"
_FIRST = ("driver", "operation")

Column = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Table:
    """``columns`` are by microversion: what each driver's operations come to."""

    columns: Mapping[str, Column]

    @classmethod
    def read(cls, page: Path) -> "Table":
        """The table below the heading; an empty one when there is none yet."""
        rows = [_cells(line) for line in _split(page)[1]]
        if not rows:
            return cls({})
        versions, *lines = rows[0][len(_FIRST) :], *rows[2:]
        columns: dict[str, dict[str, dict[str, str]]] = {version: {} for version in versions}
        for driver, operation, *cells in lines:
            for version, cell in zip(versions, cells, strict=True):
                columns[version].setdefault(driver.strip("`"), {})[operation] = cell
        return cls(columns)

    def column(self, version: str) -> Column:
        """What the page says of a microversion."""
        return self.columns.get(version, {})

    def put(self, version: str, seen: Column) -> "Table":
        """The table with one column as it was seen."""
        return replace(self, columns={**self.columns, version: seen})

    def write(self, page: Path) -> None:
        """Put it in the place of what stands below the heading."""
        before, _old, after = _split(page)
        text = "\n".join([*before, *self._lines(), *after])
        page.write_text(f"{text}\n", encoding="utf-8")

    def _lines(self) -> list[str]:
        versions = list(self.columns)
        rows = [[*_FIRST, *versions]]
        for driver, operations in self.columns[versions[0]].items():
            for operation in operations:
                cells = [self.columns[each][driver][operation] for each in versions]
                rows.append([f"`{driver}`", operation, *cells])
        head, *body = [f"| {' | '.join(row)} |" for row in rows]
        return [head, "|" + "---|" * len(rows[0]), *body]


def _split(page: Path) -> tuple[list[str], list[str], list[str]]:
    """The lines before the table, of it, and after it."""
    lines = page.read_text(encoding="utf-8").splitlines()
    begin = lines.index(HEADING)
    while begin < len(lines) and not lines[begin].startswith("|"):
        begin += 1
    end = begin
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    return lines[:begin], lines[begin:end], lines[end:]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]

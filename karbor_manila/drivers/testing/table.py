# SPDX-License-Identifier: Apache-2.0
"""A table of which driver keeps which promise: ``python -m karbor_manila.drivers.testing.table``.

What follows on the command line is pytest's: the files with the classes that inherit from
:class:`~karbor_manila.drivers.testing.DriverContract`. The exit code is pytest's, too.
"""

import collections
import sys
from collections.abc import Iterable
from typing import Any

import pytest

from karbor_manila.drivers.testing import DriverContract

#: The classes with the promises, in the order of the table.
PROMISES = tuple(kind for kind in DriverContract.__bases__)

_KEPT, _SKIPPED = "passed", "skipped"

# Promise and driver class -> the outcomes of the tests.
Outcomes = dict[tuple[str, str], collections.Counter[str]]


class Table:
    """A pytest plugin that counts."""

    def __init__(self) -> None:
        self.outcomes: Outcomes = collections.defaultdict(collections.Counter)
        self._of: dict[str, tuple[str, str]] = {}

    def pytest_itemcollected(self, item: Any) -> None:
        """Remember which promise a test holds, and of which driver."""
        kind = getattr(item, "cls", None)
        if kind is None or not issubclass(kind, DriverContract):
            return
        name = getattr(item, "originalname", item.name)
        for promise in PROMISES:
            if name in vars(promise):
                self._of[item.nodeid] = (promise.__name__, kind.__name__)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Count an outcome: that of the call, or of a setup that did not get there."""
        counts = report.when == "call" or report.outcome != _KEPT
        if counts and report.nodeid in self._of:
            self.outcomes[self._of[report.nodeid]][report.outcome] += 1

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Write the table below everything else."""
        for line in lines(self.outcomes):
            terminalreporter.write_line(line)


def lines(outcomes: Outcomes) -> Iterable[str]:
    """The table in Markdown: a row for each promise, a column for each driver's class."""
    drivers = sorted({driver for _promise, driver in outcomes})
    rows = [["promise", *drivers]]
    for promise in (kind.__name__ for kind in PROMISES):
        rows.append([promise, *(_cell(outcomes.get((promise, driver))) for driver in drivers)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        yield "| " + " | ".join(map(str.ljust, row, widths)) + " |"
        if not number:
            yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"


def _cell(counted: collections.Counter[str] | None) -> str:
    if not counted:
        return "not run"
    if set(counted) == {_SKIPPED}:
        return "cannot"
    kept, all_of = counted[_KEPT], sum(counted.values()) - counted[_SKIPPED]
    return f"{kept} of {all_of}" + ("" if kept == all_of else " FAILED")


def main() -> int:
    """Run pytest with the table."""
    return int(pytest.main(["-q", *sys.argv[1:]], plugins=[Table()]))


if __name__ == "__main__":
    sys.exit(main())

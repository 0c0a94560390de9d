# SPDX-License-Identifier: Apache-2.0
"""A table of which bank keeps which promise: ``python -m karbor_manila.bank.testing.table``.

What follows on the command line is pytest's: the files with the classes that inherit from
:class:`~karbor_manila.bank.testing.BankContract`. The exit code is pytest's, too. A promise that a
bank is known to break counts as not kept; what cannot befall its store does not count.
"""

import collections
import sys
from collections.abc import Iterable
from typing import Any

import pytest

from karbor_manila.bank.testing import BankContract

#: The classes with the promises, in the order of the table.
PROMISES = tuple(BankContract.__bases__)

# Promise and bank's class -> the outcomes of the tests.
Outcomes = dict[tuple[str, str], collections.Counter[str]]

_KEPT, _BROKEN, _FAILED = "kept", "broken", "failed"


class Table:
    """A pytest plugin that counts."""

    def __init__(self) -> None:
        self.outcomes: Outcomes = collections.defaultdict(collections.Counter)
        self._of: dict[str, tuple[str, str]] = {}

    def pytest_itemcollected(self, item: Any) -> None:
        """Remember which promise a test holds, and of which bank."""
        kind = getattr(item, "cls", None)
        if kind is None or not issubclass(kind, BankContract):
            return
        name = getattr(item, "originalname", item.name)
        for promise in PROMISES:
            if name in vars(promise):
                self._of[item.nodeid] = (promise.__name__, kind.__name__)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Count an outcome: that of the call, or of a setup that did not get there."""
        if report.nodeid not in self._of or not (report.when == "call" or report.failed):
            return
        if report.skipped and not hasattr(report, "wasxfail"):
            return
        outcome = _BROKEN if report.skipped else _FAILED if report.failed else _KEPT
        self.outcomes[self._of[report.nodeid]][outcome] += 1

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Write the table below everything else."""
        for line in lines(self.outcomes):
            terminalreporter.write_line(line)


def lines(outcomes: Outcomes) -> Iterable[str]:
    """The table in Markdown: a row for each promise, a column for each bank's class."""
    banks = sorted({bank for _promise, bank in outcomes})
    rows = [["promise", *banks]]
    for promise in (kind.__name__ for kind in PROMISES):
        rows.append([promise, *(_cell(outcomes.get((promise, bank))) for bank in banks)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        yield "| " + " | ".join(map(str.ljust, row, widths)) + " |"
        if not number:
            yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"


def _cell(counted: collections.Counter[str] | None) -> str:
    if not counted:
        return "not run"
    kept, failed = counted[_KEPT], counted[_FAILED]
    return f"{kept} of {sum(counted.values())}" + (f" FAILED {failed}" if failed else "")


def main() -> int:
    """Run pytest with the table."""
    return int(pytest.main(["-q", *sys.argv[1:]], plugins=[Table()]))


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Plugin of pytest: says at the end of a run which files of tests took how much CPU.

On two shared cores it is CPU that ends, and wall time says little of a test: much of it is waiting
for the others. Counted are a worker and all that it started: services of a sandbox, commands. What
is started for a whole run belongs to the file that comes first. Needs psutil, and has it wherever
Karbor is (through oslo).
"""

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

SHOWN = 15
_NAME = "cpu_seconds"


def used() -> float:
    """CPU seconds of this process and of all its descendants, ended ones among them."""
    spent = sum(os.times()[:4])
    for child in psutil.Process().children(recursive=True):
        try:
            spent += sum(child.cpu_times()[:4])
        except psutil.NoSuchProcess:  # it counts as an ended one, next time
            continue
    return spent


class CpuSeconds:
    """The books of one process: a worker, the controller of workers, or a run without any."""

    def __init__(self) -> None:
        self.by_file: Counter[str] = Counter()
        self._file = ""
        self._before = 0.0

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        file = item.nodeid.partition("::")[0]
        # A look at all processes takes two milliseconds: between files, not between tests.
        if file != self._file:
            self._turn(file)
        return (yield)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._file:
            self._turn("")
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[_NAME] = dict(self.by_file)

    def _turn(self, file: str) -> None:
        now = used()
        if self._file:
            self.by_file[self._file] += now - self._before
        self._file, self._before = file, now

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.by_file.update(getattr(node, "workeroutput", {}).get(_NAME, {}))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        total = sum(self.by_file.values())
        terminalreporter.section(f"CPU: {total:.0f} s; the files that took most")
        for file, seconds in self.by_file.most_common(SHOWN):
            terminalreporter.write_line(f"{seconds:8.1f} s  {file}")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(CpuSeconds())

# SPDX-License-Identifier: Apache-2.0
"""Processes on one bank and one database."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from oslo_db import api as oslo_db_api

from tests.unit.recovery.claims.stage import Process


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the attempts at a database."""
    monkeypatch.setattr(oslo_db_api.time, "sleep", lambda _seconds: None)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Process]]:
    """Starts processes on one folder."""
    begun: list[Process] = []

    def start() -> Process:
        begun.append(Process(tmp_path))
        return begun[-1]

    yield start
    for process in begun:
        process.engine.dispose()


@pytest.fixture
def one(start: Callable[[], Process]) -> Process:
    return start().lives()


@pytest.fixture
def other(start: Callable[[], Process]) -> Process:
    return start().lives()

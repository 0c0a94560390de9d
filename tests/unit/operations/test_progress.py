# SPDX-License-Identifier: Apache-2.0
"""How far the shares of a flow are, in Karbor's operation log: rarely, and never in the way."""

from collections.abc import Callable
from typing import Any

import pytest
from oslo_serialization import jsonutils

from karbor_manila.operations.progress import PAUSE, Progress
from karbor_manila.operations.work import Work
from tests.unit.stage import SHARE, Context, Record, Stage


class Log(Record):
    """Karbor's operation log, which counts how often it is saved."""

    saves = 0
    error: Exception | None = None

    def save(self) -> None:
        self.saves += 1
        if self.error:
            raise self.error


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def progress(stage: Stage, log: Log) -> Progress:
    flow = stage.flow("s-1", "s-2")
    flow.bind(Work(Context(stage.project_id), stage.project_id, operation_log=log))
    return Progress(flow, spawn=lambda work: work())


def told(log: Log) -> dict[str, Any]:
    said: dict[str, Any] = jsonutils.loads(log["extra_info"])["progress"]
    return said


def test_what_is_done_at_once_is_not_written(progress: Progress, log: Log) -> None:
    progress.note("s-1", "backup", 50)
    assert log.saves == 0


def test_one_write_tells_of_all_and_the_next_comes_later(
    progress: Progress, log: Log, stage: Stage
) -> None:
    progress.note("s-1", "backup", 10)
    stage.cloud.clock.sleep(PAUSE)
    progress.note("s-2", "backup", 20)
    assert told(log) == {f"{SHARE}#s-1": "backup 10 %", f"{SHARE}#s-2": "backup 20 %"}
    progress.note("s-2", "backup", 90)
    assert log.saves == 1
    stage.cloud.clock.sleep(PAUSE)
    progress.note("s-1", "backup", 12)  # less than a step further
    assert log.saves == 1
    progress.note("s-2", "backup", 91)
    assert told(log)[f"{SHARE}#s-2"] == "backup 91 %"


def test_a_database_that_is_away_harms_nobody(progress: Progress, log: Log, stage: Stage) -> None:
    log.error = RuntimeError("gone")
    stage.cloud.clock.sleep(PAUSE)
    progress.note("s-1", "restore", 10)
    assert log.saves > 0


def test_who_tells_does_not_wait_for_the_write(stage: Stage, log: Log) -> None:
    flow, later = stage.flow("s-1"), list[Callable[[], None]]()
    flow.bind(Work(Context(stage.project_id), stage.project_id, operation_log=log))
    progress = Progress(flow, spawn=later.append)
    stage.cloud.clock.sleep(PAUSE)
    for percent in (10, 30, 60):
        progress.note("s-1", "backup", percent)
    assert (log.saves, len(later)) == (0, 1)
    later.pop()()
    assert told(log) == {f"{SHARE}#s-1": "backup 60 %"}


@pytest.mark.parametrize("error", [RuntimeError("no thread"), MemoryError(), OSError("no fork")])
def test_a_thread_that_cannot_be_begun_harms_nobody(
    stage: Stage, log: Log, error: Exception
) -> None:
    flow = stage.flow("s-1")
    flow.bind(Work(Context(stage.project_id), stage.project_id, operation_log=log))

    def spawn(_work: Callable[[], None]) -> None:
        raise error

    progress = Progress(flow, spawn=spawn)
    stage.cloud.clock.sleep(PAUSE)
    progress.note("s-1", "backup", 10)
    assert log.saves == 0

# SPDX-License-Identifier: Apache-2.0
"""When keep rules are carried out: after a checkpoint, now and then for all, and again after an
error."""

from types import SimpleNamespace
from typing import Any

import pytest

from karbor_manila.common.keep_rules import KeepRules
from karbor_manila.database import keeping_plans
from karbor_manila.database.errors import DatabaseUnreadable
from karbor_manila.database.keeping_plans import KeepingPlan
from karbor_manila.operations.plugin import SHARE
from karbor_manila.service.keep_thread import ALL_EVERY, KeepThread
from karbor_manila.service.protection import ShareProtectionPlugin
from tests.unit.clock import FakeClock

OURS = SimpleNamespace(id="ours", plugins={SHARE: ShareProtectionPlugin})
THEIRS = SimpleNamespace(id="theirs", plugins={})


class Run:
    """Notes which plans' rules are carried out."""

    def __init__(self) -> None:
        self.plans: list[str] = []
        self.error: Exception | None = None

    def carry_out(self, _provider: Any, plan: KeepingPlan) -> int:
        self.plans.append(plan.id)
        if self.error:
            raise self.error
        return 0


@pytest.fixture
def run() -> Run:
    return Run()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the database has, and each look at it; an error in it is raised."""
    rules = KeepRules({"keep_last": 1})
    there: list[Any] = [
        KeepingPlan(name, "project", provider, rules)
        for name, provider in (("a", "ours"), ("b", "ours"), ("c", "theirs"), ("d", "nobody's"))
    ]

    def found() -> list[KeepingPlan]:
        for item in there:
            if isinstance(item, Exception):
                there.remove(item)
                raise item
        return list(there)

    monkeypatch.setattr(keeping_plans, "read", found)
    return there


@pytest.fixture
def thread(run: Run, read: list[Any]) -> Any:
    clock = FakeClock()
    made: Any = KeepThread(lambda: [OURS, THEIRS], run, interval=60, clock=clock)  # type: ignore[arg-type]
    made.clock = clock
    return made


def test_the_first_turn_is_for_all_plans_of_ours_and_the_next_ones_for_new_checkpoints(
    thread: Any, run: Run
) -> None:
    thread.turn()
    assert run.plans == ["a", "b"]
    thread.turn()
    thread.soon("b")
    thread.soon("b")
    thread.soon("c")
    thread.turn()
    assert run.plans == ["a", "b", "b"]
    thread.clock.sleep(ALL_EVERY)
    thread.turn()
    assert run.plans == ["a", "b", "b", "a", "b"]


def test_an_error_of_one_plan_keeps_no_other_one_and_comes_again(thread: Any, run: Run) -> None:
    run.error = RuntimeError("the bank is away")
    thread.turn()
    assert run.plans == ["a", "b"]
    run.error = None
    thread.turn()
    assert sorted(run.plans) == ["a", "a", "b", "b"]
    thread.turn()
    assert len(run.plans) == 4


def test_a_database_that_is_away_is_asked_again(thread: Any, run: Run, read: list[Any]) -> None:
    read.append(DatabaseUnreadable("the plans", "OperationalError"))
    thread.turn()
    assert run.plans == []
    thread.turn()
    assert run.plans == ["a", "b"]
    thread.soon("a")
    read.append(DatabaseUnreadable("the plans", "OperationalError"))
    thread.turn()
    thread.turn()
    assert run.plans == ["a", "b", "a"]


def test_any_number_of_checkpoints_wake_it_once(thread: Any) -> None:
    for number in range(100):
        thread.soon(str(number))
    assert thread._wake.qsize() == 1

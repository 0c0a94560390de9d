# SPDX-License-Identifier: Apache-2.0
"""Why a run of a schedule made no checkpoint is told once, and only when that is known."""

import datetime
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor import objects
from karbor.db.sqlalchemy import api as karbor_db
from karbor.db.sqlalchemy import models

from karbor_manila.database import scheduled_runs
from karbor_manila.database.scheduled_runs import ScheduledRuns
from karbor_manila.service import missed_runs
from karbor_manila.service.missed_runs import MissedRuns, MissedRunsThread
from tests.unit.clock import FakeClock
from tests.unit.karbor_stage import configured, context_of, database

PROJECT, USER, PLAN, OURS, OTHER = (str(uuid.UUID(int=number)) for number in range(1, 6))
OPERATION, TRIGGER = (str(uuid.UUID(int=number)) for number in (6, 7))
GONE = "The user who has made it is not in Keystone any more."


class Provider:
    """A provider of Karbor, whose shares our plugin protects or another one does."""

    def __init__(self, provider_id: str) -> None:
        self.id = provider_id


class Stage:
    """A schedule in Karbor's database, a Keystone that says something, and a clock."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.says: str | Exception | None = GONE
        self.asked = 0
        self._add(
            models.Trigger(id=TRIGGER, name="t", project_id=PROJECT, type="time", properties="{}")
        )
        for made in (
            models.Plan(id=PLAN, name="home", provider_id=OURS, project_id=PROJECT, status="s"),
            models.ScheduledOperation(
                id=OPERATION,
                name="nightly",
                operation_type="protect",
                user_id=USER,
                project_id=PROJECT,
                trigger_id=TRIGGER,
                operation_definition=f'{{"plan_id": "{PLAN}", "provider_id": "{OURS}"}}',
            ),
            models.ScheduledOperationState(
                operation_id=OPERATION, service_id=1, trust_id="trust", state="registered"
            ),
        ):
            self._add(made)

    @property
    def now(self) -> datetime.datetime:
        return self.clock.utcnow().replace(tzinfo=None)

    def _add(self, made: Any) -> None:
        session = karbor_db.get_session()
        with session.begin():
            made.save(session)

    def run(self, state: str = "failed", ago: float = 10.0) -> None:
        """A run that has ended so many seconds ago."""
        then = self.now - datetime.timedelta(seconds=ago)
        self._add(
            models.ScheduledOperationLog(
                operation_id=OPERATION,
                expect_start_time=then,
                triggered_time=then,
                actual_start_time=then,
                end_time=then,
                state=state,
            )
        )

    def protected(self, ago: float = 10.0) -> None:
        """A checkpoint of the plan that was begun so many seconds ago."""
        objects.OperationLog(
            context=context_of(PROJECT),
            project_id=PROJECT,
            operation_type="protect",
            checkpoint_id=str(uuid.uuid4()),
            plan_id=PLAN,
            status="available",
            started_at=self.now - datetime.timedelta(seconds=ago),
        ).create()

    def diagnose(self, run: Any) -> str | None:
        self.asked += 1
        assert (run.user_id, run.project_id, run.trust_id) == (USER, PROJECT, "trust")
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    def process(self) -> MissedRuns:
        return MissedRuns(
            lambda: [Provider(OURS)], self.diagnose, runs=ScheduledRuns(), clock=self.clock
        )

    def told(self) -> list[Any]:
        """What the project reads of runs that made no checkpoint."""
        found = objects.OperationLogList.get_all_by_project(
            context_of(PROJECT), PROJECT, None, None, filters={}
        )
        return [log for log in found if log.checkpoint_id is None]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(missed_runs, "protects_shares", lambda each: each.id == OURS)
    with configured(tmp_path), database(monkeypatch):
        yield Stage()


def test_the_project_reads_which_run_of_what_failed_and_why(stage: Stage) -> None:
    stage.run()
    assert stage.process().turn() == 1
    (log,) = stage.told()
    assert f"'nightly' ({OPERATION})" in log.error_info
    assert log.error_info.endswith(f"UTC made no checkpoint. {GONE}")
    assert (log.status, log.operation_type, log.plan_id) == ("error", "protect", PLAN)
    assert (log.provider_id, log.scheduled_operation_id) == (OURS, OPERATION)
    assert log.started_at
    assert log.ended_at


def test_it_is_told_once_whoever_looks(stage: Stage) -> None:
    stage.run()
    one, other = stage.process(), stage.process()
    assert (one.turn(), other.turn(), one.turn()) == (1, 0, 0)
    assert len(stage.told()) == 1


def test_two_that_look_at_once_tell_it_once(stage: Stage) -> None:
    stage.run()
    other = stage.process()

    def meanwhile(run: Any) -> str:
        assert other.turn() == 1
        return GONE

    one = MissedRuns(lambda: [Provider(OURS)], meanwhile, clock=stage.clock)
    assert one.turn() == 0
    assert len(stage.told()) == 1


def test_very_many_runs_are_told_of(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduled_runs, "_AT_ONCE", 3)
    for number in range(10):
        stage.run(ago=100.0 + number)
    assert (stage.process().turn(), stage.process().turn()) == (10, 0)
    assert len(stage.told()) == 10


def test_each_run_is_told_of(stage: Stage) -> None:
    stage.run(ago=3700)
    stage.run(ago=100)
    assert stage.process().turn() == 2


@pytest.mark.parametrize("state", ["success", "in_progress"])
def test_of_a_run_that_went_well_or_goes_on_nothing_is_told_or_asked(
    stage: Stage, state: str
) -> None:
    stage.run(state)
    assert (stage.process().turn(), stage.asked) == (0, 0)


def test_what_was_long_ago_is_left(stage: Stage) -> None:
    stage.run(ago=90_000)
    assert stage.process().turn() == 0


def test_what_another_provider_protects_is_left(stage: Stage) -> None:
    stage.run()
    process = MissedRuns(lambda: [Provider(OTHER)], stage.diagnose, clock=stage.clock)
    assert (process.turn(), stage.asked) == (0, 0)


def test_while_keystone_is_away_nothing_is_told_and_then_it_is(stage: Stage) -> None:
    stage.run()
    stage.says = ConnectionError("Keystone is away")
    process = stage.process()
    with pytest.raises(ConnectionError):
        process.turn()
    assert stage.told() == []
    stage.says = GONE
    assert process.turn() == 1


def test_a_run_out_of_its_window_says_so_without_keystone(stage: Stage) -> None:
    stage.run("dropped_out_of_window")
    assert (stage.process().turn(), stage.asked) == (1, 0)
    assert "after the window of its trigger" in stage.told()[0].error_info


def test_a_plan_that_was_deleted_is_named(stage: Stage) -> None:
    stage.run()
    stage.says = None
    karbor_db.plan_destroy(context_of(PROJECT, is_admin=True), PLAN)
    assert stage.process().turn() == 1
    assert f"Its plan {PLAN} was deleted" in stage.told()[0].error_info


def test_where_nothing_is_wrong_any_more_it_is_said_that_karbor_keeps_no_reason(
    stage: Stage,
) -> None:
    stage.run()
    stage.says = None
    assert stage.process().turn() == 1
    assert "Karbor does not keep why" in stage.told()[0].error_info


def test_a_run_whose_checkpoint_there_is_was_a_lost_reply(stage: Stage) -> None:
    stage.run()
    stage.protected(ago=9)
    stage.says = None
    process = stage.process()
    assert (process.turn(), stage.asked) == (0, 1)
    assert (process.turn(), stage.asked) == (0, 1)  # and is not asked about again


RETENTION = ["excute_duration_policy_success", "excute_max_backup_policy_failed"]


@pytest.mark.parametrize("state", RETENTION)
def test_a_run_of_retention_hides_its_failure_behind_its_next_steps(
    stage: Stage, state: str
) -> None:
    stage.run(state, ago=200)
    assert stage.process().turn() == 1
    assert GONE in stage.told()[0].error_info


@pytest.mark.parametrize("state", RETENTION)
def test_a_run_of_retention_with_its_checkpoint_is_fine(stage: Stage, state: str) -> None:
    stage.run(state, ago=200)
    stage.protected(ago=199)
    assert stage.process().turn() == 0


def test_the_checkpoint_of_a_run_of_retention_may_still_be_about_to_begin(stage: Stage) -> None:
    stage.run(RETENTION[0], ago=1)
    process = stage.process()
    assert (process.turn(), stage.asked) == (0, 0)
    stage.protected(ago=0)
    stage.clock.sleep(300)
    assert process.turn() == 0


def test_a_look_of_the_service_raises_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stage.run()
    stage.says = ConnectionError("Keystone is away")
    thread = MissedRunsThread(lambda: [Provider(OURS)], interval=60, timeout=1)
    monkeypatch.setattr(thread, "_missed", stage.process())
    thread.look()
    assert "Keystone is away" in caplog.text
    stage.says = GONE
    thread.look()
    assert len(stage.told()) == 1

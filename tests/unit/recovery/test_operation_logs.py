# SPDX-License-Identifier: Apache-2.0
"""An operation log that Karbor left open is ended, and no other one."""

import datetime
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor import objects
from oslo_db import exception as db_exception
from oslo_utils import timeutils

from karbor_manila.common.errors import ClaimLost
from karbor_manila.recovery import operation_logs
from karbor_manila.recovery.operation_logs import Sought
from tests.unit.karbor_stage import configured, context_of, database

PROJECT = str(uuid.UUID(int=0xA))
CHECKPOINT = str(uuid.UUID(int=0xC))
BEGAN = datetime.datetime(2026, 11, 20, 12, 0, 0)


@pytest.fixture(autouse=True)
def _karbor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with configured(tmp_path), database(monkeypatch):
        yield


def log(**fields: Any) -> Any:
    """An open log as Karbor's flows make it."""
    made = objects.OperationLog(
        context=context_of(PROJECT),
        **{
            "project_id": PROJECT,
            "operation_type": "protect",
            "checkpoint_id": CHECKPOINT,
            "status": "protecting",
            "started_at": BEGAN,
        }
        | fields,
    )
    made.create()
    return made


def now(made: Any) -> Any:
    return objects.OperationLog.get_by_id(context_of(PROJECT, is_admin=True), made.id)


def free() -> None:
    """The guard of a claim that is held."""


def end(operation: str = "protect", *, restore_id: str | None = None, **how: Any) -> bool:
    not_before = how.pop("not_before", None)
    sought = Sought(PROJECT, CHECKPOINT, operation, restore_id, not_before)
    guard = how.pop("guard", free)
    return operation_logs.end(context_of(PROJECT, is_admin=True), sought, guard, **how)


@pytest.mark.parametrize(
    ("operation", "status", "ended"),
    [
        ("protect", "protecting", "error"),
        ("delete", "deleting", "error-deleting"),
        ("delete", "available", "error"),
        ("verify", "in_progress", "fail"),
    ],
)
def test_an_open_log_ends_as_a_failure_unless_told_otherwise(
    operation: str, status: str, ended: str
) -> None:
    kind = "verify" if operation == "verify" else "protect"  # Karbor's name of a deletion's log
    made = log(operation_type=kind, status=status)
    end(operation, error_info="why")
    assert (now(made).status, now(made).error_info) == (ended, "why")
    assert now(made).ended_at is not None


def test_the_status_that_is_told_is_written_and_the_info_that_is_there_stays() -> None:
    made = log(error_info="known")
    end(status="available")
    assert (now(made).status, now(made).error_info) == ("available", "known")


def test_a_log_that_has_ended_is_left_as_it_is() -> None:
    made = log(status="available", ended_at=BEGAN)
    end(status="error", error_info="no")
    assert (now(made).status, now(made).error_info) == ("available", None)


@pytest.mark.parametrize(
    "fields",
    [
        {"checkpoint_id": str(uuid.uuid4())},
        {"project_id": str(uuid.uuid4())},
        {"operation_type": "restore"},
        {"operation_type": "verify"},
        {"restore_id": str(uuid.uuid4())},
    ],
    ids="".join,
)
def test_the_logs_of_others_are_left_open(fields: dict[str, Any]) -> None:
    made = log(**fields)
    end()
    assert now(made).ended_at is None


def test_of_two_restores_only_the_one_that_is_meant_is_ended() -> None:
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    logs = [
        log(operation_type="restore", status="in_progress", restore_id=each)
        for each in (first, second)
    ]
    end("restore", restore_id=first)
    assert [now(each).status for each in logs] == ["fail", "in_progress"]


@pytest.mark.parametrize("seconds", [0, 30])
def test_of_two_verifications_the_oldest_that_fits_is_ended(seconds: int) -> None:
    """A log does not say of which verification it is."""
    logs = [
        log(
            operation_type="verify",
            status="in_progress",
            started_at=BEGAN + datetime.timedelta(seconds=20 * number),
        )
        for number in range(3)
    ]
    end("verify", not_before=BEGAN + datetime.timedelta(seconds=seconds))
    ended = [number for number, each in enumerate(logs) if now(each).ended_at]
    assert ended == [0 if seconds == 0 else 2]


def test_zones_of_moments_do_not_matter() -> None:
    made = log(operation_type="verify", status="in_progress")
    end("verify", not_before=BEGAN.replace(tzinfo=datetime.UTC))
    assert now(made).ended_at is not None


def test_a_restores_log_is_ended_although_the_apis_clock_is_ahead_of_the_managers() -> None:
    """The restore is written by Karbor's API, its log on the host of karbor-protection."""
    restore_id = str(uuid.uuid4())
    made = log(operation_type="restore", status="in_progress", restore_id=restore_id)
    end("restore", restore_id=restore_id, not_before=BEGAN + datetime.timedelta(seconds=2))
    assert now(made).status == "fail"


def test_no_log_at_all_is_fine() -> None:
    end()
    assert (
        list(objects.OperationLogList.get_all(context_of(PROJECT, is_admin=True), None, None)) == []
    )


def test_the_end_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    made = log()
    monkeypatch.setattr(timeutils, "utcnow", lambda *_args: BEGAN + datetime.timedelta(hours=1))
    end()
    assert now(made).ended_at.replace(tzinfo=None) == BEGAN + datetime.timedelta(hours=1)


def test_a_database_that_is_away_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = log()

    def away(*_args: Any, **_kwargs: Any) -> None:
        raise OSError("no database")

    with monkeypatch.context() as patch:
        patch.setattr(objects.OperationLog, "save", away)
        end()
    assert CHECKPOINT in caplog.text
    assert now(made).ended_at is None
    end()
    assert now(made).ended_at is not None


def test_who_has_lost_the_claim_ends_no_log(caplog: pytest.LogCaptureFixture) -> None:
    logs = [log(), log()]

    def lost() -> None:
        raise ClaimLost(CHECKPOINT, "another process has taken it over")

    end(guard=lost, status="error", error_info="why")
    assert [(now(each).status, now(each).ended_at) for each in logs] == [("protecting", None)] * 2
    assert "another process has taken it over" in caplog.text


def test_the_claim_is_looked_at_before_each_log() -> None:
    logs = [log(), log()]
    looks = iter([None, ClaimLost(CHECKPOINT, "another process has taken it over")])

    def guard() -> None:
        if lost := next(looks):
            raise lost

    end(guard=guard)
    assert sorted(now(each).status for each in logs) == ["error", "protecting"]


@pytest.mark.parametrize(
    ("error", "through"),
    [
        (db_exception.DBConnectionError(), False),
        (db_exception.DBDataError(), True),
        (RuntimeError(), True),
    ],
    ids=["away", "refused", "a fault"],
)
def test_only_a_database_that_is_away_is_worth_coming_back_for(
    monkeypatch: pytest.MonkeyPatch, error: Exception, through: bool
) -> None:
    log()

    def fail(*_args: Any) -> None:
        raise error

    monkeypatch.setattr(objects.OperationLog, "save", fail)
    assert end() is through

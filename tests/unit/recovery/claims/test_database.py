# SPDX-License-Identifier: Apache-2.0
"""A database that is away or loses replies makes no second claim and loses none."""

import datetime
import uuid
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from oslo_db import exception as db_exception
from oslo_db.sqlalchemy import engines

from karbor_manila.common.errors import Taken
from karbor_manila.database import schema
from karbor_manila.database.errors import DatabaseUnreadable
from karbor_manila.recovery import claim_table
from tests.unit.recovery.claims.stage import ERRORS, THING, Faults, Process, ago, raising


@pytest.mark.parametrize("error", ERRORS, ids=["away", "deadlock", "locked"])
@pytest.mark.parametrize("after", [False, True], ids=["not done", "reply lost"])
@pytest.mark.parametrize("nth", [1, 2, 3, 4])
@pytest.mark.parametrize("left", [False, True], ids=["free", "left by a dead one"])
def test_a_statement_that_fails_once_is_repeated_and_makes_one_claim(
    start: Callable[[], Process], one: Process, left: bool, nth: int, after: bool, error: Exception
) -> None:
    if left:
        dead = start()
        dead.take()
        dead.dies()
    faults = Faults(one, error, nth, after=after)
    claim = one.take()
    one.claims.release(THING)
    faults.over()
    assert (claim.owner, claim.took_over) == (one.owner, left)
    assert one.claims.all() == []
    assert one.claims.held == frozenset()


@pytest.mark.parametrize("error", ERRORS, ids=["away", "deadlock", "locked"])
@pytest.mark.parametrize(
    ("left", "nth"),
    [(False, 1), (True, 1), (True, 2), (True, 3)],
    ids=["free", "insert", "select", "replace"],
)
def test_who_cannot_claim_does_not_work_and_can_once_the_database_is_back(
    start: Callable[[], Process],
    one: Process,
    other: Process,
    nth: int,
    left: bool,
    error: Exception,
) -> None:
    if left:
        dead = start()
        dead.take()
        dead.dies()
    faults = Faults(one, error, nth, after=True, times=10**6)
    with pytest.raises(DatabaseUnreadable):
        one.take()
    assert one.claims.held == frozenset()
    faults.over()
    assert one.take().owner == one.owner
    with pytest.raises(Taken):
        other.take()


@pytest.mark.parametrize("call", ["get", "all"])
def test_a_database_that_is_away_is_told(one: Process, call: str) -> None:
    Faults(one, db_exception.DBConnectionError(), 1, after=False, times=10**6)
    arguments = [THING] if call == "get" else []
    with pytest.raises(DatabaseUnreadable):
        getattr(one.claims, call)(*arguments)


def test_a_table_that_two_make_at_once_is_made(
    one: Process, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = schema._run

    def run(engine: Any) -> None:
        """Both have seen that it is not there."""
        original(other.engine)
        original(engine)

    monkeypatch.setattr(schema, "_run", run)
    assert one.take().owner == one.owner


def test_a_table_that_cannot_be_made_is_told_and_made_later(
    one: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(schema, "_run", raising(db_exception.DBError(Exception("read-only"))))
        with pytest.raises(DatabaseUnreadable):
            one.take()
    assert one.claims.held == frozenset()
    assert one.take().owner == one.owner


def test_the_table_is_made_again_in_a_new_database(tmp_path: Path, one: Process) -> None:
    one.take()
    one.engine = engines.create_engine(f"sqlite:///{tmp_path / 'new.sqlite'}")
    assert one.claims.all() == []


def test_a_database_that_knows_whole_seconds_alone_loses_no_claim(
    one: Process, other: Process
) -> None:
    """MySQL's DATETIME rounds."""
    claim = one.take()
    with one.engine.begin() as connection:
        half = claim.since.replace(microsecond=0, tzinfo=None) + datetime.timedelta(seconds=1)
        connection.execute(claim_table.TABLE.update().values(since=half))
    (known,) = one.claims.all()
    assert one.sees_alive(known)
    assert other.sees_alive(known)
    one.dies()
    assert other.take().owner == other.owner


def test_the_oldest_claim_comes_first(one: Process) -> None:
    ids = [str(uuid.UUID(int=number)) for number in (3, 1, 2)]
    for thing in ids:
        one.take(thing)
    with one.engine.begin() as connection:
        for days, thing in enumerate(reversed(ids)):
            moment = ago(86400 * (days + 1)).replace(tzinfo=None)
            table = claim_table.TABLE
            connection.execute(table.update().where(table.c.id == thing).values(since=moment))
    assert [claim.id for claim in one.claims.all()] == ids


def test_a_claim_is_all_in_the_table(one: Process) -> None:
    assert {column.name for column in claim_table.TABLE.columns} == set(asdict(one.take())) - {
        "took_over"  # the taker's alone
    }

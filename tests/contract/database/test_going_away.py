# SPDX-License-Identifier: Apache-2.0
"""A real MariaDB that ends connections, restarts, is away, read-only, locked, or loses a reply."""

import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest
import sqlalchemy as sa

from karbor_manila.database.errors import DatabaseUnreadable
from karbor_manila.database.known_banks import KnownBanks
from karbor_manila.recovery.claim_table import NO_OWNER, ClaimTable
from sandbox.cluster import mariadb
from tests.contract.database.claiming import claim
from tests.contract.database.servers import MARIADB, Database
from tests.unit.recovery.claims.stage import Process

THING = str(uuid.UUID(int=0xC))


@pytest.fixture
def engine(maria: Database) -> Any:
    return maria.engine()


@pytest.fixture
def table(engine: Any) -> ClaimTable:
    table = ClaimTable(lambda: engine)
    table.all()
    return table


class Ended:
    """Each connection is ended by the server at one point of its n-th transaction from now on."""

    def __init__(self, maria: Database, engine: Any, point: str, times: int = 1) -> None:
        self.maria, self.point, self.left = maria, point, times
        #: How often it has happened.
        self.seen = 0
        if point == "before the statement":
            sa.event.listen(engine, "before_cursor_execute", self._before)
        elif point == "after the statement":
            sa.event.listen(engine, "after_cursor_execute", self._before)
        else:
            sa.event.listen(engine, "commit", self._commit)

    def _before(self, connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if "karbor_manila" in statement:
            self._end(connection)

    def _commit(self, connection: Any) -> None:
        """The reply is lost: it was carried out before the connection ended."""
        if self.left > self.seen:
            connection.connection.connection.commit()
        self._end(connection)

    def _end(self, connection: Any) -> None:
        if self.left > self.seen:
            self.seen += 1
            self.maria.run(f"KILL CONNECTION {connection.connection.connection.thread_id()}")


POINTS = ["before the statement", "after the statement", "the reply to the commit"]


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("kind", ["insert", "replace", "delete", "disown", "read"])
def test_a_connection_that_ends_makes_no_difference_to_the_rows(
    maria: Database, engine: Any, table: ClaimTable, no_pauses: None, kind: str, point: str
) -> None:
    old, new = claim(THING), claim(THING)
    if kind != "insert":
        table.insert(old)
    ended = Ended(maria, engine, point)
    work: dict[str, Callable[[], Any]] = {
        "insert": lambda: table.insert(new),
        "replace": lambda: table.replace(old, new),
        "delete": lambda: table.delete(THING, old.token),
        "disown": lambda: table.disown(THING, old.token),
        "read": lambda: table.get(THING),
    }
    done = work[kind]()
    assert ended.seen == 1
    rows = ClaimTable(maria.engine).all()
    if kind in ("insert", "replace"):
        # Whether it was written is told by the row when the reply was lost.
        assert done is (point != "the reply to the commit")
        assert rows == [new]
    elif kind == "delete":
        assert rows == []
    elif kind == "disown":
        assert [row.owner for row in rows] == [NO_OWNER]
    else:
        assert [done] == rows == [old]


@pytest.mark.parametrize("point", POINTS)
def test_the_bank_is_known_whichever_reply_was_lost(
    maria: Database, engine: Any, no_pauses: None, point: str
) -> None:
    banks = KnownBanks(lambda: engine)
    banks.all()
    for number, work in enumerate(
        (
            lambda: banks.add("p0", "b0"),
            lambda: banks.give("p1", lambda: "b1"),
            lambda: banks.accept("p2", "b2"),
        )
    ):
        ended = Ended(maria, engine, point)
        assert work().bank_id == f"b{number}"
        assert ended.seen == 1
    rows = KnownBanks(maria.engine).all()
    assert [(row.provider_id, row.bank_id) for row in rows] == [
        ("p0", "b0"),
        ("p1", "b1"),
        ("p2", "b2"),
    ]


@pytest.fixture
def process(maria: Database, tmp_path: Path) -> Process:
    process = Process(tmp_path, maria.engine())
    process.claims.all()
    return process.lives()


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("nth", range(1, 8))
def test_one_who_takes_over_a_dead_ones_work_has_taken_it_over_whichever_reply_was_lost(
    maria: Database, tmp_path: Path, process: Process, no_pauses: None, nth: int, point: str
) -> None:
    """So that what fails afterwards leaves it to the reconciliation, and does not give it back."""
    dead = Process(tmp_path, maria.engine())
    dead.take()
    dead.dies()
    seen = []

    def begins(connection: Any) -> None:
        seen.append(connection)
        if len(seen) == nth:
            Ended(maria, process.engine, point)

    sa.event.listen(process.engine, "begin", begins)
    taken = process.take()
    assert taken.owner == process.owner
    assert taken.took_over
    assert [row.token for row in process.claims.all()] == [taken.token]


# -- a server of its own -----------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[mariadb.Server]:
    """One that a test may stop."""
    try:
        mariadb.program()
    except Exception as missing:  # noqa: BLE001 - what is missing is the reason
        pytest.skip(str(missing))
    server = mariadb.Server(tmp_path, {"karbor": "karbor"})
    server.start()
    yield server
    server.resume()
    server.stop()


def test_a_server_that_is_killed_and_started_again_is_found_by_the_same_engine(
    own: mariadb.Server,
) -> None:
    database = Database(MARIADB, own.url("karbor"), own)
    engine = database.engine()
    table = ClaimTable(lambda: engine)
    kept = claim(THING)
    table.insert(kept)
    own.kill()
    back = threading.Thread(target=own.start)
    back.start()
    assert table.get(THING) == kept
    back.join()
    own.stop()
    with pytest.raises(DatabaseUnreadable) as caught:
        _without_pauses(table, lambda: table.insert(claim(THING)))
    assert caught.value.cause == "DBConnectionError"
    own.start()
    assert not table.insert(claim(THING))
    database.close()


def test_a_read_only_server_is_read_and_told_of_and_written_once_it_may_be(
    own: mariadb.Server, no_pauses: None
) -> None:
    database = Database(MARIADB, own.url("karbor"), own)
    engine = database.engine()
    table = ClaimTable(lambda: engine)
    kept = claim(THING)
    table.insert(kept)
    database.run("SET GLOBAL read_only = 1")
    fresh = database.engine()
    assert ClaimTable(lambda: fresh).get(THING) == kept  # as a process that starts now
    for write in (
        lambda: table.insert(claim(str(uuid.uuid4()))),
        lambda: table.replace(kept, claim(THING)),
        lambda: table.delete(THING, kept.token),
        lambda: KnownBanks(lambda: engine).accept("p", "b"),
    ):
        with pytest.raises(DatabaseUnreadable):
            write()
    assert table.all() == [kept]
    database.run("SET GLOBAL read_only = 0")
    table.delete(THING, kept.token)
    assert table.all() == []
    database.close()


def test_a_row_that_another_transaction_holds_is_waited_for(
    own: mariadb.Server, no_pauses: None
) -> None:
    database = Database(MARIADB, own.url("karbor"), own)
    database.run("SET GLOBAL innodb_lock_wait_timeout = 1")
    engine, other = database.engine(), database.engine()
    table = ClaimTable(lambda: engine)
    table.all()
    mine, theirs = claim(THING), claim(THING)
    with other.begin() as connection:
        connection.execute(ClaimTable.table.insert().values(**_row(theirs)))
        with pytest.raises(DatabaseUnreadable) as caught:
            table.insert(mine)
        assert caught.value.cause == "DBDeadlock"
    assert table.insert(mine) is False
    database.close()


def test_a_server_with_another_time_zone_changes_no_time(own: mariadb.Server) -> None:
    database = Database(MARIADB, own.url("karbor"), own)
    database.run("SET GLOBAL time_zone = '+05:30'")
    one = database.engine()
    table, banks = ClaimTable(lambda: one), KnownBanks(lambda: one)
    kept = claim(THING)
    table.insert(kept)
    row = banks.accept("p", "b")
    database.run("SET GLOBAL time_zone = '-08:00'")
    other = database.engine()
    assert ClaimTable(lambda: other).all() == [kept]
    assert KnownBanks(lambda: other).get("p") == row
    database.close()


def _row(mine: Any) -> dict[str, Any]:
    row = {name: getattr(mine, name) for name in ClaimTable.table.columns.keys()}  # noqa: SIM118 - no dict
    return row | {"since": mine.since.replace(tzinfo=None)}


def _without_pauses(table: ClaimTable, work: Callable[[], Any]) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("oslo_db.api.time.sleep", lambda _seconds: None)
        return work()


# -- what fits ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bank_id", ["x" * 256, "\U0001f600", pytest.param("\u20ac" * 255, id="fits")]
)
def test_what_does_not_fit_is_refused_and_never_cut(maria: Database, bank_id: str) -> None:
    engine = maria.engine()
    banks = KnownBanks(lambda: engine)
    if bank_id == "\u20ac" * 255:
        assert banks.add("p", bank_id).bank_id == bank_id
        assert banks.get("p") == banks.add("p", "other")
        return
    with pytest.raises(DatabaseUnreadable):
        banks.add("p", bank_id)
    assert banks.all() == []


def test_kinds_of_errors_are_told_by_name_alone(maria: Database, no_pauses: None) -> None:
    """A statement holds values, and an address of the database a password."""
    engine = maria.engine(maria.url.replace("karbor:karbor@", "karbor:wrong-secret@"))
    with pytest.raises(DatabaseUnreadable) as caught:
        ClaimTable(lambda: engine).all()
    assert "secret" not in str(caught.value)
    assert isinstance(caught.value.__cause__.orig, pymysql.err.OperationalError)

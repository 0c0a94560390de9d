# SPDX-License-Identifier: Apache-2.0
"""Our tables are made, adopted and upgraded, by whoever comes first, and nothing is lost."""

import datetime
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import alembic.autogenerate
import alembic.migration
import pytest
import sqlalchemy as sa
from oslo_db import exception as db_exception

from karbor_manila.database import lock, schema
from karbor_manila.database.errors import DatabaseUnreadable, SchemaNewer, UpgradeFailed
from karbor_manila.database.known_banks import KnownBanks
from karbor_manila.recovery.claim_table import Claim, ClaimTable
from tests.contract.database.servers import Database

SINCE = datetime.datetime(2026, 11, 26, 21, 0, 1, tzinfo=datetime.UTC)
TABLES = (ClaimTable.table, KnownBanks.table)
OURS = {table.name for table in TABLES} | {schema.VERSION_TABLE}


class Died(BaseException):
    """The process was killed."""


def claim(number: int) -> Claim:
    ids = [f"00000000-0000-0000-0000-{number:04}0000000{each}" for each in range(5)]
    return Claim(ids[0], "protect", ids[1], ids[2], ids[3], ids[4], SINCE)


def by_the_release_before(engine: Any) -> tuple[ClaimTable, KnownBanks]:
    """Its tables, made as that release made them, with a row in each."""
    claims, banks = ClaimTable(lambda: engine), KnownBanks(lambda: engine)
    for table in (claims, banks):
        table.table.create(engine, checkfirst=True)
        table._ready = engine
    assert claims.insert(claim(1))
    banks.add("provider", "bank")
    return claims, banks


def named(engine: Any) -> set[str]:
    return set(sa.inspect(engine).get_table_names())


def test_a_new_database_gets_the_tables_that_the_code_reads(database: Database) -> None:
    engine = database.engine()
    assert schema.version(engine) is None
    assert schema.upgrade(engine) == (None, schema.HEAD)
    assert named(engine) == OURS
    metadata = sa.MetaData()
    for table in TABLES:
        table.tometadata(metadata)
    with engine.connect() as connection:
        context = alembic.migration.MigrationContext.configure(
            connection, opts={"version_table": schema.VERSION_TABLE, "compare_type": True}
        )
        assert alembic.autogenerate.compare_metadata(context, metadata) == []
    assert schema.upgrade(engine) == (schema.HEAD, schema.HEAD)


def test_what_is_needed_is_what_the_code_reads() -> None:
    assert {table.name: {each.name for each in table.columns} for table in TABLES} == schema.NEEDED


def test_every_revision_is_known_by_its_file_and_in_its_order() -> None:
    scripts = alembic.script.ScriptDirectory(str(schema._SCRIPTS))
    found = [each.revision for each in scripts.walk_revisions()]
    assert tuple(reversed(found)) == schema.REVISIONS


def test_tables_of_the_release_before_are_adopted_row_for_row(database: Database) -> None:
    by_the_release_before(database.engine())
    engine = database.engine()
    assert ClaimTable(lambda: engine).all() == [claim(1)]
    assert [each.bank_id for each in KnownBanks(lambda: engine).all()] == ["bank"]
    assert schema.version(engine) == schema.HEAD


def test_the_release_before_goes_on_beside_it(database: Database) -> None:
    claims, banks = by_the_release_before(database.engine())
    engine = database.engine()
    schema.ensure(engine)
    ours = ClaimTable(lambda: engine)
    assert not ours.insert(claim(1))
    assert claims.insert(claim(2))
    assert ours.insert(claim(3))
    assert ours.replace(claim(2), claim(2))
    assert {each.id for each in claims.all()} == {claim(number).id for number in (1, 2, 3)}
    assert banks.get("provider") == KnownBanks(lambda: engine).get("provider")


def test_one_table_of_the_release_before_is_enough_to_begin_with(database: Database) -> None:
    engine = database.engine()
    ClaimTable.table.create(engine)
    schema.ensure(engine)
    assert named(engine) == OURS


def test_what_is_not_ours_stays_as_it_is(database: Database) -> None:
    engine = database.engine()
    with engine.begin() as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.execute("INSERT INTO alembic_version VALUES ('another one')")
    schema.ensure(engine)
    with engine.begin() as connection:
        assert connection.execute("SELECT * FROM alembic_version").scalar() == "another one"


STARTING = """
import sys
from oslo_db.sqlalchemy import engines
from karbor_manila.database import schema
from karbor_manila.database.known_banks import KnownBanks
from karbor_manila.recovery.claim_table import ClaimTable
engine = engines.create_engine(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
schema.ensure(engine)
KnownBanks(lambda: engine).add("provider", "bank")
print(schema.version(engine), len(ClaimTable(lambda: engine).all()))
"""


def test_processes_that_start_at_once_make_it_once(database: Database) -> None:
    argv = [sys.executable, "-W", "ignore", "-c", STARTING, database.url]
    started = [
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _each in range(2)
    ]
    for each in started:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in started:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    assert [each.communicate(timeout=120)[0] for each in started] == [f"{schema.HEAD} 0\n"] * 2


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_who_is_killed_in_between_leaves_what_the_next_one_completes(
    database: Database, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    """Before the first table, between them, and before the version is written down."""
    engine = database.engine()
    seen = []

    @sa.event.listens_for(engine, "before_cursor_execute")
    def dying(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if statement.strip().startswith(("CREATE TABLE karbor", "\nCREATE TABLE karbor", "INSERT")):
            seen.append(statement)
        if len(seen) == nth + 1:
            raise Died

    with pytest.raises(Died):
        schema.ensure(engine)
    engine.dispose()
    after = database.engine()
    assert schema.version(after) is None
    schema.ensure(after)
    assert schema.version(after) == schema.HEAD
    assert named(after) == OURS


# -- other releases ----------------------------------------------------------------------------

LATER = """
import sqlalchemy as sa
from alembic import op
revision = "0002"
down_revision = "0001"

def upgrade():
    table = "karbor_manila_claims"
    columns = sa.inspect(op.get_bind()).get_columns(table)
    if "why" not in [column["name"] for column in columns]:
        op.add_column(table, sa.Column("why", sa.String(36)))
"""


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """From its call on this is a release with one more revision."""

    def install() -> None:
        scripts = tmp_path / "50% more"
        shutil.copytree(schema._SCRIPTS, scripts)
        (scripts / "versions" / "v0002_why.py").write_text(LATER)
        monkeypatch.setattr(schema, "_SCRIPTS", scripts)
        monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, "0002"))
        monkeypatch.setattr(schema, "HEAD", "0002")

    return install


@pytest.mark.parametrize("adopted", [False, True])
def test_a_later_release_upgrades_and_this_one_goes_on(
    database: Database, later: Callable[[], Any], adopted: bool
) -> None:
    ours = database.engine()
    if adopted:
        by_the_release_before(ours)
    else:
        schema.ensure(ours)
    running = ClaimTable(lambda: ours)
    running._ready = ours
    later()
    new = database.engine()
    assert schema.upgrade(new) == (None if adopted else "0001", "0002")
    assert running.insert(claim(2))
    assert len(running.all()) == 1 + adopted


def test_this_release_refuses_what_a_later_one_has_upgraded_and_changes_nothing(
    database: Database,
) -> None:
    engine = database.engine()
    schema.ensure(engine)
    with engine.begin() as connection:
        connection.execute(f"UPDATE {schema.VERSION_TABLE} SET version_num = '0815'")
    fresh = database.engine()
    for ask in (schema.ensure, schema.upgrade, lambda _engine: ClaimTable(lambda: fresh).all()):
        with pytest.raises(SchemaNewer) as caught:
            ask(fresh)
        assert "version 0815" in str(caught.value)
        assert "install that one" in str(caught.value)
        assert isinstance(caught.value, DatabaseUnreadable)  # a request is refused, not a crash
    assert schema.version(fresh) == "0815"


# -- who may not change tables -----------------------------------------------------------------


@pytest.fixture
def reader(maria: Database) -> Any:
    """The engine of a user who may read and write rows alone."""
    maria.run("CREATE OR REPLACE USER 'rows'@'127.0.0.1' IDENTIFIED BY 'rows'")
    maria.run(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {maria.name}.* TO 'rows'@'127.0.0.1'")
    return maria.engine(maria.url.replace("karbor:karbor@", "rows:rows@"))


def test_who_may_not_make_tables_is_told_what_to_do(reader: Any, no_pauses: None) -> None:
    with pytest.raises(UpgradeFailed) as caught:
        ClaimTable(lambda: reader).all()
    assert "karbor-manila db upgrade" in str(caught.value)
    assert named(reader) == set()


def test_who_may_not_make_tables_works_once_somebody_has(reader: Any, maria: Database) -> None:
    schema.upgrade(maria.engine())
    assert ClaimTable(lambda: reader).insert(claim(1))


def test_tables_of_the_release_before_serve_who_may_not_write_the_version(
    reader: Any, maria: Database, no_pauses: None
) -> None:
    """Releases before this one asked for the right to make tables once, at their first use."""
    by_the_release_before(maria.engine())
    claims = ClaimTable(lambda: reader)
    assert claims.all() == [claim(1)]
    assert claims.insert(claim(2))
    assert schema.version(reader) is None


def test_a_table_without_transactions_is_not_made(maria: Database) -> None:
    """Whatever the server's own default is: a claim needs them."""
    engine = maria.engine()
    with engine.connect() as connection:
        connection.execute("SET SESSION default_storage_engine = MyISAM")
    schema.ensure(engine)
    rows = maria.run(
        f"SELECT engine FROM information_schema.tables WHERE table_schema = '{maria.name}'"
        " AND table_name LIKE 'karbor_manila_%s'"
    )
    assert {each for (each,) in rows} == {"InnoDB"}


def test_the_lock_is_the_databases_own_and_goes_with_its_process(maria: Database) -> None:
    one, other = maria.engine(), maria.engine()
    with one.connect() as first, other.connect() as second:
        with lock.held(first):
            taken = second.execute(
                sa.text("SELECT IS_FREE_LOCK(:name)"), name=f"karbor-manila:{maria.name}"
            )
            assert taken.scalar() == 0
        with lock.held(second):
            pass


def test_the_lock_is_waited_for_and_not_for_ever(
    served: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "PATIENCE", 1)
    one, other = served.engine(), served.engine()
    with one.connect() as first, other.connect() as second:
        with lock.held(first), pytest.raises(db_exception.DBDeadlock), lock.held(second):
            pass
        with lock.held(second):
            pass

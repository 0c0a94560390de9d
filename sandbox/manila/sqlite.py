# SPDX-License-Identifier: Apache-2.0
"""Cures that let Manila 23 run on SQLite with many threads. Sandbox only.

Manila is written for MariaDB and PostgreSQL, which need none of this; nothing here changes what
Manila answers. What ails it on SQLite, and the cure:

1. A transaction that starts by reading and writes later gets "database is locked" at once when
   another one wrote in between; waiting cannot help it. Cure: writers say BEGIN IMMEDIATE and so
   wait at the start, where waiting does help; readers have an engine of their own that says
   plain BEGIN and, in WAL mode, neither wait nor are waited for. Which engine is which stands in
   the ``isolation_level`` of its URL ([database] connection and slave_connection).
2. Inside one write transaction Manila opens another that is independent of it
   (manila/db/sqlalchemy/api.py: _share_instance_delete, and quotas from there). SQLite has one
   writer, so the inner one waits for the outer one, which waits for it. Cure: the inner one joins
   the outer one. Not as a savepoint: quota_reserve commits and begins again by itself.
3. SQLite lets waiting writers in by chance, and one of many threads was seen to wait for a minute.
   Cure: they queue up for BEGIN IMMEDIATE in the order in which they came (turns.py).
4. oslo.db opens a connection for each transaction, reads the schema of 60 tables and, when it is
   the only one open, folds the write-ahead log into the database on closing. Cure: connections
   are kept, which saves about a quarter of Manila's CPU time.
5. ``manila-manage db sync`` fails on SQLite. Cure: make the tables from Manila's models and stamp
   them with the newest revision.
"""

import contextlib
import sqlite3

import sqlalchemy
from alembic import script
from manila import context as manila_context
from manila.db import migration
from manila.db.migrations.alembic import migration as alembic_migration
from manila.db.sqlalchemy import api as db_api
from manila.db.sqlalchemy import models
from oslo_db.sqlalchemy import enginefacade
from oslo_log import log
from sqlalchemy import pool

from sandbox.manila import turns

LOG = log.getLogger(__name__)

BUSY_SECONDS = 60
"""How long a writer waits for the others."""

CONNECTIONS = 20
"""How many idle connections to keep; more are opened as needed and closed after use."""

_HAS_TURN = "sandbox_has_turn"
_WRITERS = turns.Turns()


class WrongDatabase(Exception):
    """The database was made by another version of Manila."""

    def __init__(self, found: str | None, wanted: str):
        self.found = found
        self.wanted = wanted
        super().__init__(
            f"the sandbox database has revision {found}, this Manila needs {wanted}: "
            "remove the state folder or use the Manila that made it"
        )


def install() -> None:
    """Apply cures 1 to 4. Call once, before the first use of the database."""
    db_api.context_manager.append_on_engine_create(_cure_engine)
    manager = enginefacade._TransactionContextManager
    manager._transaction_scope = _joining(manager._transaction_scope)


def prepare() -> None:
    """Make the tables unless they are there (cure 5).

    :raises WrongDatabase: kept state of another version of Manila
    """
    engine = db_api.get_engine()
    with contextlib.closing(sqlite3.connect(engine.url.database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")  # kept in the file, for all connections
    if not sqlalchemy.inspect(engine).has_table("alembic_version"):
        # A process killed in between finds some of the tables, and no stamp: it goes on here.
        models.BASE.metadata.create_all(engine)
        migration.stamp("head")
        LOG.info("Made the tables of %s.", engine.url.database)
    found = migration.version()
    wanted = script.ScriptDirectory.from_config(
        alembic_migration._alembic_config()
    ).get_current_head()
    if found != wanted:
        raise WrongDatabase(found, wanted)


def _cure_engine(engine: sqlalchemy.Engine) -> None:
    """Set up an engine that oslo.db has just made."""
    _keep_connections(engine)
    level = engine.url.query["isolation_level"]
    writes = level == "IMMEDIATE"

    @sqlalchemy.event.listens_for(engine, "connect")
    def connected(connection, _record):
        connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
        # Enough against a killed process; a power cut may cost the last transactions.
        connection.execute("PRAGMA synchronous = NORMAL")

    @sqlalchemy.event.listens_for(engine, "before_cursor_execute", retval=True)
    def executing(connection, _cursor, statement, parameters, _context, _many):
        # oslo.db opens every transaction with a plain BEGIN (oslo_db/sqlalchemy/engines.py).
        if statement == "BEGIN":
            statement = "BEGIN " + level
            if writes and not connection.info.get(_HAS_TURN):
                _WRITERS.take(BUSY_SECONDS)
                connection.info[_HAS_TURN] = True
        return statement, parameters

    @sqlalchemy.event.listens_for(engine, "checkin")
    def returned(_connection, record):
        if record.info.pop(_HAS_TURN, False):
            _WRITERS.give()


def _keep_connections(engine: sqlalchemy.Engine) -> None:
    """Give an engine a pool that keeps connections (cure 4), with the listeners of its old one.

    oslo.db offers no option for this: it insists on NullPool for SQLite files.
    """
    engine.pool = pool.QueuePool(
        engine.pool._creator,
        pool_size=CONNECTIONS,
        max_overflow=-1,
        dialect=engine.dialect,
        _dispatch=engine.pool.dispatch,
    )


def _joining(original):
    """Wrap enginefacade's scope so that independent ones join a write transaction around them."""

    @contextlib.contextmanager
    def scope(self, context):
        around = _transaction_of(context)
        if self._independent and around is not None and around.mode is enginefacade._WRITER:
            self = self._clone(independent=False)
        with original(self, context) as resource:
            yield resource

    return scope


def _transaction_of(context: manila_context.RequestContext):
    """Answer the transaction that a context has open in this thread, or None."""
    by_thread = enginefacade._transaction_contexts_by_thread(context)
    return getattr(by_thread, "current", None)

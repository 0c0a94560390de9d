# SPDX-License-Identifier: Apache-2.0
"""One process at a time, on all hosts, changes our tables or puts a plan back."""

import contextlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception

_NAME = "karbor-manila"
#: PostgreSQL's locks have numbers of eight bytes.
_NUMBER = int.from_bytes(_NAME.encode()[:7], "big")

#: PostgreSQL's code of a lock that was not given within ``lock_timeout``.
_LOCK_NOT_AVAILABLE = "55P03"

#: Seconds for which another process is waited for.
PATIENCE = 60


@contextlib.contextmanager
def held(connection: Any) -> Iterator[None]:
    """While this is held no other process holds it. It goes with the connection: who is killed
    leaves none.

    In MySQL and MariaDB, whose statements on tables cannot be rolled back, it is a named lock, of
    one server: two processes on two nodes of a Galera cluster may meet, and a revision must be able
    to find its work done. PostgreSQL and SQLite do all of it in one transaction.

    :raises DBDeadlock: another process has it for longer than a minute
    """
    if connection.dialect.name == "mysql":
        with _named(connection):
            yield
        return
    with connection.begin():
        if connection.dialect.name == "postgresql":
            _take_number(connection)
        yield


def _take_number(connection: Any) -> None:
    connection.execute(sa.text(f"SET LOCAL lock_timeout = '{PATIENCE}s'"))
    try:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:number)"), number=_NUMBER)
    except sa.exc.OperationalError as error:
        if getattr(error.orig, "pgcode", None) == _LOCK_NOT_AVAILABLE:
            raise db_exception.DBDeadlock(error) from error
        raise
    # What comes now waits for others' locks as this database says.
    connection.execute(sa.text("SET LOCAL lock_timeout TO DEFAULT"))


@contextlib.contextmanager
def _named(connection: Any) -> Iterator[None]:
    # The name is of the server; the databases of two Karbors on it have one each.
    name = {"name": f"{_NAME}:{connection.engine.url.database}"[:64]}
    taken = connection.execute(sa.text("SELECT GET_LOCK(:name, :wait)"), wait=PATIENCE, **name)
    if taken.scalar() != 1:
        raise db_exception.DBDeadlock()
    try:
        yield
    finally:
        # A connection that was lost took the lock with it; that is not what is to be told.
        if not connection.invalidated:
            connection.execute(sa.text("SELECT RELEASE_LOCK(:name)"), **name)

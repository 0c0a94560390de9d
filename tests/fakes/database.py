# SPDX-License-Identifier: Apache-2.0
"""Karbor's database with all tables, on SQLite ours, too.

SQLAlchemy and alembic need a quarter of a second to make them, and thousands of tests ask for
them: they are made once in a process, and copied since.
"""

import contextlib
import functools
import sqlite3
from typing import Any

import sqlalchemy
from karbor.db.sqlalchemy import models
from sqlalchemy import pool

from karbor_manila.database import schema


def fill(engine: Any) -> None:
    """Have all tables, without a row; a database that has tables stays as it is.

    :param engine: SQLAlchemy's; of a server, whose first user makes our tables
    """
    if engine.name != "sqlite":
        models.BASE.metadata.create_all(engine)
        return
    if engine.has_table(models.Plan.__tablename__):
        return
    with contextlib.closing(engine.raw_connection()) as empty:
        _made().backup(empty.connection)


@functools.cache
def _made() -> sqlite3.Connection:
    engine = sqlalchemy.create_engine(
        "sqlite://", poolclass=pool.StaticPool, connect_args={"check_same_thread": False}
    )
    models.BASE.metadata.create_all(engine)
    schema.upgrade(engine)
    made: sqlite3.Connection = engine.raw_connection().connection
    return made

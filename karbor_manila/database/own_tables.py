# SPDX-License-Identifier: Apache-2.0
"""What our tables in Karbor's database have in common, its retry policy among it.

Karbor's migrations do not know the tables: each is made at its first use. oslo.db's wrap_db_retry
repeats a transaction after a deadlock, a lost connection or a lock.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa
from karbor.db.sqlalchemy import api as karbor_db
from oslo_db import api as oslo_db_api
from oslo_db import exception as db_exception

from karbor_manila.database.errors import DatabaseUnreadable

F = TypeVar("F", bound=Callable[..., Any])

# oslo.db translates most errors of SQLAlchemy and leaves OperationalError as it is: a table that is
# there already (MySQL, SQLite), a database that is locked.
ERRORS = (db_exception.DBError, sa.exc.SQLAlchemyError)

_repeated = oslo_db_api.wrap_db_retry(
    max_retries=5,
    retry_interval=0.2,
    inc_retry_interval=True,
    max_retry_interval=2,
    retry_on_deadlock=True,
    retry_on_disconnect=True,
    exception_checker=lambda error: isinstance(error, sa.exc.OperationalError),
)


def retrying(transaction: F) -> F:
    """Repeats a transaction of an :class:`OwnTable`: Karbor's database may be locked or restarted
    for a moment.

    :raises DatabaseUnreadable: that lasts longer than five repetitions, 0.2 to 2 seconds apart, or
        the database fails in another way
    """
    repeated = _repeated(transaction)

    @functools.wraps(transaction)
    def checked(self: "OwnTable", *args: Any, **kwargs: Any) -> Any:
        try:
            return repeated(self, *args, **kwargs)
        except ERRORS as error:
            raise DatabaseUnreadable(self.holds, type(error).__name__) from error

    return checked  # type: ignore[return-value]


class OwnTable:
    """A table of ours, made at its first use.

    :param engine: gives the SQLAlchemy engine of Karbor's database
    """

    table: sa.Table
    #: What it holds, after "could not be asked for".
    holds: str

    def __init__(self, engine: Callable[[], Any] = karbor_db.get_engine) -> None:
        self._engine = engine
        self._made: Any = None

    @property
    def engine(self) -> Any:
        """The engine of Karbor's database."""
        return self._engine()

    def _begin(self) -> Any:
        """A transaction, for a ``with`` statement that gives its connection; the table is there."""
        engine = self.engine
        if self._made is not engine:
            try:
                self.table.create(engine, checkfirst=True)
            except ERRORS:
                # Another process may have made it in the same moment.
                if not engine.has_table(self.table.name):
                    raise
            self._made = engine
            self._moved()
        return engine.begin()

    def _moved(self) -> None:
        """Forget what was kept in memory: the engine is of another database than before."""

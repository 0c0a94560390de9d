# SPDX-License-Identifier: Apache-2.0
"""What our tables in Karbor's database have in common: transactions that are repeated when the
database is away for a moment, on tables of this release's version (:mod:`.schema`)."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa
from karbor.db.sqlalchemy import api as karbor_db

from karbor_manila.database import schema
from karbor_manila.database.errors import DatabaseUnreadable
from karbor_manila.database.retries import ERRORS, repeated

F = TypeVar("F", bound=Callable[..., Any])


def retrying(transaction: F) -> F:
    """Repeats a transaction of an :class:`OwnTable`: Karbor's database may be locked or restarted
    for a moment.

    :raises DatabaseUnreadable: that lasts longer than five repetitions, 0.2 to 2 seconds apart, or
        the database fails in another way
    """
    again = repeated(transaction)

    @functools.wraps(transaction)
    def checked(self: "OwnTable", *args: Any, **kwargs: Any) -> Any:
        try:
            return again(self, *args, **kwargs)
        except ERRORS as error:
            raise DatabaseUnreadable(self.holds, type(error).__name__) from error

    return checked  # type: ignore[return-value]


class OwnTable:
    """A table of ours, which is brought up to date at its first use.

    :param engine: gives the SQLAlchemy engine of Karbor's database
    """

    table: sa.Table
    #: What it holds, after "could not be asked for".
    holds: str

    def __init__(self, engine: Callable[[], Any] = karbor_db.get_engine) -> None:
        self._engine = engine
        self._ready: Any = None

    @property
    def engine(self) -> Any:
        """The engine of Karbor's database."""
        return self._engine()

    def _begin(self) -> Any:
        """A transaction, for a ``with`` statement that gives its connection; the table is there.

        :raises DatabaseUnreadable: the table is of another release
        """
        engine = self.engine
        if self._ready is not engine:
            schema.ensure(engine)
            self._ready = engine
            self._moved()
        return engine.begin()

    def _moved(self) -> None:
        """Forget what was kept in memory: the engine is of another database than before."""

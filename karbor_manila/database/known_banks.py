# SPDX-License-Identifier: Apache-2.0
"""The table of the banks that are known, by provider: what lies in a folder may be another one."""

import datetime
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from karbor.db.sqlalchemy import api as karbor_db
from oslo_db import exception as db_exception
from oslo_utils import timeutils

from karbor_manila.database.own_tables import OwnTable, retrying

_TABLE = sa.Table(
    "karbor_manila_banks",
    sa.MetaData(),
    sa.Column("provider_id", sa.String(36), primary_key=True),
    sa.Column("bank_id", sa.String(255), nullable=False),
    sa.Column("since", sa.DateTime, nullable=False),
)

# So many seconds a row that was read serves for.
_RECENT = 5.0

# No provider has this id. Who has inserted it (and has not committed) is the only one, on all
# hosts, who gives a bank its id.
_GIVING = "(a bank is given its id)"


@dataclass(frozen=True)
class Known:
    """The bank of a provider. ``since`` (UTC): what was made earlier need not be in it."""

    provider_id: str
    bank_id: str
    since: datetime.datetime


#: The ``since`` of a bank that was never accepted as incomplete.
EVER = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class KnownBanks(OwnTable):
    """The rows. Each method is one transaction, which is repeated when the database is away for a
    moment; it raises DatabaseUnreadable when that lasts.

    :param engine: gives the SQLAlchemy engine
    :param now: gives the seconds of a clock that is never set
    """

    table = _TABLE
    holds = "which bank is the provider's"

    def __init__(
        self,
        engine: Callable[[], Any] = karbor_db.get_engine,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(engine)
        self._now = now
        self._recent: dict[str, tuple[float, Known]] = {}
        # Two green threads of this process would wait for each other in SQLite's locks.
        self._giving = threading.Lock()
        #: By provider, the id of the bank that this process has last seen to be the known one.
        self.confirmed: dict[str, str] = {}

    @retrying
    def get(self, provider_id: str) -> Known | None:
        """The bank that is known for a provider, or None."""
        looked = self._now()
        with self._begin() as connection:
            known = _select(connection, provider_id)
        if known:
            self._recent[provider_id] = looked, known
        else:
            self._recent.pop(provider_id, None)
        return known

    def recent(self, provider_id: str) -> Known | None:
        """As :meth:`get`, at most five seconds ago: each request asks, and the row stays the same
        until an operator accepts another bank."""
        looked, known = self._recent.get(provider_id, (-_RECENT, None))
        if known and self._now() - looked < _RECENT:
            return known
        row: Known | None = self.get(provider_id)
        return row

    @retrying
    def all(self) -> list[Known]:
        """The bank of every provider for which one is known."""
        with self._begin() as connection:
            rows = connection.execute(_TABLE.select()).fetchall()
        return [_known(dict(row)) for row in rows]

    @retrying
    def add(self, provider_id: str, bank_id: str) -> Known:
        """Record the bank of a provider that has none.

        :returns: what is known then: another process may have recorded one first
        """
        try:
            with self._begin() as connection:
                connection.execute(_TABLE.insert().values(_row(provider_id, bank_id, EVER)))
        except db_exception.DBDuplicateEntry:
            pass  # another process was quicker, or the reply to our own insert was lost
        with self._begin() as connection:
            known = _select(connection, provider_id)
        if known is None:
            raise db_exception.DBError(f"the bank of {provider_id} is not there after its insert")
        return known

    @retrying
    def give(self, provider_id: str, give: Callable[[], str]) -> Known:
        """Have a bank given its id while no other process, on any host, gives one to any bank.

        Who dies in between leaves a bank with an id and no row, which is adopted.

        :param give: writes the id unless there is one, and returns the one that stands there
        """
        try:
            with self._giving, self._begin() as connection:
                connection.execute(_TABLE.insert().values(_row(_GIVING, "", EVER)))
                known = _select(connection, provider_id)
                if known is None:
                    row = _row(provider_id, give(), EVER)
                    connection.execute(_TABLE.insert().values(row))
                    known = _known(row)
                connection.execute(_TABLE.delete().where(_TABLE.c.provider_id == _GIVING))
        except db_exception.DBDuplicateEntry as error:
            # Somebody who gives none, but adds or accepts one, was quicker.
            raise db_exception.RetryRequest(error) from error
        return known

    @retrying
    def accept(self, provider_id: str, bank_id: str) -> Known:
        """From now on this is the bank of the provider; what it lacks was given up."""
        # Databases keep whole seconds, rounded: what was begun in this one was given up, too.
        since = timeutils.utcnow(with_timezone=True) + datetime.timedelta(seconds=1)
        row = _row(provider_id, bank_id, since)
        self._recent.pop(provider_id, None)
        try:
            with self._begin() as connection:
                same = _TABLE.c.provider_id == provider_id
                if not connection.execute(_TABLE.update().where(same).values(row)).rowcount:
                    connection.execute(_TABLE.insert().values(row))
        except db_exception.DBDuplicateEntry as error:
            raise db_exception.RetryRequest(error) from error  # there is a row by now
        return _known(row)

    def _moved(self) -> None:
        self.confirmed.clear()
        self._recent.clear()


def _select(connection: Any, provider_id: str) -> Known | None:
    row = connection.execute(_TABLE.select().where(_TABLE.c.provider_id == provider_id)).fetchone()
    return _known(dict(row)) if row else None


def _row(provider_id: str, bank_id: str, since: datetime.datetime) -> dict[str, Any]:
    return {
        "provider_id": provider_id,
        "bank_id": bank_id,
        "since": since.replace(tzinfo=None, microsecond=0),
    }


def _known(row: dict[str, Any]) -> Known:
    return Known(row["provider_id"], row["bank_id"], row["since"].replace(tzinfo=datetime.UTC))

# SPDX-License-Identifier: Apache-2.0
"""Processes that claim, and what goes wrong with their database."""

import datetime
import sqlite3
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception
from oslo_db.sqlalchemy import engines

from karbor_manila.bank import identity
from karbor_manila.recovery import claim_table, lease
from karbor_manila.recovery.claim_table import Claim
from karbor_manila.recovery.claims import Claims
from tests.unit.banks import FaultyPlugin, open_bank, open_provider
from tests.unit.clock import FakeClock

TIMEOUT = 60.0


THING = str(uuid.UUID(int=0xC))


PROVIDER = str(uuid.UUID(int=0x1))


class Process:
    """One karbor-protection process: its own bank, its own connection to the one database.

    :param engine: of a database of another kind
    """

    def __init__(self, folder: Path, engine: Any = None) -> None:
        self.engine = engine or engines.create_engine(f"sqlite:///{folder / 'karbor.sqlite'}")
        self.bank = open_bank(folder / "bank", FaultyPlugin)
        self.clock = FakeClock()
        self.claims = Claims(TIMEOUT, lambda: self.engine, self.clock)
        self.owner = self.bank.get_owner_id()

    def take(self, thing: str = THING, operation: str = "protect") -> Claim:
        return self.claims.take(
            thing, operation, provider_id=PROVIDER, checkpoint_id=thing, bank=self.bank
        )

    def lives(self) -> "Process":
        lease.renew(self.bank)
        return self

    def dies(self) -> "Process":
        """Killed: its pid is that of another process by now."""
        lease.renew(self.bank)
        return self.says(ticks=1)

    def says(self, **changes: Any) -> "Process":
        """Its lease, with other words in it."""
        key = f"{identity.PREFIX}/leases/{self.owner}"
        self.bank.update_object(key, self.bank.get_object(key) | changes)
        return self

    def sees_alive(self, claim: Claim) -> bool:
        return self.claims.is_alive(claim, self.bank)


def ago(seconds: float) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds)


def together(*calls: Callable[[], Any]) -> list[Any]:
    """What each returned or raised when all were called at the same moment."""
    line = threading.Barrier(len(calls))
    outcomes: list[Any] = [None] * len(calls)

    def run(number: int) -> None:
        line.wait()
        try:
            outcomes[number] = calls[number]()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            outcomes[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def before(process: Process, method: str, action: Callable[[], Any]) -> None:
    """Let ``action`` happen right before the first call of this method of the process's table."""
    table = process.claims._table
    original = getattr(table, method)

    def meanwhile(*args: Any) -> Any:
        setattr(table, method, original)
        action()
        return original(*args)

    setattr(table, method, meanwhile)


def age(process: Process, seconds: float) -> None:
    """Every claim is as if it had been made so long ago."""
    with process.engine.begin() as connection:
        connection.execute(
            claim_table.TABLE.update().values(since=ago(seconds).replace(tzinfo=None))
        )


def seen(process: Process, checkpoint: Any, status: str = "protecting") -> Any:
    """A checkpoint as this process reads it."""
    found = open_provider(process.bank).get_checkpoint(checkpoint.id)
    found.status = status
    return found


def raising(error: Exception) -> Callable[..., Any]:
    def raise_it(*_args: Any, **_kwargs: Any) -> Any:
        raise error

    return raise_it


# oslo.db leaves it as it is.
LOCKED = sa.exc.OperationalError("", {}, sqlite3.OperationalError("database is locked"))


ERRORS = [
    db_exception.DBConnectionError(),
    db_exception.DBDeadlock(),
    LOCKED,
]


class Faults:
    """Each transaction of a process's claims from the n-th on, ``times`` of them, goes wrong."""

    def __init__(
        self, process: Process, error: Exception, nth: int, *, after: bool, times: int = 1
    ) -> None:
        self.error = error
        self.first, self.last = nth, nth + times - 1
        self.after = after
        self.seen = 0
        self.begin = process.claims._table._begin
        process.claims._table._begin = self._begin  # type: ignore[method-assign]
        self.process = process

    def over(self) -> None:
        self.process.claims._table._begin = self.begin  # type: ignore[method-assign]

    def _begin(self) -> Any:
        self.seen += 1
        due = self.first <= self.seen <= self.last
        if due and not self.after:
            raise self.error
        return _Transaction(self.begin(), self.error if due else None)


class _Transaction:
    """One whose reply is lost, if there is an error: it was carried out."""

    def __init__(self, real: Any, error: Exception | None) -> None:
        self.real = real
        self.error = error

    def __enter__(self) -> Any:
        return self.real.__enter__()

    def __exit__(self, *raised: Any) -> Any:
        handled = self.real.__exit__(*raised)
        if self.error and not raised[0]:
            raise self.error
        return handled

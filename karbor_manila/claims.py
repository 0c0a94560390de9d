# SPDX-License-Identifier: Apache-2.0
"""Who works on what: a row in Karbor's database, taken by one conditional write.

Banks only overwrite, so two processes could both believe that an object in one is theirs. A
database has a primary key and ``UPDATE ... WHERE``: whoever works on a checkpoint, a restore or a
verification holds its row, and takes over that of an owner whose lease in the bank says that it is
dead. What is in work although nobody holds it is *abandoned*: nobody will ever bring it to an end,
so a DELETE, a reset-state or the reconciliation may.

The table is ours alone; Karbor's migrations do not know it.
"""

import dataclasses
import datetime
import threading
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa
from karbor.common import constants
from karbor.db.sqlalchemy import api as karbor_db
from oslo_db import api as oslo_db_api
from oslo_db import exception as db_exception
from oslo_log import log as logging
from oslo_utils import timeutils

from karbor_manila import exception, lease

LOG = logging.getLogger(__name__)

_TABLE = sa.Table(
    "karbor_manila_claims",
    sa.MetaData(),
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("operation", sa.String(32), nullable=False),
    sa.Column("provider_id", sa.String(36), nullable=False),
    sa.Column("checkpoint_id", sa.String(36), nullable=False),
    sa.Column("owner", sa.String(36), nullable=False),
    sa.Column("token", sa.String(36), nullable=False),
    sa.Column("since", sa.DateTime, nullable=False),
)

#: Statuses in which some process is at work on the checkpoint, or was.
IN_WORK = frozenset(
    {
        constants.CHECKPOINT_STATUS_PROTECTING,
        constants.CHECKPOINT_STATUS_DELETING,
        constants.CHECKPOINT_STATUS_WAIT_COPYING,
        constants.CHECKPOINT_STATUS_COPYING,
    }
)

# The owner of what its owner has left unfinished.
_NOBODY = ""

#: The operation of a claim by which something abandoned is brought to its end.
RECONCILE = "reconcile"

# oslo.db translates most errors of SQLAlchemy and leaves OperationalError as it is: a table that is
# there already (MySQL, SQLite), a database that is locked.
_ERRORS = (db_exception.DBError, sa.exc.SQLAlchemyError)

# See of_this_process().
_current: list["Claims"] = []

# Karbor's database may be locked or restarted for a moment.
_retrying = oslo_db_api.wrap_db_retry(
    max_retries=5,
    retry_interval=0.2,
    inc_retry_interval=True,
    max_retry_interval=2,
    retry_on_deadlock=True,
    retry_on_disconnect=True,
    exception_checker=lambda error: isinstance(error, sa.exc.OperationalError),
)

# A row may be released or taken over between two statements; every turn means that another
# process got further.
_ATTEMPTS = 5


@dataclass(frozen=True)
class Claim:
    """Somebody's work on the checkpoint, restore or verification ``id``.

    ``owner`` is Karbor's owner id of the provider's bank in that process, ``token`` tells one claim
    of it from the next, ``since`` is UTC.
    """

    id: str
    operation: str
    provider_id: str
    checkpoint_id: str
    owner: str
    token: str
    since: datetime.datetime
    #: Whether it took the place of a dead owner's; known to whoever took it alone.
    took_over: bool = field(default=False, compare=False)


class Claims:
    """The claims of this process, and what it may know of those of others.

    Errors of the database (oslo.db's and SQLAlchemy's) are passed on after some attempts: who
    cannot claim must not work.

    :param timeout: seconds after which a lease has run out
    :param engine: gives the SQLAlchemy engine of Karbor's database
    """

    def __init__(self, timeout: float, engine: Callable[[], Any] = karbor_db.get_engine) -> None:
        self._timeout = timeout
        self._engine = engine
        self._made: Any = None
        self._held: dict[str, str] = {}
        self._lock = threading.Lock()

    @property
    def held(self) -> frozenset[str]:
        """The ids of what this process works on."""
        with self._lock:
            return frozenset(self._held)

    def take(
        self, thing: str, operation: str, *, provider_id: str, checkpoint_id: str, bank: Any
    ) -> Claim:
        """Claim a thing, or take it over from a dead owner.

        :param bank: the provider's bank, which holds the leases
        :raises Taken: a living owner has it, be it this process
        """
        claim = Claim(
            id=thing,
            operation=operation,
            provider_id=provider_id,
            checkpoint_id=checkpoint_id,
            owner=str(bank.get_owner_id()),
            token=str(uuid.uuid4()),
            since=timeutils.utcnow(with_timezone=True),
        )
        with self._lock:
            holder = self._held.setdefault(thing, claim.token)
        known = None
        try:
            if holder == claim.token:
                for _attempt in range(_ATTEMPTS):
                    if self._insert(claim):
                        return claim
                    known = self.get(thing)
                    if known and known.token == claim.token:
                        return claim  # written, although its reply was lost
                    if known and self.is_alive(known, bank):
                        break
                    if known and self._replace(known, claim):
                        LOG.info("%s: taken over from %s, which is dead", thing, known.owner)
                        return dataclasses.replace(claim, took_over=True)
        except BaseException:
            # Nothing is swallowed. Whatever ends this, a killed green thread too, leaves nobody who
            # works; a row that was written all the same counts as a dead one of this process.
            self._forget(claim)
            raise
        self._forget(claim)
        raise exception.Taken(thing, known or self.get(thing))

    def release(self, thing: str) -> None:
        """This process is done with a thing.

        A row that cannot be removed is logged: it is known as a dead one from now on.
        """
        with self._lock:
            token = self._held.pop(thing, None)
        if token is None:
            return
        try:
            self._delete(thing, token)
        except _ERRORS as error:
            LOG.warning("The claim of %s could not be released: %s", thing, error)

    def leave(self, thing: str) -> None:
        """This process stops working on a thing that is not at its end: the row stays, as nobody's.

        A row that cannot be changed is logged: it is a dead one here, and elsewhere once this
        process is dead.
        """
        with self._lock:
            token = self._held.pop(thing, None)
        if token is None:
            return
        try:
            self._disown(thing, token)
        except _ERRORS as error:
            LOG.warning("The claim of %s could not be left: %s", thing, error)

    def get(self, thing: str) -> Claim | None:
        """Who has claimed a thing, dead or alive."""
        return next(iter(self._select(_TABLE.c.id == thing)), None)

    def all(self) -> list[Claim]:
        """Every claim, the oldest first."""
        return self._select(sa.true())

    def is_alive(self, claim: Claim, bank: Any) -> bool:
        """Whether the owner of a claim lives, or may live.

        :param bank: the bank of the claim's provider
        """
        with self._lock:
            if self._held.get(claim.id) == claim.token:
                return True
        if claim.owner in (_NOBODY, bank.get_owner_id()):
            return False  # left, or a row that this process could not remove
        return lease.is_alive(bank, claim.owner, self._timeout, claim.since)

    def is_abandoned(self, checkpoint: Any) -> bool:
        """Whether a checkpoint is in work and nobody is at it.

        Without a claim (Karbor's own manager makes none) the process that made the checkpoint is
        looked for.
        """
        if checkpoint.status not in IN_WORK:
            return False
        bank = checkpoint.checkpoint_section.bank
        claim = self.get(checkpoint.id)
        if claim:
            return not self.is_alive(claim, bank)
        with self._lock:
            if checkpoint.id in self._held:
                return False
        if checkpoint.owner_id == bank.get_owner_id():
            return True
        begun = float(checkpoint.checkpoint_section.get_object("index.json")["timestamp"])
        since = datetime.datetime.fromtimestamp(begun, datetime.UTC)
        return not lease.is_alive(bank, checkpoint.owner_id, self._timeout, since)

    def _forget(self, claim: Claim) -> None:
        with self._lock:
            if self._held.get(claim.id) == claim.token:
                del self._held[claim.id]

    @_retrying
    def _insert(self, claim: Claim) -> bool:
        try:
            with self._begin() as connection:
                connection.execute(_TABLE.insert().values(**_row(claim)))
        except db_exception.DBDuplicateEntry:
            return False
        return True

    @_retrying
    def _replace(self, known: Claim, claim: Claim) -> bool:
        same = sa.and_(_TABLE.c.id == known.id, _TABLE.c.token == known.token)
        with self._begin() as connection:
            done = connection.execute(_TABLE.update().where(same).values(**_row(claim)))
        return bool(done.rowcount)

    @_retrying
    def _delete(self, thing: str, token: str) -> None:
        same = sa.and_(_TABLE.c.id == thing, _TABLE.c.token == token)
        with self._begin() as connection:
            connection.execute(_TABLE.delete().where(same))

    @_retrying
    def _disown(self, thing: str, token: str) -> None:
        same = sa.and_(_TABLE.c.id == thing, _TABLE.c.token == token)
        with self._begin() as connection:
            connection.execute(_TABLE.update().where(same).values(owner=_NOBODY))

    @_retrying
    def _select(self, wanted: Any) -> list[Claim]:
        with self._begin() as connection:
            rows = connection.execute(
                _TABLE.select().where(wanted).order_by(_TABLE.c.since, _TABLE.c.id)
            ).fetchall()
        return [
            Claim(**dict(row) | {"since": row["since"].replace(tzinfo=datetime.UTC)})
            for row in rows
        ]

    def _begin(self) -> Any:
        engine = self._engine()
        if self._made is not engine:
            try:
                _TABLE.create(engine, checkfirst=True)
            except _ERRORS:
                # Another process may have made it in the same moment.
                if not engine.has_table(_TABLE.name):
                    raise
            self._made = engine
        return engine.begin()


def use(claims: Claims) -> None:
    """Make these the claims of this process; the manager does, at its start."""
    _current[:] = [claims]


def of_this_process() -> Claims | None:
    """For operations, which Karbor makes without our manager having a say in it. None under
    Karbor's own manager, which makes no claims."""
    return _current[0] if _current else None


def _row(claim: Claim) -> dict[str, Any]:
    row = asdict(claim) | {"since": claim.since.replace(tzinfo=None)}
    del row["took_over"]
    return row

# SPDX-License-Identifier: Apache-2.0
"""The table of claims in Karbor's database: one conditional write at a time."""

import datetime
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception

from karbor_manila.database.own_tables import OwnTable, retrying

TABLE = sa.Table(
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

#: The owner of a claim whose owner has left it with the work unfinished.
NO_OWNER = ""

# Operations of claims, besides Karbor's own (karbor/common/constants.py, OPERATION_*).

#: Settling what a dead process left.
RECONCILE = "reconcile"
#: Setting the status of a checkpoint.
RESET = "reset_state"
#: The repair of what an audit found in a checkpoint, and the removal of what a driver left of it.
AUDIT = "audit"
#: The revert of a share; the row bears the id of the share.
REVERT = "revert"
#: A deletion that has waited for long enough is carried out; no claim bears it.
DEFERRED = "deferred_delete"
#: A checkpoint is held, or released.
HOLD = "hold"
#: Access to a share of a checkpoint is given or taken back; the row bears browses.lock_id of both.
BROWSE = "browse"
#: A plan is drilled by one who asks for no second drill at a time; the row bears drills.lock_id of
#: the plan.
DRILL = "drill"

#: The posts of hooks that a dead process has left are called; the row bears the id of their run.
HOOKS = "hooks"
#: The periodic hooks of a provider are called by the process that has this; the row bears an id of
#: the provider's own.
PERIODIC = "periodic_hooks"

#: Claims that stand beside those of operations.
BESIDES = frozenset({REVERT, BROWSE, DRILL, HOOKS})


@dataclass(frozen=True)
class Claim:
    """Who works on the checkpoint, restore, verification or share ``id``.

    ``owner`` is Karbor's owner id of the provider's bank in that process, or :data:`NO_OWNER`;
    ``token`` distinguishes one claim of it from the next; ``since`` is UTC.
    """

    id: str
    operation: str
    provider_id: str
    checkpoint_id: str
    owner: str
    token: str
    since: datetime.datetime
    #: Whether it took the place of a dead owner's claim; known to the process that took it only.
    took_over: bool = field(default=False, compare=False)


class ClaimTable(OwnTable):
    """The rows. Every method is one transaction, retried while the database is away; after some
    attempts it raises DatabaseUnreadable.

    :param engine: gives the SQLAlchemy engine of Karbor's database
    """

    table = TABLE
    holds = "who works on what"

    @retrying
    def insert(self, claim: Claim) -> bool:
        """Add a row; False when there is one with this id."""
        try:
            with self._begin() as connection:
                connection.execute(TABLE.insert().values(**_row(claim)))
        except db_exception.DBDuplicateEntry:
            return False
        return True

    @retrying
    def replace(self, known: Claim, claim: Claim) -> bool:
        """Put one claim in the place of another; False when that is not there any more."""
        same = sa.and_(TABLE.c.id == known.id, TABLE.c.token == known.token)
        with self._begin() as connection:
            done = connection.execute(TABLE.update().where(same).values(**_row(claim)))
        return bool(done.rowcount)

    @retrying
    def delete(self, claim_id: str, token: str) -> None:
        """Remove a row, if it still is this claim."""
        same = sa.and_(TABLE.c.id == claim_id, TABLE.c.token == token)
        with self._begin() as connection:
            connection.execute(TABLE.delete().where(same))

    @retrying
    def disown(self, claim_id: str, token: str) -> None:
        """Leave a row without an owner, if it still is this claim."""
        same = sa.and_(TABLE.c.id == claim_id, TABLE.c.token == token)
        with self._begin() as connection:
            connection.execute(TABLE.update().where(same).values(owner=NO_OWNER))

    def get(self, claim_id: str) -> Claim | None:
        """The claim with this id."""
        return next(iter(self._select(TABLE.c.id == claim_id)), None)

    def of_checkpoint(self, checkpoint_id: str) -> list[Claim]:
        """The claims on a checkpoint and on its restores, verifications and shares, the oldest
        first."""
        return self._select(TABLE.c.checkpoint_id == checkpoint_id)

    def all(self) -> list[Claim]:
        """Every claim, the oldest first."""
        return self._select(sa.true())

    @retrying
    def _select(self, wanted: Any) -> list[Claim]:
        with self._begin() as connection:
            rows = connection.execute(
                TABLE.select().where(wanted).order_by(TABLE.c.since, TABLE.c.id)
            ).fetchall()
        return [
            Claim(**dict(row) | {"since": row["since"].replace(tzinfo=datetime.UTC)})
            for row in rows
        ]


def stand(tokens: Mapping[str, str]) -> Any:
    """A condition for a statement: these very claims are in the table.

    :param tokens: by the ids of the claims
    """
    each = (
        sa.exists().where(sa.and_(TABLE.c.id == claim_id, TABLE.c.token == token))
        for claim_id, token in tokens.items()
    )
    return sa.and_(sa.true(), *each)


def _row(claim: Claim) -> dict[str, Any]:
    row = asdict(claim) | {"since": claim.since.replace(tzinfo=None)}
    del row["took_over"]
    return row

# SPDX-License-Identifier: Apache-2.0
"""Who works on what: rows in Karbor's database, each taken by one conditional write.

Banks only overwrite, so two processes could both believe that an object in one is theirs. A
database has a primary key and ``UPDATE ... WHERE``: who works on a checkpoint, a restore or a
verification holds its row, and takes over that of an owner whose lease in the bank says that it is
dead. What is in work although no living owner has claimed it is *abandoned*: a DELETE, a
reset-state or the reconciliation may settle it.

Which claims exclude each other although their ids differ is in :mod:`.exclusion`; whether this
process may still act under a claim is in :mod:`.held_claims`.
"""

import dataclasses
import datetime
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from karbor.db.sqlalchemy import api as karbor_db
from oslo_log import log as logging
from oslo_utils import timeutils

from karbor_manila.bank import identity
from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import ClaimLost, Taken
from karbor_manila.database import conditional
from karbor_manila.database.errors import DatabaseUnreadable
from karbor_manila.database.known_banks import KnownBanks
from karbor_manila.recovery import claim_table, exclusion
from karbor_manila.recovery.claim_table import (
    AUDIT,
    BROWSE,
    DRILL,
    HOLD,
    HOOKS,
    NO_OWNER,
    RECONCILE,
    RESET,
    REVERT,
    Claim,
)
from karbor_manila.recovery.lease_keeper import Keeper
from karbor_manila.recovery.standing_claims import StandingClaims

__all__ = [
    "AUDIT",
    "BROWSE",
    "DRILL",
    "HOLD",
    "HOOKS",
    "RECONCILE",
    "RESET",
    "REVERT",
    "Claim",
    "Claims",
]

LOG = logging.getLogger(__name__)

# A row may be released or taken over between two statements; every attempt that fails means that
# another process got further.
_ATTEMPTS = 5

# A use that meets an ending in the same moment: the ending gives way and the use tries again.
_MEETINGS = 4
_MEETING_PAUSE = 0.2  # seconds


class Claims(StandingClaims):
    """The claims of this process, and what it may know of those of others.

    A database that does not answer raises DatabaseUnreadable after some attempts: who cannot claim
    must not work.

    :param timeout: seconds after which a lease that was not seen to change has run out
    :param engine: gives the SQLAlchemy engine of Karbor's database
    """

    def __init__(
        self,
        timeout: float,
        engine: Callable[[], Any] = karbor_db.get_engine,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(timeout, engine, clock or Clock())
        self._banks = KnownBanks(engine)

    @property
    def held(self) -> frozenset[str]:
        """The ids of what this process works on."""
        return self._own.ids

    def work(self) -> list[tuple[str, datetime.datetime]]:
        """What this process works on: the operation of each claim, and since when (UTC)."""
        return self._own.work()

    def keep(self, provider_id: str, keeper: Keeper) -> None:
        """From now on what is claimed for this provider counts only with a fresh lease."""
        self._own.keep(provider_id, keeper)

    # -- taking and giving back -----------------------------------------------------------------

    def take(
        self,
        claim_id: str,
        operation: str,
        *,
        provider_id: str,
        checkpoint_id: str,
        bank: Any,
        over_dead: bool = True,
    ) -> Claim:
        """Claim an id, or take it over from a dead owner.

        :param bank: the provider's bank, which holds the leases
        :param over_dead: whether what a dead owner left may be taken over; otherwise it is refused
            until that is settled
        :raises Taken: a living owner has it, be it this process, or works on the checkpoint in a
            way that excludes this
        :raises BankNotOurs: another bank is there, in which every owner seems dead
        :raises BankUnreadable: the bank cannot be read
        :raises ClaimLost: this process is ending, see :meth:`close`
        """
        identity.compare(bank, provider_id, self._banks, by_history=False)
        claim = Claim(
            id=claim_id,
            operation=operation,
            provider_id=provider_id,
            checkpoint_id=checkpoint_id,
            owner=str(bank.get_owner_id()),
            token=str(uuid.uuid4()),
            since=timeutils.utcnow(with_timezone=True),
        )
        for meeting in range(_MEETINGS):
            taken = self._take(claim, bank, over_dead=over_dead)
            try:
                self._exclude(taken, bank)
            except BaseException as error:
                # Nothing is swallowed: who does not go on must not hold it. What a dead owner had
                # left stays abandoned.
                (self.leave if taken.took_over else self.release)(claim_id)
                met = isinstance(error, Taken) and error.alive and not exclusion.is_ending(claim)
                if not met or meeting == _MEETINGS - 1:
                    raise
                self._clock.sleep(_MEETING_PAUSE)
            else:
                return taken
        raise AssertionError("the last meeting returns or raises")

    def token(self, claim_id: str) -> str:
        """What tells this process's claim on an id from each other one; empty when it has none."""
        return self._own.token(claim_id)

    def check(self, claim_id: str, token: str | None = None, *, look: bool = False) -> None:
        """Make sure that this process may still act on what it claimed; waits for its own lease.

        :param token: of the very claim; None for whichever it has on the id
        :param look: read the claim from the database in any case, and not only when the lease had
            run out since: before a step that cannot be undone
        :raises ClaimLost: it was taken over, or this cannot be known; nothing must be changed any
            more
        """
        self._own.check(claim_id, token, look=look)

    def save_record(self, record: Any, tokens: Mapping[str, str], *, untold: bool = False) -> bool:
        """Save Karbor's restore, verification or operation log only while these very claims stand,
        in the statement that looks at them: no pause comes between.

        :param tokens: of the claims, by their ids
        :param untold: whether to save a restore or verification only if nobody has told how it
            ended, too
        :returns: False for a record of another kind, of which nothing was saved
        :raises ClaimLost: one of that does not hold any more; nothing was written
        """
        if conditional.table_of(record) is None:
            return False
        condition = claim_table.stand(tokens)
        if untold:
            condition = sa.and_(condition, conditional.untold(record))
        if not conditional.write(self._table.engine, record, condition):
            raise ClaimLost(next(iter(tokens)), "another process has taken it over since")
        return True

    def release(self, claim_id: str) -> None:
        """This process is done with what it claimed; a claim that was lost is left instead.

        A row that cannot be removed is logged: it is known as a dead one from now on.
        """
        self._give_back(claim_id, self._table.delete, "released")

    def leave(self, claim_id: str) -> None:
        """This process stops working on what is not settled: the row stays, without an owner.

        A row that cannot be changed is logged: it is a dead one here, and elsewhere once this
        process is dead.
        """
        self._give_back(claim_id, self._table.disown, "left")

    def close(self) -> None:
        """This process ends: it does nothing more under its claims, and takes none."""
        self._own.close("it is ending, and has handed its work over")

    def leave_all(self) -> None:
        """As :meth:`leave`, all that this process still has; as far as the database answers. It is
        not waited for once for each of them: the leases say that their owner has ended."""
        for claim_id in self.held:
            if not self._give_back(claim_id, self._table.disown, "left"):
                return

    def disown_dead(self, claim: Claim, bank: Any) -> None:
        """Nothing is done any more under the claim of a dead owner, also when that wakes up; its
        row stays, for whoever settles the work. One that is gone by now, or is another, is left.

        :param bank: the bank of the claim's provider
        :raises Taken: its owner lives
        :raises BankNotOurs: another bank is there, in which every owner seems dead
        """
        alive = self.is_alive(claim, bank)
        identity.compare(bank, claim.provider_id, self._banks, by_history=False)
        if alive:
            raise Taken(claim.id, claim)
        nobodys = dataclasses.replace(claim, owner=NO_OWNER, token=str(uuid.uuid4()))
        self._table.replace(claim, nobodys)

    # -- how ------------------------------------------------------------------------------------

    def _take(self, claim: Claim, bank: Any, *, over_dead: bool) -> Claim:
        """The claim, whose row is written; or Taken with the claim that is in its way."""
        known = None
        alive = True
        over = False
        is_ours = self._own.add(claim)
        try:
            if is_ours:
                for _attempt in range(_ATTEMPTS):
                    if self._table.insert(claim):
                        return claim
                    known = self.get(claim.id)
                    if known and known.token == claim.token:
                        # Written, although its reply was lost; maybe over a dead one's.
                        return dataclasses.replace(claim, took_over=over)
                    alive = known is None or self.is_alive(known, bank)
                    if known and (alive or not over_dead):
                        break
                    # That its owner seems dead counts only if it was this bank that was asked.
                    identity.compare(bank, claim.provider_id, self._banks, by_history=False)
                    over = over or known is not None
                    if known and self._table.replace(known, claim):
                        owner = known.owner or "none"
                        LOG.info("%s: taken over from owner %s, which is dead", claim.id, owner)
                        return dataclasses.replace(claim, took_over=True)
        except BaseException:
            # Nothing is swallowed. Whatever ends this, a killed green thread too, leaves no claim
            # that counts; a row that was written all the same is a dead one of this process.
            self._own.forget(claim)
            raise
        self._own.forget(claim)
        raise Taken(claim.id, known or self.get(claim.id), alive=alive)

    def _exclude(self, claim: Claim, bank: Any) -> None:
        """Keep a claim, whose row is there already, only if it meets none that excludes it.

        :raises Taken: it does
        """
        checkpoint = f"checkpoint {claim.checkpoint_id}"
        excluded = exclusion.excluded(claim, self._table.of_checkpoint(claim.checkpoint_id))
        for other in excluded:
            if self.is_alive(other, bank):
                raise Taken(checkpoint, other)
        for other in excluded:
            if exclusion.is_first_settled(claim, other):
                raise Taken(checkpoint, other, alive=False)
            if exclusion.is_taken_along(claim, other):
                # Its owner may wake up, and must find that the claim is not its own any more.
                heir = dataclasses.replace(
                    claim, id=other.id, token=str(uuid.uuid4()), operation=other.operation
                )
                self._take(heir, bank, over_dead=True)
                self._own.take_along(claim.id, other.id)

    def _give_back(self, claim_id: str, write: Callable[[str, str], None], done: str) -> bool:
        """Returns whether the database has taken it."""
        held = self._own.pop(claim_id)
        if held is None:
            return True
        for other_id in held.taken_along:
            # Its restore or verification is not settled with the checkpoint.
            self.leave(other_id)
        if held.lost:
            write, done = self._table.disown, "left"
        try:
            write(claim_id, held.token)
        except DatabaseUnreadable as error:
            LOG.warning("The claim of %s could not be %s: %s", claim_id, done, error)
            return False
        return True

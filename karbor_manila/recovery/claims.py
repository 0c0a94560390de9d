# SPDX-License-Identifier: Apache-2.0
"""Who works on what: rows in Karbor's database, each taken by one conditional write.

Banks only overwrite, so two processes could both believe that an object in one is theirs. A
database has a primary key and ``UPDATE ... WHERE``: whoever works on a checkpoint, a restore or a
verification holds its row, and takes over that of an owner whose lease in the bank says that it is
dead. What is in work although it is claimed by no living owner is *abandoned*: a DELETE, a
reset-state or the reconciliation may bring it to an end.

A *use* of a checkpoint (restore, verification, drill) and an *end* of it (deletion, reset of its
state, removal of one of its snapshots) exclude each other, although their rows have different ids:
each adds its row first and looks for the other's then, so at least one of two sees the other.

Who was taken for dead may wake up. So the owner of a claim confirms it before each step that others
could not undo (:meth:`Claims.check`): fencing.
"""

import dataclasses
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from karbor.common import constants
from karbor.db.sqlalchemy import api as karbor_db
from oslo_log import log as logging
from oslo_utils import timeutils

from karbor_manila.bank import identity
from karbor_manila.bank.checkpoints import IN_WORK
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.bank.fencing import REMOVE
from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import ClaimLost, Taken
from karbor_manila.database.errors import DatabaseUnreadable
from karbor_manila.database.known_banks import KnownBanks
from karbor_manila.recovery.claim_table import NOBODY, Claim, ClaimTable
from karbor_manila.recovery.lease import Observer
from karbor_manila.recovery.lease_keeper import Keeper

LOG = logging.getLogger(__name__)

#: The operation of a claim by which something abandoned is brought to its end.
RECONCILE = "reconcile"
RESET = "reset_state"
AUDIT = "audit"
#: Of a share that is restored in place; its row bears the id of the share.
REVERT = "revert"

_ENDS = frozenset({constants.OPERATION_DELETE, RESET, REMOVE, AUDIT})

# They also end what a dead process had begun with the checkpoint.
_ENDS_OF_USES = frozenset({constants.OPERATION_DELETE, RESET})

# A row may be released or taken over between two statements; every turn means that another
# process got further.
_ATTEMPTS = 5

# A use that meets an end in the same moment: the end gives way and the use tries again.
_MEETINGS = 4
_MEETING_PAUSE = 0.2  # seconds

_BETWEEN_LOOKS = 0.1  # seconds, at one's own lease
_DATABASE_PAUSE = 1.0  # seconds


@dataclass
class _Held:
    """A claim of this process. ``lapses`` is how often the lease had run out when it was seen to
    be ours last; ``companions`` are the abandoned uses that were taken over with it; ``lost`` says
    why nothing may be done under it any more."""

    token: str
    provider_id: str
    lapses: int = 0
    lost: str = ""
    companions: list[str] = field(default_factory=list)


class Claims:
    """The claims of this process, and what it may know of those of others.

    A database that does not answer is told of after some attempts (DatabaseUnreadable): who cannot
    claim must not work.

    :param timeout: seconds after which a lease that was not seen to change has run out
    :param engine: gives the SQLAlchemy engine of Karbor's database
    """

    def __init__(
        self,
        timeout: float,
        engine: Callable[[], Any] = karbor_db.get_engine,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or Clock()
        self._table = ClaimTable(engine)
        self._banks = KnownBanks(engine)
        self._observer = Observer(timeout, self._clock)
        self._timeout = timeout
        self._held: dict[str, _Held] = {}
        self._keepers: dict[str, Keeper] = {}
        self._lock = threading.Lock()

    @property
    def held(self) -> frozenset[str]:
        """The ids of what this process works on."""
        with self._lock:
            return frozenset(self._held)

    def keep(self, provider_id: str, keeper: Keeper) -> None:
        """From now on what is claimed for this provider counts only with a fresh lease."""
        self._keepers[provider_id] = keeper

    def take(
        self,
        thing: str,
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
        :raises Taken: a living owner has it, be it this process, or is at work on the checkpoint in
            a way that excludes this
        :raises BankNotOurs: another bank is there, in which every owner seems dead
        :raises BankUnreadable: the bank cannot be read
        """
        identity.compare(bank, provider_id, self._banks, by_history=False)
        claim = Claim(
            id=thing,
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
                # left stays as that.
                (self.leave if taken.took_over else self.release)(thing)
                met = isinstance(error, Taken) and error.alive and not _is_end(claim)
                if not met or meeting == _MEETINGS - 1:
                    raise
                self._clock.sleep(_MEETING_PAUSE)
            else:
                return taken
        raise AssertionError("the last turn returns or raises")

    def check(self, thing: str, *, look: bool = False) -> None:
        """Make sure that this process may still act on what it claimed; waits for its own lease.

        Who was refused once is refused for good, also when it turns out that nobody has taken over:
        what he left in the middle is for the reconciliation, which looks at all of it anew.

        :param look: read the claim from the database in any case, not only when the lease had run
            out since: before what nobody could undo
        :raises ClaimLost: it was taken over, or this cannot be known; nothing must be changed any
            more
        """
        with self._lock:
            held = self._held.get(thing)
        if held is None:
            raise ClaimLost(thing, "it holds no claim on it any more")
        if held.lost:
            raise ClaimLost(thing, held.lost)
        try:
            self._check(thing, held, look=look)
        except ClaimLost as lost:
            held.lost = lost.why
            raise

    def _check(self, thing: str, held: _Held, *, look: bool) -> None:
        keeper = self._keepers.get(held.provider_id)
        while True:
            lapses = self._await_fresh(thing, keeper)
            # Without a keeper nothing but the database tells.
            if look or keeper is None or lapses != held.lapses:
                self._confirm(thing, held)
                held.lapses = lapses
            if keeper is None or (keeper.is_fresh and keeper.lapses == lapses):
                return

    def is_held(self, thing: str) -> bool:
        """Whether this process may act under the claim, as far as it knows."""
        with self._lock:
            held = self._held.get(thing)
            return held is not None and not held.lost

    def release(self, thing: str) -> None:
        """This process is done with what it claimed; a claim that was lost is left instead.

        A row that cannot be removed is logged: it is known as a dead one from now on.
        """
        self._end(thing, self._table.delete, "released")

    def leave(self, thing: str) -> None:
        """This process stops working on what is not at its end: the row stays, without an
        owner.

        A row that cannot be changed is logged: it is a dead one here, and elsewhere once this
        process is dead.
        """
        self._end(thing, self._table.disown, "left")

    def get(self, thing: str) -> Claim | None:
        """Who has claimed an id, dead or alive."""
        return self._table.get(thing)

    def of_checkpoint(self, checkpoint_id: str) -> list[Claim]:
        """Who has claimed a checkpoint or works with it, dead or alive."""
        return self._table.of_checkpoint(checkpoint_id)

    def all(self) -> list[Claim]:
        """Every claim, the oldest first."""
        return self._table.all()

    def is_alive(self, claim: Claim, bank: Any) -> bool:
        """Whether the owner of a claim lives, or may live.

        :param bank: the bank of the claim's provider
        """
        with self._lock:
            held = self._held.get(claim.id)
        if held and held.token == claim.token:
            return True
        if claim.owner in (NOBODY, bank.get_owner_id()):
            return False  # left, or a row that this process could not remove
        return self._observer.is_alive(bank, claim.owner)

    def is_proven(self, claim: Claim) -> bool:
        """Whether the owner of a claim that counts as alive is known to be: its lease was seen to
        change."""
        with self._lock:
            if claim.id in self._held:
                return True
        return self._observer.is_proven(claim.owner)

    def is_abandoned(self, checkpoint: Any) -> bool:
        """Whether a checkpoint is in work without a living owner.

        Without a claim (Karbor's own manager makes none) the process that made the checkpoint is
        looked for.
        """
        if checkpoint.status not in IN_WORK:
            return False
        bank = checkpoint.checkpoint_section.bank
        claim = self.get(checkpoint.id)
        if claim:
            return not self.is_alive(claim, bank)
        if self.is_held(checkpoint.id):
            return False
        if checkpoint.owner_id == bank.get_owner_id():
            return True
        return not self._observer.is_alive(bank, checkpoint.owner_id)

    def watch(self, banks: Mapping[str, Any]) -> None:
        """Look at the leases of all who have claimed something, so that a dead one is known as
        dead when somebody asks.

        :param banks: by provider id
        """
        for claim in self.all():
            bank = banks.get(claim.provider_id)
            if bank is None:
                continue
            try:
                self.is_alive(claim, bank)
            except BankUnreadable as error:
                LOG.warning("The lease of %s cannot be read: %s", claim.owner, error)

    # -- taking -------------------------------------------------------------------------------

    def _take(self, claim: Claim, bank: Any, *, over_dead: bool) -> Claim:
        """The row, or the error that says who has it."""
        mine = _Held(claim.token, claim.provider_id, self._lapses_of(claim.provider_id))
        with self._lock:
            holder = self._held.setdefault(claim.id, mine)
        known = None
        alive = True
        try:
            if holder is mine:
                for _attempt in range(_ATTEMPTS):
                    if self._table.insert(claim):
                        return claim
                    known = self.get(claim.id)
                    if known and known.token == claim.token:
                        return claim  # written, although its reply was lost
                    alive = known is None or self.is_alive(known, bank)
                    if known and (alive or not over_dead):
                        break
                    # That its owner seems dead counts only if it was this bank that was asked.
                    identity.compare(bank, claim.provider_id, self._banks, by_history=False)
                    if known and self._table.replace(known, claim):
                        LOG.info(
                            "%s: taken over from %s, which is dead", claim.id, known.owner or "none"
                        )
                        return dataclasses.replace(claim, took_over=True)
        except BaseException:
            # Nothing is swallowed. Whatever ends this, a killed green thread too, leaves no claim
            # that counts; a row that was written all the same is a dead one of this process.
            self._forget(claim)
            raise
        self._forget(claim)
        raise Taken(claim.id, known or self.get(claim.id), alive=alive)

    def _exclude(self, claim: Claim, bank: Any) -> None:
        """Whether a use meets an end, or an end a use; the row of ``claim`` is there already.

        :raises Taken: it does
        """
        if not (_is_end(claim) or _is_use(claim)):
            return
        excluded = list(self._excluded(claim))
        for other in excluded:
            if self.is_alive(other, bank):
                raise Taken(f"checkpoint {claim.checkpoint_id}", other)
        for other in excluded:
            if _is_end(other) and claim.operation == RECONCILE:
                continue  # the use is settled first, then the end
            if _is_end(other) or claim.operation not in _ENDS_OF_USES:
                raise Taken(f"checkpoint {claim.checkpoint_id}", other, alive=False)
            # Its owner may wake up and has to find that it is not its own any more.
            heir = dataclasses.replace(
                claim, id=other.id, token=str(uuid.uuid4()), operation=other.operation
            )
            self._take(heir, bank, over_dead=True)
            with self._lock:
                self._held[claim.id].companions.append(other.id)

    def _excluded(self, claim: Claim) -> Iterator[Claim]:
        excluded = _is_use if _is_end(claim) else _is_end
        for other in self._table.of_checkpoint(claim.checkpoint_id):
            if other.id != claim.id and excluded(other):
                yield other

    # -- holding ------------------------------------------------------------------------------

    def _await_fresh(self, thing: str, keeper: Keeper | None) -> int:
        """How often the lease has lapsed, once it is fresh."""
        if keeper is None:
            return 0
        deadline = self._clock.now() + self._timeout
        while not keeper.is_fresh:
            if self._clock.now() >= deadline:
                why = f"its lease could not be renewed ({keeper.trouble or 'no answer'})"
                raise ClaimLost(thing, why)
            self._clock.sleep(_BETWEEN_LOOKS)
        return keeper.lapses

    def _confirm(self, thing: str, held: _Held) -> None:
        deadline = self._clock.now() + self._timeout
        while True:
            try:
                row = self.get(thing)
                break
            except DatabaseUnreadable as error:
                if self._clock.now() >= deadline:
                    why = f"Karbor's database does not say whose it is ({error.cause})"
                    raise ClaimLost(thing, why) from error
                self._clock.sleep(_DATABASE_PAUSE)
        if row is None or row.token != held.token:
            with self._lock:
                if self._held.get(thing) is held:
                    del self._held[thing]
            who = f"for {row.operation} since {row.since:%Y-%m-%d %H:%M:%S} UTC" if row else "since"
            raise ClaimLost(thing, f"another process has taken it over {who}")

    def _lapses_of(self, provider_id: str) -> int:
        keeper = self._keepers.get(provider_id)
        return keeper.lapses if keeper else 0

    def _end(self, thing: str, end: Callable[[str, str], None], done: str) -> None:
        with self._lock:
            held = self._held.pop(thing, None)
        if held is None:
            return
        for companion in held.companions:
            # Its restore or verification has not come to its end with the checkpoint's.
            self.leave(companion)
        if held.lost:
            end, done = self._table.disown, "left"
        try:
            end(thing, held.token)
        except DatabaseUnreadable as error:
            LOG.warning("The claim of %s could not be %s: %s", thing, done, error)

    def _forget(self, claim: Claim) -> None:
        with self._lock:
            held = self._held.get(claim.id)
            if held and held.token == claim.token:
                del self._held[claim.id]


def _is_end(claim: Claim) -> bool:
    if claim.operation == RECONCILE:
        return claim.id == claim.checkpoint_id
    return claim.operation in _ENDS


def _is_use(claim: Claim) -> bool:
    """The source of a copy is claimed by its own id, so it needs no second look."""
    return claim.id != claim.checkpoint_id and not _is_end(claim)

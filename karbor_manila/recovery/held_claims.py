# SPDX-License-Identifier: Apache-2.0
"""The claims of this process, and whether it may still act under them: fencing.

Who was taken for dead may wake up. So the owner of a claim confirms it before each step that others
could not undo (:meth:`HeldClaims.check`): by its own lease, and by the database, whose word serves
all who ask within a moment (:mod:`.shared_look`).
"""

import datetime
import threading
from dataclasses import dataclass, field

from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import ClaimLost
from karbor_manila.database.errors import DatabaseUnreadable
from karbor_manila.recovery.claim_table import Claim, ClaimTable
from karbor_manila.recovery.lease_keeper import Keeper
from karbor_manila.recovery.shared_look import SharedLook

_LEASE_PAUSE = 0.1  # seconds between two looks at the own lease
_DATABASE_PAUSE = 1.0  # seconds


@dataclass
class Held:
    """A claim of this process.

    :ivar operation: for which it was taken
    :ivar since: when, in UTC
    :ivar lapses: how often the lease had run out when the claim was last seen to be ours
    :ivar taken_along: the ids of the abandoned uses that were taken over with it
    :ivar lost: why nothing may be done under it any more; empty while it counts
    :ivar look: the looks at its row in the database
    """

    token: str
    provider_id: str
    look: SharedLook
    operation: str
    since: datetime.datetime
    lapses: int = 0
    lost: str = ""
    taken_along: list[str] = field(default_factory=list)


class HeldClaims:
    """The claims of this process, by id. Used from several threads.

    :param table: the claims of all processes
    :param timeout: seconds for which the own lease, or the database, is waited for
    """

    def __init__(self, table: ClaimTable, timeout: float, clock: Clock) -> None:
        self._table = table
        self._timeout = timeout
        self._clock = clock
        self._held: dict[str, Held] = {}
        self._keepers: dict[str, Keeper] = {}
        self._closed = ""
        self._lock = threading.Lock()

    @property
    def ids(self) -> frozenset[str]:
        """The ids of what this process works on."""
        with self._lock:
            return frozenset(self._held)

    def work(self) -> list[tuple[str, datetime.datetime]]:
        """What this process works on: the operation of each claim, and since when (UTC)."""
        with self._lock:
            return [(held.operation, held.since) for held in self._held.values()]

    def keep(self, provider_id: str, keeper: Keeper) -> None:
        """From now on what is claimed for this provider counts only with a fresh lease."""
        self._keepers[provider_id] = keeper

    def add(self, claim: Claim) -> bool:
        """Hold a claim, before its row is written; False when this process holds one with its
        id.

        :raises ClaimLost: nothing is held any more, see :meth:`close`
        """
        keeper = self._keepers.get(claim.provider_id)
        lapses = keeper.lapses if keeper else 0
        mine = Held(
            claim.token,
            claim.provider_id,
            SharedLook(self._clock),
            operation=claim.operation,
            since=claim.since,
            lapses=lapses,
        )
        with self._lock:
            if self._closed:
                raise ClaimLost(claim.id, self._closed)
            return self._held.setdefault(claim.id, mine) is mine

    def close(self, why: str) -> None:
        """Nothing is done any more under what is held, and nothing is added to it.

        :param why: of both; who acts under a claim reads it
        """
        with self._lock:
            self._closed = why
            for held in self._held.values():
                held.lost = held.lost or why

    def take_along(self, claim_id: str, other_id: str) -> None:
        """An abandoned use was taken over with a claim, and is left with it."""
        with self._lock:
            self._held[claim_id].taken_along.append(other_id)

    def forget(self, claim: Claim) -> None:
        """Hold this very claim no more."""
        with self._lock:
            if self._is_ours(claim):
                del self._held[claim.id]

    def pop(self, claim_id: str) -> Held | None:
        """Hold a claim no more; what it was."""
        with self._lock:
            return self._held.pop(claim_id, None)

    def is_ours(self, claim: Claim) -> bool:
        """Whether this very claim is held by this process."""
        with self._lock:
            return self._is_ours(claim)

    def counts(self, claim_id: str) -> bool:
        """Whether this process may act under a claim, as far as it knows without a look."""
        with self._lock:
            held = self._held.get(claim_id)
            return held is not None and not held.lost

    def token(self, claim_id: str) -> str:
        """The token of this process's claim on an id; empty when it has none."""
        with self._lock:
            held = self._held.get(claim_id)
            return held.token if held else ""

    def check(self, claim_id: str, token: str | None = None, *, look: bool = False) -> None:
        """Make sure that this process may still act on what it claimed; waits for its own lease.

        Once refused it is refused for good, also when it turns out that no other process has taken
        over: what was left in the middle is for the reconciliation, which looks at all of it anew.

        :param token: of the very claim; None for whichever it has on the id
        :param look: rely on the database in any case, and not only when the lease had run out
            since: before a step that cannot be undone
        :raises ClaimLost: it was taken over, or this cannot be known; nothing must be changed any
            more
        """
        with self._lock:
            held = self._held.get(claim_id)
        if held is None:
            raise ClaimLost(claim_id, "it holds no claim on it any more")
        if token is not None and held.token != token:
            raise ClaimLost(claim_id, "the operation has ended, and another one has claimed it")
        self._check(claim_id, held, look=look)
        # It may have been left, or closed, while the database was asked: the row of what is left
        # has the same token until somebody takes it.
        with self._lock:
            is_held = self._held.get(claim_id) is held
        if held.lost or not is_held:
            raise ClaimLost(claim_id, held.lost or "it holds no claim on it any more")

    def _check(self, claim_id: str, held: Held, *, look: bool) -> None:
        keeper = self._keepers.get(held.provider_id)
        while True:
            lapses = self._await_fresh_lease(claim_id, held, keeper)
            if keeper is None:
                self._confirm(claim_id, held)  # only the database knows
                return
            if look or lapses != held.lapses:
                held.look.share(
                    lambda: self._confirm(claim_id, held), elapsed=keeper.elapsed, lapses=lapses
                )
                held.lapses = lapses
            # The lease may have run out while the database was asked.
            if keeper.is_fresh and keeper.lapses == lapses:
                return

    def _await_fresh_lease(self, claim_id: str, held: Held, keeper: Keeper | None) -> int:
        """How often the lease has lapsed, once it is fresh."""
        if held.lost:
            raise ClaimLost(claim_id, held.lost)
        if keeper is None:
            return 0
        deadline = self._clock.now() + self._timeout
        while not keeper.is_fresh:
            if self._clock.now() >= deadline:
                trouble = keeper.trouble or "no answer"
                raise self._lost(claim_id, held, f"its lease could not be renewed ({trouble})")
            self._clock.sleep(_LEASE_PAUSE)
        return keeper.lapses

    def _confirm(self, claim_id: str, held: Held) -> None:
        """Whether the row in the database still is this claim. Raises ClaimLost when it is not."""
        if held.lost:
            raise ClaimLost(claim_id, held.lost)
        row = self._row(claim_id, held)
        if row is not None and row.token == held.token:
            return
        with self._lock:
            if self._held.get(claim_id) is held:
                del self._held[claim_id]
        who = f"for {row.operation} since {row.since:%Y-%m-%d %H:%M:%S} UTC" if row else "since"
        raise self._lost(claim_id, held, f"another process has taken it over {who}")

    @staticmethod
    def _lost(claim_id: str, held: Held, why: str) -> ClaimLost:
        """The claim counts no more, for nobody who acts under it."""
        held.lost = why
        return ClaimLost(claim_id, why)

    def _row(self, claim_id: str, held: Held) -> Claim | None:
        deadline = self._clock.now() + self._timeout
        while True:
            try:
                return self._table.get(claim_id)
            except DatabaseUnreadable as error:
                if self._clock.now() >= deadline:
                    why = f"Karbor's database does not say whose it is ({error.cause})"
                    raise self._lost(claim_id, held, why) from error
            self._clock.sleep(_DATABASE_PAUSE)

    def _is_ours(self, claim: Claim) -> bool:
        """As :meth:`is_ours`; the caller holds the lock."""
        held = self._held.get(claim.id)
        return held is not None and held.token == claim.token

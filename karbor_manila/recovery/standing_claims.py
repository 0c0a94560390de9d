# SPDX-License-Identifier: Apache-2.0
"""What is claimed, by whom, and whether that one lives."""

from collections.abc import Callable
from typing import Any

from karbor_manila.bank.checkpoints import IN_WORK
from karbor_manila.common.clock import Clock
from karbor_manila.recovery.claim_table import NO_OWNER, Claim, ClaimTable
from karbor_manila.recovery.held_claims import HeldClaims
from karbor_manila.recovery.lease import Observer


class StandingClaims:
    """The claims of all processes, as this one sees them.

    :param timeout: seconds after which a lease that was not seen to change has run out
    :param engine: gives the SQLAlchemy engine of Karbor's database
    """

    def __init__(self, timeout: float, engine: Callable[[], Any], clock: Clock) -> None:
        self._clock = clock
        self._table = ClaimTable(engine)
        self._observer = Observer(timeout, self._clock)
        self._own = HeldClaims(self._table, timeout, self._clock)

    def is_held(self, claim_id: str) -> bool:
        """Whether this process may act under the claim, as far as it knows."""
        return self._own.counts(claim_id)

    def get(self, claim_id: str) -> Claim | None:
        """The claim on an id, whether its owner is dead or alive; None when there is none."""
        return self._table.get(claim_id)

    def of_checkpoint(self, checkpoint_id: str) -> list[Claim]:
        """The claims on a checkpoint and on what is done with it, of the dead and the living."""
        return self._table.of_checkpoint(checkpoint_id)

    def all(self) -> list[Claim]:
        """Every claim, the oldest first."""
        return self._table.all()

    def is_alive(self, claim: Claim, bank: Any) -> bool:
        """Whether the owner of a claim lives, or may live.

        :param bank: the bank of the claim's provider
        """
        if self._own.is_ours(claim):
            return True
        if claim.owner in (NO_OWNER, bank.get_owner_id()):
            return False  # left, or a row that this process could not remove
        return self._observer.is_alive(bank, claim.owner)

    def is_proven(self, claim: Claim) -> bool:
        """Whether the owner of a claim that counts as alive is known to be: its lease was seen to
        change."""
        return claim.id in self._own.ids or self._observer.is_proven(claim.owner)

    def is_abandoned(self, checkpoint: Any) -> bool:
        """Whether a checkpoint is in work without a living owner.

        Without a claim (Karbor's own manager makes none) the lease of the process that made the
        checkpoint is looked at.
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

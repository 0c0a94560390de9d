# SPDX-License-Identifier: Apache-2.0
"""What the checkpoints in a provider's bank account for, and whether the bank can be trusted."""

import datetime
from collections.abc import Iterator
from typing import Any

from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank import checkpoints, identity, index
from karbor_manila.bank.record import ShareRecord
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.common.clock import Clock
from karbor_manila.database.known_banks import EVER
from karbor_manila.operations import lost_snapshots, reporting
from karbor_manila.recovery.claims import AUDIT, Claims
from karbor_manila.recovery.errors import BankOlder, BankSuspect

LOG = logging.getLogger(__name__)

_AT_REST = frozenset({constants.CHECKPOINT_STATUS_AVAILABLE, constants.CHECKPOINT_STATUS_ERROR})

#: Karbor's checkpoint by its id; None for one that is there and cannot be read.
Known = dict[str, Any]


class BankSide:
    """One provider's bank.

    :param provider: Karbor's provider
    :param claims: of this process
    """

    def __init__(self, provider: Any, claims: Claims, clock: Clock) -> None:
        self.provider = provider
        self._claims = claims
        self._clock = clock

    def trusted_id(self) -> str:
        """The id of the bank, when the bank is to be trusted.

        :raises BankSuspect, BankUnreadable: it is not
        """
        bank_id = identity.compare(self.provider.bank, self.provider.id)
        if bank_id is None:
            raise BankSuspect(self.provider.name, "it has no id, so it is empty or new")
        return bank_id

    def check_age(self) -> None:
        """The snapshots of later checkpoints would be orphans to a bank that was put back.

        :raises BankOlder: the database knows checkpoints that this bank has never held
        """
        missing = identity.missing(self.provider.bank, self.provider.id)
        if missing:
            raise BankOlder(self.provider.name, self.provider.id, missing)

    def accepted(self, provider_id: str) -> datetime.datetime:
        """When an operator last said that what this bank lacks is given up; the beginning of time
        when nobody did.

        :param provider_id: of a mark, so it may be none; then that of this provider counts
        :raises DatabaseUnreadable: the database does not answer
        """
        since = {row.provider_id: row.since for row in identity.KNOWN.all()}
        return since.get(provider_id) or since.get(self.provider.id, EVER)

    def lacks(self, checkpoint_id: str) -> bool:
        """Whether Karbor's database knows this checkpoint as made and not deleted, and the bank has
        never held it."""
        bank, provider_id = self.provider.bank, self.provider.id
        return bool(identity.missing(bank, provider_id, checkpoint_id=checkpoint_id))

    def in_work(self) -> frozenset[str]:
        """The ids of the checkpoints that are claimed, or in which something is, but by an
        audit."""
        others = (claim for claim in self._claims.all() if claim.operation != AUDIT)
        return frozenset(claim.checkpoint_id for claim in others)

    def held(self) -> dict[str, bool]:
        """The ids of all checkpoints that the bank has ever held, and whether they are found there:
        of each no more than that is held in memory.

        :raises BankSuspect: it has never held any
        """
        held = dict.fromkeys(checkpoints.everything(self.provider.bank), True)
        if not held:
            # Karbor never removes the last object of a checkpoint.
            raise BankSuspect(self.provider.name, "it has never held a checkpoint")
        # Karbor's file-system bank passes over folders that it cannot read (os.walk).
        for checkpoint_id in index.indexed(self.provider.bank) - set(held):
            LOG.error(
                "Checkpoint %s is in the index and cannot be found; its shares are not judged",
                checkpoint_id,
            )
            held[checkpoint_id] = False
        return held

    def only(self, checkpoint_id: str) -> Known:
        """One checkpoint by its id: empty when the bank has never held it."""
        held = checkpoints.is_held(self.provider.bank, checkpoint_id)
        if not held and checkpoint_id in index.indexed(self.provider.bank):
            return {checkpoint_id: None}
        return {checkpoint_id: self.checkpoint(checkpoint_id)} if held else {}

    def is_at_rest(self, checkpoint: Any) -> bool:
        """Whether it is a readable checkpoint of this provider that is neither deleted nor in
        work."""
        return (
            checkpoint is not None
            and checkpoint.provider_id == self.provider.id
            and checkpoint.status in _AT_REST
        )

    def records(self, checkpoint: Any) -> Iterator[tuple[str, ShareRecord]]:
        """The shares of a checkpoint that have a readable record, with it."""
        return lost_snapshots.records(checkpoint, self._clock.sleep)

    def section(self, checkpoint: Any, share_id: str) -> ShareSection:
        """What a checkpoint holds of a share."""
        return ShareSection(checkpoint.get_resource_bank_section(share_id), self._clock.sleep)

    def checkpoint(self, checkpoint_id: str) -> Any:
        """A checkpoint that the bank holds; None for one that cannot be read."""
        try:
            checkpoint = self.provider.get_checkpoint(checkpoint_id)
            checkpoint.to_dict()
            # What is asked of it later: nothing of a damaged one must end the audit.
            _ = (
                checkpoint.provider_id,
                reporting.of(checkpoint),
                list(checkpoints.resources(checkpoint)),
            )
        except Exception as error:  # noqa: BLE001 - Karbor takes any index for a checkpoint's
            LOG.error(
                "Checkpoint %s cannot be read; its shares are not judged: %s", checkpoint_id, error
            )
            return None
        return checkpoint

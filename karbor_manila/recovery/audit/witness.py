# SPDX-License-Identifier: Apache-2.0
"""Something that the records name and that is still shown: without it nothing is called lost.

Another region, an endpoint of another cloud, or a user who sees nothing would make every checkpoint
lost.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from karbor_manila.bank.errors import RecordInvalid
from karbor_manila.recovery.audit.bank_side import BankSide
from karbor_manila.recovery.audit.finding import Finding
from karbor_manila.recovery.audit.manila_side import ManilaSide, Shown, is_of
from karbor_manila.recovery.errors import ManilaSuspect


@dataclass(frozen=True)
class Witness:
    """What was shown: what a driver keeps, or a share in Manila."""

    id: str
    is_share: bool = False


class Witnesses:
    """One for each driver that would lose something: a driver may keep in another place than
    Manila, and one that answers proves nothing of another that does not."""

    def __init__(self, bank: BankSide, manila: ManilaSide) -> None:
        self._bank = bank
        self._manila = manila
        self._known: dict[str, Witness] = {}

    def add(self, seen: dict[str, str]) -> None:
        """Those that the records of a checkpoint name.

        :param seen: by driver, the id of what a record names and that driver shows
        """
        for driver, identifier in seen.items():
            self._known[driver] = Witness(identifier)

    def look_at(self, checkpoint: Any, marked: Iterable[Shown]) -> None:
        """What a checkpoint in work keeps is as good as what another keeps.

        :param marked: what bears a mark of this checkpoint
        """
        for shown in marked:
            if shown.driver not in self._known and self._is_named(shown, checkpoint):
                self._known[shown.driver] = Witness(shown.id)

    def require(self, losses: list[Finding]) -> None:
        """Make sure that there is one for each driver by whose word something is lost.

        :raises ManilaSuspect: there is none
        """
        for driver in dict.fromkeys(finding.driver for finding in losses):
            if driver in self._known:
                continue
            lost = [finding for finding in losses if finding.driver == driver]
            witness = self._share(lost)
            if witness is None:
                raise ManilaSuspect(self._bank.provider.name, len(lost))
            self._known[driver] = witness

    def is_shown(self, driver: str) -> bool:
        """Whether the witness of this driver is still shown."""
        witness = self._known.get(driver)
        if witness is None:
            return False
        if witness.is_share:
            return self._manila.has_share(witness.id)
        return self._manila.show(driver, witness.id) is not None

    def _share(self, lost: list[Finding]) -> Witness | None:
        """All drivers protect shares of the one Manila: it is the right one if it shows any."""
        for share_id in dict.fromkeys(finding.share_id for finding in lost):
            if self._manila.has_share(share_id):
                return Witness(share_id, is_share=True)
        return None

    def _is_named(self, shown: Shown, checkpoint: Any) -> bool:
        """Whether the checkpoint of a mark names the snapshot that bears it; marks alone can be
        forged."""
        if (
            checkpoint is None
            or shown.mark is None
            or checkpoint.provider_id != self._bank.provider.id
        ):
            return False
        for share_id in shown.keeps(shown.mark):
            try:
                record = self._bank.section(checkpoint, share_id).record()
            except RecordInvalid:
                continue
            if record and record.snapshot_id == shown.id:
                return is_of(checkpoint, record, shown.project_id)
        return False

# SPDX-License-Identifier: Apache-2.0
"""Searches for what dead processes may have left unfinished; nothing is changed.

It is found by the claims in Karbor's database, by Karbor's restores and verifications, and, where
nothing was claimed (Karbor's own manager), by the checkpoints in the banks.
"""

import contextlib
import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from karbor import objects
from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank import checkpoints
from karbor_manila.common.clock import Clock
from karbor_manila.common.turns import taking_turns
from karbor_manila.database import requested
from karbor_manila.recovery.claim_table import REVERT, Claim
from karbor_manila.recovery.claims import Claims
from karbor_manila.recovery.postponed import check_mounted

LOG = logging.getLogger(__name__)

#: Karbor's status of a restore or a verification that runs; one word for both.
IN_PROGRESS = constants.RESTORE_STATUS_IN_PROGRESS

# By the status of a checkpoint in work, what is done with it.
_OPERATION_OF = {
    constants.CHECKPOINT_STATUS_PROTECTING: constants.OPERATION_PROTECT,
    constants.CHECKPOINT_STATUS_DELETING: constants.OPERATION_DELETE,
    constants.CHECKPOINT_STATUS_WAIT_COPYING: constants.OPERATION_COPY,
    constants.CHECKPOINT_STATUS_COPYING: constants.OPERATION_COPY,
}


@dataclass(frozen=True)
class Unfinished:
    """Abandoned work on the checkpoint, restore, verification or share ``id``.

    ``since`` is UTC, or None when it is written nowhere when it began. What was never ``claimed``
    may be of Karbor's own code, which creates in Manila before it writes anything down.
    """

    operation: str
    id: str
    checkpoint_id: str
    provider_id: str
    project_id: str
    since: datetime.datetime | None
    claimed: bool = True


@dataclass
class Memory:
    """What one search leaves to the next, and what this process is about to claim."""

    #: The ids of deleted checkpoints: they stay in the bank, and stay deleted.
    deleted: set[str] = field(default_factory=set)
    #: How many checkpoints this process is making that it has not claimed yet.
    making: int = 0

    @contextlib.contextmanager
    def is_making(self) -> Iterator[None]:
        """While this process makes checkpoints that it has not claimed yet, however long that
        takes."""
        self.making += 1
        try:
            yield
        finally:
            self.making -= 1


class Search:
    """One search.

    :param claims: of this process
    :param memory: of the searches of this process
    :param grace: seconds for which what is not claimed is left alone
    """

    def __init__(self, claims: Claims, memory: Memory, *, grace: float, clock: Clock) -> None:
        self._claims = claims
        self._memory = memory
        self._grace = grace
        self._clock = clock
        #: Why not everything was seen: the last error of a bank or of the database.
        self.away: Exception | None = None
        #: Whether something was seen of which it is not known yet whether it is abandoned.
        self.unsure = False

    def find(self, providers: Iterable[Any], *, everywhere: bool) -> list[Unfinished]:
        """What is unfinished in the banks that are at hand.

        :param everywhere: search the banks, too, and not only the database
        """
        found: dict[str, Unfinished] = {}
        for provider in providers:
            try:
                check_mounted(provider)
                for item in self._of_provider(provider, everywhere=everywhere):
                    found.setdefault(item.id, item)
            except Exception as error:  # noqa: BLE001 - the banks of the others may be at hand
                LOG.error("Provider %s could not be searched: %s", provider.id, error)
                self.away = error
        return list(found.values())

    def _of_provider(self, provider: Any, *, everywhere: bool) -> Iterator[Unfinished]:
        yield from self._claimed(provider)
        yield from self._unclaimed_requests(provider)
        if everywhere:
            found = checkpoints.inventory(provider.bank)
            yield from self._unclaimed_checkpoints(provider, found.checkpoints)
            yield from self._leftovers(provider, found.open_restores)
            yield from self._incomplete_reports(provider, found.kept_and_begun)

    # -- in the database ------------------------------------------------------------------------

    def _claimed(self, provider: Any) -> Iterator[Unfinished]:
        """What a dead process has claimed."""
        everything = self._claims.all()
        restored = {
            claim.checkpoint_id
            for claim in everything
            if claim.operation != REVERT and claim.id != claim.checkpoint_id
        }
        for claim in everything:
            if claim.provider_id != provider.id:
                continue
            if self._claims.is_alive(claim, provider.bank):
                self.unsure |= not self._claims.is_proven(claim)
                continue
            if claim.operation == REVERT and claim.checkpoint_id in restored:
                continue  # the target of a restore is settled with that
            yield Unfinished(
                _operation(claim),
                claim.id,
                claim.checkpoint_id,
                claim.provider_id,
                _project_of(provider, claim.checkpoint_id),
                claim.since,
            )

    def _unclaimed_requests(self, provider: Any) -> Iterator[Unfinished]:
        """Restores and verifications without a claim, although they are not new."""
        for operation, kind in requested.RECORDS.items():
            in_work = getattr(objects, f"{kind}List").get_all(
                requested.as_karbor(), None, None, filters={"status": IN_PROGRESS}
            )
            for request in in_work:
                if request.provider_id != provider.id or self._claims.get(request.id):
                    continue
                begun = request.created_at.replace(tzinfo=datetime.UTC)
                if (self._clock.utcnow() - begun).total_seconds() < self._grace:
                    self.unsure = True
                    continue
                yield Unfinished(
                    operation,
                    request.id,
                    request.checkpoint_id,
                    request.provider_id,
                    request.project_id,
                    begun,
                    claimed=False,
                )

    # -- in the bank ----------------------------------------------------------------------------

    def _unclaimed_checkpoints(self, provider: Any, held: Iterable[str]) -> Iterator[Unfinished]:
        """Checkpoints in work that never had a claim."""
        for checkpoint_id in taking_turns(held):
            if checkpoint_id in self._memory.deleted:
                continue
            try:
                checkpoint = provider.get_checkpoint(checkpoint_id)
                if not self._is_abandoned(provider, checkpoint):
                    continue
                project_id = checkpoint.project_id
            except Exception as error:  # noqa: BLE001 - Karbor takes any index for one
                LOG.error("Checkpoint %s cannot be read: %s", checkpoint_id, error)
                continue
            yield Unfinished(
                _OPERATION_OF[checkpoint.status],
                checkpoint_id,
                checkpoint_id,
                provider.id,
                project_id,
                None,
                claimed=False,
            )

    def _is_abandoned(self, provider: Any, checkpoint: Any) -> bool:
        if checkpoint.status == constants.CHECKPOINT_STATUS_DELETED:
            self._memory.deleted.add(checkpoint.id)
        if checkpoint.provider_id != provider.id:
            return False
        if not self._claims.is_abandoned(checkpoint):
            self.unsure |= self._is_unclaimed(checkpoint)
            return False
        if self._is_being_made(checkpoint):
            self.unsure = True
            return False
        return True

    def _is_unclaimed(self, checkpoint: Any) -> bool:
        """In work, of a process that does not claim; whether that one lives is not known yet."""
        return (
            checkpoint.status in checkpoints.IN_WORK
            and checkpoint.id not in self._claims.held
            and self._claims.get(checkpoint.id) is None
        )

    def _is_being_made(self, checkpoint: Any) -> bool:
        """Karbor puts a checkpoint into the bank before our worker can claim it."""
        section = checkpoint.checkpoint_section
        if checkpoint.owner_id != section.get_owner_id():
            return False
        if self._memory.making:
            return True
        made = float(section.get_object("index.json")["timestamp"])
        return self._clock.utcnow().timestamp() - made < self._grace

    def _leftovers(
        self, provider: Any, open_restores: Iterable[tuple[str, str, str]]
    ) -> Iterator[Unfinished]:
        """Restores and verifications that have ended and could not remove what they made.

        :param open_restores: the ids of checkpoint, share and request, by their intents in the bank
        """
        for checkpoint_id, _share_id, request_id in open_restores:
            kind = requested.kind_of(request_id)
            if kind is None or self._claims.get(request_id):
                continue
            request = requested.get_record(kind, request_id)
            if request.provider_id != provider.id or request.status == IN_PROGRESS:
                continue
            yield Unfinished(kind, request_id, checkpoint_id, provider.id, request.project_id, None)

    def _incomplete_reports(
        self, provider: Any, kept: Iterable[tuple[str, str]]
    ) -> Iterator[Unfinished]:
        """Checkpoints at rest with a share that is complete and has an intent all the same: its
        protection or copy could not report that.

        :param kept: the ids of checkpoint and share
        """
        for checkpoint_id in sorted({each for each, _share_id in kept}):
            if self._claims.get(checkpoint_id):
                continue
            checkpoint = checkpoints.get(provider, checkpoint_id)
            if checkpoint.provider_id != provider.id or checkpoint.status in checkpoints.IN_WORK:
                continue
            yield Unfinished(
                constants.OPERATION_PROTECT,
                checkpoint_id,
                checkpoint_id,
                provider.id,
                checkpoint.project_id,
                None,
            )


def _operation(claim: Claim) -> str:
    """What a claim was for first; a reconciliation may have died as well."""
    if claim.id == claim.checkpoint_id:
        return claim.operation
    return requested.kind_of(claim.id) or claim.operation


def _project_of(provider: Any, checkpoint_id: str) -> str:
    try:
        return str(provider.get_checkpoint(checkpoint_id).project_id)
    except Exception as error:  # noqa: BLE001 - raised again when the checkpoint is to be settled
        LOG.warning("Checkpoint %s cannot be read: %s", checkpoint_id, error)
        return ""

# SPDX-License-Identifier: Apache-2.0
"""Searches for what dead processes may have left unfinished; nothing is changed.

It is found by which hooks have begun, by the claims in Karbor's database, by Karbor's restores and
verifications, by what access to snapshots is open, by which deletions wait, and, where nothing was
claimed (Karbor's own manager), by the checkpoints in the banks.
"""

import datetime
from collections.abc import Iterable, Iterator
from typing import Any

from karbor import objects
from oslo_log import log as logging

from karbor_manila.bank import browses, deletions
from karbor_manila.common.clock import Clock
from karbor_manila.database import requested
from karbor_manila.recovery.claim_table import BESIDES, BROWSE, DEFERRED, PERIODIC, Claim
from karbor_manila.recovery.claims import Claims
from karbor_manila.recovery.postponed import check_mounted
from karbor_manila.recovery.search_bank import BankSearch
from karbor_manila.recovery.search_hooks import HookSearch
from karbor_manila.recovery.searched import MARGIN, Look, Memory
from karbor_manila.recovery.unfinished import IN_PROGRESS, Unfinished

LOG = logging.getLogger(__name__)


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
        #: Whether the look at a whole bank goes on with the next search.
        self.more = False

    def find(self, providers: Iterable[Any], where: Look) -> list[Unfinished]:
        """What is unfinished in the banks that are at hand."""
        found: dict[str, Unfinished] = {}
        for provider in providers:
            try:
                bank_id = check_mounted(provider)
                for item in self._of_provider(provider, bank_id, where):
                    found.setdefault(item.id, item)
            except Exception as error:  # noqa: BLE001 - the banks of the others may be at hand
                LOG.error("Provider %s could not be searched: %s", provider.id, error)
                self.away = error
        return list(found.values())

    def _of_provider(self, provider: Any, bank_id: str | None, where: Look) -> Iterator[Unfinished]:
        # Something may stand still until they are through.
        hooks = HookSearch(provider, self._claims, grace=self._grace, clock=self._clock)
        yield from hooks.find()
        self.unsure |= hooks.unsure
        yield from self._claimed(provider)
        yield from self._unclaimed_requests(provider)
        yield from self._browses_that_are_over(provider)
        yield from self._deletions_that_are_due(provider)
        if where is Look.DATABASE:
            return
        search = BankSearch(
            provider, self._claims, self._memory, grace=self._grace, clock=self._clock
        )
        try:
            # What was seen of a bank without an id might have been another one.
            if where is Look.EVERYTHING or bank_id is None:
                yield from search.everything()
            else:
                yield from search.what_may_be(bank_id)
        finally:
            self.away = search.away or self.away
            self.unsure |= search.unsure
            self.more |= search.more

    # -- in the database ------------------------------------------------------------------------

    def _claimed(self, provider: Any) -> Iterator[Unfinished]:
        """What a dead process has claimed."""
        everything = self._claims.all()
        restored = {
            claim.checkpoint_id
            for claim in everything
            if claim.operation not in BESIDES and claim.id != claim.checkpoint_id
        }
        for claim in everything:
            if claim.provider_id != provider.id:
                continue
            if claim.operation != PERIODIC:  # of no checkpoint
                self._memory.work_on(provider.id, claim.checkpoint_id)
            if self._claims.is_alive(claim, provider.bank):
                self.unsure |= not self._claims.is_proven(claim)
                continue
            if claim.operation in BESIDES and claim.checkpoint_id in restored:
                continue  # what a restore or verification has besides is settled with that
            yield Unfinished(
                _operation(claim),
                claim.id,
                claim.checkpoint_id,
                claim.provider_id,
                "" if claim.operation == PERIODIC else _project_of(provider, claim.checkpoint_id),
                claim.since,
            )

    def _browses_that_are_over(self, provider: Any) -> Iterator[Unfinished]:
        """Access to snapshots that is to be taken back: by one list of what is open. Nothing else
        is read of what is not due."""
        now = self._clock.utcnow()
        for entry in browses.entries(provider.bank, provider.id):
            if entry.due > now or self._claims.get(entry.browse_id):
                continue  # who has claimed it is at work on it, or was found above
            yield Unfinished(
                BROWSE,
                entry.browse_id,
                entry.checkpoint_id,
                provider.id,
                _project_of(provider, entry.checkpoint_id),
                entry.due,
            )

    def _deletions_that_are_due(self, provider: Any) -> Iterator[Unfinished]:
        """By one list of those that wait; nothing else is read of what is not due."""
        now = self._clock.utcnow()
        for entry in deletions.entries(provider.bank, provider.id):
            if entry.due > now or self._claims.get(entry.checkpoint_id):
                continue
            yield Unfinished(
                DEFERRED,
                entry.checkpoint_id,
                entry.checkpoint_id,
                provider.id,
                _project_of(provider, entry.checkpoint_id),
                entry.due,
            )

    def _unclaimed_requests(self, provider: Any) -> Iterator[Unfinished]:
        """Restores and verifications without a claim, although they are not new."""
        everything: set[str] = set()
        for operation, kind in requested.RECORDS.items():
            in_work = getattr(objects, f"{kind}List").get_all(
                requested.as_karbor(), None, None, filters={"status": IN_PROGRESS}
            )
            everything |= {request.id for request in in_work}
            for request in in_work:
                if request.provider_id != provider.id or self._claims.get(request.id):
                    continue
                begun = request.created_at.replace(tzinfo=datetime.UTC)
                if not self._is_lost(request.id, begun):
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
        self._memory.forget_unclaimed_but(everything)

    def _is_lost(self, request_id: str, begun: datetime.datetime) -> bool:
        """Whether a request without a claim is not on its way any more: it was watched for long
        enough, or is that old whatever the clock of Karbor's API, by which it was made, may say."""
        now = self._clock.now()
        watched = now - self._memory.unclaimed.setdefault(request_id, now)
        age = (self._clock.utcnow() - begun).total_seconds()
        enough = self._grace + MARGIN.total_seconds()
        return age >= self._grace and (watched >= self._grace or age >= enough)


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

# SPDX-License-Identifier: Apache-2.0
"""Removes what no keep rule of a plan keeps, as Karbor's own user.

What goes is decided twice: once to find candidates, and once more for each when it is claimed. A
checkpoint under somebody's claim that ends it speaks for no other one then. Claims are written
before they are read, so of two who remove different checkpoints at the same moment one sees the
other: none of them counts on what the other one takes away.

From the status ``deleting`` on it is a deletion as any other: who dies leaves it to the
reconciliation.
"""

import datetime
from collections.abc import Iterator
from typing import Any, NamedTuple

from karbor import exception as karbor_exception
from karbor.common import constants
from karbor.services.protection.flows import utils
from oslo_log import log as logging

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import checkpoints, fencing
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.common import keeping
from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import ClaimLost, KarborManilaError, Taken
from karbor_manila.common.keeping import Made, Verdict
from karbor_manila.database import keeping_plans
from karbor_manila.database.keeping_plans import KeepingPlan
from karbor_manila.database.requested import as_karbor
from karbor_manila.operations import reporting
from karbor_manila.recovery import exclusion, settle_checkpoint, share_recovery
from karbor_manila.recovery.claims import Claims
from karbor_manila.recovery.loop import Reconciliation
from karbor_manila.recovery.postponed import Postponed
from karbor_manila.recovery.unfinished import Unfinished
from karbor_manila.service import counts
from karbor_manila.service.flows import telling
from karbor_manila.service.flows.running import Running
from karbor_manila.service.requests import deferring
from karbor_manila.service.retention import facts

LOG = logging.getLogger(__name__)

_DELETE = constants.OPERATION_DELETE
_DELETED = constants.CHECKPOINT_STATUS_DELETED


class _Found(NamedTuple):
    """The checkpoints of a plan, and what becomes of each, the newest first.

    ``busy`` are the ids of those that somebody works with.
    """

    verdicts: list[Verdict]
    busy: frozenset[str]

    def going(self) -> list[str]:
        """The ids of what may go now, the oldest first."""
        ids = [item.checkpoint.id for item in reversed(self.verdicts) if not item.stays]
        return [item for item in ids if item not in self.busy]


class KeepRun:
    """Carries out the keep rules of plans.

    :param claims: of this process
    :param reconciliation: in whose slots, and with whose clients of Manila, it works
    """

    def __init__(
        self, claims: Claims, reconciliation: Reconciliation, clock: Clock | None = None
    ) -> None:
        self._claims = claims
        self._reconciliation = reconciliation
        self._clock = clock or Clock()

    def kept(
        self, provider: Any, plan_id: str, ours: frozenset[str] = frozenset()
    ) -> frozenset[str]:
        """The ids of the good checkpoints of a plan that its keep rules keep: Karbor's own
        retention does not get them either. Empty for a plan without rules; all of them when its
        rules cannot be read.

        :param ours: the ids of those that are claimed for this
        :raises DatabaseUnreadable: the plan is not known
        :raises karbor.exception.BankListObjectsFailed: the bank cannot be listed
        """
        kept: set[str] = set()
        for plan in keeping_plans.read(plan_id):
            if plan.provider_id == provider.id:
                verdicts = self._decide(provider, plan, ours).verdicts
                kept |= {
                    item.checkpoint.id for item in verdicts if item.stays and item.checkpoint.good
                }
        return frozenset(kept)

    def carry_out(self, provider: Any, plan: KeepingPlan) -> int:
        """Remove what no rule of the plan keeps. What somebody works with goes another time.

        :returns: how many are gone
        :raises Exception: of the bank, the database or Manila: the next run goes on
        """
        if not plan.rules:
            return 0
        # One after the other, each by a look of its own: a removal takes its time in Manila, and
        # what justified the next one may be gone by then.
        going = self._decide(provider, plan).going()
        return sum(self._remove(provider, plan, item) for item in going)

    def _claim(self, provider: Any, checkpoint_id: str) -> bool:
        try:
            self._claims.take(
                checkpoint_id,
                _DELETE,
                provider_id=provider.id,
                checkpoint_id=checkpoint_id,
                bank=provider.bank,
                over_dead=False,
            )
        except Taken as taken:
            LOG.info("Checkpoint %s is not removed now: %s", checkpoint_id, taken)
            return False
        return True

    def _remove(self, provider: Any, plan: KeepingPlan, checkpoint_id: str) -> bool:
        """Claim one and remove it if it still goes. Returns whether it is gone, or waits for its
        end."""
        if not self._claim(provider, checkpoint_id):
            return False
        fenced = fencing.Provider(provider, fencing.Hold(self._claims, checkpoint_id))
        status = ""
        begun = False
        try:
            checkpoint = self._condemned(provider, plan, fenced, checkpoint_id)
            if checkpoint is None:
                return False
            begun = True
            if seconds := deferring.grace(provider, checkpoint):
                self._defer(fenced, checkpoint, seconds)
                status = checkpoint.status
                return True
            _begin(fenced, checkpoint)
            status = self._settle(fenced, plan, checkpoint)
        except karbor_exception.CheckpointNotFound:
            LOG.info("Checkpoint %s is gone already", checkpoint_id)
        except (Postponed, BankUnreadable, ClaimLost) as error:
            LOG.warning("Checkpoint %s is removed later: %s", checkpoint_id, error)
        finally:
            # A green thread that is killed comes by here, too. Once and no more: another operation
            # of this process may claim it from now on.
            left = begun and not status
            (self._claims.leave if left else self._claims.release)(checkpoint_id)
        return status == _DELETED

    def _condemned(
        self, provider: Any, plan: KeepingPlan, fenced: fencing.Provider, checkpoint_id: str
    ) -> Any:
        """The checkpoint, which is claimed, if no rule keeps it; None for one that stays."""
        if checkpoint_id not in self._decide(provider, plan, frozenset({checkpoint_id})).going():
            return None
        checkpoint = settle_checkpoint.as_it_stands(fenced, checkpoint_id)
        if checkpoint.status != constants.CHECKPOINT_STATUS_AVAILABLE:
            return None
        if share_recovery.resources(fenced, checkpoint).others:
            # Other plugins work with the tenant's own token, and the tenant is not here.
            LOG.info("Checkpoint %s holds more than shares: delete it by hand", checkpoint_id)
            return None
        LOG.info(
            "Checkpoint %s of plan %s is removed: no keep rule keeps it", checkpoint_id, plan.id
        )
        return checkpoint

    def _defer(self, fenced: fencing.Provider, checkpoint: Any, seconds: int) -> None:
        """The deletion waits as one that a user asks for, and can be taken back so long."""
        context = as_karbor(str(checkpoint.project_id))
        fenced.hold.confirm()
        counted = not checkpoints.is_copy(checkpoint)
        deferring.defer(context, checkpoint, seconds, self._clock.utcnow(), counted=counted)
        _count(checkpoint)

    def _settle(self, fenced: fencing.Provider, plan: KeepingPlan, checkpoint: Any) -> str:
        """Bring a checkpoint that is ``deleting`` to its end, as the reconciliation would."""
        told = telling.begins(Running(_DELETE, checkpoint, None), self._clock)
        item = Unfinished(
            _DELETE, str(checkpoint.id), str(checkpoint.id), plan.provider_id, plan.project_id, None
        )
        try:
            status = self._reconciliation.alongside(
                lambda side_by_side: settle_checkpoint.settle(item, fenced, side_by_side)
            )
        except Exception as error:  # nothing is swallowed: it is told, and settled later
            told.over(error, settled=False)
            raise
        if status == _DELETED:
            told.over()
        else:
            why = " ".join(str(said) for said in reporting.of_attempt(checkpoint).values())
            LOG.warning("Checkpoint %s could not be removed: %s", checkpoint.id, why)
            told.over(KarborManilaError(why))
        return status

    def _decide(
        self, provider: Any, plan: KeepingPlan, ours: frozenset[str] = frozenset()
    ) -> _Found:
        """What becomes of the checkpoints of a plan at present.

        :param ours: the ids of those that are claimed for this; they are not busy
        """
        # The claims first: what is not claimed any more by now has its new status by then.
        claims = [
            claim
            for claim in self._claims.all()
            if claim.provider_id == provider.id and claim.checkpoint_id not in ours
        ]
        ending = {claim.checkpoint_id for claim in claims if exclusion.is_ending(claim)}
        found = [item for item in self._made(provider, plan) if item.id not in ending]
        busy = frozenset(claim.checkpoint_id for claim in claims)
        return _Found(keeping.decide(found, plan.rules), busy)

    def _made(self, provider: Any, plan: KeepingPlan) -> Iterator[Made]:
        """The checkpoints at rest. One that cannot be read counts for nothing, and stays."""
        query = checkpoints.Query(plan.provider_id, plan.project_id, plan.id)
        for made, checkpoint in checkpoints.timed(provider, query):
            if checkpoint.status not in facts.AT_REST or checkpoint.provider_id != provider.id:
                continue
            try:
                yield self._as_made(made, checkpoint)
            except (ValueError, TypeError, karbor_exception.KarborException) as error:
                LOG.error("Checkpoint %s: what it holds cannot be read: %s", checkpoint.id, error)

    def _as_made(self, made: int, checkpoint: Any) -> Made:
        kept = facts.kept(checkpoint, made, self._clock.sleep, self._clock.utcnow())
        return Made(
            id=kept.id,
            made=datetime.datetime.fromtimestamp(made, datetime.UTC),
            good=kept.good,
            whole=kept.whole,
            holds=kept.holds,
            perhaps=kept.perhaps,
            is_copy=kept.is_copy,
            held=kept.held,
            ahead=kept.ahead,
        )


def _begin(fenced: fencing.Provider, checkpoint: Any) -> None:
    """The deletion begins: from here on it is gone for everybody, and counts in no quota."""
    # As Karbor's own deletion: by its log the database knows that it was deleted.
    utils.create_operation_log(as_karbor(str(checkpoint.project_id)), checkpoint)
    reporting.begin_anew(checkpoint)
    checkpoint.status = constants.CHECKPOINT_STATUS_DELETING
    fenced.hold.confirm()
    bank_access.commit(checkpoint)
    _count(checkpoint)


def _count(checkpoint: Any) -> None:
    """Karbor counts no copies (karbor/api/v1/providers.py)."""
    if not checkpoints.is_copy(checkpoint):
        counts.lower(as_karbor(str(checkpoint.project_id)))

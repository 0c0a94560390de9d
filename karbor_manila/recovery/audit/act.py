# SPDX-License-Identifier: Apache-2.0
"""An audit: finds what does not agree, and mends exactly that, if it still holds."""

from collections.abc import Iterator
from typing import Any

from oslo_log import log as logging

from karbor_manila.bank import fencing
from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import Taken
from karbor_manila.common.turns import taking_turns
from karbor_manila.manila.client import EVERY_PROJECT
from karbor_manila.manila.errors import SnapshotGone
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.marks import Mark
from karbor_manila.operations import lost_snapshots
from karbor_manila.operations.flow import FlowContext
from karbor_manila.operations.plugin import SHARE
from karbor_manila.operations.work import Work
from karbor_manila.recovery.audit import telling
from karbor_manila.recovery.audit.bank_side import BankSide, Known
from karbor_manila.recovery.audit.finding import LOST, Action, Finding, Outcome, Reason, left_alone
from karbor_manila.recovery.audit.judge import Judge
from karbor_manila.recovery.audit.manila_side import ManilaSide
from karbor_manila.recovery.audit.witness import Witnesses
from karbor_manila.recovery.claims import AUDIT, Claims

LOG = logging.getLogger(__name__)

_CHANGED = left_alone("it is not what it was when it was listed")


class Audit:
    """One provider's bank against Manila.

    :param provider: Karbor's provider, whose shares our plugin protects
    :param held: the claims of this process
    :param grace: seconds; what is younger is left alone
    """

    def __init__(
        self, provider: Any, held: Claims, *, grace: float, clock: Clock | None = None
    ) -> None:
        self._provider = provider
        self._claims = held
        self._grace = grace
        self._clock = clock or Clock()
        self._flow: FlowContext = provider.load_plugins()[SHARE].context_as_karbor([])
        self._flow.bind(Work(None, EVERY_PROJECT))
        self._bank = BankSide(provider, held, self._clock)
        self._look_at("")

    def find(self) -> list[Finding]:
        """What does not agree; nothing is changed.

        :raises BankSuspect, BankUnreadable: the bank's word cannot be trusted
        :raises ManilaSuspect: Manila's word cannot be trusted
        :raises NotAdministrator, ManilaUnavailable, ManilaRefused: Manila does not answer
        """
        self._look_at(self._bank.trusted_id())
        self._bank.check_age()
        in_work = self._bank.in_work()
        held = self._bank.held()
        self._manila.list_configured()
        losses: list[Finding] = []
        orphans: list[Finding] = []
        for checkpoint_id, is_found in taking_turns(held.items()):
            checkpoint = self._bank.checkpoint(checkpoint_id) if is_found else None
            losses += self._losses(checkpoint)
            orphans += self._orphans(checkpoint_id, {checkpoint_id: checkpoint}, in_work)
        # The marks of what the bank never held, and what was listed when a record named its driver.
        for checkpoint_id in self._manila.left():
            known = {}
            if checkpoint_id in held:
                is_found = held[checkpoint_id]
                known[checkpoint_id] = self._bank.checkpoint(checkpoint_id) if is_found else None
            orphans += self._orphans(checkpoint_id, known, in_work)
        self._witnesses.require(losses)
        found = orphans + losses
        for finding in taking_turns(found):  # so that who listens keeps up
            telling.found(finding)
        return found

    def _losses(self, checkpoint: Any) -> list[Finding]:
        if not self._bank.is_at_rest(checkpoint):
            return []
        seen: dict[str, str] = {}
        losses = list(self._judge.losses(checkpoint, seen))
        self._witnesses.add(seen)
        return losses

    def _orphans(
        self, checkpoint_id: str, known: Known, in_work: frozenset[str]
    ) -> Iterator[Finding]:
        marked = self._manila.take_marked(checkpoint_id)
        self._witnesses.look_at(known.get(checkpoint_id), marked)
        for shown in marked:
            orphan = shown.mark and self._judge.orphan(shown, shown.mark, known, in_work)
            if not orphan:
                continue
            # Manila was asked before the bank: its checkpoint may have been deleted since, with it.
            deleted = orphan.reason is Reason.DELETED_CHECKPOINT
            if not deleted or self._manila.show(shown.driver, shown.id):
                yield orphan

    def fix(self, finding: Finding) -> Outcome:
        """Do what a finding says, if it still holds, under the claim of its checkpoint: what began
        meanwhile must not be undone by a checkpoint that is written once more.

        :returns: what was done, or why nothing was
        :raises: as :meth:`find`, and what the removal of a snapshot raises
        """
        with telling.mending(finding) as told:
            outcome = told.outcome = self._fix(finding)
        return outcome

    def _fix(self, finding: Finding) -> Outcome:
        if finding.action is Action.NONE:
            return left_alone()
        if self._bank.trusted_id() != self._bank_id:
            return left_alone("the bank is another one now")
        try:
            claim = self._claims.take(
                finding.checkpoint_id,
                AUDIT,
                provider_id=finding.provider_id,
                checkpoint_id=finding.checkpoint_id,
                bank=self._provider.bank,
            )
        except Taken as taken:
            return left_alone(taken)
        try:
            return self._fix_lost(finding) if finding.kind == LOST else self._fix_orphan(finding)
        finally:
            # What its dead owner left of it is not settled.
            (self._claims.leave if claim.took_over else self._claims.release)(finding.checkpoint_id)

    def _look_at(self, bank_id: str) -> None:
        """Look anew, by the marks of this bank."""
        self._bank_id = bank_id
        self._manila = ManilaSide(self._flow, bank_id)
        self._judge = Judge(self._bank, self._manila, grace=self._grace, clock=self._clock)
        self._witnesses = Witnesses(self._bank, self._manila)

    def _fix_orphan(self, finding: Finding) -> Outcome:
        shown = self._manila.show(finding.driver, finding.snapshot_id)
        if shown is None:
            return Outcome(True, "gone already")
        in_work = self._bank.in_work()
        if self._bank.lacks(finding.checkpoint_id):
            return left_alone("Karbor's database knows its checkpoint as made and not deleted")
        if shown.mark is None:
            return _CHANGED
        known = self._bank.only(finding.checkpoint_id)
        if self._judge.orphan(shown, shown.mark, known, in_work) != finding:
            return _CHANGED
        return self._remove(finding, shown.mark)

    def _fix_lost(self, finding: Finding) -> Outcome:
        checkpoint = self._bank.only(finding.checkpoint_id).get(finding.checkpoint_id)
        if checkpoint is None or not self._bank.is_at_rest(checkpoint):
            return _CHANGED
        hold = fencing.Hold(self._claims, finding.checkpoint_id)
        checkpoint = fencing.checkpoint(checkpoint, hold.check)
        record = self._bank.section(checkpoint, finding.share_id).record()
        if record is None or record.snapshot_id != finding.snapshot_id:
            return _CHANGED
        if not self._judge.is_gone(checkpoint, record):
            return _CHANGED
        if not self._witnesses.is_shown(finding.driver):
            return left_alone("Manila does not show any more what it showed before")
        # The user reads it; what else is in the checkpoint can be restored as before.
        loss = SnapshotGone(finding.snapshot_id)
        lost_snapshots.mark_as_lost(checkpoint, finding.share_id, loss, self._clock.sleep)
        return Outcome(True, "said so in the checkpoint")

    def _remove(self, finding: Finding, mark: Mark) -> Outcome:
        self._flow.hold = fencing.Hold(self._claims, finding.checkpoint_id)
        driver = self._manila.driver(finding.driver)
        kept = Kept(finding.driver, finding.snapshot_id, finding.share_id)
        driver.delete(kept, project_id=finding.project_id)
        if mark.resource != finding.share_id:
            clone, project_id = mark.of_clone(), finding.project_id
            self._flow.shares.delete_clone(clone, None, project_id=project_id)
        LOG.info(
            "Orphaned snapshot %s of share %s, checkpoint %s is removed",
            finding.snapshot_id,
            finding.share_id,
            finding.checkpoint_id,
        )
        return Outcome(True, "removed")

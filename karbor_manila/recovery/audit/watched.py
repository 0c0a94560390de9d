# SPDX-License-Identifier: Apache-2.0
"""Judges what Manila's hook tells, and writes into the checkpoint what of it is true.

The hook is believed in nothing but when and by whom: marks can be forged by tenants, and files by
whoever gets at them. The record in the bank has to name exactly that snapshot and project, and
Manila is asked by its id whether it is there, as an audit does it; a Manila that shows nothing at
all of what the bank names is not believed either. All is written under the claim of the checkpoint.
"""

import enum
from typing import Any, NamedTuple

from oslo_log import log as logging

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import fencing
from karbor_manila.bank.checkpoints import IN_WORK
from karbor_manila.bank.errors import RecordInvalid
from karbor_manila.bank.record import ShareRecord
from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import Taken
from karbor_manila.database import requested
from karbor_manila.drivers.errors import DriverUnknown, DriverUnsuitable
from karbor_manila.manila import statuses
from karbor_manila.manila.client import EVERY_PROJECT
from karbor_manila.manila.errors import SnapshotDoubtful, SnapshotGone
from karbor_manila.manila.views import View
from karbor_manila.operations import lost_snapshots
from karbor_manila.operations.flow import FlowContext
from karbor_manila.operations.plugin import SHARE
from karbor_manila.operations.work import Work
from karbor_manila.recovery.audit import telling, told_words
from karbor_manila.recovery.audit.bank_side import BankSide
from karbor_manila.recovery.audit.finding import LOST, Action, Finding, Outcome, Reason
from karbor_manila.recovery.audit.manila_side import ManilaSide, is_of
from karbor_manila.recovery.audit.told import FAILED, REVERTED, Told
from karbor_manila.recovery.audit.witness import Witnesses
from karbor_manila.recovery.claims import AUDIT, Claims
from karbor_manila.recovery.errors import ManilaSuspect, SnapshotTaken

LOG = logging.getLogger(__name__)

_BAD = frozenset({statuses.ERROR, statuses.ERROR_DELETING})


class Verdict(enum.Enum):
    """What is to become of what was told."""

    WRITTEN = "the checkpoint says so"
    NOTHING = "nothing to say"
    REFUSED = "refused"
    LATER = "to be looked at later"


class Judged(NamedTuple):
    """What came of it, and a sentence for the log."""

    verdict: Verdict
    why: str


class Watched:
    """Judges what is told of one provider's checkpoints, in one turn.

    :param provider: Karbor's provider, whose shares our plugin protects
    :param held: the claims of this process
    """

    def __init__(self, provider: Any, held: Claims, clock: Clock | None = None) -> None:
        self._provider = provider
        self._claims = held
        self._clock = clock or Clock()
        self._bank = BankSide(provider, held, self._clock)
        # What holds for all that is told of a checkpoint in this turn.
        self._ruled: dict[str, Judged] = {}
        self._bank_id = ""
        self._flow: FlowContext | None = None

    def close(self) -> None:
        """The turn is over."""
        if self._flow:
            self._flow.close()

    def judge(self, told: Told) -> Judged:
        """Judge it, and write what of it is true and not written yet.

        :raises: what a bank, Karbor's database or Manila raises that is away: nothing was written,
            or all of it was; it is to be judged again
        """
        if ruled := self._ruled.get(told.mark.checkpoint):
            return ruled
        self._bank_id = self._bank_id or self._bank.trusted_id()
        if told.mark.bank != self._bank_id:
            return Judged(Verdict.REFUSED, f"its mark is of bank {told.mark.bank}")
        found = self._read(told)
        if isinstance(found, Judged):
            return found
        try:
            claim = self._claims.take(
                told.mark.checkpoint,
                AUDIT,
                provider_id=self._provider.id,
                checkpoint_id=told.mark.checkpoint,
                bank=self._provider.bank,
            )
        except Taken as taken:
            return self._rule(told, Verdict.LATER, str(taken))
        try:
            return self._judge_claimed(told)
        finally:
            # What its dead owner left of it is not settled.
            (self._claims.leave if claim.took_over else self._claims.release)(told.mark.checkpoint)

    # -- the bank -------------------------------------------------------------------------------

    def _read(self, told: Told) -> "tuple[Any, ShareRecord] | Judged":
        """The checkpoint and its record of the share, as far as it is about them."""
        known = self._bank.only(told.mark.checkpoint)
        if not known:
            return self._rule(told, Verdict.REFUSED, "the bank has never held its checkpoint")
        checkpoint = known[told.mark.checkpoint]
        if checkpoint is None:
            return self._rule(told, Verdict.LATER, "its checkpoint cannot be read")
        if checkpoint.provider_id != self._provider.id:
            return self._rule(told, Verdict.REFUSED, "its checkpoint is another provider's")
        if checkpoint.status in IN_WORK:
            return self._rule(told, Verdict.LATER, "its checkpoint is in work")
        if not self._bank.is_at_rest(checkpoint):
            return self._rule(told, Verdict.NOTHING, f"its checkpoint is {checkpoint.status}")
        return self._with_record(told, checkpoint)

    def _rule(self, told: Told, verdict: Verdict, why: str) -> Judged:
        """The same holds for all that is told of this checkpoint in this turn."""
        return self._ruled.setdefault(told.mark.checkpoint, Judged(verdict, why))

    def _with_record(self, told: Told, checkpoint: Any) -> "tuple[Any, ShareRecord] | Judged":
        try:
            record = self._bank.section(checkpoint, told.mark.resource).record()
        except RecordInvalid as error:
            return Judged(Verdict.NOTHING, str(error))
        if record is None or (
            told.snapshot_id != record.snapshot_id
            if told.snapshot_id
            else told.share_id != record.clone_id
        ):
            return Judged(Verdict.NOTHING, "its checkpoint does not keep it")
        if told.project_id not in {record.project_id, checkpoint.project_id}:
            why = f"its checkpoint is not of project {told.project_id}; its mark may be forged"
            return Judged(Verdict.REFUSED, why)
        share_id = told.mark.resource
        if lost_snapshots.is_reported_lost(checkpoint, share_id, record.snapshot_id):
            # Or announces it: then a restore is at it, and says what comes of it.
            return _SAID
        return checkpoint, record

    # -- under the claim ------------------------------------------------------------------------

    def _judge_claimed(self, told: Told) -> Judged:
        """By what the bank and Manila say now."""
        found = self._read(told)
        if isinstance(found, Judged):
            return found
        checkpoint, record = found
        try:
            view = self._manila.driver(record.driver).show(record.snapshot_id)
        except (DriverUnknown, DriverUnsuitable) as error:
            return Judged(Verdict.NOTHING, str(error))
        hold = fencing.Hold(self._claims, told.mark.checkpoint)
        fenced = fencing.checkpoint(checkpoint, hold.check)
        if view is None or view["status"] in statuses.DEFERRED:
            loss: SnapshotDoubtful = SnapshotGone(record.snapshot_id)
            if told.is_loss:
                loss = SnapshotTaken(record.snapshot_id, told.said(self._clock.utcnow()))
            return self._lost(told, fenced, record, loss)
        if not is_of(checkpoint, record, _project_of(view)):
            return self._lost(told, fenced, record, SnapshotGone(record.snapshot_id))
        return self._there(told, fenced, record, view)

    def _lost(
        self, told: Told, checkpoint: Any, record: ShareRecord, loss: SnapshotDoubtful
    ) -> Judged:
        finding = Finding(
            kind=LOST,
            driver=record.driver,
            provider_id=checkpoint.provider_id,
            snapshot_id=record.snapshot_id,
            share_id=told.mark.resource,
            checkpoint_id=checkpoint.id,
            project_id=checkpoint.project_id,
            reason=Reason.GONE,
            why=str(loss),
            action=Action.REPORT,
        )
        if not self._manila.is_known_to(record):
            return Judged(Verdict.LATER, str(ManilaSuspect(self._provider.name, 1)))
        self._require_witness(finding)
        if told.is_loss:
            told_words.note(told, checkpoint, self._clock.utcnow())
        with telling.mending(finding) as mending:
            lost_snapshots.mark_as_lost(checkpoint, finding.share_id, loss, self._clock.sleep)
            mending.outcome = Outcome(True, finding.why)
        return Judged(Verdict.WRITTEN, finding.why)

    def _there(self, told: Told, checkpoint: Any, record: ShareRecord, view: View) -> Judged:
        """The snapshot is in Manila all the same."""
        now = self._clock.utcnow()
        if told.what == FAILED and view["status"] in _BAD:
            if told_words.is_noted(told, checkpoint):
                return _SAID
            said = (
                f"Snapshot {record.snapshot_id} is {view['status']} in Manila since "
                f"{told.when(now)} or before, so the share cannot be restored from it. Ask the "
                f"administrator of Manila what became of it."
            )
        elif told.what == REVERTED and not requested.was_restored(checkpoint.id, told.at):
            said = (
                f"The share was reverted to snapshot {record.snapshot_id}, by no restore of "
                f"Karbor, {told.asked(now)}."
            )
        else:
            return Judged(Verdict.NOTHING, f"it is in Manila ({view['status']})")
        if not told_words.remark(told, checkpoint, now, said):
            return _SAID
        bank_access.commit(checkpoint, sleep=self._clock.sleep)
        return Judged(Verdict.WRITTEN, said)

    # -- Manila ---------------------------------------------------------------------------------

    @property
    def _manila(self) -> ManilaSide:
        """A look as Karbor's own user, made when the first is needed."""
        if self._flow is None:
            flow: FlowContext = self._provider.load_plugins()[SHARE].context_as_karbor([])
            flow.bind(Work(None, EVERY_PROJECT))
            self._flow = flow
            self._side = ManilaSide(flow, self._bank_id)
            self._witnesses = Witnesses(self._bank, self._side)
        return self._side

    def _require_witness(self, finding: Finding) -> None:
        """Make sure that Manila shows something that the bank names: the share itself, else
        anything.

        :raises ManilaSuspect: it shows nothing
        """
        try:
            self._witnesses.require([finding])
        except ManilaSuspect:
            self._manila.whose(finding.driver)
            for checkpoint_id in self._manila.left():
                marked = self._manila.take_marked(checkpoint_id)
                self._witnesses.look_at(self._bank.checkpoint(checkpoint_id), marked)
                if self._witnesses.is_shown(finding.driver):
                    return
            raise


_SAID = Judged(Verdict.NOTHING, "its checkpoint says so already")


def _project_of(view: View) -> str | None:
    project_id = view.get("project_id")
    return None if project_id is None else str(project_id)

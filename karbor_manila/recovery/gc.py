# SPDX-License-Identifier: Apache-2.0
"""What drivers made for restores and copies, besides their shares, and nobody ended: leftovers.

A driver removes them itself when the restore ends (:meth:`.drivers.base.Driver.forget_restore`),
and the reconciliation after a kill. What is left all the same, because an intent was lost with its
bank or removed by hand, is found here and removed by the driver (:meth:`.drivers.base.Driver.gc`),
by the rules of the audit: only by marks of the bank whose id was just read, never on the word of a
bank that is older than Karbor's database, never while anybody works on the checkpoint or its
restore, never what is young or another project's. Tenants can forge marks: what no checkpoint in
the bank knows of is left alone.
"""

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from oslo_log import log as logging

from karbor_manila.bank import fencing
from karbor_manila.bank.checkpoints import IN_WORK, resources
from karbor_manila.bank.errors import RecordInvalid
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import Taken
from karbor_manila.common.ids import is_id
from karbor_manila.common.turns import taking_turns
from karbor_manila.drivers import catalogue
from karbor_manila.drivers.base import Driver
from karbor_manila.drivers.errors import DriverUnknown, DriverUnsuitable
from karbor_manila.manila import marks
from karbor_manila.manila.client import EVERY_PROJECT
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.views import View
from karbor_manila.operations.flow import FlowContext
from karbor_manila.operations.plugin import SHARE
from karbor_manila.operations.work import Work
from karbor_manila.recovery.audit.bank_side import BankSide
from karbor_manila.recovery.audit.finding import Outcome, left_alone
from karbor_manila.recovery.audit.judge import is_young
from karbor_manila.recovery.claims import AUDIT, Claims
from karbor_manila.recovery.unfinished import IN_PROGRESS

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Leftover:
    """Something that a driver made for a restore, and that nobody works on.

    :ivar mark: its mark, of this provider and its bank
    :ivar created_at: as Manila gives it
    :ivar removable: whether it may be removed; else somebody has to look at it
    :ivar why: a sentence for the operator; nothing goes by it
    """

    driver: str
    id: str
    mark: Mark
    project_id: str
    created_at: str | None
    removable: bool = False
    why: str = field(default="", compare=False)


class Leftovers:
    """Those of one provider's drivers.

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
        self._bank = BankSide(provider, held, self._clock)
        #: What kept the last look from seeing everything: a driver's error.
        self.errors: list[Exception] = []

    def find(self) -> list[Leftover]:
        """What is left of restores that have ended; nothing is changed.

        :raises BankSuspect, BankUnreadable: the bank's word cannot be trusted
        :raises NotAdministrator, ManilaUnavailable, ManilaRefused: Manila cannot be asked
        """
        self.errors = []
        bank_id = self._bank.trusted_id()
        flow = self._flow()
        try:
            _ = flow.manila  # that no driver can ask Manila is one error, and not one of each
            seen = [each for name in self._names(flow) for each in self._seen(flow, name, bank_id)]
            if not seen:
                return []
            self._bank.check_age()
            return [judged for each in seen if (judged := self._judge(flow, each))]
        finally:
            flow.close()

    def remove(self, found: Leftover) -> Outcome:
        """Let its driver remove it, if it still is what was found, under the claim of its
        checkpoint: no restore of that can begin meanwhile.

        :raises: as :meth:`find`, and what the driver's removal raises
        """
        if not found.removable:
            return left_alone()
        if self._bank.trusted_id() != found.mark.bank:
            return left_alone("the bank is another one now")
        checkpoint_id = found.mark.checkpoint
        try:
            claim = self._claims.take(
                checkpoint_id,
                AUDIT,
                provider_id=self._provider.id,
                checkpoint_id=checkpoint_id,
                bank=self._provider.bank,
            )
        except Taken as taken:
            return left_alone(taken)
        try:
            return self._remove(found)
        finally:
            # What its dead owner left of it is not settled.
            (self._claims.leave if claim.took_over else self._claims.release)(checkpoint_id)

    def _remove(self, found: Leftover) -> Outcome:
        self._bank.check_age()
        flow = self._flow()
        flow.hold = fencing.Hold(self._claims, found.mark.checkpoint)
        answers: list[bool] = []

        def is_left(view: View) -> bool:
            if view["id"] != found.id:
                return False
            again = self._of_view(found.driver, view, found.mark.bank)
            answers.append(again is not None and self._judge(flow, again) == found)
            return answers[-1]

        try:
            removed = flow.driver(found.driver).gc(is_left)
        finally:
            flow.close()
        if not answers:
            return Outcome(True, "gone already")
        if not answers[-1]:
            return left_alone("it is not what it was when it was listed")
        if found.id not in {view["id"] for view in removed}:
            return left_alone("its driver could not remove it; the log says why")
        LOG.info(
            "Driver %s has removed %s, left of restore %s, checkpoint %s",
            *(found.driver, found.id, found.mark.restore, found.mark.checkpoint),
        )
        return Outcome(True, "removed")

    # -- what there is --------------------------------------------------------------------------

    def _flow(self) -> FlowContext:
        """A new one each time: what a driver has listed once it may not list again."""
        flow: FlowContext = self._provider.load_plugins()[SHARE].context_as_karbor([])
        flow.bind(Work(None, EVERY_PROJECT))
        return flow

    @staticmethod
    def _names(flow: FlowContext) -> Collection[str]:
        """The drivers that leave something behind, of those that are configured and of all others
        that are installed: records may name them. One for tests has to be configured."""
        configured = flow.drivers.catalogue.configured()
        others = [name for name in catalogue.names() if not catalogue.is_for_tests(name)]
        found = []
        for name in dict.fromkeys([*configured, *others]):
            try:
                if catalogue.load(name).gc is not Driver.gc:
                    found.append(name)
            except (DriverUnknown, DriverUnsuitable) as error:
                LOG.debug("Driver %s is not asked for leftovers: %s", name, error)
        return found

    def _seen(self, flow: FlowContext, name: str, bank_id: str) -> list[Leftover]:
        """What a driver shows, as far as it bears a mark that counts."""
        seen: list[Leftover] = []

        def is_left(view: View) -> bool:
            if found := self._of_view(name, view, bank_id):
                seen.append(found)
            return False

        try:
            flow.driver(name).gc(is_left)
        except Exception as error:  # noqa: BLE001 - any driver's: the others are asked all the same
            LOG.error("Driver %s of provider %s: %s", name, self._provider.id, error)
            self.errors.append(error)
        return seen

    def _of_view(self, driver: str, view: View, bank_id: str) -> Leftover | None:
        """What a driver shows, if it bears the mark of a restore or a copy of this provider and
        bank. Tenants write what they like there: ids alone become parts of keys in the bank."""
        mark = marks.read(view)
        if mark is None or (mark.bank, mark.provider) != (bank_id, self._provider.id):
            return None
        if not all(map(is_id, (mark.checkpoint, mark.resource, mark.restore))):
            return None
        project_id = str(view.get("project_id"))
        return Leftover(driver, str(view["id"]), mark, project_id, view.get("created_at"))

    # -- what is left ---------------------------------------------------------------------------

    def _judge(self, flow: FlowContext, each: Leftover) -> Leftover | None:
        """What is to be said of it; None while its restore, or its checkpoint, is in work."""
        mark = each.mark
        if any(claim.operation != AUDIT for claim in self._claims.of_checkpoint(mark.checkpoint)):
            return None
        requested = flow.requested(mark.restore)
        if requested and requested[1].status == IN_PROGRESS:
            return None
        known = self._bank.only(mark.checkpoint)
        checkpoint = known.get(mark.checkpoint)
        if checkpoint and (checkpoint.status in IN_WORK or self._has_intent(checkpoint, mark)):
            return None
        if checkpoint is None:
            is_held = mark.checkpoint in known
            why = "cannot be read" if is_held else "is not in the bank; its mark may be forged"
            return dataclasses.replace(each, why=f"its checkpoint {why}")
        owners = {checkpoint.project_id}
        if requested and requested[1].checkpoint_id == mark.checkpoint:
            owners.add(requested[1].project_id)  # what an administrator restores is his
        if each.project_id not in owners:
            why = "its mark names a checkpoint of another project; it may be forged"
            return dataclasses.replace(each, why=why)
        is_old = not is_young(each.created_at, self._grace, self._clock)
        why = f"left of {'a copy' if _is_copy(mark) else 'a restore'}, which has ended"
        why += "" if is_old else "; it is young and may be in work"
        return dataclasses.replace(each, removable=is_old, why=why)

    def _has_intent(self, checkpoint: Any, mark: Mark) -> bool:
        """Whether any share of the checkpoint has work that this was made for: what was kept
        together is restored together, and bears the mark of one of its shares."""
        ids = {mark.resource, *(each.id for each in resources(checkpoint) if each.type == SHARE)}
        sections = (self._bank.section(checkpoint, each) for each in taking_turns(sorted(ids)))
        if _is_copy(mark):
            return any(map(_is_begun, sections))
        return any(mark.restore in section.restores() for section in sections)


def sweep(provider: Any, held: Claims, *, grace: float, clock: Clock | None = None) -> None:
    """Remove what is left of one provider; one that resists keeps no other from being removed. The
    log says what was not.

    :param held, grace: as of :class:`Leftovers`
    :raises: as :meth:`Leftovers.find`
    """
    leftovers = Leftovers(provider, held, grace=grace, clock=clock)
    for found in leftovers.find():
        if not found.removable:
            LOG.debug("Driver %s: %s stays: %s", found.driver, found.id, found.why)
            continue
        try:
            outcome = leftovers.remove(found)
        except Exception as error:  # noqa: BLE001 - a driver's may be any; the others are not its
            LOG.error("Driver %s could not remove %s: %s", found.driver, found.id, error)
            continue
        if not outcome.settled:
            LOG.info("Driver %s: %s is %s", found.driver, found.id, outcome)


def _is_begun(section: ShareSection) -> bool:
    try:
        return section.intent() is not None
    except RecordInvalid:
        return True  # whatever it was, it is for the deletion of the checkpoint


def _is_copy(mark: Mark) -> bool:
    return mark.restore == mark.checkpoint

# SPDX-License-Identifier: Apache-2.0
"""Judges what does not agree between a bank and Manila; nothing is asked of Manila by a list alone.

Nothing is changed here. The judge of a find and the judge of a fix are the same.
"""

import dataclasses
import datetime
from collections.abc import Iterator
from typing import Any

from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank import checkpoints
from karbor_manila.bank.checkpoints import IN_WORK
from karbor_manila.bank.errors import RecordInvalid
from karbor_manila.bank.record import ShareRecord
from karbor_manila.common.clock import Clock
from karbor_manila.drivers.errors import DriverUnknown, DriverUnsuitable
from karbor_manila.manila.marks import Mark
from karbor_manila.operations import lost_snapshots
from karbor_manila.recovery.audit.bank_side import BankSide, Known
from karbor_manila.recovery.audit.finding import LOST, ORPHAN, Action, Finding, Reason
from karbor_manila.recovery.audit.manila_side import ManilaSide, Shown, is_of

LOG = logging.getLogger(__name__)

_ELSEWHERE = "nor its share, nor its type: it may be kept in another region or endpoint"

#: What does not agree about a snapshot, and the sentence of it.
Disagreement = tuple[Reason, str]


#: Of what bears the mark of a checkpoint that the bank must have held, if it was ever made.
_PUT_BACK = (
    "bank and database may both be older copies: 'karbor-manila adopt' writes it again, "
    "'karbor-manila bank accept' gives it up"
)


def is_young(created_at: str | None, grace: float, clock: Clock) -> bool:
    """Whether something in Manila is to be left alone for its age.

    :param created_at: as Manila gives it, UTC; without it nothing is old
    :param grace: seconds
    """
    made = _moment(created_at)
    return made is None or (clock.utcnow() - made).total_seconds() < grace


def _moment(created_at: str | None) -> datetime.datetime | None:
    try:
        made = datetime.datetime.fromisoformat(str(created_at))
    except ValueError:
        return None
    return made if made.tzinfo else made.replace(tzinfo=datetime.UTC)


class Judge:
    """By what the two sides show.

    :param grace: seconds; what is younger is left alone
    """

    def __init__(self, bank: BankSide, manila: ManilaSide, *, grace: float, clock: Clock) -> None:
        self._bank = bank
        self._manila = manila
        self._grace = grace
        self._clock = clock

    # -- orphans --------------------------------------------------------------------------------

    def orphan(
        self, shown: Shown, mark: Mark, known: Known, in_work: frozenset[str]
    ) -> Finding | None:
        """The finding about a marked snapshot; None when its checkpoint accounts for it.

        :param known: the checkpoint of its mark; empty when the bank has never held it
        :param in_work: the ids of checkpoints that are claimed
        """
        found = self._disagreement(shown, mark, known)
        if found is None:
            return None
        reason, why = found
        action = Action.NONE
        if reason in (Reason.UNKNOWN_CHECKPOINT, Reason.DELETED_CHECKPOINT):
            action = Action.REMOVE
        if reason is Reason.UNKNOWN_CHECKPOINT and mark.checkpoint in in_work:
            why, action = f"{why}, although a process works on it", Action.NONE
        # The snapshot of a copy is one of a share that was made for it.
        checkpoint = known.get(mark.checkpoint)
        is_copy = checkpoint is not None and checkpoints.is_copy(checkpoint)
        if mark.resource != shown.share_id and not is_copy:
            reason, action = Reason.OTHER_SHARE, Action.NONE
            why = "its mark names another share; it may be forged"
        elif action and is_young(shown.created_at, self._grace, self._clock):
            why, action = f"{why}; it is young and may be in work", Action.NONE
        elif action and reason is Reason.UNKNOWN_CHECKPOINT and not self._is_given_up(shown, mark):
            why, action = f"{why}; {_PUT_BACK}", Action.NONE
        return Finding(
            kind=ORPHAN,
            driver=shown.driver,
            provider_id=mark.provider,
            snapshot_id=shown.id,
            share_id=shown.share_id,
            checkpoint_id=mark.checkpoint,
            project_id=str(shown.project_id),
            reason=reason,
            why=why,
            action=action,
        )

    def _is_given_up(self, shown: Shown, mark: Mark) -> bool:
        """Whether an operator has given up what the bank lacked after this was made. Nothing else
        takes a checkpoint out of a bank, and a database that was put back, too, does not miss
        it."""
        made, accepted = _moment(shown.created_at), self._bank.accepted(mark.provider)
        return made is not None and made < accepted

    def _disagreement(self, shown: Shown, mark: Mark, known: Known) -> Disagreement | None:
        """Why a snapshot is not accounted for; None when it is, or when that cannot be judged."""
        if mark.checkpoint not in known:
            return Reason.UNKNOWN_CHECKPOINT, "its checkpoint is not in the bank"
        checkpoint = known[mark.checkpoint]
        if checkpoint is None or checkpoint.status in IN_WORK:
            return None
        if checkpoint.project_id != shown.project_id:
            why = "its mark names a checkpoint of another project; it may be forged"
            return Reason.OTHER_PROJECT, why
        if checkpoint.status == constants.CHECKPOINT_STATUS_DELETED:
            return Reason.DELETED_CHECKPOINT, "its checkpoint was deleted"
        # What keeps several shares together is accounted for by any of them.
        found = [
            self._against_the_record(checkpoint, share_id, mark, shown.id)
            for share_id in shown.keeps(mark)
        ]
        told = [each for each in found if each and each[0] is not Reason.NO_RECORD]
        return None if None in found else (*told, *found)[0]

    def _against_the_record(
        self, checkpoint: Any, share_id: str, mark: Mark, snapshot_id: str
    ) -> Disagreement | None:
        section = self._bank.section(checkpoint, share_id)
        if mark.restore:  # temporary, of a revert that makes a safety copy
            if mark.restore in section.restores():
                return None
            why = f"it is temporary, of restore {mark.restore}, which has ended"
            return Reason.ENDED_RESTORE, why
        try:
            record = section.record()
            is_begun = record is None and section.intent() is not None
        except RecordInvalid as error:
            LOG.warning("Share %s, checkpoint %s: %s", share_id, checkpoint.id, error)
            return None
        if is_begun or (record and record.snapshot_id == snapshot_id):
            return None
        if record:
            why = f"its checkpoint keeps snapshot {record.snapshot_id} of this share"
            return Reason.SECOND_SNAPSHOT, why
        why = "its checkpoint has no record of this share; it goes when the checkpoint is deleted"
        return Reason.NO_RECORD, why

    # -- lost snapshots -------------------------------------------------------------------------

    def losses(self, checkpoint: Any, seen: dict[str, str]) -> Iterator[Finding]:
        """The shares of a checkpoint at rest whose snapshots are gone, by the word of the driver
        that each record names.

        :param seen: gets, by driver, the id of what a record names and that driver shows
        """
        for share_id, record in self._bank.records(checkpoint):
            try:
                listed = self._manila.whose(record.driver)
            except (DriverUnknown, DriverUnsuitable) as error:
                LOG.warning(
                    "Share %s, checkpoint %s is not judged: %s", share_id, checkpoint.id, error
                )
                continue
            is_listed = record.snapshot_id in listed
            project_id = listed.get(record.snapshot_id)
            is_there = is_listed and is_of(checkpoint, record, project_id)
            if is_there or not self.is_gone(checkpoint, record):
                seen[record.driver] = record.snapshot_id
                continue
            whose = f"in project {project_id}" if is_listed else ""
            loss = self._loss(checkpoint, share_id, record, whose)
            if not is_listed and not self._manila.is_known_to(record):
                why = f"{loss.why}, {_ELSEWHERE}"
                loss = dataclasses.replace(loss, why=why, action=Action.NONE)
            yield loss

    def is_gone(self, checkpoint: Any, record: ShareRecord) -> bool:
        """Whether what a record names is not there, by the word of the driver that made it; or is
        another project's by now, which a share that is transferred takes it along to."""
        try:
            shown = self._manila.show(record.driver, record.snapshot_id)
        except (DriverUnknown, DriverUnsuitable) as error:
            LOG.warning(
                "Share %s, checkpoint %s is not judged: %s", record.share_id, checkpoint.id, error
            )
            return False
        return shown is None or not is_of(checkpoint, record, shown.project_id)

    @staticmethod
    def _loss(checkpoint: Any, share_id: str, record: ShareRecord, whose: str) -> Finding:
        """:param whose: where its snapshot is listed, if it is"""
        reported = lost_snapshots.is_reported_lost(checkpoint, share_id, record.snapshot_id)
        reported = reported and not lost_snapshots.is_announced(checkpoint, share_id)
        why = f"its snapshot is {whose} now" if whose else "its snapshot is not in Manila any more"
        return Finding(
            kind=LOST,
            driver=record.driver,
            provider_id=checkpoint.provider_id,
            snapshot_id=record.snapshot_id,
            share_id=share_id,
            checkpoint_id=checkpoint.id,
            project_id=checkpoint.project_id,
            reason=Reason.TRANSFERRED if whose else Reason.GONE,
            why=why,
            action=Action.NONE if reported else Action.REPORT,
        )

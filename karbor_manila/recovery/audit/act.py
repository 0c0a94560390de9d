# SPDX-License-Identifier: Apache-2.0
"""Compares what Manila has under a bank's marks with what the checkpoints in that bank account for.

Nothing is removed on the word of a bank that is absent, empty, unreadable, another one or older
than Karbor's database, nor on a mark whose project or record disagrees (tenants can forge marks),
nor when it is young. Nothing is called lost on the word of a Manila that shows nothing of what the
records name. Shares are never judged here: a restored share bears a mark for ever and is the
user's.
"""

import datetime
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank import checkpoints, fencing, identity
from karbor_manila.bank.checkpoints import IN_WORK
from karbor_manila.bank.errors import RecordInvalid
from karbor_manila.bank.record import ShareRecord
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import Taken
from karbor_manila.common.ids import is_id
from karbor_manila.drivers.base import ShareDriver
from karbor_manila.drivers.errors import DriverUnknown
from karbor_manila.drivers.snapshot import SnapshotDriver
from karbor_manila.manila import marks
from karbor_manila.manila.client import EVERY_PROJECT
from karbor_manila.manila.errors import SnapshotGone
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.views import View
from karbor_manila.operations import lost_snapshots, reporting
from karbor_manila.operations.flow import FlowContext
from karbor_manila.operations.plugin import SHARE
from karbor_manila.recovery.claims import AUDIT, Claims
from karbor_manila.recovery.errors import BankOlder, BankSuspect, ManilaSuspect

LOG = logging.getLogger(__name__)

#: A snapshot that bears our mark and that no checkpoint accounts for.
ORPHAN = "orphan"
#: A share in a checkpoint whose snapshot is gone.
LOST = "lost"

_CHANGED = "left alone: it is not what it was when it was listed"

_AT_REST = frozenset({constants.CHECKPOINT_STATUS_AVAILABLE, constants.CHECKPOINT_STATUS_ERROR})


@dataclass(frozen=True)
class Finding:
    """Something that does not agree.

    ``action`` is what :meth:`Audit.fix` does about it; empty when nobody but the reader may.
    """

    kind: str
    provider_id: str
    snapshot_id: str
    share_id: str
    checkpoint_id: str
    project_id: str
    why: str
    action: str


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
        self._bank_id = ""
        self._claimed: frozenset[str] = frozenset()
        # Something that the records name and that Manila showed: the id of a snapshot or a share.
        self._witness = ""

    def find(self) -> list[Finding]:
        """What does not agree; nothing is changed.

        :raises BankSuspect, BankUnreadable: the bank's word cannot be trusted
        :raises ManilaSuspect: Manila's word cannot be trusted
        :raises NotAdministrator, ManilaUnavailable, ManilaRefused:
        """
        self._bank_id = self._trusted()
        self._check_age()
        self._claimed = self._in_work()
        known = self._checkpoints()
        marked, present = [], {}
        for view in self._driver().everything():
            present[str(view["id"])] = view
            found = self._mark(view)
            if found:
                marked.append((view, found))
        lost_ones = list(self._lost(known, present))
        self._find_witness(lost_ones, marked, known)
        orphans = (self._judge(view, found, known) for view, found in marked)
        return [finding for finding in orphans if finding] + lost_ones

    def fix(self, finding: Finding) -> str:
        """Do what a finding says, if it still holds, under the claim of its checkpoint: what began
        meanwhile must not be undone by a checkpoint that is written once more.

        :returns: what was done, or why nothing was
        :raises: as :meth:`find`, and what the removal of a snapshot raises
        """
        if not finding.action:
            return "left alone"
        if self._trusted() != self._bank_id:
            return "left alone: the bank is another one now"
        try:
            claim = self._claims.take(
                finding.checkpoint_id,
                AUDIT,
                provider_id=finding.provider_id,
                checkpoint_id=finding.checkpoint_id,
                bank=self._provider.bank,
            )
        except Taken as taken:
            return f"left alone: {taken}"
        try:
            return self._fix_lost(finding) if finding.kind == LOST else self._fix_orphan(finding)
        finally:
            # What its dead owner left of it is not at its end.
            (self._claims.leave if claim.took_over else self._claims.release)(finding.checkpoint_id)

    def _fix_orphan(self, finding: Finding) -> str:
        view = self._driver().show(finding.snapshot_id)
        if view is None:
            return "gone already"
        found = self._mark(view)
        self._claimed = self._in_work()
        if identity.missing(
            self._provider.bank, self._provider.id, checkpoint_id=finding.checkpoint_id
        ):
            return "left alone: Karbor's database knows its checkpoint as made and not deleted"
        if found and self._judge(view, found, self._one(finding.checkpoint_id)) == finding:
            return self._remove(finding, found)
        return _CHANGED

    def _fix_lost(self, finding: Finding) -> str:
        checkpoint = self._one(finding.checkpoint_id).get(finding.checkpoint_id)
        if checkpoint is not None and self._is_kept(checkpoint):
            hold = fencing.Hold(self._claims, finding.checkpoint_id)
            checkpoint = fencing.checkpoint(checkpoint, hold.check)
            record = self._section(checkpoint, finding.share_id).record()
            same = record is not None and record.snapshot_id == finding.snapshot_id
            if record and same and self._is_gone(checkpoint, record):
                if not self._is_seen(self._witness):
                    return "left alone: Manila does not show any more what it showed before"
                return self._say_lost(checkpoint, finding)
        return _CHANGED

    def _trusted(self) -> str:
        """The id of the bank, when the bank is to be trusted."""
        bank_id = identity.compare(self._provider.bank, self._provider.id)
        if bank_id is None:
            raise BankSuspect(self._provider.name, "it has no id, so it is empty or new")
        return bank_id

    def _check_age(self) -> None:
        """The snapshots of later checkpoints would be orphans to a bank that was put back."""
        missing = identity.missing(self._provider.bank, self._provider.id)
        if missing:
            raise BankOlder(self._provider.name, self._provider.id, missing)

    def _in_work(self) -> frozenset[str]:
        """The ids of the checkpoints that somebody else has claimed, or something in them."""
        others = (claim for claim in self._claims.all() if claim.operation != AUDIT)
        return frozenset(claim.checkpoint_id for claim in others)

    def _find_witness(
        self, lost_ones: list[Finding], marked: list[tuple[View, Mark]], known: dict[str, Any]
    ) -> None:
        """Another region, an endpoint of another cloud, or a user who sees nothing would make
        every checkpoint lost. What a checkpoint in work keeps tells as much as that of another."""
        if not lost_ones or self._witness:
            return
        named = (
            str(view["id"])
            for view, found in marked
            if self._is_named(view, found, known.get(found.checkpoint))
        )
        manila = self._flow.manila(None, EVERY_PROJECT)
        shares = (
            share_id
            for share_id in dict.fromkeys(finding.share_id for finding in lost_ones)
            if manila.share(share_id)
        )
        self._witness = next(itertools.chain(named, shares), "")
        if not self._witness:
            raise ManilaSuspect(self._provider.name, len(lost_ones))

    def _is_named(self, view: View, found: Mark, checkpoint: Any) -> bool:
        """Whether the checkpoint of a mark names the snapshot that bears it; marks alone can be
        forged."""
        if checkpoint is None or checkpoint.provider_id != self._provider.id:
            return False
        try:
            record = self._section(checkpoint, found.resource).record()
        except RecordInvalid:
            return False
        return bool(
            record and record.snapshot_id == view["id"] and _is_of(checkpoint, record, view)
        )

    def _is_seen(self, identifier: str) -> bool:
        manila = self._flow.manila(None, EVERY_PROJECT)
        return bool(manila.snapshot(identifier) or manila.share(identifier))

    def _one(self, checkpoint_id: str) -> dict[str, Any]:
        """As :meth:`_checkpoints`, of one alone: nothing when the bank has never held it."""
        held = checkpoints.is_held(self._provider.bank, checkpoint_id)
        if not held and checkpoint_id in checkpoints.indexed(self._provider.bank):
            return {checkpoint_id: None}
        return {checkpoint_id: self._checkpoint(checkpoint_id)} if held else {}

    def _checkpoints(self) -> dict[str, Any]:
        """All that the bank has ever held, by id; None for one that cannot be read."""
        known: dict[str, Any] = {}
        for checkpoint_id in checkpoints.everything(self._provider.bank):
            known[checkpoint_id] = self._checkpoint(checkpoint_id)
        # Karbor's file-system bank passes over folders that it cannot read (os.walk).
        hidden = checkpoints.indexed(self._provider.bank) - set(known)
        if not known:
            # Karbor never removes the last object of a checkpoint.
            raise BankSuspect(self._provider.name, "it has never held a checkpoint")
        for checkpoint_id in hidden:
            LOG.error(
                "Checkpoint %s is in the index and cannot be found; its shares are not judged",
                checkpoint_id,
            )
        return known | dict.fromkeys(hidden)

    def _checkpoint(self, checkpoint_id: str) -> Any:
        try:
            checkpoint = self._provider.get_checkpoint(checkpoint_id)
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

    def _mark(self, view: View) -> Mark | None:
        """The mark of this bank on a snapshot, if it bears one.

        Tenants write what they like there: what is not an id was never written by us, and would
        be part of keys in the bank and of what the operator's terminal shows.
        """
        found = marks.read(view)
        if found is None or found.bank != self._bank_id:
            return None
        return found if is_id(found.checkpoint) and is_id(found.resource) else None

    def _judge(self, view: View, found: Mark, known: dict[str, Any]) -> Finding | None:
        """The finding about a marked snapshot, if there is anything to say of it."""
        why = action = ""
        if found.checkpoint not in known:
            why = "its checkpoint is not in the bank"
            action = "remove the snapshot"
            if found.checkpoint in self._claimed:
                why, action = f"{why}, although somebody works on it", ""
        else:
            checkpoint = known[found.checkpoint]
            if checkpoint is None or checkpoint.status in IN_WORK:
                return None
            if checkpoint.project_id != view.get("project_id"):
                why = "its mark names a checkpoint of another project; it may be forged"
            elif checkpoint.status == constants.CHECKPOINT_STATUS_DELETED:
                why, action = "its checkpoint was deleted", "remove the snapshot"
            else:
                why = self._disagreement(checkpoint, found, view["id"])
        if not why:
            return None
        # The snapshot of a copy is one of a share that was made for it.
        checkpoint = known.get(found.checkpoint)
        is_copy = checkpoint is not None and checkpoints.is_copy(checkpoint)
        if found.resource != view["share_id"] and not is_copy:
            why, action = "its mark names another share; it may be forged", ""
        elif action and self._is_young(view):
            why, action = f"{why}; it is young and may be in work", ""
        return Finding(
            kind=ORPHAN,
            provider_id=found.provider,
            snapshot_id=view["id"],
            share_id=view["share_id"],
            checkpoint_id=found.checkpoint,
            project_id=str(view.get("project_id")),
            why=why,
            action=action,
        )

    def _disagreement(self, checkpoint: Any, found: Mark, snapshot_id: str) -> str:
        """Why a checkpoint that exists does not account for a snapshot; empty when it does."""
        ledger = self._section(checkpoint, found.resource)
        if found.restore:  # temporary, of a restore in place that makes a safety copy
            unended = found.restore in ledger.restores()
            return (
                "" if unended else f"it is temporary, of restore {found.restore}, which has ended"
            )
        try:
            record = ledger.record()
            if record:
                if record.snapshot_id == snapshot_id:
                    return ""
                return f"its checkpoint keeps snapshot {record.snapshot_id} of this share"
            if ledger.intent():
                return ""
        except RecordInvalid as error:
            LOG.warning("Share %s, checkpoint %s: %s", found.resource, checkpoint.id, error)
            return ""
        return "its checkpoint has no record of this share; it goes when the checkpoint is deleted"

    def _lost(self, known: dict[str, Any], present: dict[str, View]) -> Iterator[Finding]:
        for checkpoint in known.values():
            if not self._is_kept(checkpoint):
                continue
            for share_id, record in lost_snapshots.records(checkpoint, self._clock.sleep):
                view = present.get(record.snapshot_id)
                seen = view is not None and _is_of(checkpoint, record, view)
                if seen or not self._is_gone(checkpoint, record):
                    if seen or record.driver == SnapshotDriver.name:
                        self._witness = record.snapshot_id
                    continue
                told = lost_snapshots.is_told(checkpoint, share_id, record.snapshot_id)
                told = told and not lost_snapshots.is_announced(checkpoint, share_id)
                yield Finding(
                    kind=LOST,
                    provider_id=checkpoint.provider_id,
                    snapshot_id=record.snapshot_id,
                    share_id=share_id,
                    checkpoint_id=checkpoint.id,
                    project_id=checkpoint.project_id,
                    why="its snapshot is not in Manila any more"
                    if view is None
                    else f"its snapshot is in project {view.get('project_id')} now",
                    action="" if told else "say so in the checkpoint",
                )

    def _is_kept(self, checkpoint: Any) -> bool:
        """Whether it is a readable checkpoint of this provider, and at rest: nobody has deleted it,
        or is at it."""
        return (
            checkpoint is not None
            and checkpoint.provider_id == self._provider.id
            and checkpoint.status in _AT_REST
        )

    def _remove(self, finding: Finding, found: Mark) -> str:
        project_id = finding.project_id
        self._flow.hold = fencing.Hold(self._claims, finding.checkpoint_id)
        self._driver().delete(None, finding.snapshot_id, project_id=project_id)
        if found.resource != finding.share_id:
            self._driver().delete_clone(found.of_clone(), None, project_id=project_id)
        LOG.info(
            "Orphaned snapshot %s of share %s, checkpoint %s is removed",
            finding.snapshot_id,
            finding.share_id,
            finding.checkpoint_id,
        )
        return "removed"

    def _say_lost(self, checkpoint: Any, finding: Finding) -> str:
        """The user reads it; what else is in the checkpoint can be restored as before."""
        loss = SnapshotGone(finding.snapshot_id)
        lost_snapshots.mark_as_lost(checkpoint, finding.share_id, loss, self._clock.sleep)
        return "said so in the checkpoint"

    def _is_young(self, view: View) -> bool:
        """By the time that Manila gives, UTC; without one nothing is old."""
        try:
            made = datetime.datetime.fromisoformat(str(view.get("created_at")))
        except ValueError:
            return True
        if made.tzinfo is None:
            made = made.replace(tzinfo=datetime.UTC)
        age = self._clock.utcnow() - made
        return age.total_seconds() < self._grace

    def _section(self, checkpoint: Any, share_id: str) -> ShareSection:
        return ShareSection(checkpoint.get_resource_bank_section(share_id), self._clock.sleep)

    def _is_gone(self, checkpoint: Any, record: ShareRecord) -> bool:
        """Whether what a record names is not there, by the word of the driver that made it; or is
        another project's by now, which a share that is transferred takes it along to."""
        try:
            driver = self._flow.catalogue(None, EVERY_PROJECT).driver(record.driver)
        except DriverUnknown as error:
            LOG.warning(
                "Share %s, checkpoint %s is not judged: %s", record.share_id, checkpoint.id, error
            )
            return False
        view = driver.show(record.snapshot_id)
        return view is None or not _is_of(checkpoint, record, view)

    def _driver(self) -> ShareDriver:
        return self._flow.catalogue(None, EVERY_PROJECT).driver(SnapshotDriver.name)


def _is_of(checkpoint: Any, record: ShareRecord, view: View) -> bool:
    """Whether what keeps a share still belongs to a project for which it was made. Another driver
    may not say whose it is."""
    whose = {record.project_id, checkpoint.project_id}
    return view.get("project_id", checkpoint.project_id) in whose

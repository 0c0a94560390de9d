# SPDX-License-Identifier: Apache-2.0
"""Removes the snapshots that are in the way of a revert (remove_newer), and records it in the
checkpoints that lose them.

Only what provably belongs to another checkpoint of the same provider and bank is ever removed:
mark, project and record have to agree, and no other process may work on the checkpoint.
"""

import contextlib
from collections.abc import Collection, Iterator
from typing import Any

from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank import checkpoints, fencing
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.bank.record import Intent, ShareRecord
from karbor_manila.common.errors import ClaimLost, NotSupported, Taken
from karbor_manila.manila import marks, statuses
from karbor_manila.operations import elsewhere, lost_snapshots
from karbor_manila.operations.errors import (
    ManilaShowsNothing,
    SnapshotGoing,
    SnapshotSacrificed,
)
from karbor_manila.operations.newer_snapshots import checkpoint_of, look, refuse, section_of
from karbor_manila.operations.share_job import ShareJob

LOG = logging.getLogger(__name__)


def remove(job: ShareJob, intent: Intent, expected: Collection[str]) -> Intent:
    """Remove the newer snapshots, and record it in their checkpoints.

    Each checkpoint announces first that it loses the share, and no moment has one that is
    available and holds nothing. Who dies in between leaves the intent, by which :func:`settle` says
    what became of it.

    :param expected: the ids that the plan named
    :returns: the intent as the bank has it now
    :raises NewerSnapshots: there are others by now; nothing was removed
    :raises Taken: another process works on one of the checkpoints; nothing was removed
    """
    hold = job.flow.hold
    if hold is None:
        raise NotSupported(
            "remove_newer with Karbor's own protection_manager",
            "It does not know who works on a checkpoint; see the operator's guide.",
        )
    with job.flow.removing, contextlib.ExitStack() as claimed:
        blocking = look(job, intent)
        unexpected = [newer for newer in blocking if newer.snapshot_id not in expected]
        refuse(job, str(intent.snapshot_id), unexpected, removed=False)
        refuse(job, str(intent.snapshot_id), blocking, removed=True)
        for checkpoint_id in sorted({str(newer.checkpoint_id) for newer in blocking}):
            claimed.enter_context(_claimed(job, hold, checkpoint_id))
        # What was in work until now may be something else now.
        refuse(job, str(intent.snapshot_id), look(job, intent), removed=True)
        intent = job.section.going_to_remove(
            intent, {newer.snapshot_id: str(newer.checkpoint_id) for newer in blocking}
        )
        for newer in blocking:
            _remove_one(job, intent, newer.snapshot_id, str(newer.checkpoint_id))
    return intent


def _remove_one(job: ShareJob, intent: Intent, snapshot_id: str, checkpoint_id: str) -> None:
    checkpoint = _to_report(job, checkpoint_id)
    record = section_of(job, checkpoint).record() if checkpoint else None
    if record is None or record.snapshot_id != snapshot_id:
        raise BankUnreadable(
            f"give the record of share {job.share_id} in checkpoint {checkpoint_id}", "it changed"
        )
    older, sleep = intent.mark.checkpoint, job.flow.clock.sleep
    lost_snapshots.announce(
        checkpoint,
        job.share_id,
        SnapshotGoing(snapshot_id, older),
        restore_id=intent.mark.restore,
        sleep=sleep,
    )
    if job.flow.hold:  # whose claim alone, the restore's, Manila's client confirms
        job.flow.hold.share(checkpoint_id).confirm()
    job.driver(record.driver).delete(record.kept(), project_id=intent.project_id)
    LOG.info(
        "Snapshot %s of share %s, checkpoint %s is removed for restore %s",
        snapshot_id,
        job.share_id,
        checkpoint_id,
        intent.mark.restore,
    )
    job.remarks.append(
        f"Snapshot {snapshot_id} of checkpoint {checkpoint_id} had been removed before "
        f"(remove_newer)."
    )
    try:
        loss = SnapshotSacrificed(snapshot_id, older)
        lost_snapshots.mark_as_lost(checkpoint, job.share_id, loss, sleep)
    except BankUnreadable as error:
        # It is announced already; the process that ends the intent records that it went.
        LOG.warning("Share %s, checkpoint %s: %s", job.share_id, checkpoint_id, error)


def settle(job: ShareJob, intent: Intent) -> None:
    """Record in the checkpoints what became of the snapshots that were to be removed: lost, or
    there as before. Nothing is written where that is recorded already.

    :raises BankUnreadable: a checkpoint cannot be written; the intent has to stay
    :raises Taken: another process works on one; likewise
    :raises ManilaElsewhere, ManilaShowsNothing: it may not be the Manila in which they were;
        likewise
    """
    for snapshot_id, checkpoint_id in (intent.removing or {}).items():
        if _keeps(job, checkpoint_of(job, checkpoint_id), snapshot_id, intent) is None:
            continue
        with job.flow.removing, contextlib.ExitStack() as claimed:
            if job.flow.hold:  # Karbor's own manager claims nothing
                claimed.enter_context(_claimed(job, job.flow.hold, checkpoint_id))
            checkpoint = _to_report(job, checkpoint_id)
            record = _keeps(job, checkpoint, snapshot_id, intent)
            if record is None:
                continue
            view = job.driver(record.driver).show(snapshot_id)
            sleep = job.flow.clock.sleep
            if view is None:
                elsewhere.check(job, record)
                _require_witness(job, intent, snapshot_id, checkpoint_id)
            if view is None or view["status"] in statuses.SNAPSHOT_DELETING:
                loss = SnapshotSacrificed(snapshot_id, intent.mark.checkpoint)
                lost_snapshots.mark_as_lost(checkpoint, job.share_id, loss, sleep)
            else:
                lost_snapshots.take_back(checkpoint, job.share_id, sleep=sleep)


def _require_witness(job: ShareJob, intent: Intent, snapshot_id: str, checkpoint_id: str) -> None:
    """Another region, or another cloud's endpoint, shows nothing, and every snapshot seems gone.

    :raises ManilaShowsNothing: neither the share is seen, nor the snapshot that it is put back to,
        nor anything else that bears a mark of this bank
    """
    driver = job.driver(intent.driver)
    if job.flow.shares.show(job.share_id) or driver.show(str(intent.snapshot_id)):
        return
    borne = (marks.read(view) for view in driver.everything())
    if not any(found and found.bank == intent.mark.bank for found in borne):
        raise ManilaShowsNothing(job.share_id, snapshot_id, checkpoint_id)


def _keeps(job: ShareJob, checkpoint: Any, snapshot_id: str, intent: Intent) -> ShareRecord | None:
    """The record of the snapshot in a checkpoint that has to record what became of it."""
    if checkpoint is None or checkpoint.status in (
        constants.CHECKPOINT_STATUS_DELETED,
        *checkpoints.IN_WORK,
    ):
        return None  # it goes, or is gone: there is nowhere to record it
    announced = lost_snapshots.is_announced(checkpoint, job.share_id, intent.mark.restore)
    if not announced and lost_snapshots.is_reported_lost(checkpoint, job.share_id, snapshot_id):
        return None
    record = section_of(job, checkpoint).record()
    return record if record and record.snapshot_id == snapshot_id else None


def _to_report(job: ShareJob, checkpoint_id: str) -> Any:
    """Another checkpoint, which is written to only while its own claim is held, too."""
    checkpoint, hold = checkpoint_of(job, checkpoint_id), job.flow.hold
    if checkpoint is None or hold is None:
        return checkpoint
    return fencing.checkpoint(checkpoint, hold.share(checkpoint_id).check)


@contextlib.contextmanager
def _claimed(job: ShareJob, hold: fencing.Hold, checkpoint_id: str) -> Iterator[None]:
    """Hold the claim of another checkpoint, so that it is neither used nor deleted meanwhile.

    :raises Taken: another process works on it, or has taken it over meanwhile
    """
    claim = hold.claims.take(
        checkpoint_id,
        fencing.REMOVE,
        provider_id=job.checkpoint.provider_id,
        checkpoint_id=checkpoint_id,
        bank=job.checkpoint.checkpoint_section.bank,
    )
    try:
        yield
    except ClaimLost as lost_claim:
        if lost_claim.claimed_id != checkpoint_id:
            raise
        # The restore is still ours: it fails, and the reason names who was in the way.
        raise Taken(checkpoint_id, hold.claims.get(checkpoint_id)) from lost_claim
    finally:
        # What its dead owner left of it is not at its end.
        (hold.claims.leave if claim.took_over else hold.claims.release)(checkpoint_id)

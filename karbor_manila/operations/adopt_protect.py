# SPDX-License-Identifier: Apache-2.0
"""A protection or a copy of a share that a dead process began comes to an end: it is complete, or
nothing of it is left."""

from oslo_log import log as logging

from karbor_manila.bank.errors import RecordForeign, RecordInvalid
from karbor_manila.bank.record import Intent
from karbor_manila.common.errors import DeadlineExceeded
from karbor_manila.manila.errors import ResourceFailed, SnapshotDoubtful, SnapshotGone
from karbor_manila.operations import copy, elsewhere, in_doubt, interruption, protect, undo
from karbor_manila.operations.errors import HalfCopied
from karbor_manila.operations.share_job import ShareJob

LOG = logging.getLogger(__name__)

#: What is final about a share or snapshot in Manila: it will not become what it was to be.
UNUSABLE = (
    ResourceFailed,
    DeadlineExceeded,
    SnapshotDoubtful,
    RecordInvalid,
    HalfCopied,
)


def is_kept(job: ShareJob, intent: Intent | None) -> bool:
    """Whether the share is in the checkpoint for good; then its final writes are made, too.

    :raises SnapshotGone: its record is there, and its snapshot is not
    :raises ManilaElsewhere: that may be in another Manila
    :raises RecordForeign: another release or driver made it
    """
    try:
        record = job.section.record()
    except RecordForeign:
        raise
    except RecordInvalid:
        if intent is None:
            raise
        return False  # the write of it was cut short; the intent has what it was to be
    if record is None:
        return False
    if job.flow.recorded_driver(record.driver, "record").show(record.snapshot_id) is None:
        elsewhere.check(job, record)
        raise SnapshotGone(record.snapshot_id)
    undo.end_kept(job, intent)
    return True


def adopt_snapshot(job: ShareJob) -> None:
    """The share is in the checkpoint, or nothing of the attempt is left."""
    intent = job.section.intent()
    if is_kept(job, intent):
        return
    snapshot_id = find(job, intent) if intent else None
    if intent is None or snapshot_id is None:
        # The intent stays: a request in doubt may make something still, and the deletion of the
        # checkpoint looks for it by the mark.
        raise interruption.of_protection(job, "protection", "Protect the plan again.")
    driver = job.driver(intent.driver)
    try:
        kept = driver.check(driver.wait(in_doubt.intent_kept(intent, snapshot_id)))
        rules = intent.access_rules  # as they were before hooks
        if intent.record_access_rules and rules is None:
            rules = job.flow.shares.access_rules(job.share_id)
        protect.complete(job, intent, kept, rules)
    except UNUSABLE:
        job.made = snapshot_id
        undo.roll_back(job, intent)
        raise
    LOG.info(
        "Snapshot %s of share %s, checkpoint %s is adopted from a dead process",
        snapshot_id,
        job.share_id,
        job.checkpoint.id,
    )


def find(job: ShareJob, intent: Intent) -> str | None:
    """The snapshot that an intent led to, if it did; its id is put down."""
    if intent.created_id:
        return intent.created_id
    kept = in_doubt.find(job, intent)
    if kept is None:
        return None
    job.section.created(intent, kept.id)
    return kept.id


def adopt_copy(job: ShareJob) -> None:
    """The copy of the share is whole, or nothing of the attempt is left."""
    intent = job.section.intent()
    if is_kept(job, intent):
        return
    clone_id = job.clone_id = copy.find_clone(job, intent) if intent else None
    if intent is None or clone_id is None:
        if intent:
            # The intent stays, by which the deletion looks again, and what is temporary goes now.
            source = job.flow.recorded_driver(intent.restored_by, "intent")
            source.forget_restore(intent.mark.of_clone(), project_id=intent.project_id)
        raise interruption.of_protection(job, "copy", "Copy the plan again.")
    if not intent.clone_id:
        intent = job.section.cloned(intent, clone_id, intent.since)
    snapshot_id = job.made = find(job, intent)
    driver = job.driver(intent.driver)
    try:
        if snapshot_id is None:
            # Another snapshot would belong to the project of Karbor's own user.
            raise HalfCopied(job.share_id)
        job.flow.shares.wait_restored(clone_id)
        kept = driver.wait(in_doubt.intent_kept(intent, snapshot_id))
        copy.complete(job, intent, driver.check(kept))
    except UNUSABLE:
        undo.roll_back(job, intent)
        raise
    LOG.info(
        "Share %s and its snapshot %s, made for the copy of share %s, checkpoint %s, are "
        "adopted from a dead process",
        clone_id,
        snapshot_id,
        job.share_id,
        job.checkpoint.id,
    )

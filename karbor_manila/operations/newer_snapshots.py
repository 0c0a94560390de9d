# SPDX-License-Identifier: Apache-2.0
"""The snapshots that are newer than the one a share is put back to: whose they are.

Only what provably belongs to another checkpoint of the same provider and bank is ever removed:
mark, project and record have to agree, and no other process may work on the checkpoint.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants
from karbor.services.protection.checkpoint import CheckpointCollection

from karbor_manila.bank import checkpoints, holding
from karbor_manila.bank.errors import RecordInvalid
from karbor_manila.bank.record import Intent
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.common.deferral import PENDING
from karbor_manila.manila import marks
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.views import View
from karbor_manila.operations.errors import NewerSnapshots
from karbor_manila.operations.share_job import ShareJob


@dataclass(frozen=True)
class Newer:
    """A snapshot that is in the way. ``checkpoint_id`` is set when it can be removed."""

    snapshot_id: str
    description: str
    checkpoint_id: str | None = None


def identify(job: ShareJob, views: Collection[View]) -> list[Newer]:
    """What these snapshots of the job's share are, for the user to read."""
    if not views:
        return []
    bank_id = job.flow.stored_bank_id
    found = []
    for view in views:
        whose, checkpoint_id = _whose(job, view, bank_id)
        name = f" {view['name']!r}" if view.get("name") else ""
        description = f"snapshot {view['id']}{name} of {view.get('created_at')} ({whose})"
        found.append(Newer(str(view["id"]), description, checkpoint_id))
    return found


def refuse(job: ShareJob, snapshot_id: str, blocking: list[Newer], *, removed: bool) -> None:
    """Refuse a restore that these are in the way of.

    :param removed: whether those that can be removed will be
    :raises NewerSnapshots: some of them stay
    """
    removable = all(newer.checkpoint_id for newer in blocking)
    if blocking and not (removed and removable):
        raise NewerSnapshots(
            job.share_id, snapshot_id, [each.description for each in blocking], removable=removable
        )


def look(job: ShareJob, intent: Intent) -> list[Newer]:
    """Those that are in the way of a revert now."""
    kept = Kept(intent.driver, str(intent.snapshot_id), job.share_id)
    driver = job.flow.reverter(intent.driver)
    found = driver.inspect_revert(kept, project_id=intent.project_id)
    return identify(job, found.newer)


def _whose(job: ShareJob, view: View, bank_id: str | None) -> tuple[str, str | None]:
    """Whose a snapshot is, and its checkpoint when it can be removed."""
    found = marks.read(view)
    if found is None:
        return "not of a checkpoint; a user made it in Manila", None
    foreign = _foreign(job, view, found, bank_id)
    if foreign:
        return foreign, None
    checkpoint = checkpoint_of(job, found.checkpoint)
    if checkpoint is None or checkpoint.status == constants.CHECKPOINT_STATUS_DELETED:
        return f"left over from checkpoint {found.checkpoint}, which is not there any more", None
    objection = _objection(job, view, checkpoint)
    return f"of checkpoint {checkpoint.id}{objection}", None if objection else str(checkpoint.id)


def _foreign(job: ShareJob, view: View, found: marks.Mark, bank_id: str | None) -> str:
    """Why a marked snapshot is none of this provider's checkpoints, by the mark; empty when it
    may be."""
    if bank_id is None or found.bank != bank_id:
        return f"of checkpoint {found.checkpoint} in another bank"
    if found.provider != job.checkpoint.provider_id:
        return f"of checkpoint {found.checkpoint} of another provider"
    if found.restore:
        return f"temporary, of restore {found.restore}"
    if found.resource != job.share_id or view.get("project_id") != job.checkpoint.project_id:
        return "its mark names another share or project; it may be forged"
    return ""


def _objection(job: ShareJob, view: View, checkpoint: Any) -> str:
    """Why a snapshot is not taken from a checkpoint that its mark names; empty when it may be."""
    if checkpoint.project_id != view["project_id"]:
        return ", which is another project's; the mark may be forged"
    if checkpoint.provider_id != job.checkpoint.provider_id:
        return ", which is another provider's; the mark may be forged"
    if checkpoint.status in checkpoints.IN_WORK:
        return f", which is {checkpoint.status}"
    if checkpoint.status == PENDING:
        return f", which is {PENDING}: 'karbor-manila purge {checkpoint.id}' removes it at once"
    if hold := holding.in_force(checkpoint, job.flow.clock.utcnow()):
        return f", which is {hold.told()}"
    return _objection_by_record(job, view, checkpoint)


def _objection_by_record(job: ShareJob, view: View, checkpoint: Any) -> str:
    try:
        record = section_of(job, checkpoint).record()
        if record is None or record.snapshot_id != view["id"]:
            return ", which does not keep it"
        job.flow.recorded_driver(record.driver, "record")
    except RecordInvalid as error:
        return f", whose record cannot be read: {error}"
    return ""


def checkpoint_of(job: ShareJob, checkpoint_id: str) -> Any:
    """Another checkpoint of the bank, or None when there is none.

    :raises BankUnreadable: the bank does not give it
    """
    bank = job.checkpoint.checkpoint_section.bank
    collection = CheckpointCollection(bank)
    try:
        return checkpoints.read(
            bank, checkpoint_id, lambda: collection.get(checkpoint_id), job.flow.clock.sleep
        )
    except karbor_exception.CheckpointNotFound:
        return None


def section_of(job: ShareJob, checkpoint: Any) -> ShareSection:
    """The job's share in another checkpoint."""
    return ShareSection(checkpoint.get_resource_bank_section(job.share_id), job.flow.clock.sleep)

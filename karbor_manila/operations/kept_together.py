# SPDX-License-Identifier: Apache-2.0
"""Who else counts on what keeps a share: one thing may keep several shares of a checkpoint."""

from collections.abc import Iterator

from karbor.common import constants

from karbor_manila.bank import checkpoints
from karbor_manila.bank.errors import RecordInvalid
from karbor_manila.bank.record import Intent
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.drivers.abilities import KeepsTogether
from karbor_manila.operations.in_doubt import intent_kept
from karbor_manila.operations.share_job import ShareJob


def is_of_others(job: ShareJob, intent: Intent, kept_id: str | None = None) -> bool:
    """Whether another share of the checkpoint counts on what keeps the job's share, or may: by the
    bank, which has an intent of each from before anything was asked for until it is undone.

    :param intent: of the job's protection
    :param kept_id: what keeps it; by default what was made for it, as far as that is known
    :raises BankUnreadable: that cannot be known
    """
    if not isinstance(job.driver(intent.driver), KeepsTogether):
        return False
    made = kept_id or job.made or intent.created_id
    return any(_counts_on(job, share_id, intent, made) for share_id in _shares(job))


def remove(job: ShareJob, intent: Intent) -> None:
    """Remove what a protection made, and what bears its mark; but for what another share counts on:
    a second thing that keeps the same shares may have been made for that.

    :raises: as the driver's ``delete``, and as :func:`is_of_others`
    """
    driver, whose = job.driver(intent.driver), intent.project_id
    kept = intent_kept(intent, job.made) if job.made else None
    if not isinstance(driver, KeepsTogether):
        driver.delete(kept, intent.mark, project_id=whose, undo=True)
        return
    found = {each.id: each for each in driver.find(intent.mark, project_id=whose)}
    if kept:
        found.setdefault(kept.id, kept)
    for each in found.values():
        if not is_of_others(job, intent, each.id):
            driver.delete(each, project_id=whose, undo=True)


def _shares(job: ShareJob) -> Iterator[str]:
    nodes = checkpoints.resources(job.checkpoint)
    named = {node.id for node in nodes if node.type == constants.SHARE_RESOURCE_TYPE}
    ids = sorted({*named, *job.flow.resource_ids} - {job.share_id})
    # Those at work first: of very many that fail, each would look at all that failed before it.
    yield from sorted(ids, key=job.flow.not_awaited.__contains__)


def _counts_on(job: ShareJob, share_id: str, intent: Intent, made: str | None) -> bool:
    section = ShareSection(job.checkpoint.get_resource_bank_section(share_id), job.flow.clock.sleep)
    try:
        known = section.record()
        if known:
            return known.driver == intent.driver and made in (None, known.snapshot_id)
        other = section.intent()
    except RecordInvalid:
        return True  # damaged: nothing is known of it
    return (
        other is not None
        and (other.operation, other.driver) == (intent.operation, intent.driver)
        and (None in (made, other.created_id) or made == other.created_id)
    )

# SPDX-License-Identifier: Apache-2.0
"""Who else counts on what keeps a share: one thing may keep several shares of a checkpoint."""

from collections.abc import Iterator

from karbor.common import constants

from karbor_manila.bank import checkpoints
from karbor_manila.bank.errors import RecordInvalid
from karbor_manila.bank.record import Intent
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.drivers.abilities import KeepsTogether
from karbor_manila.operations.share_job import ShareJob


def is_of_others(job: ShareJob, intent: Intent) -> bool:
    """Whether another share of the checkpoint counts on what keeps the job's share, or may: by the
    bank, which has an intent of each from before anything was asked for until it is undone.

    :param intent: of the job's protection
    :raises BankUnreadable: that cannot be known
    """
    if not isinstance(job.driver(intent.driver), KeepsTogether):
        return False
    made = job.made or intent.created_id
    return any(_counts_on(job, share_id, intent, made) for share_id in _shares(job))


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

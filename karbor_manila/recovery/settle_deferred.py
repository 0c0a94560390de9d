# SPDX-License-Identifier: Apache-2.0
"""Carries out a deletion that has waited for long enough (``delete_grace``)."""

from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants
from karbor.services.protection.flows import utils
from oslo_log import log as logging

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import deletions
from karbor_manila.database.requested import as_karbor
from karbor_manila.operations import reporting
from karbor_manila.operations.plugin import protects_shares
from karbor_manila.recovery import settle_checkpoint
from karbor_manila.recovery.postponed import Postponed
from karbor_manila.recovery.slots import SideBySide
from karbor_manila.recovery.unfinished import Unfinished

LOG = logging.getLogger(__name__)

#: What an item is called when nothing of it is due any more.
SEEN_TO = "seen to"


def settle(item: Unfinished, provider: Any, side_by_side: SideBySide) -> str:
    """Delete the checkpoint, if that is what it says itself.

    Who dies after the first write leaves a checkpoint that is being deleted, as of any DELETE.

    :param item: ``since`` is when the deletion is due by the key in the bank
    :param provider: fenced, by the claim of the checkpoint
    :returns: its status then
    :raises Postponed, BankUnreadable: Manila, the bank or Karbor's database is away
    """
    bank, checkpoint_id = provider.bank, item.checkpoint_id
    try:
        checkpoint = settle_checkpoint.as_it_stands(provider, checkpoint_id)
    except karbor_exception.CheckpointNotFound:
        deletions.forget(bank, item.provider_id, checkpoint_id)
        return SEEN_TO
    waits = deletions.of(checkpoint)
    if waits is None or item.since is None or waits.due > item.since:
        # It was had back, is gone, or was deleted once more since.
        deletions.forget(bank, item.provider_id, checkpoint_id, keep=waits)
        return SEEN_TO
    if not protects_shares(provider):
        raise Postponed("the provider protects no shares with this plugin any more")
    LOG.info("Checkpoint %s is deleted: that was asked for at %s", checkpoint_id, waits.asked)
    # As Karbor's own deletion: by its log the database knows that it was deleted.
    utils.create_operation_log(as_karbor(), checkpoint)
    reporting.begin_anew(checkpoint)
    checkpoint.status = constants.CHECKPOINT_STATUS_DELETING
    bank_access.commit(checkpoint)
    status = settle_checkpoint.settle(item, provider, side_by_side)
    deletions.forget(bank, item.provider_id, checkpoint_id)
    return status

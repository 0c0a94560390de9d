# SPDX-License-Identifier: Apache-2.0
"""A share of a checkpoint whose snapshot is gone: the checkpoint says so."""

from collections.abc import Callable, Iterator
from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants
from oslo_log import log as logging

from karbor_manila import checkpoints, exception
from karbor_manila.operations import reasons
from karbor_manila.operations.ledger import Ledger
from karbor_manila.record import ShareRecord

LOG = logging.getLogger(__name__)

Sleep = Callable[[float], None]


#: In the ``extra_info`` of a checkpoint: the ids of the snapshots that are lost, by share.
KEY = "lost"


def mark_as_lost(
    checkpoint: Any, share_id: str, loss: exception.SnapshotDoubtful, sleep: Sleep
) -> None:
    """The user reads it; what else is in the checkpoint can be restored as before.

    It may be repeated. The caller makes sure that nobody else works on the checkpoint.

    :param loss: what became of the snapshot
    :raises BankUnreadable: the bank does not take it
    """
    reasons.add(checkpoint, "reasons", {reasons.key(share_id): str(loss)})
    reasons.add(checkpoint, KEY, {share_id: loss.snapshot_id})
    _ledger(checkpoint, share_id, sleep).status(constants.RESOURCE_STATUS_ERROR)
    gone = {
        share
        for share, record in records(checkpoint, sleep)
        if is_told(checkpoint, share, record.snapshot_id)
    }
    # What cannot be read here, or is no share, may be as good as ever.
    if not any(
        node.type != constants.PROJECT_RESOURCE_TYPE and node.id not in gone
        for node in checkpoints.resources(checkpoint)
    ):
        checkpoint.status = constants.CHECKPOINT_STATUS_ERROR
    try:
        checkpoint.commit()
    except karbor_exception.KarborException as error:
        raise exception.BankUnreadable("take what is lost", str(error)) from error


def told(checkpoint: Any) -> set[str]:
    """The keys (as in the reasons) of the shares whose snapshots are lost."""
    return {reasons.key(share_id) for share_id in reasons.facts(checkpoint, KEY)}


def is_told(checkpoint: Any, share_id: str, snapshot_id: str) -> bool:
    """Whether the checkpoint says that this snapshot is gone: by its id, whatever else is said of
    the share. A checkpoint of an older release is told again, which does no harm."""
    return reasons.facts(checkpoint, KEY).get(share_id) == snapshot_id


def records(checkpoint: Any, sleep: Sleep) -> Iterator[tuple[str, ShareRecord]]:
    """The shares of a checkpoint that have a record, with it; one that cannot be understood is
    passed over with a line in the log."""
    for node in checkpoints.resources(checkpoint):
        if node.type != constants.SHARE_RESOURCE_TYPE:
            continue
        try:
            record = _ledger(checkpoint, node.id, sleep).record()
        except exception.RecordInvalid as error:
            LOG.warning("Share %s, checkpoint %s: %s", node.id, checkpoint.id, error)
            continue
        if record:
            yield str(node.id), record


def _ledger(checkpoint: Any, share_id: str, sleep: Sleep) -> Ledger:
    return Ledger(checkpoint.get_resource_bank_section(share_id), sleep)

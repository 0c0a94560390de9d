# SPDX-License-Identifier: Apache-2.0
"""A share of a checkpoint whose snapshot is lost: the checkpoint records it."""

from collections.abc import Callable, Iterator
from typing import Any

from karbor.common import constants
from oslo_log import log as logging
from oslo_serialization import jsonutils

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import checkpoints, deletions
from karbor_manila.bank.errors import RecordInvalid
from karbor_manila.bank.record import ShareRecord
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.manila.errors import SnapshotDoubtful
from karbor_manila.operations import reporting

LOG = logging.getLogger(__name__)

Sleep = Callable[[float], None]

# In the ``extra_info`` of a checkpoint, by resource: what it was before its snapshot was to go.
_REMOVING = "removing"

#: In the ``extra_info`` of a checkpoint: the ids of the snapshots that are lost, by share.
KEY = "lost"


def mark_as_lost(checkpoint: Any, share_id: str, loss: SnapshotDoubtful, sleep: Sleep) -> None:
    """The user reads it; what else is in the checkpoint can be restored as before.

    It may be repeated. The caller makes sure that no other process works on the checkpoint.

    :param loss: what became of the snapshot
    :raises BankUnreadable: the bank does not take it
    """
    _report(checkpoint, share_id, loss)
    _announced(checkpoint, share_id, forget=True)
    _section(checkpoint, share_id, sleep).status(constants.RESOURCE_STATUS_ERROR)
    _fail_when_empty(checkpoint, sleep)
    bank_access.commit(checkpoint, sleep=sleep)


def announce(
    checkpoint: Any,
    share_id: str,
    loss: SnapshotDoubtful,
    *,
    restore_id: str,
    sleep: Sleep,
) -> None:
    """As :func:`mark_as_lost`, of a snapshot that is about to be removed: what the checkpoint was
    before is kept in it, for :func:`take_back`.

    :param loss: that it is going
    :param restore_id: of the restore for which it is removed
    """
    if not is_announced(checkpoint, share_id, restore_id):
        # An earlier restore may have announced it, and not yet recorded what became of it.
        before = (_announced(checkpoint, share_id) or _as_it_is(checkpoint, share_id)) | {
            "restore": restore_id
        }
        reporting.add(checkpoint, _REMOVING, {reporting.key(share_id): before})
    _report(checkpoint, share_id, loss)
    _fail_when_empty(checkpoint, sleep)
    bank_access.commit(checkpoint, sleep=sleep)


def _as_it_is(checkpoint: Any, share_id: str) -> dict[str, Any]:
    reason = reporting.of(checkpoint).get(reporting.key(share_id))
    return {"status": checkpoint.status, "reason": reason}


def is_announced(checkpoint: Any, share_id: str, restore_id: str | None = None) -> bool:
    """Whether the checkpoint announces that it loses the share, for this restore or any."""
    before = _announced(checkpoint, share_id)
    return before is not None and restore_id in (None, before.get("restore"))


def take_back(checkpoint: Any, share_id: str, *, sleep: Sleep) -> None:
    """What :func:`announce` announced did not happen: the checkpoint is what it was before.

    :raises BankUnreadable: the bank does not take it
    """
    before = _announced(checkpoint, share_id, forget=True)
    if before is None:
        return
    reasons = dict(reporting.of(checkpoint))
    reasons.pop(reporting.key(share_id), None)
    if before.get("reason"):
        reasons[reporting.key(share_id)] = str(before["reason"])
    _set(checkpoint, "reasons", reasons)
    lost = dict(reporting.facts(checkpoint, KEY))
    lost.pop(share_id, None)
    _set(checkpoint, KEY, lost)
    deletions.becomes(checkpoint, before["status"])
    bank_access.commit(checkpoint, sleep=sleep)


def _announced(checkpoint: Any, share_id: str, *, forget: bool = False) -> dict[str, Any] | None:
    """What the checkpoint was before it was to lose the share; None when it is not to."""
    all_of_it = dict(reporting.facts(checkpoint, _REMOVING))
    before = all_of_it.pop(reporting.key(share_id), None)
    if before is not None and forget:
        _set(checkpoint, _REMOVING, all_of_it)
    return before if isinstance(before, dict) else None


def _report(checkpoint: Any, share_id: str, loss: SnapshotDoubtful) -> None:
    reporting.add(checkpoint, "reasons", {reporting.key(share_id): str(loss)})
    reporting.add(checkpoint, KEY, {share_id: loss.snapshot_id})


def _set(checkpoint: Any, name: str, value: dict[str, Any]) -> None:
    info = reporting.info(checkpoint) | {name: value}
    if not value:
        del info[name]
    checkpoint.extra_info = jsonutils.dumps(info)


def _fail_when_empty(checkpoint: Any, sleep: Sleep) -> None:
    gone = {
        share
        for share, record in records(checkpoint, sleep)
        if is_reported_lost(checkpoint, share, record.snapshot_id)
    }
    # What cannot be read here, or is no share, may be as good as ever.
    if not any(
        node.type != constants.PROJECT_RESOURCE_TYPE and node.id not in gone
        for node in checkpoints.resources(checkpoint)
    ):
        deletions.becomes(checkpoint, constants.CHECKPOINT_STATUS_ERROR)


def reported(checkpoint: Any) -> set[str]:
    """The keys (as in the reasons) of the shares whose snapshots are lost."""
    return {reporting.key(share_id) for share_id in reporting.facts(checkpoint, KEY)}


def is_reported_lost(checkpoint: Any, share_id: str, snapshot_id: str) -> bool:
    """Whether the checkpoint records that this snapshot is lost: by its id, whatever else it has of
    the share. A checkpoint of an older release gets it again, which does no harm."""
    return reporting.facts(checkpoint, KEY).get(share_id) == snapshot_id


def records(checkpoint: Any, sleep: Sleep) -> Iterator[tuple[str, ShareRecord]]:
    """The shares of a checkpoint that have a record, with it; one that cannot be understood is
    passed over with a line in the log."""
    for node in checkpoints.resources(checkpoint):
        if node.type != constants.SHARE_RESOURCE_TYPE:
            continue
        try:
            record = _section(checkpoint, node.id, sleep).record()
        except RecordInvalid as error:
            LOG.warning("Share %s, checkpoint %s: %s", node.id, checkpoint.id, error)
            continue
        if record:
            yield str(node.id), record


def _section(checkpoint: Any, share_id: str, sleep: Sleep) -> ShareSection:
    return ShareSection(checkpoint.get_resource_bank_section(share_id), sleep)

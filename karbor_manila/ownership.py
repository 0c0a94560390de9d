# SPDX-License-Identifier: Apache-2.0
"""Who works on a checkpoint, and whether it was abandoned.

A process that begins an operation which changes a checkpoint writes a claim beside it. A checkpoint
that is ``protecting`` or ``deleting`` although its owner is dead is abandoned: nobody will ever
bring it to an end, so a DELETE or a reset-state may.
"""

import datetime
from collections.abc import Collection
from typing import Any

from karbor.common import constants
from oslo_log import log as logging

from karbor_manila import lease

LOG = logging.getLogger(__name__)

_CLAIM = "karbor-manila/owner.json"
_INDEX = "index.json"  # karbor/services/protection/checkpoint.py

#: Statuses in which some process is at work on the checkpoint, or was.
IN_WORK = frozenset(
    {
        constants.CHECKPOINT_STATUS_PROTECTING,
        constants.CHECKPOINT_STATUS_DELETING,
    }
)


def claim(checkpoint: Any, operation: str) -> None:
    """Say in the bank that this process works on the checkpoint from now on."""
    section = checkpoint.checkpoint_section
    section.update_object(
        _CLAIM,
        {
            "owner": section.get_owner_id(),
            "operation": operation,
            "since": datetime.datetime.now(datetime.UTC).isoformat(),
        },
    )


def is_abandoned(
    checkpoint: Any, *, own: Collection[str], running: Collection[str], timeout: float
) -> bool:
    """Whether the checkpoint is in work and nobody is at it.

    :param own: this process's owner ids, one for each of its banks
    :param running: ids of the checkpoints that this process works on
    :param timeout: seconds after which a lease has run out
    """
    if checkpoint.status not in IN_WORK or checkpoint.id in running:
        return False
    owner, since = _owner(checkpoint)
    if owner in own:
        return True
    return not lease.is_alive(checkpoint.checkpoint_section.bank, owner, timeout, since)


def _owner(checkpoint: Any) -> tuple[str, datetime.datetime]:
    """The last owner and when it began."""
    section = checkpoint.checkpoint_section
    try:
        if _CLAIM in section.list_objects():
            return lease.look_twice(lambda: _parse(section.get_object(_CLAIM)))
    except (KeyError, TypeError, ValueError) as error:
        # A crash may have cut it short; who made the checkpoint is known all the same. (A bank that
        # does not give it is another matter: who does not know the owner calls nobody dead.)
        LOG.warning("Checkpoint %s: its claim cannot be understood: %s", checkpoint.id, error)
    begun = float(section.get_object(_INDEX)["timestamp"])
    return checkpoint.owner_id, datetime.datetime.fromtimestamp(begun, datetime.UTC)


def _parse(stored: Any) -> tuple[str, datetime.datetime]:
    since = datetime.datetime.fromisoformat(stored["since"])
    if since.tzinfo is None:
        raise ValueError("a time without a zone")
    return str(stored["owner"]), since

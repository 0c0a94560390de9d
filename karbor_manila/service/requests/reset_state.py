# SPDX-License-Identifier: Apache-2.0
"""The status of a checkpoint is set by hand, of one that a dead process left, too."""

from typing import Any

from karbor import exception
from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import index
from karbor_manila.recovery import claims
from karbor_manila.service.requests import access
from karbor_manila.service.runtime import Runtime

LOG = logging.getLogger(__name__)

# As Karbor's manager has it (karbor/services/protection/manager.py, reset_state).
_CAN_BE_RESET = frozenset(
    {
        constants.CHECKPOINT_STATUS_AVAILABLE,
        constants.CHECKPOINT_STATUS_ERROR,
        constants.CHECKPOINT_STATUS_COPYING,
        constants.CHECKPOINT_STATUS_WAIT_COPYING,
        constants.CHECKPOINT_STATUS_COPY_FINISHED,
    }
)


def reset(runtime: Runtime, context: Any, provider_id: str, checkpoint_id: str, state: str) -> None:
    """Set the status of a checkpoint, and end the logs of what worked on it.

    :raises Taken, karbor.exception.CheckpointNotBeReset: it cannot be reset (now)
    :raises karbor.exception.CheckpointNotFound, karbor.exception.AccessCheckpointNotAllowed:
    """
    checkpoint = access.own_checkpoint(runtime, context, provider_id, checkpoint_id)
    with access.claimed(runtime, checkpoint, claims.RESET) as held:
        if not held.is_dead_end and held.status not in _CAN_BE_RESET:
            raise exception.CheckpointNotBeReset(checkpoint_id=checkpoint_id)
        if held.is_dead_end:
            index.mend_index(held.checkpoint)
        LOG.info("Checkpoint %s: %s becomes %s", checkpoint_id, held.status, state)
        held.checkpoint.status = state
        bank_access.commit(held.checkpoint)
        access.end_logs(runtime, context, held)

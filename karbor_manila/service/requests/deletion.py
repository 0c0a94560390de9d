# SPDX-License-Identifier: Apache-2.0
"""A DELETE of a checkpoint: of one whose deletion failed, or that a dead process left, too."""

from collections.abc import Callable
from typing import Any

from karbor import exception
from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import checkpoints, deletions, holding, index
from karbor_manila.common.deferral import PENDING
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.operations import reporting
from karbor_manila.service import refusals
from karbor_manila.service.flows import missing_operations
from karbor_manila.service.requests import access, deferring, hooks_left
from karbor_manila.service.requests.errors import CheckpointHeld, DeletionWaits
from karbor_manila.service.retention.run import RetentionRun
from karbor_manila.service.runtime import Runtime

LOG = logging.getLogger(__name__)


def begin(
    runtime: Runtime, retention: RetentionRun, context: Any, provider_id: str, checkpoint_id: str
) -> bool:
    """Begin to delete a checkpoint.

    What a user asks for goes. What Karbor's retention asks for goes when nothing is lost with it.
    What is held goes for neither; retention, which ends at the first DELETE that is refused, is
    not told so.

    :returns: whether it goes, now or when ``delete_grace`` is over; if not, the request is
        accepted all the same
    :raises Taken, StaysForRetention, CheckpointHeld, DeletionWaits: it cannot be deleted (now)
    :raises karbor.exception.InvalidInput: likewise
    :raises karbor.exception.CheckpointNotFound: it does not exist (any more)
    :raises karbor.exception.AccessCheckpointNotAllowed: it is another project's
    :raises karbor.exception.FlowError: the flow cannot be built
    """
    checkpoint = access.own_checkpoint(runtime, context, provider_id, checkpoint_id)
    provider = runtime.provider(provider_id)
    missing_operations.check(provider, constants.OPERATION_DELETE, checkpoint)
    with access.claimed(runtime, checkpoint, constants.OPERATION_DELETE) as held:
        if held.status == constants.CHECKPOINT_STATUS_DELETED:
            raise exception.CheckpointNotFound(checkpoint_id=checkpoint_id)
        if hold := holding.in_force(held.checkpoint, runtime.worker.utcnow()):
            if not retention.asks(context, provider):
                raise CheckpointHeld(checkpoint_id, hold)
            LOG.info(
                "Checkpoint %s stays although retention deletes it: it is %s",
                *(checkpoint_id, hold.told()),
            )
            return False
        if held.status == PENDING:
            if retention.asks(context, provider):
                return False
            raise DeletionWaits(checkpoint_id, deletions.of(held.checkpoint))
        retention.check(context, provider, held.checkpoint)
        if seconds := deferring.grace(provider, held.checkpoint):
            access.end_logs(runtime, context, held)
            counted = retention.counts(context, provider, held.checkpoint)
            now = runtime.worker.utcnow()
            deferring.defer(context, held.checkpoint, seconds, now, counted=counted)
            return True
        if held.is_dead_end:
            _reopen(held.checkpoint)
        elif held.status in checkpoints.IN_WORK:
            raise exception.InvalidInput(
                reason=f"checkpoint {checkpoint_id} is {held.status}, and the process "
                f"that works on it is alive; wait until it ends"
            )
        # A process that died at the last line of a flow has left the log of it open.
        access.end_logs(runtime, context, held)
        _begin_flow(runtime, context, provider, held.checkpoint)
    return True


def purge(runtime: Runtime, context: Any, checkpoint: Any, confirm: Callable[[], None]) -> None:
    """Carry out at once a deletion that waits.

    :param confirm: called under the claim, before anything is written; raises what is against it
    :raises Taken, karbor.exception.InvalidInput: it does not wait, or cannot be carried out (now)
    :raises karbor.exception.FlowError: the flow cannot be built
    """
    provider = runtime.provider(checkpoint.provider_id)
    missing_operations.check(provider, constants.OPERATION_DELETE, checkpoint)
    with access.claimed(runtime, checkpoint, constants.OPERATION_DELETE) as held:
        if held.status != PENDING:
            raise exception.InvalidInput(
                reason=f"checkpoint {checkpoint.id} is {held.status}; only a deletion that waits "
                f"({PENDING}) is carried out before its time"
            )
        confirm()
        access.end_logs(runtime, context, held)
        _begin_flow(runtime, context, provider, held.checkpoint)


def _reopen(checkpoint: Any) -> None:
    """Make a checkpoint that nothing will bring to an end one that can be deleted."""
    LOG.info("Checkpoint %s is %s and is deleted again", checkpoint.id, checkpoint.status)
    index.mend_index(checkpoint)
    # Karbor's manager deletes from this status; a crash in between leaves one that can be
    # deleted, too.
    checkpoint.status = constants.CHECKPOINT_STATUS_ERROR
    bank_access.commit(checkpoint)


def _begin_flow(runtime: Runtime, context: Any, provider: Any, checkpoint: Any) -> None:
    """As Karbor's manager does it (karbor/services/protection/manager.py, delete), but under the
    claim."""
    runtime.worker.begins(checkpoint)
    reporting.begin_anew(checkpoint)
    has_waited = checkpoint.status == PENDING
    checkpoint.status = constants.CHECKPOINT_STATUS_DELETING
    bank_access.commit(checkpoint)
    if has_waited:
        deferring.forget(checkpoint)
    try:
        flow = runtime.worker.get_flow(
            context=context,
            operation_type=constants.OPERATION_DELETE,
            checkpoint=checkpoint,
            provider=provider,
        )
    except Exception as error:  # nothing is swallowed: the worker has settled it and logged why
        why = f"Failed to create delete checkpoint flow. {refusals.sentence(error)}"
        if isinstance(error, KarborManilaError):
            raise exception.InvalidInput(reason=why) from error
        raise exception.FlowError(flow=constants.OPERATION_DELETE, error=why) from error
    runtime.spawn(runtime.worker.run_flow, flow, hooks_left.ending(runtime, provider, checkpoint))

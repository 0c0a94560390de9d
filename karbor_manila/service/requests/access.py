# SPDX-License-Identifier: Apache-2.0
"""The checkpoint that a request is about: whether its requester may have it, and claims on it."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from karbor import exception
from karbor.common import constants

from karbor_manila.bank import checkpoints, fencing
from karbor_manila.recovery import operation_logs
from karbor_manila.service import bank_refusals
from karbor_manila.service.runtime import Runtime


class Claimed(NamedTuple):
    """A checkpoint under its claim.

    :ivar checkpoint: as it is now, written to only while the claim is held
    :ivar status: that it had when it was claimed
    :ivar is_dead_end: whether no process will ever bring it to another status
    """

    checkpoint: Any
    status: str
    is_dead_end: bool


def own_checkpoint(runtime: Runtime, context: Any, provider_id: str, checkpoint_id: str) -> Any:
    """A checkpoint of the requester's project; of any project for an administrator.

    :raises karbor.exception.ProviderNotFound, karbor.exception.CheckpointNotFound:
    :raises karbor.exception.AccessCheckpointNotAllowed: it is another project's
    :raises karbor.exception.InvalidInput: the bank is not there, or does not give it
    """
    provider = runtime.provider_with_bank(provider_id)
    with bank_refusals.explained(provider):
        checkpoint = checkpoints.get(provider, checkpoint_id, context)
    if not context.is_admin and checkpoint.project_id != context.project_id:
        raise exception.AccessCheckpointNotAllowed(checkpoint_id=checkpoint_id)
    return checkpoint


@contextlib.contextmanager
def claimed(
    runtime: Runtime, checkpoint: Any, operation: str, *, over_dead: bool = True
) -> Iterator[Claimed]:
    """Hold the claim of a checkpoint that is to be changed.

    :param over_dead: whether that of a dead process may be taken over
    :raises Taken: another operation is at work on it
    :raises karbor.exception.InvalidInput: the bank does not do what is needed
    """
    runtime.worker.await_end(checkpoint)
    with bank_refusals.explained(runtime.provider(checkpoint.provider_id)):
        abandoned = runtime.claims.is_abandoned(checkpoint)
        with runtime.worker.claimed(checkpoint, operation, over_dead=over_dead) as took_over:
            # Another request may have been quicker.
            now = fencing.checkpoint(checkpoint, runtime.worker.hold(checkpoint.id).check)
            yield Claimed(
                now, now.status, _is_dead_end(now.status, abandoned=abandoned or took_over)
            )


def _is_dead_end(status: str, *, abandoned: bool) -> bool:
    """Whether no process will ever change this status of a claimed checkpoint any more.

    :param abandoned: what was known of it before the claim was taken
    """
    if status == constants.CHECKPOINT_STATUS_ERROR_DELETING:
        return True
    return abandoned and status in checkpoints.IN_WORK


def end_logs(runtime: Runtime, context: Any, held: Claimed) -> None:
    """End the operation logs that the work on a claimed checkpoint has left open."""
    guard = runtime.worker.hold(held.checkpoint.id).check
    operation_logs.end_all(context, held.checkpoint, held.status, guard)

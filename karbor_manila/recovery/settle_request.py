# SPDX-License-Identifier: Apache-2.0
"""Settles a restore or a verification that a dead process left. The caller holds the claim."""

from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants

from karbor_manila.bank import checkpoints, fencing
from karbor_manila.database import columns
from karbor_manila.database.requested import as_karbor, get_record
from karbor_manila.operations import adopt
from karbor_manila.recovery import operation_logs, settle_browse, settle_holding, share_recovery
from karbor_manila.recovery.postponed import Postponed
from karbor_manila.recovery.settle_checkpoint import as_it_stands
from karbor_manila.recovery.slots import SideBySide
from karbor_manila.recovery.unfinished import IN_PROGRESS, Unfinished


def settle(item: Unfinished, provider: Any, side_by_side: SideBySide) -> str:
    """Settle an abandoned restore or verification.

    :param provider: fenced, by the claim of the request
    :param side_by_side: runs the shares
    :returns: its status then
    :raises Postponed, BankUnreadable: Manila or the bank is away
    """
    try:
        hold = provider.hold
        request = get_record(item.operation, item.id)
    except karbor_exception.NotFound:
        # It was purged: there is nothing to report to.
        if item.operation == constants.OPERATION_VERIFY:
            settle_browse.settle(item, provider, side_by_side)
        return constants.RESTORE_STATUS_FAILURE
    is_restore = item.operation == constants.OPERATION_RESTORE
    makes_nothing = settle_holding.is_one(item.operation, request)
    fencing.record(request, hold.check, hold, untold=makes_nothing)
    if makes_nothing:
        # It makes nothing, and has no log: one that is open is of another verification.
        if request.status == IN_PROGRESS:
            settle_holding.settle(provider, request)
            columns.save(request)
        return str(request.status)
    if request.status == IN_PROGRESS:
        if is_restore and _settle_restore(provider, request, side_by_side):
            request.status = constants.RESTORE_STATUS_SUCCESS
        else:
            request.status = constants.RESTORE_STATUS_FAILURE
            _report_death(request, "restore" if is_restore else "verification", item)
        columns.save(request)
    _remove_leftovers(provider, request, is_restore, side_by_side)
    if not is_restore:
        settle_browse.settle(item, provider, side_by_side, verify=request)
    ended = operation_logs.end(
        as_karbor(),
        operation_logs.Sought(
            request.project_id,
            request.checkpoint_id,
            item.operation,
            restore_id=request.id if is_restore else None,
            not_before=request.created_at,
        ),
        provider.hold.check,
        status=request.status,
    )
    if not ended:
        raise Postponed("its operation log could not be ended")
    return str(request.status)


def _settle_restore(provider: Any, request: Any, side_by_side: SideBySide) -> bool:
    """Whether everything was restored after all."""
    try:
        checkpoint = as_it_stands(provider, request.checkpoint_id)
    except karbor_exception.CheckpointNotFound:
        return False
    held = share_recovery.resources(provider, checkpoint)
    if not held.protected:
        return False
    errors = share_recovery.run(
        adopt.RecoverRestoreOperation,
        provider,
        checkpoint,
        held.shares,
        side_by_side,
        request.parameters,
        restore=request,
    )
    return not errors and not held.others


def _report_death(request: Any, word: str, item: Unfinished) -> None:
    unrecorded = word == "restore" and not item.claimed
    columns.report(
        request,
        f"checkpoint#{request.checkpoint_id}",
        constants.RESOURCE_STATUS_ERROR,
        f"The process that did this {word} died before its end. What is said here of each share "
        f"holds; ask for the {word} again for the others."
        + (f" {share_recovery.UNRECORDED}" if unrecorded else ""),
    )


def _remove_leftovers(
    provider: Any, request: Any, is_restore: bool, side_by_side: SideBySide
) -> None:
    """Remove what is temporary and was not removed: the share of a drill, above all."""
    shares = [
        share_id
        for _checkpoint_id, share_id, request_id in checkpoints.open_restores(
            provider.bank, request.checkpoint_id
        )
        if request_id == request.id
    ]
    if not shares:
        return
    checkpoint = checkpoints.get(provider, request.checkpoint_id)
    name = "restore" if is_restore else "verify"
    share_recovery.run_to_the_end(
        adopt.EndLeftoverOperation, provider, checkpoint, shares, side_by_side, **{name: request}
    )

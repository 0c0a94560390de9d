# SPDX-License-Identifier: Apache-2.0
"""Settles a protection, a copy or a deletion that a dead process left in its checkpoint.

What was made is adopted when it is complete and rolled back when it is not. The caller holds the
claim.
"""

from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import checkpoints, index
from karbor_manila.database import columns
from karbor_manila.database.requested import as_karbor
from karbor_manila.operations import adopt, reporting
from karbor_manila.operations.plugin import protects_shares
from karbor_manila.operations.share_operation import ShareOperation
from karbor_manila.recovery import operation_logs, share_recovery
from karbor_manila.recovery.postponed import Postponed, check_mounted
from karbor_manila.recovery.slots import SideBySide
from karbor_manila.recovery.unfinished import Unfinished

_FAILURES = frozenset(
    {constants.CHECKPOINT_STATUS_ERROR, constants.CHECKPOINT_STATUS_ERROR_DELETING}
)

# By the status of a checkpoint that was being made, how its shares are recovered.
_MAKING: dict[str, type[ShareOperation]] = {
    constants.CHECKPOINT_STATUS_PROTECTING: adopt.RecoverProtectOperation,
    constants.CHECKPOINT_STATUS_WAIT_COPYING: adopt.RecoverCopyOperation,
    constants.CHECKPOINT_STATUS_COPYING: adopt.RecoverCopyOperation,
}


def settle(item: Unfinished, provider: Any, side_by_side: SideBySide) -> str:
    """Settle an abandoned checkpoint.

    :param provider: fenced, by the claim of the checkpoint
    :param side_by_side: runs the shares
    :returns: its status then
    :raises Postponed, BankUnreadable: Manila, the bank or Karbor's database is away
    """
    try:
        checkpoint = as_it_stands(provider, item.checkpoint_id)
    except karbor_exception.CheckpointNotFound:
        return constants.CHECKPOINT_STATUS_DELETED  # there never was one, or nothing of it is left
    if checkpoint.status in _MAKING:
        _settle_making(item, provider, checkpoint, side_by_side)
    elif checkpoint.status == constants.CHECKPOINT_STATUS_DELETING:
        _settle_deletion(provider, checkpoint, side_by_side)
    elif checkpoint.status == constants.CHECKPOINT_STATUS_DELETED:
        _forget(checkpoint)
    else:
        _complete_reports(provider, checkpoint, side_by_side)
    # Karbor calls the logs of deletions those of protections, too.
    for kind in (constants.OPERATION_PROTECT, constants.OPERATION_COPY):
        ended = operation_logs.end(
            as_karbor(),
            operation_logs.Sought(checkpoint.project_id, checkpoint.id, kind),
            provider.hold.check,
            status=checkpoint.status,
            error_info=_reasons(checkpoint),
        )
        if not ended:
            raise Postponed("its operation log could not be ended")
    return str(checkpoint.status)


def as_it_stands(provider: Any, checkpoint_id: str) -> Any:
    """A checkpoint as it stands in a bank that is there.

    :raises karbor.exception.CheckpointNotFound: there is none for certain
    :raises BankUnreadable: the bank does not give it
    :raises Postponed: the bank is not mounted
    """
    try:
        return checkpoints.get(provider, checkpoint_id)
    except karbor_exception.CheckpointNotFound:
        check_mounted(provider)
        raise


def _settle_making(
    item: Unfinished, provider: Any, checkpoint: Any, side_by_side: SideBySide
) -> None:
    """Settle a protection or a copy."""
    index.mend_index(checkpoint)
    held = share_recovery.resources(provider, checkpoint)
    errors: list[Exception] = []
    if held.protected:
        operation = _MAKING[checkpoint.status]
        errors = share_recovery.run(operation, provider, checkpoint, held.shares, side_by_side)
    if held.shares and not held.others and not errors:
        checkpoint.status = constants.CHECKPOINT_STATUS_AVAILABLE
        if checkpoints.is_copy(checkpoint):
            reporting.add(checkpoint, "copy_status", constants.CHECKPOINT_STATUS_COPY_FINISHED)
    else:
        checkpoint.status = constants.CHECKPOINT_STATUS_ERROR
        _report(
            checkpoint,
            "The process that made this checkpoint died before it was complete. What is in it can "
            "be restored after its state was reset to available; deleting it removes everything"
            + ("." if item.claimed else f" that is on record. {share_recovery.UNRECORDED}"),
        )
    if checkpoint.resource_graph is None:
        # python-karborclient cannot show a checkpoint without one.
        checkpoint.resource_graph = []
    bank_access.commit(checkpoint)


def _settle_deletion(provider: Any, checkpoint: Any, side_by_side: SideBySide) -> None:
    held = share_recovery.resources(provider, checkpoint)
    if held.others:
        # Other plugins work with the tenant's own token, and the tenant is not here.
        checkpoint.status = constants.CHECKPOINT_STATUS_ERROR_DELETING
        _report(checkpoint, "The process that deleted this checkpoint died. Delete it again.")
        bank_access.commit(checkpoint)
    elif share_recovery.run(
        adopt.RecoverDeleteOperation, provider, checkpoint, held.shares, side_by_side
    ):
        checkpoint.status = constants.CHECKPOINT_STATUS_ERROR_DELETING
        bank_access.commit(checkpoint)
    else:
        _forget(checkpoint)


def _forget(checkpoint: Any) -> None:
    """Take a checkpoint out of the index, whatever an earlier attempt has taken out of it."""

    def forget() -> None:
        index.mend_index(checkpoint)
        checkpoint.delete()

    bank_access.ask(forget, f"forget checkpoint {checkpoint.id}")


def _complete_reports(provider: Any, checkpoint: Any, side_by_side: SideBySide) -> None:
    """Report the shares that are complete, and of which their protection or copy could not."""
    found = checkpoints.kept_and_begun(provider.bank, checkpoint.id)
    shares = sorted(share_id for _checkpoint_id, share_id in found)
    if shares and protects_shares(provider):
        operation = adopt.EndKeptOperation
        share_recovery.run_to_the_end(operation, provider, checkpoint, shares, side_by_side)


def _report(checkpoint: Any, reason: str) -> None:
    reporting.add_reasons(checkpoint, {f"checkpoint#{checkpoint.id}": reason})


def _reasons(checkpoint: Any) -> str:
    """What the checkpoint reports of this failure, and of no earlier one, for the log of the
    operation."""
    if checkpoint.status not in _FAILURES:
        return ""
    return columns.lines(str(reason) for reason in reporting.of_attempt(checkpoint).values())

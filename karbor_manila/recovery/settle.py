# SPDX-License-Identifier: Apache-2.0
"""The ends of what dead processes left: of a checkpoint, a restore, a verification.

What was made is adopted when it is complete and removed when it is not. The caller holds the claim.
Each step can be stopped and repeated at any point.
"""

import functools
from collections.abc import Sequence
from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants
from karbor.resource import Resource
from oslo_log import log as logging

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import checkpoints, fencing, identity
from karbor_manila.common.ids import is_id
from karbor_manila.database import columns
from karbor_manila.database.requested import as_karbor, get_record
from karbor_manila.operations import adopt, parameters, reporting
from karbor_manila.operations.plugin import PROJECT, SHARE, protects_shares
from karbor_manila.operations.share_operation import ShareOperation
from karbor_manila.recovery import operation_logs
from karbor_manila.recovery.slots import SideBySide

LOG = logging.getLogger(__name__)

_OURS = frozenset({SHARE, PROJECT})

OPERATION_OF = {
    constants.CHECKPOINT_STATUS_PROTECTING: constants.OPERATION_PROTECT,
    constants.CHECKPOINT_STATUS_DELETING: constants.OPERATION_DELETE,
    constants.CHECKPOINT_STATUS_WAIT_COPYING: constants.OPERATION_COPY,
    constants.CHECKPOINT_STATUS_COPYING: constants.OPERATION_COPY,
}

_FAILURES = frozenset(
    {constants.CHECKPOINT_STATUS_ERROR, constants.CHECKPOINT_STATUS_ERROR_DELETING}
)

# The same word for restores and verifications.
IN_PROGRESS = constants.RESTORE_STATUS_IN_PROGRESS


# A sentence for what may have been made by Karbor's own code.
_UNRECORDED = (
    "If Karbor's own share plugin was at work, it may have left a snapshot or a share in Manila "
    "that no record names; doc/migration.md says how to find it."
)


class Later(Exception):
    """Manila or the bank is away: nothing was changed that the next attempt could not find."""


def end_checkpoint(
    provider: Any, checkpoint_id: str, *, claimed: bool, side_by_side: SideBySide
) -> str:
    """Bring a checkpoint that nobody works on any more to its end.

    :param provider: fenced, by the claim of the checkpoint
    :param claimed: whether it was ours; Karbor's own code creates before it writes down
    :param side_by_side: ends the shares
    :returns: its status then
    :raises Later, BankUnreadable: Manila or the bank is away
    """
    try:
        checkpoint = _checkpoint(provider, checkpoint_id)
    except karbor_exception.CheckpointNotFound:
        return constants.CHECKPOINT_STATUS_DELETED  # there never was one, or nothing of it is left
    if checkpoint.status == constants.CHECKPOINT_STATUS_PROTECTING:
        _end_making(side_by_side, provider, checkpoint, adopt.RecoverProtectOperation, claimed)
    elif OPERATION_OF.get(checkpoint.status) == constants.OPERATION_COPY:
        _end_making(side_by_side, provider, checkpoint, adopt.RecoverCopyOperation, claimed)
    elif checkpoint.status == constants.CHECKPOINT_STATUS_DELETING:
        _end_deletion(provider, checkpoint, side_by_side)
    elif checkpoint.status == constants.CHECKPOINT_STATUS_DELETED:
        _forget(provider, checkpoint)
    else:
        _say_last_words(provider, checkpoint, side_by_side)
    # Karbor calls the logs of deletions those of protections, too.
    for kind in (constants.OPERATION_PROTECT, constants.OPERATION_COPY):
        sought = operation_logs.Sought(checkpoint.project_id, checkpoint.id, kind)
        operation_logs.end(
            as_karbor(),
            sought,
            provider.hold.check,
            status=checkpoint.status,
            error_info=_told(checkpoint),
        )
    return str(checkpoint.status)


def _checkpoint(provider: Any, checkpoint_id: str) -> Any:
    """A checkpoint as it stands in a bank that is there.

    :raises karbor.exception.CheckpointNotFound: there is none for certain
    :raises BankUnreadable: the bank does not give it
    """
    try:
        return checkpoints.get(provider, checkpoint_id)
    except karbor_exception.CheckpointNotFound:
        check_mounted(provider)
        raise


def check_mounted(provider: Any) -> None:
    """In a bank that is not mounted everybody seems dead, and every checkpoint gone.

    :raises BankNotOurs: it is not the one that is known for the provider
    :raises Later: it is empty, and none is known
    """
    known = identity.compare(provider.bank, provider.id)
    if known is None and not any(checkpoints.everything(provider.bank)):
        raise Later(f"the bank of provider {provider.id} is empty; is it mounted?")


def _end_making(
    side_by_side: SideBySide,
    provider: Any,
    checkpoint: Any,
    operation: type[ShareOperation],
    claimed: bool,  # noqa: FBT001
) -> None:
    """End a protection or a copy."""
    checkpoints.mend_index(checkpoint)
    shares, others = _resources(checkpoint)
    errors = []
    if shares and protects_shares(provider):
        errors = _run(side_by_side, operation, provider, checkpoint, shares)
    elif shares:
        others = True
    if shares and not others and not errors:
        checkpoint.status = constants.CHECKPOINT_STATUS_AVAILABLE
        if checkpoints.is_copy(checkpoint):
            reporting.add(checkpoint, "copy_status", constants.CHECKPOINT_STATUS_COPY_FINISHED)
    else:
        checkpoint.status = constants.CHECKPOINT_STATUS_ERROR
        _tell(
            checkpoint,
            "The process that made this checkpoint died before it was complete. What is in it can "
            "be restored after its state was reset to available; deleting it removes everything"
            + ("." if claimed else f" that is on record. {_UNRECORDED}"),
        )
    if checkpoint.resource_graph is None:
        # python-karborclient cannot show a checkpoint without one.
        checkpoint.resource_graph = []
    bank_access.commit(checkpoint)


def _end_deletion(provider: Any, checkpoint: Any, side_by_side: SideBySide) -> None:
    shares, others = _resources(checkpoint)
    if others or (shares and not protects_shares(provider)):
        # Other plugins work with the tenant's own token, and the tenant is not here.
        checkpoint.status = constants.CHECKPOINT_STATUS_ERROR_DELETING
        _tell(checkpoint, "The process that deleted this checkpoint died. Delete it again.")
        bank_access.commit(checkpoint)
    elif _run(side_by_side, adopt.RecoverDeleteOperation, provider, checkpoint, shares):
        checkpoint.status = constants.CHECKPOINT_STATUS_ERROR_DELETING
        bank_access.commit(checkpoint)
    else:
        _forget(provider, checkpoint)


def _forget(provider: Any, checkpoint: Any) -> None:
    """Take a checkpoint out of the index, whatever an earlier attempt has taken out of it."""

    def forget() -> None:
        checkpoints.mend_index(checkpoint)
        checkpoint.delete()

    bank_access.ask(forget, f"forget checkpoint {checkpoint.id}")


def _say_last_words(provider: Any, checkpoint: Any, side_by_side: SideBySide) -> None:
    """What a protection or a copy could not say of the shares that it keeps."""
    found = checkpoints.kept_and_begun(provider.bank, checkpoint.id)
    shares = sorted(share_id for _checkpoint_id, share_id in found)
    if shares and protects_shares(provider):
        errors = _run(side_by_side, adopt.EndKeptOperation, provider, checkpoint, shares)
        if errors:
            raise Later(str(errors[0]))


def end_record(
    provider: Any, operation: str, record_id: str, *, claimed: bool, side_by_side: SideBySide
) -> str:
    """Bring a restore or verification that nobody works on any more to its end.

    :param provider: fenced, by the claim of the record
    :param operation: Karbor's name of it
    :param claimed, side_by_side: as above
    :returns: its status then
    :raises Later, BankUnreadable: Manila or the bank is away
    """
    try:
        record = fencing.record(get_record(operation, record_id), provider.hold.check)
    except karbor_exception.NotFound:
        return constants.RESTORE_STATUS_FAILURE  # there is nobody to tell
    word = "restore" if operation == constants.OPERATION_RESTORE else "verification"
    if record.status == IN_PROGRESS:
        good = operation == constants.OPERATION_RESTORE and _end_restore(
            provider, record, side_by_side
        )
        if good:
            record.status = constants.RESTORE_STATUS_SUCCESS
        else:
            record.status = constants.RESTORE_STATUS_FAILURE
            columns.tell(
                record,
                f"checkpoint#{record.checkpoint_id}",
                constants.RESOURCE_STATUS_ERROR,
                f"The process that did this {word} died before its end. What is said here of "
                f"each share holds; ask for the {word} again for the others."
                + (f" {_UNRECORDED}" if word == "restore" and not claimed else ""),
            )
        columns.save(record)
    _end_leftovers(provider, record, operation, side_by_side)
    operation_logs.end(
        as_karbor(),
        operation_logs.Sought(
            record.project_id,
            record.checkpoint_id,
            operation,
            restore_id=record.id if operation == constants.OPERATION_RESTORE else None,
            not_before=record.created_at,
        ),
        provider.hold.check,
        status=record.status,
    )
    return str(record.status)


def _end_restore(provider: Any, record: Any, side_by_side: SideBySide) -> bool:
    """Whether everything was restored after all."""
    try:
        checkpoint = _checkpoint(provider, record.checkpoint_id)
    except karbor_exception.CheckpointNotFound:
        return False
    shares, others = _resources(checkpoint)
    if not shares or not protects_shares(provider):
        return False
    errors = _run(
        side_by_side,
        adopt.RecoverRestoreOperation,
        provider,
        checkpoint,
        shares,
        record.parameters,
        restore=record,
    )
    return not errors and not others


def _end_leftovers(provider: Any, record: Any, operation: str, side_by_side: SideBySide) -> None:
    """Remove what is temporary and was not removed; a drill's share, above all."""
    shares = [
        share_id
        for _checkpoint_id, share_id, record_id in checkpoints.unended(
            provider.bank, record.checkpoint_id
        )
        if record_id == record.id
    ]
    if not shares:
        return
    checkpoint = checkpoints.get(provider, record.checkpoint_id)
    name = "restore" if operation == constants.OPERATION_RESTORE else "verify"
    errors = _run(
        side_by_side,
        adopt.EndLeftoverOperation,
        provider,
        checkpoint,
        shares,
        None,
        **{name: record},
    )
    if errors:
        raise Later(str(errors[0]))


def _run(
    side_by_side: SideBySide,
    operation: type[ShareOperation],
    provider: Any,
    checkpoint: Any,
    shares: Sequence[str],
    parameters_of_all: Any = None,
    **extras: Any,
) -> list[Exception]:
    """Run an operation on each share with Karbor's own user, side by side as in a flow: they share
    its client and its watcher, so a hundred of them wait with one request.

    :param parameters_of_all: as the user gave them to Karbor
    :returns: the errors that are final
    :raises Later: Manila or the bank was away for one of them
    """
    if not shares:
        return []
    context = as_karbor(checkpoint.project_id)
    shared = provider.load_plugins()[SHARE].context_as_karbor(shares, side_by_side.clock)

    def run(share_id: str) -> None:
        share = Resource(type=SHARE, id=share_id, name="")
        given = parameters.merge(parameters_of_all, SHARE, share_id)
        operation(shared).on_main(checkpoint, share, context, given, **extras)

    errors: list[Exception] = []
    away: Exception | None = None
    for outcome in side_by_side.run([functools.partial(run, share_id) for share_id in shares]):
        if not isinstance(outcome, Exception):
            continue
        if not isinstance(outcome, karbor_exception.KarborException):
            raise outcome
        if isinstance(outcome.__cause__, adopt.PASSING):
            away = outcome.__cause__
        else:
            errors.append(outcome)
    if away:
        raise Later(str(away))
    return errors


def _resources(checkpoint: Any) -> tuple[list[str], bool]:
    """The ids of the checkpoint's shares, and whether it holds anything that is not ours."""
    nodes = list(checkpoints.resources(checkpoint))
    shares = sorted({node.id for node in nodes if node.type == SHARE})
    return shares, any(node.type not in _OURS for node in nodes)


def _tell(checkpoint: Any, reason: str) -> None:
    reporting.tell(checkpoint, {f"checkpoint#{checkpoint.id}": reason})


def _told(checkpoint: Any) -> str:
    """What the checkpoint says of this failure, and of no earlier one, for the log of the
    operation."""
    if checkpoint.status not in _FAILURES:
        return ""
    return columns.lines(str(reason) for reason in reporting.of_attempt(checkpoint).values())


def targets(restore_id: str) -> list[str]:
    """The ids of the shares that a restore puts back in place."""
    try:
        given = get_record(constants.OPERATION_RESTORE, restore_id).parameters
    except karbor_exception.NotFound:
        return []
    named = {
        str(values["share_id"])
        for key, values in (given or {}).items()
        if key.partition("#")[0] == SHARE and values.get("share_id")
    }
    return sorted(share_id for share_id in named if is_id(share_id))

# SPDX-License-Identifier: Apache-2.0
"""What a dead process left of a hold, a release, or a deletion that was had back or purged.

Each is one write into the bank, and its record in Karbor's database is written after it. So the
bank says how it ended: what stands there is a success, and nothing is done once more. It is looked
at under the claim of the checkpoint, under which each is carried out: what is told as not done is
not done afterwards by somebody who only was slow.
"""

from collections.abc import Mapping
from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants

from karbor_manila.bank import checkpoints
from karbor_manila.common import holds
from karbor_manila.common.errors import InvalidParameter
from karbor_manila.common.holds import Hold
from karbor_manila.database import columns
from karbor_manila.operations import hold_parameters, parameters
from karbor_manila.recovery.settle_checkpoint import as_it_stands
from karbor_manila.schemas import VERIFY_SCHEMA

_AT_REST = frozenset({constants.CHECKPOINT_STATUS_AVAILABLE, constants.CHECKPOINT_STATUS_ERROR})
_GOES = frozenset(
    {
        constants.CHECKPOINT_STATUS_DELETING,
        constants.CHECKPOINT_STATUS_DELETED,
        constants.CHECKPOINT_STATUS_ERROR_DELETING,
    }
)


def is_one(operation: str, request: Any) -> bool:
    """Whether a restore or a verification is one of these.

    :param operation: ``restore`` or ``verify``
    """
    asked = operation == constants.OPERATION_VERIFY
    return asked and bool(hold_parameters.of_request(request.parameters))


def settle(provider: Any, request: Any) -> None:
    """Put into a request how it ended; the caller saves it, and holds the checkpoint's claim.

    :param request: Karbor's verification, ``in_progress``
    :raises Postponed, BankUnreadable: the bank is away
    """
    depth = hold_parameters.of_request(request.parameters)
    try:
        checkpoint = as_it_stands(provider, request.checkpoint_id)
    except karbor_exception.CheckpointNotFound:
        checkpoint = None
    told = _standing(depth, checkpoint, request)
    key = f"checkpoint#{request.checkpoint_id}"
    if told:
        available = constants.RESOURCE_STATUS_AVAILABLE
        columns.report(request, key, available, hold_parameters.dump(told))
        request.status = constants.VERIFICATION_STATUS_SUCCESS
        return
    reason = (
        f"The process that was asked for this {depth} died before it was done: checkpoint "
        f"{request.checkpoint_id} {_stands(checkpoint)}. Ask for it again."
    )
    columns.report(request, key, constants.RESOURCE_STATUS_ERROR, reason)
    request.status = constants.VERIFICATION_STATUS_FAILURE


def _standing(depth: str, checkpoint: Any, request: Any) -> dict[str, Any]:
    """What the user reads when what was asked for stands; empty when it does not."""
    checkpoint_id = request.checkpoint_id
    status = constants.CHECKPOINT_STATUS_DELETED if checkpoint is None else checkpoint.status
    if depth == hold_parameters.PURGE and status in _GOES:
        said = f"The deletion of checkpoint {checkpoint_id} has begun; it is {status}."
        return hold_parameters.told(depth, "purged", said)
    if status not in _AT_REST:
        return {}
    if depth == hold_parameters.UNDELETE:
        said = f"Checkpoint {checkpoint_id} is {status}, and its deletion waits no more."
        return hold_parameters.told(depth, "undeleted", said, status=status)
    hold = _hold(checkpoint)
    if depth == hold_parameters.HOLD and hold and _is_asked(hold, request):
        said = f"Checkpoint {checkpoint_id} is {hold.told()}."
        return hold_parameters.told(depth, "held", said, hold=hold.dump())
    if depth == hold_parameters.RELEASE and hold is None:
        said = f"Checkpoint {checkpoint_id} is not held any more."
        return hold_parameters.told(depth, "released", said, hold=None)
    return {}


def _is_asked(hold: Hold, request: Any) -> bool:
    """Whether it is the hold that a request asks for. By which user it is to be Karbor does not
    keep; the sentence names the one of the hold."""
    given: Mapping[str, Any] = hold_parameters.given(request.parameters)
    try:
        asked = parameters.resolve(VERIFY_SCHEMA, given)
    except InvalidParameter:
        return False  # nobody can have carried that out
    return (
        hold.why == (asked["hold_why"] or "").strip()
        and hold.project == str(request.project_id)
        and hold.dump()["until"] == (asked["hold_until"] or None)
    )


def _stands(checkpoint: Any) -> str:
    """How a checkpoint stands, after its name."""
    if checkpoint is None:
        return "is not there any more"
    if checkpoint.status not in _AT_REST:
        return f"is {checkpoint.status}"
    hold = _hold(checkpoint)
    return f"is {hold.told()}" if hold else "is not held"


def _hold(checkpoint: Any) -> Hold | None:
    try:
        return holds.of(checkpoints.info(checkpoint))
    except ValueError:
        return None  # a tenant's own extra_info, into which no hold can have been written

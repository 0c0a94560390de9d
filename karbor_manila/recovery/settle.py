# SPDX-License-Identifier: Apache-2.0
"""Settles one unfinished item: claims it, brings it to its end, and gives the claim back.

Each step can be stopped and repeated at any point.
"""

from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank import fencing
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.common.errors import ClaimLost, Taken
from karbor_manila.common.ids import is_id
from karbor_manila.database import requested
from karbor_manila.operations.plugin import SHARE
from karbor_manila.recovery import (
    settle_browse,
    settle_checkpoint,
    settle_deferred,
    settle_holding,
    settle_hooks,
    settle_request,
    telling,
)
from karbor_manila.recovery.claim_table import DEFERRED, PERIODIC
from karbor_manila.recovery.claims import BROWSE, DRILL, HOLD, HOOKS, RECONCILE, REVERT, Claims
from karbor_manila.recovery.hook_posts import Hanging
from karbor_manila.recovery.postponed import Postponed
from karbor_manila.recovery.slots import SideBySide
from karbor_manila.recovery.unfinished import IN_PROGRESS, Unfinished

LOG = logging.getLogger(__name__)

#: What becomes of the claim on a share whose restore has been settled before, of that on a plan
#: whose drill has been, and of that on periodic hooks, which the next process takes that has them.
_RELEASED = "released"


def settle(item: Unfinished, provider: Any, claims: Claims, side_by_side: SideBySide) -> str:
    """Settle an item under a claim of its own, and those of the shares that it reverts.

    :param provider: Karbor's provider of the item
    :param side_by_side: runs the shares of the item
    :returns: the status that it has now; empty when it has to be tried again later
    """
    held: list[str] = []
    hanging = Hanging()
    besides: list[str] = []
    status, why = "", ""
    try:
        settle_hooks.disown(item, provider, claims)
        for claim_id, operation in _needed(item, provider, claims):
            claims.take(
                claim_id,
                operation,
                provider_id=item.provider_id,
                checkpoint_id=item.checkpoint_id,
                bank=provider.bank,
                # What a dead process has begun with a checkpoint is settled by itself.
                over_dead=operation != HOLD,
            )
            held.append(claim_id)
            if operation in (BROWSE, HOLD):
                besides.append(claim_id)
        # Nothing is written once the claim is lost, or one on access, which a browse takes over.
        fenced = fencing.Provider(provider, fencing.Hold(claims, item.id, tuple(besides)))
        status = _settle(item, fenced, side_by_side, hanging)
    except Taken as taken:
        LOG.info("%s %s is left alone: %s", item.operation, item.id, taken)
    except (Postponed, BankUnreadable, ClaimLost) as error:
        LOG.warning("%s %s is settled later: %s", item.operation, item.id, error)
        why = str(error)
    except Exception as error:  # one that resists must not keep the others from being settled
        LOG.exception("%s %s could not be settled", item.operation, item.id)
        why = f"An unexpected error ({type(error).__name__}) stopped it; the log has the rest."
    finally:

        def give_back() -> None:
            for claim_id in reversed(held):
                # Of a checkpoint under a hold's claim nothing was begun.
                done = status or claim_id == item.checkpoint_id != item.id
                (claims.release if done else claims.leave)(claim_id)

        hanging.when_over(give_back)
    if status:
        LOG.info("%s %s: a dead process left it, now it is %s", item.operation, item.id, status)
    telling.settled(item, status, why)
    return status


def _settle(
    item: Unfinished, provider: fencing.Provider, side_by_side: SideBySide, hanging: Hanging
) -> str:
    if item.operation == HOOKS:
        return settle_hooks.settle(item, provider, side_by_side, hanging)
    if item.operation in (REVERT, DRILL, PERIODIC):
        return _RELEASED
    if item.operation == BROWSE:
        return settle_browse.settle(item, provider, side_by_side)
    if item.operation in requested.RECORDS:
        return settle_request.settle(item, provider, side_by_side)
    if item.operation == DEFERRED:
        return settle_deferred.settle(item, provider, side_by_side)
    return settle_checkpoint.settle(item, provider, side_by_side)


def _needed(item: Unfinished, provider: Any, claims: Claims) -> list[tuple[str, str]]:
    """The claims under which an item is settled: ids and operations, in the order of taking."""
    needed = [(item.id, HOOKS if item.operation == HOOKS else RECONCILE)]
    if item.operation == constants.OPERATION_RESTORE:
        needed += [(share_id, REVERT) for share_id in _reverted(item.id)]
    if item.operation in (constants.OPERATION_VERIFY, BROWSE):
        locks = settle_browse.locks(item, provider) | _dead_locks(item, provider, claims)
        needed += [(lock_id, BROWSE) for lock_id in sorted(locks - {item.id})]
    if item.operation == constants.OPERATION_VERIFY and _is_hold(item.id):
        # First: while a living process has it, nothing of the record is claimed.
        needed.insert(0, (item.checkpoint_id, HOLD))
    return needed


def _dead_locks(item: Unfinished, provider: Any, claims: Claims) -> set[str]:
    """The ids of the claims on access to the checkpoint that a dead process left."""
    return {
        claim.id
        for claim in claims.of_checkpoint(item.checkpoint_id)
        if claim.operation == BROWSE and not claims.is_alive(claim, provider.bank)
    }


def _is_hold(verification_id: str) -> bool:
    """Whether a verification is a hold or the like, which a living process may be at under the
    claim of the checkpoint."""
    operation = constants.OPERATION_VERIFY
    try:
        request = requested.get_record(operation, verification_id)
    except karbor_exception.NotFound:
        return False
    return request.status == IN_PROGRESS and settle_holding.is_one(operation, request)


def _reverted(restore_id: str) -> list[str]:
    """The ids of the shares that a restore reverts."""
    try:
        given = requested.get_record(constants.OPERATION_RESTORE, restore_id).parameters
    except karbor_exception.NotFound:
        return []
    named = {
        str(values["share_id"])
        for key, values in (given or {}).items()
        if key.partition("#")[0] == SHARE and values.get("share_id")
    }
    return sorted(share_id for share_id in named if is_id(share_id))

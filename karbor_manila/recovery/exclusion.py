# SPDX-License-Identifier: Apache-2.0
"""Which claims exclude each other: the use of a checkpoint, and what ends it.

A *use* is a restore, a verification or a drill; an *ending* is a deletion, a reset of the status,
or the removal of one of the checkpoint's snapshots. Their rows have different ids, so the primary
key of the table does not keep them apart: each adds its own row first and looks for the other's
then, so of two at the same moment at least one sees the other.
"""

from collections.abc import Iterable

from karbor.common import constants

from karbor_manila.bank.fencing import REMOVE
from karbor_manila.recovery.claim_table import AUDIT, HOOKS, RECONCILE, RESET, Claim

_ENDINGS = frozenset({constants.OPERATION_DELETE, RESET, REMOVE, AUDIT})

# These settle what a dead process had begun with the checkpoint, too.
_SETTLE_USES = frozenset({constants.OPERATION_DELETE, RESET})


def is_ending(claim: Claim) -> bool:
    """Whether a claim is one to end a checkpoint, or to take something out of it."""
    if claim.operation == RECONCILE:
        return claim.id == claim.checkpoint_id
    return claim.operation in _ENDINGS


def is_use(claim: Claim) -> bool:
    """Whether a claim is one to use a checkpoint. The source of a copy is claimed by its own id, so
    the primary key is enough for it. Hooks change nothing that a checkpoint holds."""
    return claim.id != claim.checkpoint_id and not is_ending(claim) and claim.operation != HOOKS


def excluded(claim: Claim, others: Iterable[Claim]) -> list[Claim]:
    """Those of the claims on the same checkpoint that exclude this one."""
    if is_ending(claim):
        return [other for other in others if other.id != claim.id and is_use(other)]
    if is_use(claim):
        return [other for other in others if other.id != claim.id and is_ending(other)]
    return []


def is_taken_along(claim: Claim, abandoned: Claim) -> bool:
    """Whether an excluded claim whose owner is dead is taken over together with this one: a
    deletion and a reset settle what dead uses left in the checkpoint."""
    return is_use(abandoned) and claim.operation in _SETTLE_USES


def is_first_settled(claim: Claim, abandoned: Claim) -> bool:
    """Whether an excluded claim whose owner is dead has to be settled before this may be taken."""
    if is_taken_along(claim, abandoned):
        return False
    # The reconciliation settles an abandoned use first, then the ending.
    return not (is_ending(abandoned) and claim.operation == RECONCILE)

# SPDX-License-Identifier: Apache-2.0
"""Takes back access to snapshots whose time is over, or whose verification was cut short."""

from typing import Any

from karbor import exception as karbor_exception

from karbor_manila.bank import browses, checkpoints
from karbor_manila.operations.adopt_browse import EndBrowseOperation
from karbor_manila.operations.plugin import protects_shares
from karbor_manila.recovery import share_recovery
from karbor_manila.recovery.postponed import Postponed
from karbor_manila.recovery.settle_checkpoint import as_it_stands
from karbor_manila.recovery.slots import SideBySide
from karbor_manila.recovery.unfinished import Unfinished

#: What an item is called when nothing of it is over any more.
SEEN_TO = "seen to"


def settle(item: Unfinished, provider: Any, side_by_side: SideBySide, **verify: Any) -> str:
    """End what is over of the access that a verification gave.

    :param item: bears the id of the verification
    :param provider: fenced, by the claim of the item
    :param verify: Karbor's verification (``verify``), when it has just been settled: what it does
        not tell its user of ends, too
    :raises Postponed, BankUnreadable: not everything could be ended
    """
    shares = _shares(item, provider)
    if not shares:
        return SEEN_TO
    try:
        checkpoint = as_it_stands(provider, item.checkpoint_id)
    except karbor_exception.CheckpointNotFound:
        for share_id in shares:
            browses.forget(provider.bank, provider.id, share_id, item.id)
        return SEEN_TO
    if not protects_shares(provider):
        raise Postponed("the provider protects no shares with this plugin any more")
    share_recovery.run_to_the_end(
        EndBrowseOperation,
        provider,
        checkpoint,
        shares,
        side_by_side,
        browse_id=item.id,
        **verify,
    )
    return SEEN_TO


def locks(item: Unfinished, provider: Any) -> set[str]:
    """The ids of the claims on access under which this is done. Raises BankUnreadable."""
    shares = _shares(item, provider)
    return {browses.lock_id(item.checkpoint_id, share_id) for share_id in shares}


def _shares(item: Unfinished, provider: Any) -> list[str]:
    """The ids of the shares to which the verification gave access that is open, or may be."""
    opened = checkpoints.open_browses(provider.bank, item.checkpoint_id)
    shares = {share_id for _checkpoint_id, share_id, browse_id in opened if browse_id == item.id}
    keys = browses.entries(provider.bank, provider.id)
    shares |= {entry.share_id for entry in keys if entry.browse_id == item.id}
    return sorted(shares)

# SPDX-License-Identifier: Apache-2.0
"""Calls the posts of hooks that a dead process has begun, until they are through: what it froze is
thawed.

One run is settled under a claim of its own, so that it need not wait for what else its process
left, which may wait for Manila. Its dead owner loses his claim first: if he wakes up, he neither
goes on with work that is frozen no more, nor calls the posts himself.
"""

import datetime
from collections.abc import Iterator
from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank import hook_runs
from karbor_manila.bank.errors import RecordForeign, RecordInvalid
from karbor_manila.bank.hook_runs import Left, Run
from karbor_manila.database import requested
from karbor_manila.hooks.base import REVERT
from karbor_manila.operations.plugin import protects_shares
from karbor_manila.recovery.claims import HOOKS, Claims
from karbor_manila.recovery.hook_posts import Hanging, Posts
from karbor_manila.recovery.postponed import Postponed
from karbor_manila.recovery.settle_checkpoint import as_it_stands
from karbor_manila.recovery.slots import SideBySide
from karbor_manila.recovery.unfinished import IN_PROGRESS, OpenHooks, Unfinished

LOG = logging.getLogger(__name__)

#: What an item is called when all of its posts are through.
THROUGH = "through"
#: ... when its checkpoint is deleted, and they did not succeed for :data:`PATIENCE`.
GIVEN_UP = "given up"
#: So long are posts tried whose checkpoint is deleted: Manila may be away, or the operator.
PATIENCE = datetime.timedelta(days=1)


def disown(item: Unfinished, provider: Any, claims: Claims) -> None:
    """Take the claim of the dead owner of a run from him, if he still has it.

    :raises Taken: he lives
    """
    if not isinstance(item, OpenHooks):
        return
    claim = claims.get(item.left.claimed_id)
    if claim is not None and item.left.token in ("", claim.token):
        claims.disown_dead(claim, provider.bank)


def settle(item: Unfinished, provider: Any, side_by_side: SideBySide, hanging: Hanging) -> str:
    """Call the posts of one run.

    :param provider: fenced, by the claim of the run
    :param hanging: counts the calls; the claim has to stay until all of them have ended
    :returns: how it has ended
    :raises Postponed, BankUnreadable: it is tried again later
    :raises ClaimLost: another process has taken over
    """
    if not isinstance(item, OpenHooks):
        return THROUGH  # a dead process has forgotten the run, and not its claim
    left = item.left
    key = left.key(provider.id)
    try:
        run = hook_runs.read(provider.bank, provider.id, left)
    except RecordForeign as error:
        raise Postponed(f"{key}: {error}") from error
    except RecordInvalid as error:
        LOG.error("%s: %s", key, error)
        return _give_up(
            item, provider, left, f"which hooks have begun is not known: {key} is damaged"
        )
    if run is None:
        return THROUGH
    if run.point == REVERT and _is_under_way(run):
        # What its pre has stopped must not go on while the share is put back, in Manila still.
        raise Postponed(f"restore {run.request_id} has not come to its end")
    rest, now = _call(run, provider, side_by_side, hanging)
    if not rest.hooks:
        hook_runs.forget(provider.bank, provider.id, run)
        return THROUGH
    names = ", ".join(each.name for each in rest.hooks)
    why = f"the post of {names} at the {run.point} did not succeed"
    if now - left.since < PATIENCE:
        raise Postponed(why)
    return _give_up(item, provider, run, why)


def of_checkpoint(provider: Any, checkpoint_id: str, project_id: str) -> Iterator[OpenHooks]:
    """The runs around work on a checkpoint that is about to be deleted, so that nothing else is
    done with it.

    :raises BankUnreadable: the bank cannot be listed
    """
    for left in hook_runs.left(provider.bank, provider.id):
        if left.checkpoint_id == checkpoint_id:
            ids = left.run_id, checkpoint_id, provider.id, project_id
            yield OpenHooks(HOOKS, *ids, left.since, left=left)


def _call(
    run: Run, provider: Any, side_by_side: SideBySide, hanging: Hanging
) -> tuple[Run, datetime.datetime]:
    """Call the posts of a run.

    :returns: what is left of it, and the time then (UTC)
    """
    if not protects_shares(provider):
        raise Postponed("the provider protects no shares with this plugin any more")
    try:
        checkpoint = as_it_stands(provider, run.checkpoint_id)
    except karbor_exception.CheckpointNotFound:
        checkpoint = None
    posts = Posts(run, provider, checkpoint, side_by_side, hanging)
    try:
        return posts.call_all(), posts.flow.clock.utcnow()
    finally:
        posts.close()


def _is_under_way(run: Run) -> bool:
    """Whether the restore that hooks are around has not been settled itself."""
    found = requested.find(run.request_id)
    return found is not None and found[1].status == IN_PROGRESS


def _give_up(item: Unfinished, provider: Any, run: Run | Left, why: str) -> str:
    """Forget a run if its checkpoint is deleted: nothing of it would be left by which somebody
    could find it.

    :raises Postponed: it is not; it is tried again later
    """
    try:
        is_deleted = (
            as_it_stands(provider, item.checkpoint_id).status == constants.CHECKPOINT_STATUS_DELETED
        )
    except karbor_exception.CheckpointNotFound:
        is_deleted = True
    if not is_deleted:
        raise Postponed(why)
    LOG.warning(
        "Checkpoint %s is deleted, and %s. It is not tried any more: look whether what the hook "
        "had stopped runs again.",
        *(item.checkpoint_id, why),
    )
    hook_runs.forget(provider.bank, provider.id, run)
    return GIVEN_UP

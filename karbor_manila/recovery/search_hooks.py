# SPDX-License-Identifier: Apache-2.0
"""Searches a bank for hooks that dead processes have begun and not ended, by one short list;
nothing is changed."""

from collections.abc import Iterator
from typing import Any

from karbor import exception as karbor_exception
from oslo_log import log as logging

from karbor_manila.bank import checkpoints, hook_runs
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.bank.hook_runs import Left
from karbor_manila.common.clock import Clock
from karbor_manila.database import requested
from karbor_manila.recovery.claims import HOOKS, Claims
from karbor_manila.recovery.unfinished import IN_PROGRESS, OpenHooks

LOG = logging.getLogger(__name__)


class HookSearch:
    """One search of the bank of one provider.

    :param claims: of this process
    :param grace: seconds for which what is not claimed is left alone
    """

    def __init__(self, provider: Any, claims: Claims, *, grace: float, clock: Clock) -> None:
        self._provider = provider
        self._claims = claims
        self._grace = grace
        self._clock = clock
        #: Whether something was seen of which it is not known yet whether it is abandoned.
        self.unsure = False
        # By the ids of checkpoints.
        self._projects: dict[str, str] = {}

    def find(self) -> Iterator[OpenHooks]:
        """The runs whose owner is dead, or has done its work without them.

        :raises BankUnreadable: the bank cannot be listed
        """
        # The list first: whoever has put a run has claimed before.
        runs = hook_runs.left(self._provider.bank, self._provider.id)
        if not runs:
            return
        claims = {claim.id: claim for claim in self._claims.all()}
        for left in runs:
            mine = claims.get(left.run_id)
            if mine and self._claims.is_alive(mine, self._provider.bank):
                continue  # its posts are being called
            if self._is_open(left, claims.get(left.claimed_id)):
                yield self._item(left)

    def _is_open(self, left: Left, claim: Any) -> bool:
        if claim is None:
            # A claim that is gone was given back, or taken over and given back: it never returns.
            return bool(left.token) or self._is_over(left)
        if left.token not in ("", claim.token):
            return True  # it is of whoever came later
        if self._claims.is_alive(claim, self._provider.bank):
            self.unsure |= not self._claims.is_proven(claim)
            return False
        return True

    def _is_over(self, left: Left) -> bool:
        """Whether work that nobody claims, under Karbor's own manager, has ended."""
        age = (self._clock.utcnow() - left.since).total_seconds()
        if age < self._grace:
            self.unsure = True
            return False
        if left.claimed_id != left.checkpoint_id:
            found = requested.find(left.claimed_id)
            return found is None or found[1].status != IN_PROGRESS
        try:
            checkpoint = checkpoints.get(self._provider, left.checkpoint_id)
        except karbor_exception.CheckpointNotFound:
            return True
        except BankUnreadable as error:
            LOG.error("Checkpoint %s cannot be read: %s", left.checkpoint_id, error)
            self.unsure = True
            return False
        return checkpoint.status not in checkpoints.IN_WORK or self._claims.is_abandoned(checkpoint)

    def _item(self, left: Left) -> OpenHooks:
        ids = left.run_id, left.checkpoint_id, self._provider.id
        project_id = self._project_of(left.checkpoint_id)
        return OpenHooks(HOOKS, *ids, project_id, left.since, left=left)

    def _project_of(self, checkpoint_id: str) -> str:
        """Whose a checkpoint is, for people to read; empty when it is not known."""
        if checkpoint_id not in self._projects:
            try:
                found = str(self._provider.get_checkpoint(checkpoint_id).project_id)
            except Exception:  # noqa: BLE001 - whatever a bank raises; the run itself has it, too
                found = ""
            self._projects[checkpoint_id] = found
        return self._projects[checkpoint_id]

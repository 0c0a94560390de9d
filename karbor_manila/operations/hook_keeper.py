# SPDX-License-Identifier: Apache-2.0
"""Keeps in the bank which hooks have begun, and asks whether this process may still act."""

import dataclasses
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from oslo_log import log as logging

from karbor_manila.bank import fencing, hook_runs
from karbor_manila.bank.hook_runs import Began, Run
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.hooks.base import Call
from karbor_manila.hooks.terms import Begun
from karbor_manila.operations.writing import Writing

if TYPE_CHECKING:
    from karbor_manila.operations.flow import FlowContext

LOG = logging.getLogger(__name__)


class RunKeeper:
    """The state of one round of hooks (:class:`karbor_manila.hooks.terms.Keeper`).

    :param call: what the hooks are called for
    :param share_ids: of the protected shares
    """

    def __init__(self, flow: "FlowContext", call: Call, share_ids: Sequence[str]) -> None:
        self._flow = flow
        self._bank = flow.work.checkpoint.checkpoint_section.bank
        self._provider_id = call.provider_id
        self._writing = Writing()
        self._is_there = False
        hold = flow.hold
        claimed = hold.claimed_id if hold else call.request_id or call.checkpoint_id
        self._run = Run(
            claimed_id=claimed,
            token=hold.tokens[claimed] if hold else "",
            checkpoint_id=call.checkpoint_id,
            project_id=call.project_id,
            point=call.point,
            scope=call.scope,
            share_ids=tuple(share_ids),
            request_id=call.request_id,
            since=flow.clock.utcnow().isoformat(timespec="seconds"),
        )

    def keep(self, begun: Callable[[], Sequence[Begun]]) -> None:
        """As the protocol says. Who was killed while he wrote leaves a run that says too much: its
        posts are called once more."""
        self._writing.together("run", None, lambda _all: self._write(begun()))

    def _write(self, begun: Sequence[Begun]) -> None:
        if begun:
            self._is_there = True
            hook_runs.put(self._bank, self._provider_id, self._of(begun))
        elif self._is_there:
            hook_runs.forget(self._bank, self._provider_id, self._run)
            self._is_there = False

    def confirm(self) -> None:
        """As the protocol says."""
        self._flow.confirm()

    def release(self, begun: Sequence[Begun]) -> None:
        """As the protocol says: a run of no claim, in the place of that one."""
        nobodys = dataclasses.replace(self._of(begun), token=str(uuid.uuid4()))
        try:
            hook_runs.put(self._bank, self._provider_id, nobodys)
            hook_runs.forget(self._bank, self._provider_id, self._run)
        except KarborManilaError as error:
            LOG.warning("Checkpoint %s: %s", self._run.checkpoint_id, error)

    def hand_over(self, begun: Sequence[Begun]) -> None:
        """As the protocol says. It says only that something is to be thawed: who has lost his claim
        may write it, too; but as a run of its own, because the other one may have more in it."""
        bare = fencing.unfenced(self._bank)
        another = dataclasses.replace(self._of(begun), id=str(uuid.uuid4()))
        try:
            hook_runs.put(bare, self._provider_id, another)
        except Exception:  # whatever a bank raises, in a thread whose work has ended long ago
            LOG.exception(
                "Hooks of %s, checkpoint %s: %s may have left something frozen",
                self._run.point,
                self._run.checkpoint_id,
                ", ".join(name for name, _data in begun),
            )

    def _of(self, begun: Sequence[Begun]) -> Run:
        return dataclasses.replace(self._run, hooks=tuple(Began(*each) for each in begun))

# SPDX-License-Identifier: Apache-2.0
"""A copy of a plan: which of its checkpoints get one, and the flows that make them."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants
from oslo_log import log as logging
from oslo_serialization import jsonutils

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import checkpoints, fencing
from karbor_manila.common import left_out
from karbor_manila.common.errors import ClaimLost, KarborManilaError, Taken
from karbor_manila.operations.plugin import protects_shares
from karbor_manila.service import bank_refusals
from karbor_manila.service.flows.worker import Worker
from karbor_manila.service.requests import copyable
from karbor_manila.service.runtime import Runtime

LOG = logging.getLogger(__name__)

_LIVING = checkpoints.IN_WORK - {
    constants.CHECKPOINT_STATUS_DELETING,
} | {constants.CHECKPOINT_STATUS_AVAILABLE}


def are_ours(runtime: Runtime, plan: Any) -> bool:
    """Whether we make the copies of a plan; if not, Karbor's manager does, or refuses the plan.

    :raises karbor.exception.InvalidInput: the bank of its provider is not there
    """
    return bool(plan) and protects_shares(runtime.provider_with_bank(plan.get("provider_id")))


def begin(runtime: Runtime, context: Any, plan: Any) -> list[dict[str, str]]:
    """Make a copy, ``wait_copying``, of each available checkpoint of the plan that has none, and
    let their flows run, one after the other.

    Nothing to copy, because every available checkpoint has its copy, is an empty answer. Each copy
    and each checkpoint that is copied are claimed from here to the end of the flow.

    :returns: what Karbor's API answers: by copy the ids of both checkpoints
    :raises karbor.exception.InvalidInput: (HTTP 400) there is none that could be copied, or one of
        them cannot be
    :raises Taken: another operation is at work on one of them
    :raises karbor.exception.FlowError, KarborManilaError: no copy could be begun
    """
    provider = runtime.provider(plan.get("provider_id"))
    copies = _Copies(runtime.worker, provider, context, plan)
    making = runtime.reconciliation.making()
    with bank_refusals.explained(provider), making, contextlib.ExitStack() as held:
        sources = list(copies.wanted(held))
        timeout = runtime.answer_timeout
        left = copyable.check(provider, context, plan, sources, timeout) if sources else {}
        copies.begin_each([source for source in sources if source.id in left], left)
    if copies.flows:
        runtime.spawn(runtime.worker.run_flows, copies.flows)
    return copies.pairs


class _Copies:
    """The copies of one request.

    :ivar pairs: what Karbor's API answers
    :ivar flows: the engines of the flows that are to be run
    """

    def __init__(self, worker: Worker, provider: Any, context: Any, plan: Any) -> None:
        self._worker = worker
        self._provider = provider
        self._context = context
        self._plan = plan
        self.pairs: list[dict[str, str]] = []
        self.flows: list[Any] = []

    def wanted(self, held: contextlib.ExitStack) -> Iterator[Any]:
        """The checkpoints that are to be copied, the oldest first, claimed."""
        query = checkpoints.Query(
            provider_id=self._provider.id,
            project_id=self._context.project_id,
            plan_id=self._plan.get("id"),
            newest_first=False,
        )
        originals = [
            checkpoint
            for checkpoint in checkpoints.find(self._provider, query)
            if checkpoint.status == constants.CHECKPOINT_STATUS_AVAILABLE
            and not checkpoints.is_copy(checkpoint)
        ]
        if not originals:
            raise karbor_exception.InvalidInput(
                reason="the plan has no available checkpoint that could be copied"
            )
        claimed = [checkpoint for checkpoint in originals if self._claim(checkpoint, held)]
        # Looked for under the claims: a copy that another process has begun meanwhile is seen.
        copied = {
            checkpoints.copied_from(checkpoint)
            for checkpoint in checkpoints.find(self._provider, query)
            if checkpoint.status in _LIVING
        }
        for checkpoint in claimed:
            checkpoint.reload_meta_data()
            if (
                checkpoint.status == constants.CHECKPOINT_STATUS_AVAILABLE
                and checkpoint.id not in copied
            ):
                yield checkpoint

    def _claim(self, checkpoint: Any, held: contextlib.ExitStack) -> bool:
        """Whether the checkpoint is ours to copy; one that is being copied, or deleted, is not."""
        self._worker.await_end(checkpoint)
        try:
            held.enter_context(self._worker.claimed(checkpoint, constants.OPERATION_COPY))
        except Taken as taken:
            others = (constants.OPERATION_COPY, constants.OPERATION_DELETE)
            if taken.claim is None or taken.claim.operation not in others:
                raise
            LOG.info("Checkpoint %s is left out of the copies: %s", checkpoint.id, taken)
            return False
        return True

    def begin_each(
        self, sources: list[Any], left: Mapping[str, Mapping[str, left_out.Why]]
    ) -> None:
        """Begin the copy of each checkpoint; it is enough when one of them could be begun.

        :param left: by checkpoint, the shares that its copy does not hold, and why
        """
        failure: Exception | None = None
        for source in sources:
            try:
                self._begin(source, left[source.id])
            except Exception as error:  # whatever a bank or Karbor raises: the others are begun
                LOG.exception("No copy of checkpoint %s could be begun", source.id)
                failure = error
        if failure and not self.flows:
            if isinstance(failure, KarborManilaError):
                raise failure  # it has a sentence of its own
            reason = getattr(failure, "msg", "Internal error")
            raise karbor_exception.FlowError(flow="copy", error=reason) from failure

    def _begin(self, source: Any, without: Mapping[str, left_out.Why]) -> None:
        worker = self._worker
        worker.hold(source.id).confirm()  # it took a while to see what can be copied
        made = self._provider.get_checkpoint_collection().create(
            # What the source was made from, not what the plan has become.
            {**source.protection_plan, "project_id": source.project_id},
            {
                "status": constants.CHECKPOINT_STATUS_WAIT_COPYING,
                "extra_info": jsonutils.dumps(_about(source)),
            },
            context=self._context,
        )
        with worker.claimed(made, constants.OPERATION_COPY):
            self._confirm_source(source, made)
            worker.begins(made)
            flow = worker.get_flow(
                self._context,
                constants.OPERATION_COPY,
                made,
                self._provider,
                source=source,
                parameters=self._plan.get("parameters") or {},
                left_out=without,
            )
        self.flows.append(flow)
        self.pairs.append({"checkpoint_protect_id": source.id, "checkpoint_copy_id": made.id})

    def _confirm_source(self, source: Any, made: Any) -> None:
        """Before anything is made for a copy: Karbor's checkpoint takes several writes into the
        bank, and in the meantime the source may have become another process's.

        :raises ClaimLost: it has; nothing was begun, and the copy is in no list
        """
        try:
            self._worker.hold(source.id).confirm()
        except ClaimLost:
            copy_now = fencing.checkpoint(made, self._worker.hold(made.id).check)
            if copy_now.status == constants.CHECKPOINT_STATUS_WAIT_COPYING:
                bank_access.ask(copy_now.delete, f"forget checkpoint {made.id}")
            raise


def _about(source: Any) -> dict[str, Any]:
    """What a copy says of itself: what it is a copy of, and what that one does not hold."""
    info = checkpoints.info(source)
    missing = {left_out.KEY: info[left_out.KEY]} if left_out.KEY in info else {}
    return {checkpoints.COPY_OF: source.id} | missing

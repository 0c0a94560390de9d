# SPDX-License-Identifier: Apache-2.0
"""Which checkpoints of a plan are copied, and what can be told before any copy exists."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants
from oslo_log import log as logging
from oslo_serialization import jsonutils

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import checkpoints, fencing
from karbor_manila.common import left_out
from karbor_manila.common.errors import ClaimLost, KarborManilaError, Taken
from karbor_manila.operations import copy_preflight
from karbor_manila.operations.errors import NotCopyable
from karbor_manila.operations.work import Work
from karbor_manila.service import ahead, lacking
from karbor_manila.service import requests as plan_requests
from karbor_manila.service.worker import Worker

LOG = logging.getLogger(__name__)

_LIVING = checkpoints.IN_WORK - {
    constants.CHECKPOINT_STATUS_DELETING,
} | {constants.CHECKPOINT_STATUS_AVAILABLE}


@dataclass
class Begun:
    """What Karbor's API answers, and the engines of the flows that are to be run."""

    pairs: list[dict[str, str]] = field(default_factory=list)
    flows: list[Any] = field(default_factory=list)


def begin(worker: Worker, provider: Any, context: Any, plan: Any, patience: float) -> Begun:
    """Make a copy, ``wait_copying``, of each checkpoint of the plan that is to have one.

    Nothing to copy, because every available checkpoint has its copy, is an empty answer. Each copy
    and each checkpoint that is copied are claimed from here to the end of the flow.

    :param patience: seconds for which transient errors of Manila are retried: the API waits
    :raises karbor.exception.InvalidInput: (HTTP 400) there is none that could be copied, or one of
        them cannot be
    :raises Taken: somebody else is at work on one of them
    :raises karbor.exception.FlowError, KarborManilaError: no copy could be begun
    """
    query = checkpoints.Query(
        provider_id=provider.id,
        project_id=context.project_id,
        plan_id=plan.get("id"),
        newest_first=False,
    )
    with contextlib.ExitStack() as held:
        sources = list(_wanted(worker, provider, query, held))
        spoilt = _check(provider, context, plan, sources, patience) if sources else {}
        sources = [source for source in sources if source.id in spoilt]
        begun = Begun()
        failure: Exception | None = None
        for source in sources:
            try:
                without = spoilt[source.id]
                _begin_one(worker, provider, context, plan, source, begun, without)
            except Exception as error:
                LOG.exception("No copy of checkpoint %s could be begun", source.id)
                failure = error
        if failure and not begun.flows:
            if isinstance(failure, KarborManilaError):
                raise failure  # told as ours
            said = getattr(failure, "msg", "Internal error")
            raise karbor_exception.FlowError(flow="copy", error=said) from failure
    return begun


def _wanted(
    worker: Worker, provider: Any, query: checkpoints.Query, held: contextlib.ExitStack
) -> Iterator[Any]:
    """The checkpoints that are to be copied, the oldest first, claimed."""
    originals = [
        checkpoint
        for checkpoint in checkpoints.find(provider, query)
        if checkpoint.status == constants.CHECKPOINT_STATUS_AVAILABLE
        and not checkpoints.is_copy(checkpoint)
    ]
    if not originals:
        raise karbor_exception.InvalidInput(
            reason="the plan has no available checkpoint that could be copied"
        )
    claimed = [checkpoint for checkpoint in originals if _claim(worker, checkpoint, held)]
    # Looked for under the claims: a copy that somebody else has begun meanwhile is seen.
    copied = {
        checkpoints.copied_from(checkpoint)
        for checkpoint in checkpoints.find(provider, query)
        if checkpoint.status in _LIVING
    }
    for checkpoint in claimed:
        checkpoint.reload_meta_data()
        if (
            checkpoint.status == constants.CHECKPOINT_STATUS_AVAILABLE
            and checkpoint.id not in copied
        ):
            yield checkpoint


def _claim(worker: Worker, checkpoint: Any, held: contextlib.ExitStack) -> bool:
    """Whether the checkpoint is ours to copy; one that is being copied, or deleted, is not."""
    worker.await_end(checkpoint)
    try:
        held.enter_context(worker.claimed(checkpoint, constants.OPERATION_COPY))
    except Taken as taken:
        others = (constants.OPERATION_COPY, constants.OPERATION_DELETE)
        if taken.claim is None or taken.claim.operation not in others:
            raise
        LOG.info("Checkpoint %s is left out of the copies: %s", checkpoint.id, taken)
        return False
    return True


def _check(
    provider: Any, context: Any, plan: Any, sources: list[Any], patience: float
) -> dict[str, dict[str, left_out.Why]]:
    """Refuse what cannot be copied, before anything is made.

    :returns: by checkpoint that has something to copy, the shares that are left out, and why
    """
    plugins = provider.load_plugins()
    shares: dict[str, list[str]] = {}
    for source in sources:
        nodes = list(checkpoints.resources(source))
        for node in nodes:
            if not lacking.can_be_copied(plugins, node):
                raise karbor_exception.InvalidInput(
                    reason=f"checkpoint {source.id} holds {node.type} {node.id}, and provider "
                    f"{provider.name!r} has no plugin that copies that type"
                )
        shares[source.id] = sorted({node.id for node in nodes if node.type == plan_requests.SHARE})
    every = sorted({share_id for ids in shares.values() for share_id in ids})
    named = {
        item["id"] for item in plan.get("resources") or [] if item["type"] == plan_requests.SHARE
    }
    try:
        plan_requests.check_options(plan.get("parameters"), named | set(every))
        ahead.check_descriptions(plan.get("parameters"), provider, context, patience)
        work = Work(context, sources[0].project_id)
        flow = plugins[plan_requests.SHARE].context_for_a_call(work, every, patience)
        wanted = [(source, shares[source.id]) for source in sources]
        spoilt = copy_preflight.look(flow, wanted)
    except KarborManilaError as error:
        raise karbor_exception.InvalidInput(reason=str(error)) from error
    worth = {
        source.id: spoilt[source.id]
        for source in sources
        if not shares[source.id] or set(shares[source.id]) - set(spoilt[source.id])
    }
    if not worth:
        raise karbor_exception.InvalidInput(reason=_nothing_left(spoilt))
    return worth


def _nothing_left(spoilt: Mapping[str, Mapping[str, left_out.Why]]) -> str:
    """Why no checkpoint at all is worth a copy, in the words of the first share of each."""
    return " ".join(
        str(NotCopyable(f"Share {share_id} of checkpoint {checkpoint_id}", why.reason))
        for checkpoint_id, reasons in spoilt.items()
        for share_id, why in list(reasons.items())[:1]
    )


def _about(source: Any) -> dict[str, Any]:
    """What a copy says of itself: what it is a copy of, and what that one does not hold."""
    info = checkpoints.info(source)
    missing = {left_out.KEY: info[left_out.KEY]} if left_out.KEY in info else {}
    return {checkpoints.COPY_OF: source.id} | missing


def _begin_one(
    worker: Worker,
    provider: Any,
    context: Any,
    plan: Any,
    source: Any,
    begun: Begun,
    without: Mapping[str, left_out.Why],
) -> None:
    worker.hold(source.id).confirm()  # it took a while to see what can be copied
    made = provider.get_checkpoint_collection().create(
        # What the source was made from, not what the plan has become.
        {**source.protection_plan, "project_id": source.project_id},
        {
            "status": constants.CHECKPOINT_STATUS_WAIT_COPYING,
            "extra_info": jsonutils.dumps(_about(source)),
        },
        context=context,
    )
    with worker.claimed(made, constants.OPERATION_COPY):
        _confirm_source(worker, source, made)
        worker.begins(made)
        flow = worker.get_flow(
            context,
            constants.OPERATION_COPY,
            made,
            provider,
            source=source,
            parameters=plan.get("parameters") or {},
            left_out=without,
        )
    begun.flows.append(flow)
    begun.pairs.append({"checkpoint_protect_id": source.id, "checkpoint_copy_id": made.id})


def _confirm_source(worker: Worker, source: Any, made: Any) -> None:
    """Before anything is made for a copy: Karbor's checkpoint takes several writes into the bank,
    and in the meantime the source may have become another process's.

    :raises ClaimLost: it has; nothing was begun, and the copy is in no list
    """
    try:
        worker.hold(source.id).confirm()
    except ClaimLost:
        copy_now = fencing.checkpoint(made, worker.hold(made.id).check)
        if copy_now.status == constants.CHECKPOINT_STATUS_WAIT_COPYING:
            bank_access.ask(copy_now.delete, f"forget checkpoint {made.id}")
        raise

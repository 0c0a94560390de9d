# SPDX-License-Identifier: Apache-2.0
"""Shares that a new checkpoint does not hold after all, so that the others are kept all the same.

Between the list of a project's shares and the request for a snapshot a user may delete one, and one
may be in a status that a later Manila has. That is no failure of the others. A share that a plan
names itself is another matter: it was asked for.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from karbor.common import constants
from karbor.services.protection.graph import GraphNode
from oslo_log import log as logging

from karbor_manila.bank import access as bank_access
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.common import left_out as left_outs
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.manila.errors import ShareGone, ShareNotProtectable
from karbor_manila.operations import reporting
from karbor_manila.operations.share_job import ShareJob

LOG = logging.getLogger(__name__)

_SHARE = constants.SHARE_RESOURCE_TYPE


def leave_out(job: ShareJob, error: ShareNotProtectable, *, named: bool = False) -> bool:
    """Take a share out of the checkpoint that is being made, and name it among what is left out.

    Repeating it changes nothing. Who dies before the commit leaves a share without a snapshot,
    which the reconciliation tells as any other.

    :param named: whether it is left out although the plan names it: a hook of the operator wants it
    :returns: False when it cannot be left out, so that its protection fails: the plan names it, no
        other share would be left, or the bank does not take it, or not from us any more
    """
    checkpoint = job.checkpoint
    if not named and job.share_id in named_by(checkpoint):
        return False
    kind = left_outs.GONE if isinstance(error, ShareGone) else error.kind
    with job.flow.writing:  # one hook at a time reads, changes and writes the checkpoint
        before = checkpoint.resource_graph, checkpoint.extra_info
        graph = without(before[0] or [], {job.share_id})
        if not any(node.type == _SHARE for node in _resources(graph)):
            return False
        checkpoint.resource_graph = graph
        reporting.append(checkpoint, "left_out", _entry(job.resource, error.why, kind))
        try:
            bank_access.commit(checkpoint, sleep=job.flow.clock.sleep)
        except KarborManilaError as refused:
            checkpoint.resource_graph, checkpoint.extra_info = before
            LOG.error(
                "Share %s cannot be left out of checkpoint %s: %s",
                job.share_id,
                checkpoint.id,
                refused,
            )
            return False
    _forget(job)
    LOG.warning("Share %s is left out of checkpoint %s: %s", job.share_id, checkpoint.id, error)
    return True


def named_by(checkpoint: Any) -> frozenset[str]:
    """The ids of the shares that the plan of a checkpoint names itself: none of these is left
    out of it, and none that could be copied another time of its copy."""
    named = checkpoint.protection_plan.get("resources") or []
    return frozenset(item["id"] for item in named if item["type"] == _SHARE)


def copy_without(made: Any, source: Any, left_out: Mapping[str, left_outs.Why]) -> None:
    """Give the copy of a checkpoint the graph of its source, without these shares, which it names.
    The caller commits.

    :param left_out: by share id, why
    """
    graph = source.resource_graph
    made.resource_graph = without(graph, left_out) if left_out else graph
    for resource in {node.id: node for node in _resources(graph)}.values() if left_out else ():
        if resource.type == _SHARE and resource.id in left_out:
            why = left_out[resource.id]
            reporting.append(made, "left_out", _entry(resource, why.reason, why.kind))


def _entry(resource: Any, reason: str, kind: str) -> dict[str, Any]:
    """As the graph of a new checkpoint lists what is left out (karbor_manila/graph.py)."""
    about = {"type": _SHARE, "id": resource.id, "name": resource.name}
    return about | {"reason": reason.rstrip("."), "kind": kind}


def without(graph: Iterable[GraphNode], share_ids: Collection[str]) -> list[GraphNode]:
    """Karbor's graph of a checkpoint without these shares."""
    return [
        GraphNode(node.value, tuple(without(node.child_nodes, share_ids)))  # hashed by Karbor
        for node in graph
        if node.value.type != _SHARE or node.value.id not in share_ids
    ]


def _resources(graph: Iterable[GraphNode]) -> Iterable[Any]:
    for node in graph:
        yield node.value
        yield from _resources(node.child_nodes)


def _forget(job: ShareJob) -> None:
    """The share section goes: the checkpoint's deletion would not remove it."""
    try:
        job.section.forget()
    except BankUnreadable as error:
        LOG.warning("Share %s, checkpoint %s: %s", job.share_id, job.checkpoint.id, error)

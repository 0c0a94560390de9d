# SPDX-License-Identifier: Apache-2.0
"""What of some checkpoints can be copied, seen before any copy exists."""

from collections.abc import Mapping
from typing import Any

from karbor import exception as karbor_exception

from karbor_manila.bank import checkpoints
from karbor_manila.common import left_out
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.operations import copy_preflight
from karbor_manila.operations.errors import NotCopyable
from karbor_manila.operations.plugin import SHARE
from karbor_manila.operations.work import Work
from karbor_manila.service.flows import missing_operations
from karbor_manila.service.requests import manila_checks, share_parameters


def check(
    provider: Any, context: Any, plan: Any, sources: list[Any], timeout: float
) -> dict[str, dict[str, left_out.Why]]:
    """Refuse what cannot be copied, before anything is made.

    :param sources: the checkpoints that are to be copied
    :param timeout: seconds for which transient errors of Manila are retried: the API waits
    :returns: by the id of each checkpoint that has something to copy, the shares that its copy
        does not hold, and why
    :raises karbor.exception.InvalidInput: (HTTP 400) with the reasons
    """
    plugins = provider.load_plugins()
    shares = {source.id: _shares(provider, plugins, source) for source in sources}
    every = sorted({share_id for ids in shares.values() for share_id in ids})
    named = {item["id"] for item in plan.get("resources") or [] if item["type"] == SHARE}
    try:
        share_parameters.check_options(plan.get("parameters"), named | set(every))
        manila_checks.check_descriptions(plan.get("parameters"), provider, context, timeout)
        work = Work(context, sources[0].project_id)
        flow = plugins[SHARE].context_for_a_call(work, every, timeout)
        wanted = [(source, shares[source.id]) for source in sources]
        unusable = copy_preflight.look(flow, wanted)
    except KarborManilaError as error:
        raise karbor_exception.InvalidInput(reason=str(error)) from error
    worth = {
        source.id: unusable[source.id]
        for source in sources
        if not shares[source.id] or set(shares[source.id]) - set(unusable[source.id])
    }
    if not worth:
        raise karbor_exception.InvalidInput(reason=_nothing_left(unusable))
    return worth


def _shares(provider: Any, plugins: Mapping[str, Any], source: Any) -> list[str]:
    """The ids of the shares of a checkpoint of which all can be copied."""
    nodes = list(checkpoints.resources(source))
    for node in nodes:
        if not missing_operations.can_be_copied(plugins, node):
            raise karbor_exception.InvalidInput(
                reason=f"checkpoint {source.id} holds {node.type} {node.id}, and provider "
                f"{provider.name!r} has no plugin that copies that type"
            )
    return sorted({node.id for node in nodes if node.type == SHARE})


def _nothing_left(unusable: Mapping[str, Mapping[str, left_out.Why]]) -> str:
    """Why no checkpoint at all is worth a copy, in the words of the first share of each."""
    return " ".join(
        str(NotCopyable(f"Share {share_id} of checkpoint {checkpoint_id}", why.reason))
        for checkpoint_id, reasons in unusable.items()
        for share_id, why in list(reasons.items())[:1]
    )

# SPDX-License-Identifier: Apache-2.0
"""Karbor's flow of one copy.

Karbor's own puts all copies of a plan into one flow and the graph of today's plan into each of them
(karbor/services/protection/flows/copy.py): with two checkpoints taskflow finds every name twice,
and a share that has joined the plan since is looked for in checkpoints that do not have it. Its
first and last task are used as they are.
"""

from collections.abc import Mapping
from typing import Any

from karbor.common import constants
from karbor.services.protection import resource_flow
from karbor.services.protection.flows import copy as karbors
from karbor.services.protection.flows import utils

from karbor_manila.bank import access as bank_access
from karbor_manila.common.left_out import Why
from karbor_manila.operations import leaving_out
from karbor_manila.recovery import operation_logs


def build(
    context: Any,
    workflow_engine: Any,
    provider: Any,
    checkpoint: Any,
    *,
    source: Any,
    parameters: Mapping[str, Any],
    left_out: Mapping[str, Why],
) -> Any:
    """The engine of the flow that fills ``checkpoint`` from ``source``; nothing runs yet.

    :param provider: fenced, by the claim of the copy
    :param parameters: as Karbor's API has put them together, of the plan and of the request
    :param left_out: the shares of the source that the copy does not hold, and why
    """
    leaving_out.copy_without(checkpoint, source, left_out)
    bank_access.commit(checkpoint)
    log = utils.create_operation_log(context, checkpoint, constants.OPERATION_COPY)
    operation_logs.fence(context, log, provider.hold)
    store = {
        "context": context,
        "checkpoint": source,
        "checkpoint_copy": checkpoint,
        "operation_log": log,
    }
    resources = resource_flow.build_resource_flow(
        operation_type=constants.OPERATION_COPY,
        context=context,
        workflow_engine=workflow_engine,
        resource_graph=checkpoint.resource_graph,
        plugins=provider.load_plugins(),
        # Karbor finds what the hooks get besides among the parameters.
        parameters={**parameters, **store},
    )
    flow = workflow_engine.build_flow(f"Copy_{checkpoint.id}", "linear")
    workflow_engine.add_tasks(
        flow,
        karbors.InitiateCopyTask(name=f"InitiateCopyTask_{checkpoint.id}", inject=store),
        resources,
        karbors.CompleteCopyTask(name=f"CompleteCopyTask_{checkpoint.id}", inject=store),
    )
    return workflow_engine.get_engine(flow, store={"context": context})

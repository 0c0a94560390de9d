# SPDX-License-Identifier: Apache-2.0
"""One flow is built: of a new checkpoint only over what its provider protects, and all of it fenced
by the claim under which it runs."""

import dataclasses
from collections.abc import Callable
from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import fencing
from karbor_manila.common import left_out
from karbor_manila.common.errors import ClaimLost
from karbor_manila.database import requested
from karbor_manila.operations import reporting
from karbor_manila.operations.final_status import FinalStatus
from karbor_manila.operations.plugin import protects_shares
from karbor_manila.recovery import operation_logs
from karbor_manila.service import choosing
from karbor_manila.service.errors import NothingProtected
from karbor_manila.service.flows import copy_flow, engine, missing_operations
from karbor_manila.service.flows.graph import GraphBuilder
from karbor_manila.service.flows.running import Running
from karbor_manila.service.retention import facts

LOG = logging.getLogger(__name__)

# What a checkpoint is when it is to be filled.
_BEGUN = {
    constants.OPERATION_PROTECT: constants.CHECKPOINT_STATUS_PROTECTING,
    constants.OPERATION_COPY: constants.CHECKPOINT_STATUS_WAIT_COPYING,
}


def fenced(running: Running, hold: fencing.Hold) -> Running:
    """The same with a checkpoint, as it is now, and a record that are written to under the claim
    alone.

    :raises karbor.exception.CheckpointNotAvailable: it is to be used, and has been deleted
    :raises ClaimLost: it was to be made, or is a restore or verification, and another process
        has brought it to its end
    """
    checkpoint = fencing.checkpoint(running.checkpoint, hold.check)
    begun = _BEGUN.get(running.operation)
    if begun and checkpoint.status != begun:
        # Karbor makes it before we can claim it, and a process may sleep in between.
        raise ClaimLost(checkpoint.id, f"it is {checkpoint.status} already")
    if running.record is None:
        final_status = FinalStatus(checkpoint, "commit")
    else:
        _fence_record(running, hold)
        if checkpoint.status != constants.CHECKPOINT_STATUS_AVAILABLE:
            raise karbor_exception.CheckpointNotAvailable(checkpoint_id=checkpoint.id)
        final_status = FinalStatus(running.record, "save")
    return dataclasses.replace(running, checkpoint=checkpoint, final_status=final_status)


def _fence_record(running: Running, hold: fencing.Hold) -> None:
    requested.check_in_progress(running.operation, running.record.id)
    fencing.record(running.record, hold.check, hold)


def build(
    context: Any,
    workflow_engine: Any,
    build_karbors: Callable[..., Any],
    running: Running,
    fenced_provider: fencing.Provider,
    kwargs: dict[str, Any],
) -> Any:
    """The engine of a flow; nothing runs yet.

    :param build_karbors: Karbor's ``get_flow``
    :param running: what :func:`fenced` has returned; it gets the plugins of the flow
    :param kwargs: what Karbor's manager has given for this operation, besides
    :raises karbor.exception.KarborException: a new checkpoint would hold nothing
    :raises karbor.exception.InvalidInput: a plugin lacks an operation that cannot be left undone
    """
    checkpoint, operation = running.checkpoint, running.operation
    engine.cut_back_extra_args()
    provider = missing_operations.Provider(fenced_provider, operation, running.plugins)
    if running.source is not None:
        flow = copy_flow.build(context, workflow_engine, provider, checkpoint, **kwargs)
        provider.report(checkpoint, None)
        return flow
    builder = None
    if operation == constants.OPERATION_PROTECT:
        objection = choosing.objection(provider, kwargs["plan"])
        builder = GraphBuilder(kwargs["protectable_registry"], provider.plugins, objection)
        kwargs = kwargs | {"protectable_registry": builder}
    if operation == constants.OPERATION_DELETE and checkpoint.resource_graph is None:
        # It died before its graph was stored, so nothing was ever made for it.
        checkpoint.resource_graph = []
    flow = build_karbors(context, operation, checkpoint, provider, **kwargs)
    _fence_log(context, flow, fenced_provider.hold)
    if builder:
        _report_left_out(checkpoint, builder.left_out(), ours=protects_shares(provider))
    provider.report(checkpoint, running.record)
    return flow


def close(running: Running) -> None:
    """Let the plugins of a flow that is over, or never came to be, give up what they hold open. Its
    claim is still held."""
    for plugin in running.plugins:
        close_flow = getattr(plugin, "close_flow", None)  # Karbor asks for no base class
        if close_flow is None:
            continue
        try:
            close_flow()
        except Exception:  # whatever it is, the work of the flow is done and its end is written
            LOG.exception(
                "Checkpoint %s: the flow of plugin %s could not be closed",
                running.checkpoint.id,
                type(plugin).__name__,
            )


def _fence_log(context: Any, flow: Any, hold: fencing.Hold) -> None:
    """Karbor's tasks write the log of a flow after the checkpoint or record, and may sleep in
    between.

    :raises ClaimLost: another process has taken over
    """
    storage = getattr(flow, "storage", None)  # another workflow_engine may have none
    if storage is not None:
        operation_logs.fence(context, storage.fetch("operation_log"), hold)


def _report_left_out(checkpoint: Any, entries: list[dict[str, Any]], *, ours: bool) -> None:
    """Name in a new checkpoint what it does not hold.

    :param ours: whether it is our plugin that protects the provider's shares
    :raises karbor.exception.KarborException: it holds nothing. An empty checkpoint would be
        available, and restorable, and push out a full one
    """
    if entries:
        reporting.add(checkpoint, left_out.KEY, entries)
        bank_access.commit(checkpoint)
    if missing := left_out.broken({left_out.KEY: entries}):
        LOG.warning("Checkpoint %s is partial: %s", checkpoint.id, [item["id"] for item in missing])
    if ours and not facts.contents(checkpoint):
        nothing = NothingProtected(checkpoint.protection_plan["id"], entries)
        raise karbor_exception.KarborException(str(nothing)) from nothing

# SPDX-License-Identifier: Apache-2.0
"""The end of a flow that failed: status, reason and operation log of what it left in work."""

from collections.abc import Callable
from typing import Any

from karbor.common import constants
from oslo_log import log as logging
from taskflow import exceptions as taskflow_exceptions

from karbor_manila.bank import access as bank_access
from karbor_manila.database import columns
from karbor_manila.operations import reporting
from karbor_manila.operations.errors import SharesFailed
from karbor_manila.recovery import operation_logs
from karbor_manila.service import refusals
from karbor_manila.service.flows.running import FAILED, Running

LOG = logging.getLogger(__name__)


def fail(running: Running, reason: str) -> bool:
    """Whatever Karbor's flow left in work is brought to the end that a failure has.

    :param reason: empty when it was reported already
    :returns: whether that could be written down; if not, it is left to the reconciliation
    """
    final_status = running.final_status
    if final_status and (final_status.complete or final_status.open):
        # Complete, but for Karbor's own last writes; or in doubt. The reconciliation writes it.
        LOG.warning("%s: its end is left to the reconciliation", running.claimed_id)
        return False
    try:
        if running.record is not None:
            _fail_record(running, reason)
        elif reason or running.checkpoint.status in FAILED:
            _fail_checkpoint(running.checkpoint, reason)
    except Exception:  # whatever a bank or a database raises; the flow's own error is reported
        checkpoint_id = running.checkpoint.id
        LOG.exception("Checkpoint %s: its failure could not be written down", checkpoint_id)
        return False
    return True


def _fail_checkpoint(checkpoint: Any, reason: str) -> None:
    checkpoint.status = FAILED.get(checkpoint.status, checkpoint.status)
    if checkpoint.resource_graph is None:
        # python-karborclient cannot show a checkpoint without one.
        checkpoint.resource_graph = []
    if reason:
        reporting.add_reasons(checkpoint, {f"checkpoint#{checkpoint.id}": reason})
    bank_access.commit(checkpoint)


def _fail_record(running: Running, reason: str) -> None:
    record = running.record
    if reason:
        key = f"checkpoint#{running.checkpoint.id}"
        columns.report(record, key, constants.RESOURCE_STATUS_ERROR, reason)
    record.status = FAILED.get(record.status, record.status)
    columns.save(record)


def end_log(context: Any, running: Running, guard: Callable[[], None], reason: str) -> bool:
    """End the operation log that Karbor has made for a flow that failed, or could not be built.

    :returns: whether none is open any more
    :param guard: raises ClaimLost when this process may not write any more
    """
    record = running.record
    return operation_logs.end(
        context,
        operation_logs.Sought(
            project_id=(record or running.checkpoint).project_id,
            checkpoint_id=running.checkpoint.id,
            operation=running.operation,
            restore_id=record.id if running.operation == constants.OPERATION_RESTORE else None,
            not_before=record.created_at if record is not None else None,
        ),
        guard,
        error_info=reason,
    )


def unreported(error: Exception) -> str:
    """What is not yet written of why a flow failed; empty when its hooks have written it all.

    taskflow raises a single failure as it is and several of them wrapped; the task of the shares of
    a flow raises those of its shares together.
    """
    found = [
        refusals.sentence(cause) for cause in causes(error) if not reporting.is_reported(cause)
    ]
    return " ".join(dict.fromkeys(found))


def causes(error: BaseException) -> list[BaseException]:
    """Why a flow failed: the errors of its shares, or the one of a step of Karbor's own."""
    failures = list(error) if isinstance(error, taskflow_exceptions.WrappedFailure) else []
    found = [failure.exception for failure in failures] or [error]
    return [each for cause in found for each in _of_shares(cause)]


def _of_shares(error: BaseException) -> list[BaseException]:
    return list(error.failures) if isinstance(error, SharesFailed) else [error]

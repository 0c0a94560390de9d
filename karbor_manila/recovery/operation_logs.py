# SPDX-License-Identifier: Apache-2.0
"""Ends the operation logs that Karbor leaves open: its flows end theirs in their last task only.

Who ends them holds the claim of the checkpoint, restore or verification, so no other process
works on what an open log is about. Who has lost the claim ends none: whoever has taken over may
have opened one.
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from karbor import objects
from karbor.common import constants
from karbor.db.sqlalchemy import api as karbor_db
from karbor.db.sqlalchemy import models
from oslo_log import log as logging
from oslo_utils import timeutils

from karbor_manila.bank import fencing
from karbor_manila.common.errors import ClaimLost
from karbor_manila.database import columns, retries

LOG = logging.getLogger(__name__)

_LOGS = models.OperationLog.__table__

# The status of a log whose work has failed, by its status while that was going on.
_AFTER = {
    constants.CHECKPOINT_STATUS_PROTECTING: constants.CHECKPOINT_STATUS_ERROR,
    constants.CHECKPOINT_STATUS_DELETING: constants.CHECKPOINT_STATUS_ERROR_DELETING,
    constants.CHECKPOINT_STATUS_WAIT_COPYING: constants.CHECKPOINT_STATUS_ERROR,
    constants.CHECKPOINT_STATUS_COPYING: constants.CHECKPOINT_STATUS_ERROR,
    constants.RESTORE_STATUS_IN_PROGRESS: constants.RESTORE_STATUS_FAILURE,
}

# Karbor calls the log of a deletion one of a protection, too, and leaves the status that the
# checkpoint had before.
_KARBORS_TYPE = {constants.OPERATION_DELETE: constants.OPERATION_PROTECT}


@dataclass(frozen=True)
class Sought:
    """Which open logs are meant. ``not_before`` (UTC) leaves out older ones, unless
    ``restore_id`` names the log: two hosts have written the two moments."""

    project_id: str
    checkpoint_id: str
    operation: str
    restore_id: str | None = None
    not_before: datetime.datetime | None = None


def end(
    context: Any,
    sought: Sought,
    guard: fencing.Guard,
    *,
    status: str | None = None,
    error_info: str = "",
) -> bool:
    """End the open logs of an operation; none is fine.

    :returns: False when Karbor's database is away, or the claim is lost: they are open still, and
        somebody has to come back for them

    :param context: Karbor's request context, that of an administrator or of the project
    :param guard: of the claim under which they are ended
    :param status: of the end; by default that of a failure
    :param error_info: why; empty to leave what is there
    """
    try:
        for log in _open_logs(context, sought):
            _end(fencing.record(log, guard), status, error_info)
    except ClaimLost as lost:
        LOG.warning("Checkpoint %s: its operation log is left: %s", sought.checkpoint_id, lost)
        return False
    except Exception as error:  # what it is about is settled; what is refused is so each time
        LOG.exception("Checkpoint %s: its operation log could not be ended", sought.checkpoint_id)
        return columns.is_refused(error) or not isinstance(error, retries.ERRORS)
    return True


def fence(context: Any, made: Any, hold: fencing.Hold) -> None:
    """Have a log that was just made written to under a claim alone. Karbor makes it without a look
    at the claim, and whoever had taken over before knows nothing of it: then it is ended.

    :param made: Karbor's operation log
    :raises ClaimLost: another process has taken over
    """
    try:
        hold.confirm()
    except ClaimLost as lost:
        _end_own(context, made, str(lost))
        raise
    fencing.record(made, hold.check, hold)


def _end_own(context: Any, made: Any, error_info: str) -> None:
    try:
        logs = objects.OperationLogList.get_all_by_project(
            context, made.project_id, None, None, filters={"checkpoint_id": made.checkpoint_id}
        )
        for log in logs:
            if log.id == made.id and log.ended_at is None:  # nobody has found it meanwhile
                _end(log, None, error_info)
    except Exception:  # the log is a courtesy; that the claim is lost is on its way
        LOG.exception("Checkpoint %s: its operation log could not be ended", made.checkpoint_id)


def _end(log: Any, status: str | None, error_info: str) -> None:
    fields = {
        "status": status or _AFTER.get(log.status, constants.CHECKPOINT_STATUS_ERROR),
        "ended_at": timeutils.utcnow(),
    }
    log.update(fields | ({"error_info": columns.text(error_info)} if error_info else {}))
    columns.save(log)


def end_all(context: Any, checkpoint: Any, left: str, guard: fencing.Guard) -> None:
    """End what a dead process left open of the making, copying or deleting of a checkpoint.

    :param guard: of the claim of the checkpoint
    :param left: the status in which it left the checkpoint
    """
    status = None if left in _AFTER else left
    for operation in (constants.OPERATION_PROTECT, constants.OPERATION_COPY):
        sought = Sought(checkpoint.project_id, checkpoint.id, operation)
        end(context, sought, guard, status=status)


def worked_on(
    provider_id: str,
    since: datetime.datetime,
    engine: Callable[[], Any] = karbor_db.get_engine,
) -> set[str]:
    """The ids of the checkpoints of a provider with which something was begun or ended since then,
    whoever did it: Karbor's own manager writes a log, too, before it changes a checkpoint
    (karbor/services/protection/flows).

    :param since: UTC
    """
    moment = since.replace(tzinfo=None)
    query = (
        sa.select([_LOGS.c.checkpoint_id])
        .where(_LOGS.c.provider_id == provider_id)
        .where(_LOGS.c.checkpoint_id.isnot(None))
        .where(sa.or_(_LOGS.c.started_at >= moment, _LOGS.c.ended_at >= moment))
        .distinct()
    )
    with engine().begin() as connection:
        return {str(checkpoint_id) for (checkpoint_id,) in connection.execute(query)}


def _open_logs(context: Any, sought: Sought) -> list[Any]:
    logs = objects.OperationLogList.get_all_by_project(
        context, sought.project_id, None, None, filters={"checkpoint_id": sought.checkpoint_id}
    )
    wanted = _KARBORS_TYPE.get(sought.operation, sought.operation)
    found = [
        log
        for log in logs
        if log.ended_at is None
        and log.operation_type == wanted
        and log.restore_id == sought.restore_id
        and (
            sought.restore_id is not None
            or sought.not_before is None
            or _naive(log.started_at) >= _naive(sought.not_before)
        )
    ]
    if sought.operation == constants.OPERATION_VERIFY and found:
        # A log does not say of which verification it is, and another one may be under way.
        return [min(found, key=lambda log: _naive(log.started_at))]
    return found


def _naive(moment: datetime.datetime) -> datetime.datetime:
    """UTC without a zone; Karbor's objects give both kinds."""
    return moment.replace(tzinfo=None)

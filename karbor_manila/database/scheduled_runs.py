# SPDX-License-Identifier: Apache-2.0
"""Runs of Karbor's schedules that made no checkpoint, and what tenants read of them.

Karbor's operation engine keeps of a run no more than a state, in a table that no API shows
(karbor/services/operationengine/operations). Operation logs are shown to the project.
"""

import datetime
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from karbor.common import constants
from karbor.db.sqlalchemy import api as karbor_db
from karbor.db.sqlalchemy import models
from oslo_db import exception as db_exception
from oslo_serialization import jsonutils
from oslo_utils import timeutils

from karbor_manila.database import columns

_RUNS = models.ScheduledOperationLog.__table__
_OPERATIONS = models.ScheduledOperation.__table__
_STATES = models.ScheduledOperationState.__table__
_LOGS = models.OperationLog.__table__
_PLANS = models.Plan.__table__

#: Of a run that asked for a checkpoint and got none.
FAILED = constants.OPERATION_EXE_STATE_FAILED
#: Of a run that could not begin within the window of its trigger.
TOO_LATE = constants.OPERATION_EXE_STATE_DROPPED_OUT_OF_WINDOW
# All others that have ended may hide a failure: a run of retention goes on after it, and writes the
# outcome of its next steps over that (retention_operation.py).
_FINE = (constants.OPERATION_EXE_STATE_SUCCESS, constants.OPERATION_EXE_STATE_IN_PROGRESS)

# So many ids are in one statement: SQLite took no more than 999 for long.
_AT_ONCE = 500

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "karbor-manila/scheduled-runs")


@dataclass(frozen=True)
class Run:
    """One run of a scheduled operation. Times are UTC, of the host of the operation engine.

    :ivar name: the operation's, by its maker
    :ivar user_id: who has made the operation
    :ivar trust_id: the trust of that user with which Karbor acts; None when that is not known
    :ivar state: as the operation engine left it
    :ivar due: when the run was to begin
    """

    operation_id: str
    name: str
    user_id: str
    project_id: str
    plan_id: str
    provider_id: str
    trust_id: str | None
    state: str
    due: datetime.datetime
    began: datetime.datetime
    ended: datetime.datetime

    @property
    def log_id(self) -> str:
        """Of the operation log about it: the same one, whichever process writes it."""
        return str(uuid.uuid5(_NAMESPACE, f"{self.operation_id}/{self.due.isoformat()}"))


class ScheduledRuns:
    """The runs, and the operation logs about them. All methods raise what the database raises.

    :param engine: gives the SQLAlchemy engine of Karbor's database
    """

    def __init__(self, engine: Callable[[], Any] = karbor_db.get_engine) -> None:
        self._engine = engine

    def doubtful(self, since: datetime.datetime) -> list[Run]:
        """Runs that have ended since then, not as a success, and of which no operation log tells;
        the oldest first.

        :param since: UTC
        """
        joined = _RUNS.join(_OPERATIONS, _OPERATIONS.c.id == _RUNS.c.operation_id).outerjoin(
            _STATES, _STATES.c.operation_id == _RUNS.c.operation_id
        )
        wanted = [
            *(_RUNS.c.state, _RUNS.c.expect_start_time, _RUNS.c.actual_start_time),
            *(_RUNS.c.end_time, _OPERATIONS.c.id, _OPERATIONS.c.name, _OPERATIONS.c.user_id),
            *(_OPERATIONS.c.project_id, _OPERATIONS.c.operation_definition, _STATES.c.trust_id),
        ]
        query = (
            sa.select(wanted)
            .select_from(joined)
            .where(_RUNS.c.state.notin_(_FINE))
            .where(_RUNS.c.end_time >= since.replace(tzinfo=None))
            .where(_RUNS.c.expect_start_time.isnot(None))
            .where(_RUNS.c.actual_start_time.isnot(None))
            .order_by(_RUNS.c.end_time)
        )
        with self._engine().begin() as connection:
            runs = [_run(row) for row in connection.execute(query).fetchall()]
            known = _known(connection, [run.log_id for run in runs])
        return [run for run in runs if run.log_id not in known]

    def has_plan(self, plan_id: str) -> bool:
        """Whether there still is a plan."""
        query = sa.select([_PLANS.c.deleted]).where(_PLANS.c.id == plan_id)
        with self._engine().begin() as connection:
            found = connection.execute(query).fetchone()
        return found is not None and not found[0]

    def protected(self, run: Run, slack: datetime.timedelta) -> bool:
        """Whether a protection of the plan began about when the run did.

        :param slack: by which the clocks of two hosts may differ
        """
        query = (
            sa.select([_LOGS.c.id])
            .where(_LOGS.c.plan_id == run.plan_id)
            .where(_LOGS.c.operation_type == constants.OPERATION_PROTECT)
            .where(_LOGS.c.checkpoint_id.isnot(None))
            .where(_LOGS.c.started_at >= (run.began - slack).replace(tzinfo=None))
            .where(_LOGS.c.started_at <= (run.ended + slack).replace(tzinfo=None))
        )
        with self._engine().begin() as connection:
            return connection.execute(query).fetchone() is not None

    def tell(self, run: Run, reason: str) -> bool:
        """Write an operation log of the project about a run; False when there is one already."""
        values = {
            "id": run.log_id,
            "project_id": run.project_id,
            "operation_type": constants.OPERATION_PROTECT,
            "plan_id": run.plan_id,
            "provider_id": run.provider_id,
            "scheduled_operation_id": run.operation_id,
            "status": constants.CHECKPOINT_STATUS_ERROR,
            "started_at": run.began.replace(tzinfo=None),
            "ended_at": run.ended.replace(tzinfo=None),
            "error_info": columns.text(reason),
            "created_at": timeutils.utcnow(),
            "deleted": False,
        }
        try:
            with self._engine().begin() as connection:
                connection.execute(_LOGS.insert().values(**values))
        except db_exception.DBDuplicateEntry:
            return False
        return True


def _known(connection: Any, log_ids: list[str]) -> set[str]:
    found: set[str] = set()
    for first in range(0, len(log_ids), _AT_ONCE):
        some = log_ids[first : first + _AT_ONCE]
        query = sa.select([_LOGS.c.id]).where(_LOGS.c.id.in_(some))
        found |= {str(row[0]) for row in connection.execute(query)}
    return found


def _run(row: Any) -> Run:
    definition = _definition(row["operation_definition"])
    return Run(
        operation_id=row["id"],
        name=row["name"],
        user_id=row["user_id"],
        project_id=row["project_id"],
        plan_id=str(definition.get("plan_id")),
        provider_id=str(definition.get("provider_id")),
        trust_id=row["trust_id"],
        state=row["state"],
        due=_utc(row["expect_start_time"]),
        began=_utc(row["actual_start_time"]),
        ended=_utc(row["end_time"]),
    )


def _definition(text: str) -> Mapping[str, Any]:
    found = jsonutils.loads(text or "{}")
    return found if isinstance(found, dict) else {}


def _utc(moment: datetime.datetime) -> datetime.datetime:
    return moment.replace(tzinfo=datetime.UTC)

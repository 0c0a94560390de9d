# SPDX-License-Identifier: Apache-2.0
"""Reads all plans with their schedules from Karbor's database, and puts a lost plan back into it.

Karbor's API has no request that we would see when a trigger or a schedule changes (they are the
operation engine's), so the tables are read: by four statements, without Karbor's objects, which
take a hundred times as long.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from karbor import exception as karbor_exception
from karbor import quota
from karbor.db.sqlalchemy import api as karbor_db
from karbor.db.sqlalchemy import models
from oslo_db import exception as db_exception
from oslo_serialization import jsonutils

from karbor_manila.common.turns import taking_turns
from karbor_manila.database import lock
from karbor_manila.database.errors import DatabaseUnreadable, PlanNotPutBack
from karbor_manila.database.requested import as_karbor

_PLANS = models.Plan.__table__
_RESOURCES = models.Resource.__table__
_OPERATIONS = models.ScheduledOperation.__table__
_TRIGGERS = models.Trigger.__table__

_OF_A_PLAN = ("id", "name", "description", "provider_id", "project_id", "status")
_OF_AN_OPERATION = ("id", "name", "description", "operation_type", "user_id")

View = dict[str, Any]


@dataclass(frozen=True)
class Plans:
    """What Karbor's database has, of JSON's types (schemas/plan.json).

    :ivar plans: by id
    :ivar schedules: by the id of the plan
    :ivar deleted: the ids of plans that were deleted, of which Karbor keeps the row
    :ivar written: by plan, when its row was made: one that was put back has another time
    """

    plans: Mapping[str, View]
    schedules: Mapping[str, list[View]]
    deleted: frozenset[str]
    written: Mapping[str, Any] = field(default_factory=dict)


def read(engine: Callable[[], Any] = karbor_db.get_engine) -> Plans:
    """Everything, as it is in one transaction.

    :raises DatabaseUnreadable: the database does not answer
    """
    there = sa.or_(_PLANS.c.deleted == sa.false(), _PLANS.c.deleted.is_(None))
    try:
        with engine().begin() as connection:
            plans = _rows(connection, sa.select([_PLANS]).where(there))
            gone = _rows(connection, sa.select([_PLANS.c.id]).where(sa.not_(there)))
            resources = _rows(connection, _live(_RESOURCES).order_by(_RESOURCES.c.id))
            operations = _rows(connection, _live(_OPERATIONS).order_by(_OPERATIONS.c.id))
            triggers = _rows(connection, _live(_TRIGGERS))
    except (db_exception.DBError, sa.exc.SQLAlchemyError) as error:
        raise DatabaseUnreadable("the plans", type(error).__name__) from error
    return Plans(
        plans=_plans(plans, resources),
        schedules=_schedules(
            operations,
            {row["id"]: row for row in triggers},
            {str(row["id"]): row["project_id"] for row in plans},
        ),
        deleted=frozenset(str(row["id"]) for row in gone),
        written={str(row["id"]): row["created_at"] for row in plans},
    )


def put_back(plan: Mapping[str, Any]) -> None:
    """Write a plan into Karbor's database with the id that it had, so that its checkpoints are its
    own; Karbor's API would give it another one. It counts in the quota of its project.

    One at a time: of two reservations at once in a project that has none yet Karbor keeps two rows
    of its usage (karbor/db/sqlalchemy/api.py, quota_reserve), and one stays reserved for ever.

    :param plan: as in :class:`Plans`
    :raises PlanNotPutBack: it is there, was deleted, or the quota does not suffice
    :raises DatabaseUnreadable: the database does not answer; the plan may be there
    """
    project_id, context = str(plan["project_id"]), as_karbor(str(plan["project_id"]))
    values = {name: plan[name] for name in _OF_A_PLAN} | {
        "parameters": jsonutils.dumps(plan["parameters"]),
        "resources": [dict(each) for each in plan["resources"]],
    }
    try:
        with karbor_db.get_engine().connect() as connection, lock.held(connection):
            _put_back(context, project_id, values)
    except (db_exception.DBError, sa.exc.SQLAlchemyError) as error:
        raise DatabaseUnreadable("a plan", type(error).__name__) from error


def _put_back(context: Any, project_id: str, values: Mapping[str, Any]) -> None:
    try:
        reserved = quota.QUOTAS.reserve(context, project_id=project_id, plans=1)
    except karbor_exception.OverQuota as error:
        raise PlanNotPutBack(values["id"], f"the quota of plans of project {project_id}") from error
    try:
        karbor_db.plan_create(context, values)
    except BaseException as error:
        # Nothing is swallowed: the reservation must not stay for a day.
        quota.QUOTAS.rollback(context, reserved, project_id=project_id)
        if isinstance(error, db_exception.DBDuplicateEntry):
            raise PlanNotPutBack(values["id"], "a plan with its id, perhaps deleted") from error
        raise
    quota.QUOTAS.commit(context, reserved, project_id=project_id)


def _live(table: Any) -> Any:
    """What is not deleted; rows of old releases may say nothing."""
    deleted = table.c.deleted
    return sa.select([table]).where(sa.or_(deleted == sa.false(), deleted.is_(None)))


def _rows(connection: Any, query: Any) -> list[View]:
    return [dict(row) for row in connection.execute(query)]


def _plans(plans: Iterable[View], resources: Iterable[View]) -> dict[str, View]:
    of_plan: dict[str, list[View]] = defaultdict(list)
    for row in taking_turns(resources):
        of_plan[row["plan_id"]].append(
            {
                "id": row["resource_id"],
                "type": row["resource_type"],
                "name": row["resource_name"],
                "extra_info": row["resource_extra_info"],
            }
        )
    return {
        str(row["id"]): {name: row[name] for name in _OF_A_PLAN}
        | {"parameters": _loaded(row["parameters"]), "resources": of_plan[row["id"]]}
        for row in taking_turns(plans)
    }


def _schedules(
    operations: Iterable[View], triggers: Mapping[str, View], projects: Mapping[str, Any]
) -> dict[str, list[View]]:
    """By plan. Karbor's API takes a schedule of any plan, and of a project that does not see that
    it would only fail: it is not the plan's, whose user would make it again in his own name.

    :param projects: by plan, whose it is
    """
    found: dict[str, list[View]] = defaultdict(list)
    for row in taking_turns(operations):
        definition, trigger = _loaded(row["operation_definition"]), triggers.get(row["trigger_id"])
        plan_id = str(definition.get("plan_id"))
        if trigger is None or plan_id not in projects or row["project_id"] != projects[plan_id]:
            continue
        found[plan_id].append(
            {name: row[name] for name in _OF_AN_OPERATION}
            | {
                "enabled": row["enabled"] is not False,
                "operation_definition": definition,
                "trigger": {name: trigger[name] for name in ("id", "name", "type")}
                | {"properties": _loaded(trigger["properties"])},
            }
        )
    return found


def _loaded(text: Any) -> dict[str, Any]:
    """A column of JSON; empty for what is none."""
    try:
        found = jsonutils.loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

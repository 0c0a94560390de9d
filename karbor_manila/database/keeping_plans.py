# SPDX-License-Identifier: Apache-2.0
"""Reads which of Karbor's plans have keep rules: by one statement, which finds nothing where nobody
uses them."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from karbor.db.sqlalchemy import api as karbor_db
from karbor.db.sqlalchemy import models
from oslo_db import exception as db_exception
from oslo_log import log as logging
from oslo_serialization import jsonutils

from karbor_manila.common import keep_rules
from karbor_manila.common.errors import InvalidParameter
from karbor_manila.common.keep_rules import KeepRules
from karbor_manila.database.errors import DatabaseUnreadable

LOG = logging.getLogger(__name__)

_PLANS = models.Plan.__table__


@dataclass(frozen=True)
class KeepingPlan:
    """A plan that is not deleted, with its rules, which are not empty."""

    id: str
    project_id: str
    provider_id: str
    rules: KeepRules


def read(plan_id: str | None = None) -> list[KeepingPlan]:
    """The plans that have keep rules. Rules that cannot be read are none: nothing goes by them, and
    the next protection of the plan refuses them.

    :param plan_id: only this one
    :raises DatabaseUnreadable: the database does not answer
    """
    columns = (_PLANS.c.id, _PLANS.c.project_id, _PLANS.c.provider_id, _PLANS.c.parameters)
    asked = (
        sa.select(columns)
        .where(sa.or_(_PLANS.c.deleted == sa.false(), _PLANS.c.deleted.is_(None)))
        .where(_PLANS.c.parameters.like("%keep_%"))
    )
    if plan_id is not None:
        asked = asked.where(_PLANS.c.id == plan_id)
    try:
        with karbor_db.get_engine().connect() as connection:
            rows = [dict(row) for row in connection.execute(asked)]
    except (db_exception.DBError, sa.exc.SQLAlchemyError) as error:
        raise DatabaseUnreadable("the plans", type(error).__name__) from error
    found = [_plan(row) for row in rows]
    return [plan for plan in found if plan.rules]


def _plan(row: dict[str, Any]) -> KeepingPlan:
    try:
        parameters = jsonutils.loads(row["parameters"])
        rules = keep_rules.of_plan(parameters if isinstance(parameters, dict) else None)
    except (InvalidParameter, ValueError) as error:
        LOG.warning("Plan %s: nothing is removed by its keep rules: %s", row["id"], error)
        rules = KeepRules()
    return KeepingPlan(str(row["id"]), str(row["project_id"]), str(row["provider_id"]), rules)

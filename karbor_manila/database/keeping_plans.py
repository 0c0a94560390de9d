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
    """A plan that is not deleted, with its rules; they are empty when they cannot be read."""

    id: str
    project_id: str
    provider_id: str
    rules: KeepRules


def read(plan_id: str | None = None) -> list[KeepingPlan]:
    """The plans that have keep rules, also those whose rules cannot be read: nothing of these plans
    is removed by a rule or by retention, and their next protection is refused.

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
    return [plan for row in rows if (plan := _plan(row))]


def _plan(row: dict[str, Any]) -> KeepingPlan | None:
    """None for one that has no rules."""
    try:
        parameters = jsonutils.loads(row["parameters"])
        rules = keep_rules.of_plan(parameters if isinstance(parameters, dict) else None)
        if not rules:
            return None
    except (InvalidParameter, ValueError) as error:
        LOG.warning(
            "Plan %s: its keep rules cannot be read, so nothing of it is removed by them or by "
            "retention: %s",
            *(row["id"], error),
        )
        rules = KeepRules()
    return KeepingPlan(str(row["id"]), str(row["project_id"]), str(row["provider_id"]), rules)

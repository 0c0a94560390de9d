# SPDX-License-Identifier: Apache-2.0
"""Plans and schedules as Karbor's API makes them, and a database that forgets them."""

import uuid
from typing import Any

import sqlalchemy
from karbor import objects
from karbor.db.sqlalchemy import api as karbor_db

from tests.unit.karbor_stage import SHARE, context_of

PROVIDER, PROJECT = str(uuid.UUID(int=0x1)), str(uuid.UUID(int=0xA))


def made(**fields: Any) -> Any:
    """A plan as Karbor's API makes it."""
    plan = objects.Plan(
        context=context_of(PROJECT),
        **{
            "name": "books",
            "description": None,
            "provider_id": PROVIDER,
            "project_id": PROJECT,
            "status": "suspended",
            "resources": [
                {"type": SHARE, "id": str(uuid.uuid4()), "name": "a", "extra_info": '{"x": 1}'},
                {"type": SHARE, "id": str(uuid.uuid4()), "name": "b"},
            ],
            "parameters": {SHARE: {"description": "each day"}},
        }
        | fields,
    )
    plan.create()
    return plan


def scheduled(plan: Any, name: str = "daily", project_id: str = PROJECT) -> Any:
    context = context_of(project_id)
    trigger = objects.Trigger(
        context=context,
        name="at night",
        project_id=project_id,
        type="time",
        properties={"pattern": "0 3 * * *", "format": "crontab", "window": "30"},
    )
    trigger.create()
    operation = objects.ScheduledOperation(
        context=context,
        name=name,
        description=None,
        operation_type="protect",
        user_id=str(uuid.uuid4()),
        project_id=project_id,
        trigger_id=trigger.id,
        operation_definition={"plan_id": plan.id, "provider_id": PROVIDER},
    )
    operation.create()
    return operation


def forget() -> None:
    """Another database: it has no row of a plan."""
    with karbor_db.get_engine().begin() as connection:
        for table in ("resources", "plans"):
            connection.execute(sqlalchemy.text(f"DELETE FROM {table}"))

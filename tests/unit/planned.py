# SPDX-License-Identifier: Apache-2.0
"""A schedule of a plan, as Karbor's database and a copy in a bank have it."""

import uuid
from typing import Any

from tests.unit.memory_bank import PROVIDER


def schedule(name: str = "daily", **fields: Any) -> dict[str, Any]:
    """A schedule as the database has it."""
    return {
        "id": str(uuid.uuid4()),
        "name": name,
        "description": None,
        "operation_type": "protect",
        "operation_definition": {"provider_id": PROVIDER, "plan_id": "plan-1"},
        "enabled": True,
        "user_id": "user-1",
        "trigger": {
            "id": str(uuid.uuid4()),
            "name": "at night",
            "type": "time",
            "properties": {"pattern": "0 3 * * *", "window": "30", "start_time": "2026-01-01"},
        },
    } | fields

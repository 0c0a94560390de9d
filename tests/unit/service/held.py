# SPDX-License-Identifier: Apache-2.0
"""A hold and a release, as Karbor's API hands them to the manager."""

import json
from typing import Any

from tests.unit.karbor_stage import SHARE, Service, context_of

WHY = "the auditor looks at it"


def hold(service: Service, checkpoint_id: str, context: Any = None, **given: str) -> Any:
    """The verification that holds it, as the database has it at its end."""
    return asked(service, checkpoint_id, context, depth="hold", hold_why=WHY, **given)


def release(service: Service, checkpoint_id: str, context: Any = None) -> Any:
    return asked(service, checkpoint_id, context, depth="release")


def asked(service: Service, checkpoint_id: str, context: Any, **given: Any) -> Any:
    return service.saved(service.verify(checkpoint_id, {SHARE: given}, context))


def says(record: Any) -> dict[str, Any]:
    (reason,) = record.resources_reason.values()
    found: dict[str, Any] = json.loads(reason)
    return found


def other_user(service: Service, **fields: Any) -> Any:
    context = context_of(service.project_id, **fields)
    context.user_id = "another"
    return context

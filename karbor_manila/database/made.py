# SPDX-License-Identifier: Apache-2.0
"""What Karbor's database says of the making of a checkpoint: whose it is, and of which plan."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from karbor import exception as karbor_exception
from karbor import objects
from karbor.common import constants
from oslo_utils import timeutils

from karbor_manila.database.errors import DatabaseUnreadable
from karbor_manila.database.requested import as_karbor

_MAKING = frozenset({constants.OPERATION_PROTECT, constants.OPERATION_COPY})


@dataclass(frozen=True)
class Made:
    """The making of a checkpoint.

    :ivar at: UTC, without a time zone in Karbor's database
    :ivar is_deleted: whether it was deleted later
    """

    project_id: str
    plan_id: str
    at: datetime.datetime
    is_deleted: bool


def find(checkpoint_id: str) -> Made | None:
    """How a checkpoint was made, by Karbor's operation logs; None when they do not know it.

    :raises DatabaseUnreadable: the database does not answer
    """
    try:
        logs = objects.OperationLogList.get_all(
            as_karbor(), None, None, filters={"checkpoint_id": checkpoint_id}
        )
    except Exception as error:  # nothing is swallowed: raised as ours, with its cause
        what = f"the making of checkpoint {checkpoint_id}"
        raise DatabaseUnreadable(what, type(error).__name__) from error
    # Karbor calls the log of a deletion one of a protection, too.
    making = [log for log in logs if log.operation_type in _MAKING]
    if not making:
        return None
    first = min(making, key=lambda log: timeutils.normalize_time(log.started_at))
    return Made(
        project_id=str(first.project_id),
        plan_id=str(first.plan_id),
        at=timeutils.normalize_time(first.started_at).replace(tzinfo=datetime.UTC),
        is_deleted=any(log.status == constants.CHECKPOINT_STATUS_DELETED for log in making),
    )


@dataclass(frozen=True)
class PlanOf:
    """A plan as a checkpoint has it: its name and project are empty, and it names no resources,
    when it is not known any more."""

    id: str
    name: str = ""
    resources: tuple[Mapping[str, Any], ...] = field(default=())
    project_id: str = ""


def plan(plan_id: str) -> PlanOf:
    """A plan as it is now.

    :raises DatabaseUnreadable: the database does not answer
    """
    try:
        found = objects.Plan.get_by_id(as_karbor(), plan_id)
    except karbor_exception.NotFound:
        return PlanOf(plan_id)
    except Exception as error:  # nothing is swallowed: raised as ours, with its cause
        raise DatabaseUnreadable(f"plan {plan_id}", type(error).__name__) from error
    resources = tuple(dict(each) for each in found.resources)
    return PlanOf(plan_id, str(found.name or ""), resources, str(found.project_id))

# SPDX-License-Identifier: Apache-2.0
"""With whose trusts Karbor's scheduled operations run, by Karbor's database."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from karbor.db.sqlalchemy import api as karbor_db
from karbor.db.sqlalchemy import models
from oslo_db import exception as db_exception

from karbor_manila.database.errors import DatabaseUnreadable

_OPERATIONS = models.ScheduledOperation.__table__
_STATES = models.ScheduledOperationState.__table__


@dataclass(frozen=True)
class Trusted:
    """One user in one project, for whom operations are scheduled.

    :ivar trust_id: with which Karbor acts; None when the operation engine has not stored any
    :ivar operations: the names of the operations
    """

    user_id: str
    project_id: str
    trust_id: str | None
    operations: tuple[str, ...]


def in_use(engine: Callable[[], Any] = karbor_db.get_engine) -> list[Trusted]:
    """Everybody for whom operations are scheduled, by project.

    :raises DatabaseUnreadable: the database does not answer
    """
    there = sa.or_(_OPERATIONS.c.deleted == sa.false(), _OPERATIONS.c.deleted.is_(None))
    query = (
        sa.select([*_columns(_OPERATIONS, "user_id", "project_id", "name"), _STATES.c.trust_id])
        .select_from(_OPERATIONS.outerjoin(_STATES, _STATES.c.operation_id == _OPERATIONS.c.id))
        .where(there)
    )
    try:
        with engine().begin() as connection:
            rows = [dict(row) for row in connection.execute(query)]
    except (db_exception.DBError, sa.exc.SQLAlchemyError) as error:
        raise DatabaseUnreadable("the schedules", type(error).__name__) from error
    found: dict[tuple[str, str, str | None], list[str]] = {}
    for row in rows:
        whose = (row["project_id"], row["user_id"], row["trust_id"])
        found.setdefault(whose, []).append(row["name"] or "")
    return [
        Trusted(user, project, trust, tuple(sorted(names)))
        for (project, user, trust), names in sorted(found.items(), key=lambda each: str(each[0]))
    ]


def _columns(table: Any, *names: str) -> list[Any]:
    return [table.c[name] for name in names]

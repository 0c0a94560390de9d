# SPDX-License-Identifier: Apache-2.0
"""Saves a record of Karbor's only while something holds in the same database.

Karbor's own save reads the row and writes it in two steps, and whoever looks before it looks in a
third. A process that is suspended between them writes when it wakes up, whoever has the record by
then. Here the look and the write are one statement.
"""

from typing import Any

import sqlalchemy as sa
from karbor.common import constants
from karbor.db.sqlalchemy import api as karbor_db
from karbor.db.sqlalchemy import models

from karbor_manila.common.errors import ClaimLost

_TABLES = {
    "Restore": models.Restore.__table__,
    "Verification": models.Verification.__table__,
    "OperationLog": models.OperationLog.__table__,
}


def table_of(record: Any) -> Any:
    """The table of Karbor's restore, verification or operation log; None for anything else."""
    return _TABLES.get(type(record).__name__) if hasattr(record, "obj_reset_changes") else None


def write(engine: Any, record: Any, condition: Any) -> bool:
    """Save what has changed in a record, as its own ``save`` does it (karbor/objects).

    :param engine: SQLAlchemy's, of Karbor's database
    :param record: of a kind that :func:`table_of` knows
    :param condition: SQLAlchemy's, of what has to hold
    :returns: whether it held; when it did not, nothing was written
    """
    changes = record.karbor_obj_get_changes()
    if hasattr(record, "_convert_properties_to_db_format"):
        record._convert_properties_to_db_format(changes)
    if not changes:
        return True
    table = table_of(record)
    wanted = sa.and_(table.c.id == record.id, condition)
    with engine.begin() as connection:
        done = connection.execute(table.update().where(wanted).values(**changes))
    if not done.rowcount:
        return False
    record.obj_reset_changes()
    return True


def untold(record: Any) -> Any:
    """A condition for :func:`write`: how the restore or verification ended is not told yet.

    Karbor's API, when it has waited for its answer for too long, writes that it failed and no
    reason (karbor/api/v1/restores.py): what became of it is not told by that.
    """
    table = table_of(record)
    # The words of restores and verifications are the same.
    failed = table.c.status == constants.RESTORE_STATUS_FAILURE
    return sa.or_(
        table.c.status == constants.RESTORE_STATUS_IN_PROGRESS,
        sa.and_(failed, table.c.resources_reason.is_(None)),
    )


def told_once(record: Any) -> Any:
    """A restore or verification that is not claimed: saved only while it is :func:`untold`.

    :returns: the record, whose ``save`` raises ClaimLost when another process has told how it ended
    """
    save = record.save

    def guarded(*args: Any, **kwargs: Any) -> Any:
        if table_of(record) is None:
            return save(*args, **kwargs)
        if not write(karbor_db.get_engine(), record, untold(record)):
            raise ClaimLost(record.id, "another process has told how it ended")
        return None

    record.save = guarded
    return record

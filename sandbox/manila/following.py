# SPDX-License-Identifier: Apache-2.0
"""Those periodic tasks of Manila that carry work on have a look first whether there is any.

In a sandbox they are due every two seconds, so that backups, migrations and replicas go on at once.
With three backends that took half of the CPU of a Manila in which nothing went on: each of them
loads all shares of its host, or all replicas. One EXISTS costs a fraction of that.
"""

import functools
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from manila.context import RequestContext
from manila.db.sqlalchemy import api, models

Task = Callable[[Any, RequestContext], Any]


def install() -> None:
    """Wrap the tasks of Manila's managers (oslo.service keeps them in ``_periodic_tasks``).

    The options have to be there: the managers read their intervals when they are imported.
    """
    from manila.data.manager import DataManager  # noqa: PLC0415
    from manila.share.manager import ShareManager  # noqa: PLC0415

    follows = _follows()
    for manager in (DataManager, ShareManager):
        manager._periodic_tasks = [
            (name, _following(task, follows[name]) if name in follows else task)
            for name, task in manager._periodic_tasks
        ]


def _follows() -> dict[str, sa.sql.expression.ColumnElement]:
    """What each of the tasks carries on, by its name."""
    share, instance = models.Share, models.ShareInstance
    replicas = sa.exists().where(instance.deleted == "False", instance.replica_state.is_not(None))
    found = {
        "migration_driver_continue": sa.exists().where(
            share.deleted == "False", share.task_state.is_not(None)
        ),
        "periodic_share_replica_update": replicas,
        "periodic_share_replica_snapshot_update": replicas,
    }
    if hasattr(models, "ShareBackup"):  # since Manila 2023.2
        backup = models.ShareBackup
        going_on = sa.exists().where(backup.deleted == "False", backup.status.like("%ing"))
        found |= {"create_backup_continue": going_on, "restore_backup_continue": going_on}
    return found


def _following(task: Task, work: sa.sql.expression.ColumnElement) -> Task:
    @functools.wraps(task)
    def asked(manager: Any, context: RequestContext) -> Any:
        return task(manager, context) if _is_there(context, work) else None

    return asked


@api.context_manager.reader
def _is_there(context: RequestContext, work: sa.sql.expression.ColumnElement) -> bool:
    return bool(context.session.scalar(sa.select(work)))

# SPDX-License-Identifier: Apache-2.0
"""Which checkpoints a provider's bank must have held, by what Karbor's database says of them.

Karbor logs every protection and copy in ``operation_logs`` after it has put the checkpoint into the
bank, calls the log of a deletion one of a protection, too, and ends that as ``deleted``
(karbor/services/protection/flows). It never removes the ``index.json`` of a checkpoint. So a bank
that has never held what the database knows is another one, or an older copy.
"""

import datetime
from typing import Any

import sqlalchemy as sa
from karbor.common import constants
from karbor.db.sqlalchemy import models

from karbor_manila.bank import checkpoints, index

_LOGS = models.OperationLog.__table__
_MAKING = (constants.OPERATION_PROTECT, constants.OPERATION_COPY)


def kept(
    engine: Any, provider_id: str, since: datetime.datetime, checkpoint_id: str | None = None
) -> list[str]:
    """The ids of the checkpoints of a provider whose making has ended and that were not deleted,
    the newest first.

    :param engine: of Karbor's database, whose errors are passed on
    :param since: UTC; what was begun earlier is not looked at
    :param checkpoint_id: only of this one
    """
    ours = sa.and_(
        _LOGS.c.provider_id == provider_id,
        _LOGS.c.checkpoint_id.isnot(None),
        _LOGS.c.operation_type.in_(_MAKING),
        _LOGS.c.ended_at.isnot(None),
        _LOGS.c.deleted == sa.false(),
    )
    if checkpoint_id:
        ours = sa.and_(ours, _LOGS.c.checkpoint_id == checkpoint_id)
    deleted = _LOGS.c.status == constants.CHECKPOINT_STATUS_DELETED
    begun = sa.func.min(_LOGS.c.started_at)
    query = (
        sa.select([_LOGS.c.checkpoint_id])
        .where(ours)
        .group_by(_LOGS.c.checkpoint_id)
        .having(sa.func.sum(sa.case([(deleted, 1)], else_=0)) == 0)
        .having(begun >= since.replace(tzinfo=None))
        .order_by(begun.desc())
    )
    with engine.begin() as connection:
        return [str(checkpoint_id) for (checkpoint_id,) in connection.execute(query)]


def unheard_of(bank: Any, ids: list[str]) -> list[str]:
    """Those of these checkpoints that the bank has never held, in their order. What stands in its
    index and cannot be found is damaged, or may not be read: it was held.

    :raises BankUnreadable: the bank cannot be listed
    """
    held = {*checkpoints.everything(bank), *index.indexed(bank)} if ids else set()
    # The list of an object store may lag behind what is asked for by its name.
    return [each for each in ids if each not in held and not checkpoints.is_held(bank, each)]


def holds_any(bank: Any) -> bool:
    """Whether the bank has ever held a checkpoint, of whichever provider.

    :raises BankUnreadable: the bank cannot be listed
    """
    return any(True for _each in checkpoints.everything(bank))

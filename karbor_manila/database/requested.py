# SPDX-License-Identifier: Apache-2.0
"""Karbor's restores and verifications, read from its database without a tenant."""

import contextlib
import datetime
from typing import Any

from karbor import context as karbor_context
from karbor import exception as karbor_exception
from karbor import objects
from karbor.common import constants
from oslo_utils import timeutils

from karbor_manila.common.errors import ClaimLost
from karbor_manila.database.errors import DatabaseUnreadable

# Names of Karbor's objects: they are there once Karbor has registered them.
RECORDS = {
    constants.OPERATION_RESTORE: "Restore",
    constants.OPERATION_VERIFY: "Verification",
}


def get_record(operation: str, record_id: str) -> Any:
    """Karbor's restore or verification.

    :param operation: ``restore`` or ``verify``
    :raises karbor.exception.NotFound: there is none, or it was purged
    """
    return getattr(objects, RECORDS[operation]).get_by_id(as_karbor(), record_id)


def check_in_progress(operation: str, record_id: str) -> None:
    """Make sure that nobody has told how a restore or verification ended. Under the claim by which
    it is carried out: who slept before he had that may have been taken for dead.

    :param operation: as of :func:`get_record`
    :raises ClaimLost: a process that saw it unclaimed for too long has written down how it ended
    :raises karbor.exception.NotFound: it was purged
    """
    stands = get_record(operation, record_id).status
    if stands != constants.RESTORE_STATUS_IN_PROGRESS:  # the word of verifications, too
        raise ClaimLost(record_id, f"it is {stands} already")


def kind_of(record_id: str) -> str | None:
    """The operation of a restore or verification; None when there is neither."""
    for operation in RECORDS:
        with contextlib.suppress(karbor_exception.NotFound):
            get_record(operation, record_id)
            return operation
    return None


def find(record_id: str) -> tuple[str, Any] | None:
    """A restore or a verification, with the name of its operation; None when Karbor has neither,
    because it was purged.

    :raises DatabaseUnreadable: the database does not answer
    """
    try:
        for operation in RECORDS:
            with contextlib.suppress(karbor_exception.NotFound):
                return operation, get_record(operation, record_id)
    except Exception as error:  # nothing is swallowed: raised as ours, with its cause
        what = f"restore {record_id}"
        raise DatabaseUnreadable(what, type(error).__name__) from error
    return None


def was_restored(checkpoint_id: str, at: datetime.datetime, slack: float = 60.0) -> bool:
    """Whether a restore of a checkpoint was under way at a time.

    :param at: with a time zone, by another host's clock
    :param slack: seconds by which that may be wrong
    :raises DatabaseUnreadable: the database does not answer
    """
    margin, then = datetime.timedelta(seconds=slack), timeutils.normalize_time(at)
    try:
        found = objects.RestoreList.get_all(
            as_karbor(), None, None, filters={"checkpoint_id": checkpoint_id}
        )
    except Exception as error:  # nothing is swallowed: raised as ours, with its cause
        what = f"the restores of checkpoint {checkpoint_id}"
        raise DatabaseUnreadable(what, type(error).__name__) from error
    for restore in found:
        began = timeutils.normalize_time(restore.created_at)
        ended = restore.updated_at and timeutils.normalize_time(restore.updated_at)
        if restore.status == constants.RESTORE_STATUS_IN_PROGRESS or ended is None:
            ended = then
        if began - margin <= then <= ended + margin:
            return True
    return False


def verifications(checkpoint_id: str) -> list[Any]:
    """Karbor's verifications of a checkpoint.

    :raises DatabaseUnreadable: the database does not answer
    """
    try:
        return list(
            objects.VerificationList.get_all(
                as_karbor(), None, None, filters={"checkpoint_id": checkpoint_id}
            )
        )
    except Exception as error:  # nothing is swallowed: raised as ours, with its cause
        what = f"the verifications of checkpoint {checkpoint_id}"
        raise DatabaseUnreadable(what, type(error).__name__) from error


def as_karbor(project_id: str | None = None) -> Any:
    """An administrator's context, of work without a tenant; in no project or the given one."""
    context = karbor_context.get_admin_context()
    context.project_id = project_id
    return context

# SPDX-License-Identifier: Apache-2.0
"""The one rule of what may be undone: what is complete is not.

A protection or a copy is complete once its record is in the bank, a restore once its share is
available. After that there are last words (a status, the report, the intent that goes): one of them
that fails is a line in the log, and the reconciliation says it later, by the intent that stays.
"""

from collections.abc import Callable
from typing import Any

from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank.errors import BankUnreadable, RecordForeign, RecordInvalid
from karbor_manila.bank.record import Intent, ShareRecord
from karbor_manila.common.errors import ClaimLost
from karbor_manila.operations import last_word
from karbor_manila.operations.share_operation import ShareJob

LOG = logging.getLogger(__name__)


def keep(job: ShareJob, intent: Intent, record: ShareRecord) -> None:
    """Complete a protection or a copy: the record first, then its last words.

    :raises BankUnreadable: the record is not there, or nobody knows
    """
    job.section.complete(record)
    end_kept(job, intent)


def end_kept(job: ShareJob, intent: Intent | None) -> None:
    """Say the last words of a protection or a copy whose record is there."""
    job.complete = True

    def say() -> None:
        job.section.status(constants.RESOURCE_STATUS_AVAILABLE)
        if intent:
            job.section.end(intent)  # last: as long as it is there, this is repeated

    last(job, say)


def last(job: ShareJob, say: Callable[[], Any]) -> bool:
    """Do what comes after the completion; a failure is a line in the log and undoes nothing.

    :returns: whether it was done
    :raises ClaimLost: another process has taken over
    """
    try:
        say()
    except ClaimLost:
        raise  # it is another's: nothing more is for us to say
    except Exception:  # whatever a bank, a database or Manila raises: the work is complete
        LOG.warning(
            "Share %s, checkpoint %s is complete, but not all could be said of it; the "
            "reconciliation says it",
            job.share_id,
            job.checkpoint.id,
            exc_info=True,
        )
        return False
    return True


def may_undo(job: ShareJob) -> bool:
    """Whether what a failed protection or copy made may be removed.

    Only when the bank certainly has no record of it: a write whose reply was lost may have been
    done. If nobody knows, the work is left as it is, for the reconciliation.
    """
    try:
        kept = job.complete or job.section.record() is not None
    except RecordForeign:
        kept = True
    except RecordInvalid:
        kept = False  # our own write of it was cut short
    except BankUnreadable as error:
        LOG.warning("Share %s, checkpoint %s: %s", job.share_id, job.checkpoint.id, error)
        kept = True
    if kept:
        job.followed = last_word.leave_open(job.checkpoint)
        job.unsettled = True
        LOG.warning(
            "Share %s, checkpoint %s: nothing is removed, it may be complete",
            job.share_id,
            job.checkpoint.id,
        )
    return not kept

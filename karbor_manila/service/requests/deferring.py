# SPDX-License-Identifier: Apache-2.0
"""A deletion that waits (``delete_grace``), is taken back, or is carried out at once after all.

The key by which the reconciliation finds it is written before the checkpoint says that it waits,
and goes after: who dies in between leaves a key that costs one look.
"""

import datetime
from typing import Any

from karbor import exception, quota
from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import checkpoints, deletions, fencing
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.common.deferral import PENDING, Deferral
from karbor_manila.operations.plugin import PROJECT, SHARE, protects_shares
from karbor_manila.service import driver_options
from karbor_manila.service.requests.errors import QuotaFull
from karbor_manila.service.retention.facts import AT_REST

LOG = logging.getLogger(__name__)


def grace(provider: Any, checkpoint: Any) -> int:
    """For how many seconds the deletion of a checkpoint waits.

    What is in work, failed to be deleted, or holds what other plugins protect, which only their
    user can delete, waits for none.
    """
    if checkpoint.status not in AT_REST or not protects_shares(provider):
        return 0
    seconds = int(driver_options.of_provider(provider)[1].delete_grace)
    if seconds and any(
        node.type not in (SHARE, PROJECT) for node in checkpoints.resources(checkpoint)
    ):
        LOG.info("Checkpoint %s is deleted at once: not all in it is a share", checkpoint.id)
        return 0
    return seconds


def defer(
    context: Any, checkpoint: Any, seconds: int, now: datetime.datetime, *, counted: bool = True
) -> None:
    """Have the deletion wait. The caller holds the checkpoint's claim.

    :param counted: whether the quota counts one less from now on
    :raises karbor.exception.InvalidInput: nothing can be written into its ``extra_info``
    :raises BankUnreadable: the bank does not take it, or does not say whether it has
    """
    due = now.replace(microsecond=0) + datetime.timedelta(seconds=seconds)
    asked = now.isoformat(timespec="seconds")
    waits = Deferral(asked, due, str(context.user_id), str(checkpoint.status), counted)
    try:
        deletions.note(checkpoint, waits)
    except ValueError:
        raise exception.InvalidInput(
            reason=f"checkpoint {checkpoint.id} has an extra_info of its user's own that is no "
            f"JSON, so it cannot be kept until its deletion is due (delete_grace); the operator "
            f"can set that to 0"
        ) from None
    deletions.put(_bank(checkpoint), checkpoint.provider_id, deletions.Entry(due, checkpoint.id))
    checkpoint.status = PENDING
    _commit(checkpoint)
    LOG.info("Checkpoint %s is to be deleted by user %s at %s", checkpoint.id, waits.by, due)


def take_back(context: Any, checkpoint: Any) -> str:
    """Have a checkpoint back. The caller holds its claim. Returns its status then.

    :raises QuotaFull: the project has as many others as it may have
    :raises BankUnreadable: the bank does not take it, or does not say whether it has
    """
    waits = deletions.of(checkpoint)
    project_id = str(checkpoint.project_id)
    # What was not counted before (a copy, for instance) would never be uncounted.
    more = 0 if waits and not waits.counted else 1
    try:
        reserved = quota.QUOTAS.reserve(context, project_id=project_id, checkpoints=more)
    except exception.OverQuota as error:
        raise QuotaFull(str(checkpoint.id), project_id) from error
    try:
        deletions.note(checkpoint, None)
        known = waits and waits.was in AT_REST
        checkpoint.status = waits.was if waits and known else constants.CHECKPOINT_STATUS_ERROR
        _commit(checkpoint)
    except BaseException:
        # Nothing is swallowed: the reservation must not stay for a day.
        quota.QUOTAS.rollback(context, reserved, project_id=project_id)
        raise
    quota.QUOTAS.commit(context, reserved, project_id=project_id)
    forget(checkpoint)
    LOG.info("Checkpoint %s is had back by user %s", checkpoint.id, context.user_id)
    return str(checkpoint.status)


def forget(checkpoint: Any) -> None:
    """Nothing waits any more. A key that stays costs the reconciliation one look."""
    try:
        deletions.forget(_bank(checkpoint), checkpoint.provider_id, checkpoint.id)
    except Exception as error:  # noqa: BLE001 - whatever a bank raises: what counts is written
        LOG.warning("Checkpoint %s: a key of its deletion may stay: %s", checkpoint.id, error)


def _commit(checkpoint: Any) -> None:
    """Write a checkpoint into its bank. What the bank failed to take and shows all the same is
    written: its reply was lost. It is counted then; to ask once more would count nothing.

    :raises BankUnreadable: the bank does not take it, or does not say whether it has
    """
    try:
        bank_access.commit(checkpoint)
    except BankUnreadable as error:
        if bank_access.was_refused(error) or not _is_written(checkpoint):
            raise
        LOG.warning("Checkpoint %s is %s: %s", checkpoint.id, checkpoint.status, error)


def _is_written(checkpoint: Any) -> bool:
    """Whether the bank shows a checkpoint as it was to be written."""
    try:
        now = fencing.checkpoint(checkpoint, lambda: None)
    except Exception as error:  # noqa: BLE001 - whatever a bank raises: that it failed is told
        LOG.warning("Checkpoint %s: how it stands is not known: %s", checkpoint.id, error)
        return False
    shown: tuple[Any, Any] = (now.status, now.extra_info)
    return shown == (checkpoint.status, checkpoint.extra_info)


def _bank(checkpoint: Any) -> Any:
    return checkpoint.checkpoint_section.bank

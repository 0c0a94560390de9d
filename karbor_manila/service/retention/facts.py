# SPDX-License-Identifier: Apache-2.0
"""What :mod:`karbor_manila.common.retention` decides from: checkpoints and scheduled operations."""

import datetime
from collections.abc import Callable, Iterable
from typing import Any

from karbor import context as karbor_context
from karbor import objects
from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank import checkpoints, holding
from karbor_manila.bank.errors import BankUnreadable, RecordInvalid
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.common import left_out, stamps
from karbor_manila.common.retention import Kept, Rules
from karbor_manila.operations import lost_snapshots, reporting
from karbor_manila.recovery.audit import told_words

LOG = logging.getLogger(__name__)

#: Checkpoints at rest: what they hold is known.
AT_REST = frozenset({constants.CHECKPOINT_STATUS_AVAILABLE, constants.CHECKPOINT_STATUS_ERROR})

_OPERATION = "retention_protect"  # Karbor's RetentionProtectOperation.OPERATION_TYPE

Sleep = Callable[[float], None]


def rules_of(provider_id: str, plan_id: str) -> Rules | None:
    """What retention may keep of a plan, by the scheduled operations that are enabled.

    With several for one plan Karbor prunes to the strictest, one run after the other. None when
    there is none any more: the last one was deleted while it ran, and nothing is removed for it.
    """
    operations = objects.ScheduledOperationList.get_by_filters(
        karbor_context.get_admin_context(), {"operation_type": _OPERATION}
    )
    found = [
        operation.operation_definition
        for operation in operations
        if operation.enabled
        and operation.operation_definition.get("plan_id") == plan_id
        and operation.operation_definition.get("provider_id") == provider_id
    ]
    if not found:
        return None
    return Rules(
        most=_strictest(definition.get("max_backups") for definition in found),
        days=_strictest(definition.get("retention_duration") for definition in found),
    )


def _strictest(given: Iterable[object]) -> int | None:
    """As Karbor reads these values: what is not above 0 is no limit; its run fails over a word."""
    limits = []
    for value in given:
        try:
            limits.append(int(str(value)))
        except ValueError:
            continue
    return min((limit for limit in limits if limit > 0), default=None)


def kept(checkpoint: Any, made: int, sleep: Sleep, now: datetime.datetime) -> Kept:
    """What a checkpoint at rest holds.

    An available one that says nothing of a failure is taken at its word. Of another one each record
    is read; one that cannot be understood or read just now may keep a snapshot.

    :param made: by the index of the bank, in seconds since the epoch
    :param now: UTC
    """
    stamp = datetime.datetime.fromtimestamp(made, datetime.UTC)
    ahead = stamps.is_ahead(stamp, now)
    if ahead:
        LOG.warning(
            "Checkpoint %s is stamped %s, which is later than now: it stays and is counted for "
            "nothing until then. Look at the clock of the host that made it",
            checkpoint.id,
            stamp.isoformat(),
        )
    good = checkpoint.status == constants.CHECKPOINT_STATUS_AVAILABLE
    info = checkpoints.info(checkpoint)
    keys = frozenset(f"{node.type}#{node.id}" for node in contents(checkpoint))
    keys -= left_out.keys(info)
    reasons, gone = reporting.of(checkpoint), lost_snapshots.reported(checkpoint)
    broken = told_words.failed(checkpoint)
    if good and not reasons and not gone:
        holds = perhaps = keys
    else:
        holds, perhaps = _by_records(checkpoint, keys - gone, sleep)
        holds -= set(reasons)
    # An administrator of Manila may still mend what is broken there.
    holds -= broken
    return Kept(
        id=str(checkpoint.id),
        day=datetime.date.fromisoformat(str(checkpoint.created_at)),
        good=good,
        whole=good and bool(keys) and holds == keys and not left_out.broken(info),
        holds=holds,
        perhaps=perhaps,
        is_copy=checkpoints.is_copy(checkpoint),
        held=holding.in_force(checkpoint, now) is not None,
        ahead=ahead,
    )


def _by_records(
    checkpoint: Any, keys: frozenset[str], sleep: Sleep
) -> tuple[frozenset[str], frozenset[str]]:
    """What the checkpoint holds, and what it may hold."""
    holds, unknown = set(), set()
    for key in keys:
        resource_type, _, resource_id = key.partition("#")
        if resource_type != constants.SHARE_RESOURCE_TYPE:
            unknown.add(key)  # another plugin's section
            continue
        try:
            section = checkpoint.get_resource_bank_section(resource_id)
            if ShareSection(section, sleep).record():
                holds.add(key)
        except (RecordInvalid, BankUnreadable) as error:
            LOG.warning("Share %s, checkpoint %s: %s", resource_id, checkpoint.id, error)
            unknown.add(key)
    return frozenset(holds), frozenset(holds | unknown)


def is_counted(checkpoint: Any) -> bool:
    """Whether Karbor counts a failed checkpoint towards ``quota_checkpoints``.

    It does not count copies, nor what was refused at its making, and it has uncounted what had a
    DELETE, even one that failed (karbor/api/v1/providers.py).
    """
    return (
        checkpoint.status == constants.CHECKPOINT_STATUS_ERROR
        and not checkpoints.is_copy(checkpoint)
        and bool(contents(checkpoint))
    )


def contents(checkpoint: Any) -> list[Any]:
    """The resources that a checkpoint is about; a project keeps nothing itself."""
    return [
        node
        for node in checkpoints.resources(checkpoint)
        if node.type != constants.PROJECT_RESOURCE_TYPE
    ]

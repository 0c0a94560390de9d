# SPDX-License-Identifier: Apache-2.0
"""Tells of what dead processes left: that it is settled, or why not yet."""

from karbor_manila.recovery.unfinished import Unfinished
from karbor_manila.telemetry import events
from karbor_manila.telemetry.events import ReconcileEvent


def settled(item: Unfinished, status: str, why: str) -> None:
    """An attempt to settle an item is over; of one that a living process works on nothing is told.

    :param status: that it has now; empty when it has to be tried again
    :param why: then, in our sentences; empty when it was left alone
    """
    if status or why:
        events.emit(lambda: _event(item, status, why))


def _event(item: Unfinished, status: str, why: str) -> ReconcileEvent:
    return ReconcileEvent(
        operation="reconcile",
        phase=events.END if status else events.ERROR,
        provider_id=item.provider_id,
        checkpoint_id=item.checkpoint_id,
        project_id=item.project_id,
        item=item.operation,
        item_id=item.id,
        status=status,
        since=item.since.isoformat(timespec="seconds") if item.since else "",
        reason=why,
    )

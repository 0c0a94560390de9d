# SPDX-License-Identifier: Apache-2.0
"""Tells of a flow: that it begins, and what came of it and of its shares.

A flow that is killed is told of by the reconciliation that settles it.
"""

from typing import Any

from karbor.common import constants

from karbor_manila.bank import checkpoints
from karbor_manila.common import left_out
from karbor_manila.common.clock import Clock
from karbor_manila.operations import reporting, telling
from karbor_manila.operations.plugin import SHARE
from karbor_manila.service import refusals
from karbor_manila.service.flows import ending
from karbor_manila.service.flows.running import Running
from karbor_manila.telemetry import events
from karbor_manila.telemetry.events import CheckpointEvent, Event

# The operations that make a checkpoint, which names what it does not hold.
_MAKE = frozenset({constants.OPERATION_PROTECT, constants.OPERATION_COPY})


class Silent:
    """Of what nobody is told."""

    def over(self, error: Exception | None = None, *, settled: bool = True) -> None:
        """It is done, or failed by this error."""


class Telling(Silent):
    """Of one flow, which begins now."""

    def __init__(self, running: Running, clock: Clock) -> None:
        self._running = running
        self._clock = clock
        self._began = clock.now()
        self._counted = telling.count(running.claimed_id)
        events.emit(lambda: _event(running, events.START), running.context)

    def over(self, error: Exception | None = None, *, settled: bool = True) -> None:
        """It is over.

        :param error: by which it failed; None when it did not
        :param settled: whether nothing of it is left to the reconciliation
        """

        def make() -> Event:
            return _event(
                self._running,
                events.ERROR if error else events.END,
                reason=_reason(error) if error else "",
                seconds=round(self._clock.now() - self._began, 1),
                ok=self._counted[telling.OK],
                failed=self._counted[telling.FAILED],
                left_out=_left_out(self._running),
                followed=not settled,
            )

        events.emit(make, self._running.context)


_SILENT = Silent()


def begins(running: Running | None, clock: Clock) -> Silent:
    """A flow begins.

    :returns: is told what came of it
    """
    return Telling(running, clock) if running and events.is_heard() else _SILENT


def not_built(running: Running, error: Exception, *, settled: bool) -> None:
    """A flow failed before it began."""
    events.emit(
        lambda: _event(running, events.ERROR, reason=_reason(error), followed=not settled),
        running.context,
    )


def _event(running: Running, phase: str, **fields: Any) -> Event:
    checkpoint, record = running.checkpoint, running.record
    shares = {node.id for node in checkpoints.resources(checkpoint) if node.type == SHARE}
    return CheckpointEvent(
        operation="checkpoint",
        phase=phase,
        flow=running.operation,
        request_id="" if record is None else str(record.id),
        status=str((checkpoint if record is None else record).status),
        shares=len(shares),
        **telling.of_checkpoint(checkpoint),
        **fields,
    )


def _left_out(running: Running) -> int:
    if running.operation not in _MAKE:
        return 0
    named = left_out.keys(reporting.info(running.checkpoint))
    return sum(each.startswith(reporting.key("")) for each in named)


def _reason(error: Exception) -> str:
    return " ".join(dict.fromkeys(map(refusals.sentence, ending.causes(error))))

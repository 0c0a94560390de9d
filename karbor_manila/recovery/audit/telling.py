# SPDX-License-Identifier: Apache-2.0
"""Tells of what an audit finds, and of what became of it."""

import contextlib
from collections.abc import Iterator

from karbor_manila.common.errors import KarborManilaError
from karbor_manila.recovery.audit.finding import Finding, Outcome
from karbor_manila.telemetry import events
from karbor_manila.telemetry.events import AuditEvent


class Mending:
    """What a mending came to, once it is over."""

    outcome: Outcome | None = None


def found(finding: Finding) -> None:
    """Something does not agree."""
    events.emit(lambda: _event(finding, events.START, finding.why))


@contextlib.contextmanager
def mending(finding: Finding) -> Iterator[Mending]:
    """While something is mended; its end is told. Swallows nothing."""
    told = Mending()
    try:
        yield told
    except KarborManilaError as error:
        why = str(error)
        events.emit(lambda: _event(finding, events.ERROR, why))
        raise
    if outcome := told.outcome:
        phase = events.END if outcome.settled else events.ERROR
        events.emit(lambda: _event(finding, phase, str(outcome)))


def _event(finding: Finding, phase: str, reason: str) -> AuditEvent:
    return AuditEvent(
        operation="audit",
        phase=phase,
        provider_id=finding.provider_id,
        checkpoint_id=finding.checkpoint_id,
        project_id=finding.project_id,
        finding=finding.kind,
        snapshot_id=finding.snapshot_id,
        share_id=finding.share_id,
        driver=finding.driver,
        kind=str(finding.reason),
        reason=reason,
    )

# SPDX-License-Identifier: Apache-2.0
"""Operation logs read as runs: what was done, when, and how it ended."""

import datetime
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from karbor_manila.cli.tenant import reading
from karbor_manila.cli.views.listed import Listed

#: How a run stands. A missed one is that of a schedule which made no checkpoint.
RUNNING, GOOD, PARTIAL, FAILED, MISSED = "running", "good", "partial", "failed", "missed"

#: Kinds of run; Karbor has no log of a browse or a drill but that of the verification it is.
KINDS = ("protect", "restore", "verify", "copy", "delete")

_GOING = frozenset({"protecting", "in_progress", "copying", "wait_copying", "deleting"})
_WELL = frozenset({"available", "success", "deleted"})
_DELETED = frozenset({"deleted", "error-deleting", "deleting"})


@dataclass(frozen=True)
class Run:
    """One run of one operation.

    :ivar state: one of the words above
    :ivar began, ended: UTC; None when Karbor does not tell
    :ivar reason: why it failed, as one line; empty when it is not known
    :ivar left_out: what should be in its checkpoint and is not, a phrase each
    """

    kind: str
    state: str
    plan_id: str
    checkpoint_id: str
    began: datetime.datetime | None
    ended: datetime.datetime | None
    reason: str = ""
    left_out: tuple[str, ...] = ()

    def seconds(self, now: datetime.datetime) -> float | None:
        """How long it took, or has taken until now."""
        if self.began is None:
            return None
        return max(0.0, ((self.ended or now) - self.began).total_seconds())


def runs(listed: Listed) -> list[Run]:
    """All runs whose logs are listed, the newest first."""
    known = {item["id"]: item for item in listed.checkpoints}
    first = dict(_protections(listed.logs))
    return [
        _run(log, known.get(log.get("checkpoint_id") or ""), first, listed) for log in listed.logs
    ]


def _protections(logs: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """By checkpoint the log that is of its making: of the same type is that of its deletion
    (karbor/services/protection/flows/delete.py), which begins later."""
    for log in logs:  # the newest first: the last one of a checkpoint stays
        if log["operation_type"] == "protect" and log.get("checkpoint_id"):
            yield log["checkpoint_id"], log["id"]


def _run(
    log: Mapping[str, Any],
    checkpoint: Mapping[str, Any] | None,
    first: Mapping[str, str],
    listed: Listed,
) -> Run:
    checkpoint_id = log.get("checkpoint_id") or ""
    kind = str(log["operation_type"])
    # The log of its making may be older than what was listed.
    later = first.get(checkpoint_id) != log["id"] or log["status"] in _DELETED
    if kind == "protect" and checkpoint_id and later:
        kind = "delete"
    gaps: list[str] = []
    if kind == "protect" and checkpoint and checkpoint["status"] == reading.GOOD:
        gaps = reading.gaps(checkpoint)
    return Run(
        kind=kind,
        state=PARTIAL if gaps else _state(kind, log),
        plan_id=log.get("plan_id") or listed.plan_ids.get(checkpoint_id, ""),
        checkpoint_id=checkpoint_id,
        began=reading.moment(log.get("started_at")),
        ended=reading.moment(log.get("ended_at")),
        reason=_reason(log, checkpoint if kind == "protect" else None),
        left_out=tuple(gaps),
    )


def _state(kind: str, log: Mapping[str, Any]) -> str:
    status = log["status"]
    if not log.get("checkpoint_id"):
        return MISSED
    # A deletion begins with the status that its checkpoint had before.
    going = status in _GOING or (kind == "delete" and status not in _DELETED)
    if going and not log.get("ended_at"):
        return RUNNING
    return GOOD if status in _WELL else FAILED


def _reason(log: Mapping[str, Any], checkpoint: Mapping[str, Any] | None) -> str:
    """Why it failed. The log has it, or its checkpoint by the resources that it is of."""
    if said := reading.sentence(log.get("error_info")):
        return said
    reasons = reading.extra_info(checkpoint).get("reasons") if checkpoint else None
    if not isinstance(reasons, dict) or not reasons:
        return ""
    return reading.sentence(str(next(iter(reasons.values()))))

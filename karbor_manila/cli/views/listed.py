# SPDX-License-Identifier: Apache-2.0
"""What the views are made from: what Karbor's API (and Manila's list of shares) listed, once."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from karbor_manila.cli.tenant import reading
from karbor_manila.cli.views.plan_state import plan_of

View = Mapping[str, Any]

_NEVER = datetime.datetime.min.replace(tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Limits:
    """What counts as not well.

    :ivar max_age: hours that the newest good checkpoint may be old; None for what the schedule of
        its plan promises
    :ivar stuck_after: hours after which what is still worked on counts as stuck
    :ivar drill_days: days within which each share should have been drilled
    :ivar days: how many days back is looked
    """

    max_age: float | None = None
    stuck_after: float = 24.0
    drill_days: float = 30.0
    days: int = 30


@dataclass(frozen=True)
class Listed:
    """Everything as Karbor gives it: dicts, the newest first.

    :ivar at: when it was asked for, UTC
    :ivar checkpoints: each with the ``provider_id`` that it was listed by
    :ivar logs: operation logs, those that began before ``since`` not all of them
    :ivar shares: as Manila lists them in detail; None when it was not asked
    :ivar all_projects: whether this is of all projects, as an administrator sees them
    :ivar not_listed: what could not be listed and why, a sentence each
    """

    at: datetime.datetime
    plans: Sequence[dict[str, Any]] = ()
    providers: Sequence[View] = ()
    checkpoints: Sequence[dict[str, Any]] = ()
    logs: Sequence[dict[str, Any]] = ()
    restores: Sequence[dict[str, Any]] = ()
    verifications: Sequence[dict[str, Any]] = ()
    schedules: Sequence[View] = ()
    triggers: Sequence[View] = ()
    shares: Sequence[View] | None = None
    since: datetime.datetime = _NEVER
    all_projects: bool = False
    not_listed: Sequence[str] = field(default=())

    @cached_property
    def of_plan(self) -> Mapping[str, list[dict[str, Any]]]:
        """The checkpoints of each plan, each once: providers may share a bank."""
        found: dict[str, dict[str, dict[str, Any]]] = {plan["id"]: {} for plan in self.plans}
        for checkpoint in self.checkpoints:
            found.setdefault(plan_of(checkpoint), {}).setdefault(checkpoint["id"], checkpoint)
        return {plan_id: list(items.values()) for plan_id, items in found.items()}

    @cached_property
    def logs_of(self) -> Mapping[str, list[dict[str, Any]]]:
        """The operation logs of each checkpoint."""
        found: dict[str, list[dict[str, Any]]] = {}
        for log in self.logs:
            if log.get("checkpoint_id"):
                found.setdefault(log["checkpoint_id"], []).append(log)
        return found

    @cached_property
    def plan_ids(self) -> Mapping[str, str]:
        """The plan of each checkpoint that anything listed names; a deleted one's, too."""
        found = {log["checkpoint_id"]: log.get("plan_id") or "" for log in self.logs}
        return found | {item["id"]: plan_of(item) for item in self.checkpoints}

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Plans and providers by id, as people call them."""
        known = [*self.providers, *self.plans]
        return {item["id"]: item.get("name") or item["id"] for item in known}

    @cached_property
    def drills(self) -> Sequence[dict[str, Any]]:
        """The verifications that were drills. One that was refused because another one drills is
        none."""
        return [
            item
            for item in self.verifications
            if reading.depth(item) == "drill" and not reading.why_not_due(item)
        ]

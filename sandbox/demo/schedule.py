# SPDX-License-Identifier: Apache-2.0
"""A daily schedule in Karbor that is due in a moment.

Daily rather than every minute, so that it runs once however long the demonstration takes.
"""

import datetime
from dataclasses import dataclass
from typing import Any

WINDOW = 30
LEAD = 5
LATEST = WINDOW + 15
"""A run that has not made a checkpoint so many seconds after it was due makes none."""


@dataclass(frozen=True)
class Schedule:
    """A scheduled operation, its trigger, and when it is due (UTC)."""

    operation: str
    trigger: str
    due: datetime.datetime

    def seconds_left(self) -> float:
        """Return the seconds until it is due; negative afterwards."""
        return (self.due - now()).total_seconds()


def now() -> datetime.datetime:
    """Return the time in UTC, which is what Karbor's crontab patterns mean."""
    return datetime.datetime.now(datetime.UTC)


def next_minute(moment: datetime.datetime) -> datetime.datetime:
    """Return the first full minute that leaves time to set the schedule up."""
    later = moment + datetime.timedelta(seconds=LEAD)
    return later.replace(second=0, microsecond=0) + datetime.timedelta(minutes=1)


def start(karbor: Any, plan: Any) -> Schedule:
    """Make trigger and operation; again when setting them up took until after the time."""
    while True:
        due = next_minute(now())
        trigger = karbor.triggers.create(
            "daily",
            "time",
            {"format": "crontab", "pattern": f"{due.minute} {due.hour} * * *", "window": WINDOW},
        )
        operation = karbor.scheduled_operations.create(
            "daily protect",
            "protect",
            trigger.id,
            {"provider_id": plan.provider_id, "plan_id": plan.id},
        )
        made = Schedule(operation.id, trigger.id, due)
        if made.seconds_left() > 0:
            return made
        remove(karbor, made)


def remove(karbor: Any, made: Schedule) -> None:
    """Delete the operation, then its trigger: Karbor refuses the other order."""
    karbor.scheduled_operations.delete(made.operation)
    karbor.triggers.delete(made.trigger)

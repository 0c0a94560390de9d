# SPDX-License-Identifier: Apache-2.0
"""What the schedules of a plan promise: how often, when next, and what retention keeps.

Patterns are a user's: one that does not run, or that Karbor would refuse as well, promises nothing.
"""

import datetime
import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from karbor_manila.cli.tenant import reading
from karbor_manila.cli.views.listed import Listed, View

#: Operation types of a schedule that make checkpoints; the second keeps no more than it says.
PROTECT, RETENTION = "protect", "retention_protect"

# So many runs are looked at for the longest time between two of them, and so far.
_RUNS = 64
_FAR = datetime.timedelta(days=800)
# More than that is no limit either.
_DIGITS = 10

# dateutil looks for the next run of a rule that never fits until the year 9999: a second for a rule
# of months, hours for one of minutes. So what repeats more often is followed if its parts always
# fit each other, and what repeats by the minute is not: Karbor refuses that as well (min_interval).
_SELDOM = frozenset({"YEARLY", "MONTHLY"})
_OFTEN = frozenset({"WEEKLY", "DAILY", "HOURLY"})
_FITTING = frozenset(
    [
        "FREQ",
        "INTERVAL",
        "COUNT",
        "UNTIL",
        "WKST",
        "BYDAY",
        "BYHOUR",
        "BYMINUTE",
        "BYSECOND",
        "BYMONTH",
    ]
)


@dataclass(frozen=True)
class Promise:
    """Of one plan, from all its schedules that are enabled.

    :ivar interval: seconds, the longest time between two runs; None without a schedule
    :ivar next_run: UTC
    :ivar most: how many checkpoints retention keeps; None for no limit
    :ivar keep_days: how many days old they may get; None for no limit
    :ivar retention: whether a schedule of the plan removes old checkpoints
    """

    interval: float | None = None
    next_run: datetime.datetime | None = None
    most: int | None = None
    keep_days: int | None = None
    retention: bool = False

    def oldest(self, max_age: float | None = None) -> float | None:
        """How many seconds old the newest good checkpoint may be; None when nobody has said.

        A quarter of the interval, and an hour at least, is for the run itself.

        :param max_age: hours; what the user says goes before the schedule
        """
        if max_age is not None:
            return max_age * 3600.0
        if self.interval is None:
            return None
        return self.interval + max(3600.0, self.interval / 4)


NONE = Promise()


def promises(listed: Listed) -> Mapping[str, Promise]:
    """By the id of the plan; a plan without a schedule is not among them."""
    triggers = {trigger["id"]: trigger for trigger in listed.triggers}
    of_plan: dict[str, list[View]] = {}
    for schedule in listed.schedules:
        plan_id = (schedule.get("operation_definition") or {}).get("plan_id")
        runs = schedule.get("operation_type") in (PROTECT, RETENTION)
        if plan_id and runs and schedule.get("enabled") not in (False, "False"):
            of_plan.setdefault(plan_id, []).append(schedule)
    return {
        plan_id: _promise(schedules, triggers, listed.at) for plan_id, schedules in of_plan.items()
    }


def _promise(
    schedules: Iterable[View], triggers: Mapping[str, View], now: datetime.datetime
) -> Promise:
    schedules = list(schedules)
    known = [triggers[each["trigger_id"]] for each in schedules if each["trigger_id"] in triggers]
    runs = [found for trigger in known if (found := runs_of(trigger, now))]
    gaps = [
        max((later - run).total_seconds() for run, later in itertools.pairwise(times))
        for times in runs
        if len(times) > 1
    ]
    removing = [
        each["operation_definition"] for each in schedules if each["operation_type"] == RETENTION
    ]
    return Promise(
        interval=min(gaps, default=None),
        next_run=min((times[0] for times in runs), default=None),
        most=_strictest(each.get("max_backups") for each in removing),
        keep_days=_strictest(each.get("retention_duration") for each in removing),
        retention=bool(removing),
    )


def _strictest(given: Iterable[object]) -> int | None:
    """As karbor_manila/service/retention/facts.py: what is not above 0 is no limit."""
    numbers = (str(value) for value in given)
    limits = [int(text) for text in numbers if text.isdecimal() and len(text) < _DIGITS]
    return min((limit for limit in limits if limit > 0), default=None)


def runs_of(trigger: View, now: datetime.datetime) -> list[datetime.datetime]:
    """When a trigger fires next, UTC, the soonest first; empty when it does not.

    Which of its two formats a pattern has is Karbor's configuration (``time_format``); a calendar
    says what it is.
    """
    properties = trigger.get("properties") or {}
    pattern = str(properties.get("pattern") or "").replace("\\r", "\r").replace("\\n", "\n")
    start = reading.moment(properties.get("start_time")) or now
    end = reading.moment(properties.get("end_time"))
    is_calendar = "BEGIN:VCALENDAR" in pattern
    # Those of a crontab do not depend on a start that has been, so many schedules share them.
    found = _sorted(pattern, start if is_calendar else max(start, now), now, is_calendar)
    return [run for run in found if end is None or run <= end]


@functools.lru_cache(maxsize=256)
def _sorted(
    pattern: str, start: datetime.datetime, now: datetime.datetime, is_calendar: bool
) -> tuple[datetime.datetime, ...]:
    runs = _of_calendar if is_calendar else _of_crontab
    try:
        return tuple(sorted(itertools.islice(runs(pattern, start, now), _RUNS)))
    except (ValueError, KeyError, TypeError, IndexError, OverflowError, AttributeError):
        return ()  # all that the two libraries raise over a pattern that they do not take


def _of_crontab(
    pattern: str, start: datetime.datetime, now: datetime.datetime
) -> Iterator[datetime.datetime]:
    from croniter import croniter  # noqa: PLC0415 - only where there are schedules

    times: Any = croniter(pattern, start, max_years_between_matches=3)
    for _run in range(_RUNS):
        found = times.get_next(datetime.datetime)
        if found > now + _FAR:
            return
        yield found


def _of_calendar(
    pattern: str, start: datetime.datetime, now: datetime.datetime
) -> Iterator[datetime.datetime]:
    from dateutil import rrule  # noqa: PLC0415 - as above
    from icalendar import Calendar  # noqa: PLC0415

    event: Any = Calendar.from_ical(pattern).walk("VEVENT")[0]
    given = event["RRULE"]
    first = max(start, now - _FAR)
    for each in given if isinstance(given, list) else [given]:
        if not _is_followed(each):
            continue
        rule: Any = rrule.rrulestr(each.to_ical().decode(), dtstart=first)
        rule = rule.replace(until=min(filter(None, (_until(each), now + _FAR))))
        yield from itertools.islice(rule.xafter(now), _RUNS)


def _is_followed(rule: Any) -> bool:
    """Whether the next run of a rule is found within a second, or that there is none."""
    kinds = {str(word).upper() for word in rule.get("FREQ", ())}
    if kinds <= _SELDOM:
        return True
    parts = {str(part).upper() for part in rule}
    alternating = {"INTERVAL", "BYDAY"} <= parts and kinds != {"WEEKLY"}
    return kinds <= _OFTEN and parts <= _FITTING and not alternating


def _until(rule: Any) -> datetime.datetime | None:
    """When a rule of a calendar ends, if it says so."""
    for found in rule.get("UNTIL", ()):
        if isinstance(found, datetime.datetime):
            return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)
        return datetime.datetime.combine(found, datetime.time.max, datetime.UTC)
    return None

# SPDX-License-Identifier: Apache-2.0
"""A strip of days for each plan: what its runs came to on each of them."""

import datetime
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from karbor_manila.cli.views.listed import Limits, Listed
from karbor_manila.cli.views.plans import PlanView
from karbor_manila.cli.views.runs import RUNNING, Run

#: A day without a run, and one of which nothing is known: its logs are not listed.
NONE, UNKNOWN = "none", "unknown"


@dataclass(frozen=True)
class Day:
    """One day of one plan, UTC.

    :ivar state: that of its last run that has ended: what went wrong in the morning and well at
        noon is well; ``none`` or ``unknown`` without one
    :ivar counts: how many runs ended how
    :ivar reasons: why those failed that did, each once
    """

    day: datetime.date
    state: str
    counts: Mapping[str, int]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Strip:
    """The days of one plan, the oldest first."""

    plan: PlanView
    days: tuple[Day, ...]


def strips(
    listed: Listed, limits: Limits, plans: Sequence[PlanView], found: Iterable[Run]
) -> list[Strip]:
    """One for each plan, in their order.

    :param found: all runs, the newest first
    """
    today = listed.at.date()
    days = [today - datetime.timedelta(days=back) for back in range(limits.days - 1, -1, -1)]
    of_day: dict[tuple[str, datetime.date], list[Run]] = {}
    for run in found:
        if run.kind == "protect" and run.began:
            of_day.setdefault((run.plan_id, run.began.date()), []).append(run)
    return [
        Strip(plan, tuple(_day(day, of_day.get((plan.id, day), []), listed) for day in days))
        for plan in plans
    ]


def _day(day: datetime.date, found: Sequence[Run], listed: Listed) -> Day:
    ended = [run for run in found if run.state != RUNNING]
    without = NONE if day >= listed.since.date() else UNKNOWN
    state = (ended or found)[0].state if found else without
    reasons = (said for run in found for said in (run.reason, *run.left_out) if said)
    return Day(day, state, Counter(run.state for run in found), tuple(dict.fromkeys(reasons)))

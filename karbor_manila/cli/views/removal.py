# SPDX-License-Identifier: Apache-2.0
"""What the next run of each plan's retention removes, and what is held."""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from karbor_manila.cli.tenant import reading
from karbor_manila.cli.views.listed import Listed, View
from karbor_manila.cli.views.plans import PlanView
from karbor_manila.common import left_out
from karbor_manila.common.retention import Kept, Rules, decide


@dataclass(frozen=True)
class Going:
    """A checkpoint that goes when the next run of its plan has made a good one.

    :ivar failed: whether it goes because it failed, and newer good ones hold all of it
    """

    plan: PlanView
    checkpoint_id: str
    day: datetime.date
    when: datetime.datetime | None
    failed: bool


@dataclass(frozen=True)
class Held:
    """A checkpoint that is held, by whom and why; the texts are as they stand in it."""

    plan_id: str
    checkpoint_id: str
    why: str
    by: str
    until: str


def going(listed: Listed, plans: Sequence[PlanView]) -> list[Going]:
    """By plan, the oldest first. It is what the rules of Karbor's own retention come to here
    (:mod:`karbor_manila.common.retention`) if the next run goes well."""
    return [item for plan in plans if plan.promise.retention for item in _of_plan(listed, plan)]


def _of_plan(listed: Listed, plan: PlanView) -> Iterator[Going]:
    day = (plan.promise.next_run or listed.at).date()
    at_rest = [_kept(item) for item in listed.of_plan[plan.id] if _is_counted(item, day)]
    newest = next((item for item in at_rest if item.whole and not item.is_copy), None)
    if newest is None:
        return
    coming = Kept("", day, True, True, newest.holds, newest.holds)
    rules = Rules(most=plan.promise.most, days=plan.promise.keep_days)
    decision = decide([coming, *at_rest], rules, day)
    for item in reversed([*decision.going, *decision.failed]):
        yield Going(plan, item.id, item.day, plan.promise.next_run, not item.good)


def _is_counted(checkpoint: View, today: datetime.date) -> bool:
    """What is held stays and speaks for no other one; what is worked on is left alone."""
    at_rest = checkpoint["status"] in (reading.GOOD, "error")
    is_held = reading.hold(checkpoint, today) is not None
    return at_rest and not is_held and bool(reading.day(checkpoint.get("created_at")))


def _kept(checkpoint: View) -> Kept:
    """As karbor_manila/service/retention/facts.py, from what the API tells: of a failed one it is
    not known what it holds."""
    keys = frozenset(f"{reading.SHARE}#{share.id}" for share in reading.shares(checkpoint))
    keys -= left_out.keys(reading.extra_info(checkpoint))
    good = checkpoint["status"] == reading.GOOD
    whole = frozenset(f"{reading.SHARE}#{share.id}" for share in reading.held_shares(checkpoint))
    return Kept(
        id=checkpoint["id"],
        day=reading.day(checkpoint.get("created_at")) or datetime.date.min,
        good=good,
        whole=good and bool(keys) and not reading.gaps(checkpoint),
        holds=whole,
        perhaps=keys,
        is_copy=reading.is_copy(checkpoint),
    )


def held(listed: Listed) -> list[Held]:
    """What is held, in the order of the list."""
    return [
        Held(
            plan_id=plan_id,
            checkpoint_id=checkpoint["id"],
            why=str(hold.get("why") or ""),
            by=str(hold.get("by") or ""),
            until=str(hold.get("until") or ""),
        )
        for plan_id, checkpoints in listed.of_plan.items()
        for checkpoint in checkpoints
        if (hold := reading.hold(checkpoint, listed.at.date())) is not None
    ]

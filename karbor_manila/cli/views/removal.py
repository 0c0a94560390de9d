# SPDX-License-Identifier: Apache-2.0
"""What the next run of each plan has removed, what is held, and which deletions wait."""

import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from karbor_manila.cli.tenant import kept as read
from karbor_manila.cli.tenant import reading
from karbor_manila.cli.views.listed import Listed, View
from karbor_manila.cli.views.plans import PlanView
from karbor_manila.common import deferral, keep_rules, keeping, left_out
from karbor_manila.common.errors import InvalidParameter
from karbor_manila.common.keep_rules import KeepRules
from karbor_manila.common.retention import Kept, Rules, decide

#: Why a checkpoint goes.
FAILED = "it failed, and newer ones hold what it keeps"
BY_RETENTION, BY_RULES = "retention", "no keep rule keeps it"


@dataclass(frozen=True)
class Going:
    """A checkpoint that goes when the next run of its plan has made a good one.

    :ivar day: of its making, UTC
    :ivar when: of that run; for what the keep rules do not keep already, the time of the data
    :ivar failed: whether it goes because it failed, and newer good ones hold all of it
    :ivar why: one of the words above
    """

    plan: PlanView
    checkpoint_id: str
    day: datetime.date
    when: datetime.datetime | None
    failed: bool
    why: str


@dataclass(frozen=True)
class Held:
    """A checkpoint that is held, by whom and why; the texts are as they stand in it."""

    plan_id: str
    checkpoint_id: str
    why: str
    by: str
    until: str


@dataclass(frozen=True)
class Waiting:
    """A checkpoint whose deletion waits, and can be taken back until it is due.

    :ivar asked: when it was asked for, as it stands there
    :ivar due: UTC; None when that cannot be understood
    :ivar by: the id of the user who asked; empty when it is not known
    """

    plan_id: str
    checkpoint_id: str
    asked: str
    due: datetime.datetime | None
    by: str


def going(listed: Listed, plans: Sequence[PlanView]) -> list[Going]:
    """By plan, the oldest first. It is what Karbor's own retention
    (:mod:`karbor_manila.common.retention`) and the keep rules (:mod:`karbor_manila.common.keeping`)
    come to here if the next run goes well."""
    rules = {plan["id"]: _rules(plan) for plan in listed.plans}
    return [
        item
        for plan in plans
        if plan.promise.retention or rules[plan.id]
        for item in _of_plan(listed, plan, rules[plan.id])
    ]


def _rules(plan: View) -> KeepRules:
    """What cannot be read removes nothing (karbor_manila/database/keeping_plans.py)."""
    try:
        return keep_rules.of_plan(plan.get("parameters"))
    except InvalidParameter:
        return KeepRules()


def _of_plan(listed: Listed, plan: PlanView, rules: KeepRules) -> Iterator[Going]:
    at_rest = [item for item in listed.of_plan[plan.id] if _is_at_rest(item)]
    limited = _limited(at_rest, plan, plan.promise.next_run or listed.at)
    ruled = _ruled(at_rest, plan, rules, listed.at)
    for item in reversed(at_rest):
        by_rules = item["id"] in ruled.then
        if not by_rules and (item["id"] not in limited or item["id"] in ruled.kept):
            continue
        failed = item["status"] != reading.GOOD
        yield Going(
            plan=plan,
            checkpoint_id=item["id"],
            day=_day(item),
            when=listed.at if item["id"] in ruled.now else plan.promise.next_run,
            failed=failed,
            why=FAILED if failed else BY_RULES if by_rules else BY_RETENTION,
        )


@dataclass(frozen=True)
class _Ruled:
    """Ids by what the keep rules say: going already, going then, and kept of the good ones."""

    now: frozenset[str] = frozenset()
    then: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()


def _ruled(
    at_rest: Sequence[View], plan: PlanView, rules: KeepRules, now: datetime.datetime
) -> _Ruled:
    """They are carried out every hour, so what no rule keeps by now needs no run of the plan."""
    if not rules:
        return _Ruled()
    made = [read.as_made(item, place, now) for place, item in enumerate(at_rest)]
    going = _without_rule(keeping.decide(made, rules))
    whole = (each for each in made if each.whole and not each.is_copy and not each.ahead)
    newest = next(whole, None)
    at = plan.promise.next_run
    coming = [keeping.Made("", at, True, True, newest.holds, newest.holds)] if newest and at else []
    verdicts = keeping.decide([*coming, *made], rules)
    kept = (each.checkpoint for each in verdicts if each.stays)
    return _Ruled(
        now=going,
        then=_without_rule(verdicts) | going,
        kept=frozenset(each.id for each in kept if each.good),
    )


def _without_rule(verdicts: Iterable[keeping.Verdict]) -> frozenset[str]:
    return frozenset(each.checkpoint.id for each in verdicts if not each.stays)


def _limited(at_rest: Sequence[View], plan: PlanView, at: datetime.datetime) -> set[str]:
    """The ids of what Karbor's own retention removes, when the next run has gone well."""
    if not plan.promise.retention:
        return set()
    counted = [_kept(item, at) for item in at_rest]
    whole = (each for each in counted if each.whole and not each.is_copy and not each.ahead)
    newest = next(whole, None)
    if newest is None:
        return set()
    coming = Kept("", at.date(), True, True, newest.holds, newest.holds)
    rules = Rules(most=plan.promise.most, days=plan.promise.keep_days)
    decision = decide([coming, *counted], rules, at.date())
    return {item.id for item in (*decision.going, *decision.failed)}


def _is_at_rest(checkpoint: View) -> bool:
    """What is worked on, or waits for its deletion, is left alone."""
    at_rest = checkpoint["status"] in (reading.GOOD, "error")
    return at_rest and reading.day(checkpoint.get("created_at")) is not None


def _day(checkpoint: View) -> datetime.date:
    return reading.day(checkpoint.get("created_at")) or datetime.date.min


def _kept(checkpoint: View, at: datetime.datetime) -> Kept:
    """As karbor_manila/service/retention/facts.py, from what the API tells: of a failed one it is
    not known what it holds."""
    keys = frozenset(f"{reading.SHARE}#{share.id}" for share in reading.shares(checkpoint))
    keys -= left_out.keys(reading.extra_info(checkpoint))
    good = checkpoint["status"] == reading.GOOD
    whole = frozenset(f"{reading.SHARE}#{share.id}" for share in reading.held_shares(checkpoint))
    return Kept(
        id=checkpoint["id"],
        day=_day(checkpoint),
        good=good,
        whole=good and bool(keys) and not reading.gaps(checkpoint),
        holds=whole,
        perhaps=keys,
        is_copy=reading.is_copy(checkpoint),
        held=reading.hold(checkpoint, at) is not None,
        ahead=read.is_ahead(checkpoint, at),
    )


def held(listed: Listed) -> list[Held]:
    """What is held, in the order of the list."""
    return [
        Held(plan_id, checkpoint["id"], hold.why, hold.by, str(hold.until or ""))
        for plan_id, checkpoints in listed.of_plan.items()
        for checkpoint in checkpoints
        if (hold := reading.hold(checkpoint, listed.at)) is not None
    ]


def waiting(listed: Listed) -> list[Waiting]:
    """Which deletions wait, the first to be due first."""
    found = [
        _waiting(plan_id, checkpoint)
        for plan_id, checkpoints in listed.of_plan.items()
        for checkpoint in checkpoints
        if reading.waits(checkpoint)
    ]
    return sorted(found, key=lambda item: (item.due is None, item.due or listed.at))


def _waiting(plan_id: str, checkpoint: View) -> Waiting:
    told = deferral.of(reading.extra_info(checkpoint))
    if told is None:
        return Waiting(plan_id, checkpoint["id"], "", None, "")
    return Waiting(plan_id, checkpoint["id"], told.asked, told.due, told.by)

# SPDX-License-Identifier: Apache-2.0
"""Every plan: the age of its newest good checkpoint against its promise, and what is wrong."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from karbor_manila.cli.tenant import reading
from karbor_manila.cli.views.listed import Limits, Listed
from karbor_manila.cli.views.plan_state import Drill, PlanState, Sources, state_of
from karbor_manila.cli.views.promises import NONE, Promise, promises
from karbor_manila.cli.views.runs import FAILED, MISSED, Run, runs

#: How a plan or a share stands, the worst first.
NOT_PROTECTED, TOO_OLD, PROTECTED = "not protected", "too old", "protected"

_NEVER = datetime.datetime.min.replace(tzinfo=datetime.UTC)


@dataclass(frozen=True)
class PlanView:
    """One plan.

    :ivar project_id: empty when nothing that is listed tells it
    :ivar whole_project: whether it is of all shares of a project
    :ivar shares: how many it names, or the newest good checkpoint of a whole project holds
    :ivar state: one of the words above
    :ivar newest: id of the newest good checkpoint; empty when there is none
    :ivar made_at, exact: as in :class:`.plan_state.PlanState`
    :ivar age: seconds; at most that when it is not exact; None without a good checkpoint
    :ivar oldest: seconds that the age may reach; None when nothing is promised
    :ivar last_status: of its last run: good, partial, failed, missed, running, or none
    :ivar failed, stuck, held: ids of checkpoints
    :ivar waiting: ids of those whose deletion waits
    :ivar not_well: what is wrong, a phrase each
    :ivar failure: its last run that failed or was missed, unless a good one came after it
    """

    id: str
    name: str
    provider: str
    project_id: str
    whole_project: bool
    shares: int
    state: str
    newest: str
    made_at: datetime.datetime | None
    exact: bool
    age: float | None
    promise: Promise
    oldest: float | None
    last_status: str
    failed: tuple[str, ...]
    stuck: tuple[str, ...]
    held: tuple[str, ...]
    waiting: tuple[str, ...]
    drill: Drill | None
    not_well: tuple[str, ...]
    failure: Run | None


def plans(listed: Listed, limits: Limits) -> list[PlanView]:
    """All plans, the worst first."""
    promised = promises(listed)
    of_plan: dict[str, list[Run]] = {}
    for run in runs(listed):
        if run.kind == "protect":
            of_plan.setdefault(run.plan_id, []).append(run)
    found = [
        _view(listed, limits, state, promised.get(state.plan["id"], NONE), of_plan)
        for state in states(listed, limits)
    ]
    order = (NOT_PROTECTED, TOO_OLD, PROTECTED)
    return sorted(
        found, key=lambda plan: (order.index(plan.state), not plan.not_well, plan.name, plan.id)
    )


def states(listed: Listed, limits: Limits) -> list[PlanState]:
    """What ``karbor-manila status`` tells of each plan, in the order of the plans."""
    sources = Sources(
        logs_of=lambda checkpoint_id: listed.logs_of.get(checkpoint_id, []),
        verifications=listed.verifications,
        failures=[log for log in listed.logs if log["status"] == "error"],
        now=listed.at,
        stuck_after=limits.stuck_after * 3600.0,
    )
    drilled: dict[str, dict[str, Any]] = {}
    for item in listed.drills:
        drilled.setdefault(listed.plan_ids.get(item["checkpoint_id"], ""), item)
    return [
        state_of(plan, listed.of_plan[plan["id"]], drilled.get(plan["id"]), sources)
        for plan in listed.plans
    ]


def wrong(state: PlanState, age: float | None, max_age: float | None) -> Iterator[str]:
    """What is not well with a plan, a phrase each.

    :param age: seconds of the newest good checkpoint
    :param max_age: hours that it may have; None for any
    """
    if not state.newest:
        yield "no good checkpoint"
    elif max_age is not None and (age is None or age > max_age * 3600.0):
        yield f"older than {max_age:g} h"
    yield from state.missing
    if state.missed:
        yield state.missed
    if state.drill and state.drill.reasons:
        yield f"drill: {' '.join(state.drill.reasons)}"


def age_of(made_at: datetime.datetime | None, now: datetime.datetime) -> float | None:
    """Seconds since then; clocks of two hosts may differ, and nothing is of later."""
    return max(0.0, (now - made_at).total_seconds()) if made_at else None


def _view(
    listed: Listed,
    limits: Limits,
    state: PlanState,
    promise: Promise,
    of_plan: Mapping[str, Sequence[Run]],
) -> PlanView:
    plan, checkpoints = state.plan, listed.of_plan[state.plan["id"]]
    latest = of_plan.get(plan["id"], ())
    age, oldest = age_of(state.made_at, listed.at), promise.oldest(limits.max_age)
    late = bool(state.newest) and oldest is not None and (age is None or age > oldest)
    whole = any(item["type"] == reading.PROJECT for item in plan["resources"])
    named = sum(item["type"] == reading.SHARE for item in plan["resources"])
    return PlanView(
        id=plan["id"],
        name=plan.get("name") or plan["id"],
        provider=listed.names.get(plan["provider_id"], plan["provider_id"]),
        project_id=_project(plan, checkpoints, listed),
        whole_project=whole,
        shares=len(reading.shares(state.newest)) if whole and state.newest else named,
        state=TOO_OLD if late else PROTECTED if state.newest else NOT_PROTECTED,
        newest=state.newest["id"] if state.newest else "",
        made_at=state.made_at,
        exact=state.exact,
        age=age,
        promise=promise,
        oldest=oldest,
        last_status=latest[0].state if latest else "none",
        failed=tuple(state.failed),
        stuck=tuple(state.stuck),
        held=tuple(state.held),
        waiting=tuple(state.waiting),
        drill=state.drill,
        not_well=tuple(wrong(state, age, oldest / 3600.0 if oldest is not None else None)),
        failure=_failure(latest, state.made_at),
    )


def _failure(latest: Sequence[Run], made_at: datetime.datetime | None) -> Run | None:
    """The last failure that no good checkpoint has come after."""
    for run in latest:
        if run.state in (FAILED, MISSED):
            good_since = made_at and run.began and made_at > run.began
            return None if good_since else run
    return None


def _project(
    plan: Mapping[str, Any], checkpoints: Sequence[Mapping[str, Any]], listed: Listed
) -> str:
    """Whose a plan is: Karbor does not tell that of the plan, but of its checkpoints."""
    for checkpoint in checkpoints:
        if checkpoint.get("project_id"):
            return str(checkpoint["project_id"])
    named = {item["id"] for item in plan["resources"]}
    for item in plan["resources"]:
        if item["type"] == reading.PROJECT:
            return str(item["id"])
    owners = (share.get("project_id") for share in listed.shares or () if share["id"] in named)
    return str(next(owners, None) or "")

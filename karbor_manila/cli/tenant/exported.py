# SPDX-License-Identifier: Apache-2.0
"""The views as metrics, for a registry of prometheus_client. No scrape asks anybody."""

import datetime
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from karbor_manila.cli.tenant import exported_names as names
from karbor_manila.cli.tenant.looking import RESULTS, Looked
from karbor_manila.cli.views import audited
from karbor_manila.cli.views.face import Face
from karbor_manila.cli.views.plans import PlanView
from karbor_manila.cli.views.runs import KINDS, Run
from karbor_manila.common.metric import Metric

Values = Iterator[tuple[Sequence[str], float]]


class Collector:
    """Shows what the last look has brought.

    :param looked: gives that
    :param most: so many plans have metrics of their own, the worst first
    """

    def __init__(self, looked: Callable[[], Looked], most: int) -> None:
        self._looked = looked
        self._most = most

    def collect(self) -> Iterator[Any]:
        """Called by a registry at each scrape."""
        looked = self._looked()
        if looked.face is not None:
            face = looked.face
            yield from _plans(face.plans[: self._most])
            yield from _numbers(face, max(0, len(face.plans) - self._most))
            yield from _work(face)
            yield from _audit(face, looked.audited_at)
        yield from _look(looked)


def _plans(plans: Sequence[PlanView]) -> Iterator[Any]:
    def of_each(metric: Metric, value_of: Callable[[PlanView], float | None]) -> Any:
        """A metric with a value for each plan that has one."""
        return metric.family(
            (_labels(plan), value) for plan in plans if (value := value_of(plan)) is not None
        )

    yield of_each(names.PLAN_GOOD, lambda plan: bool(plan.newest))
    yield of_each(names.PLAN_NEWEST, lambda plan: _seconds(plan.made_at))
    yield of_each(names.PLAN_INTERVAL, lambda plan: plan.promise.interval)
    yield of_each(names.PLAN_OLDEST, lambda plan: plan.oldest)
    yield of_each(names.PLAN_NEXT, lambda plan: _seconds(plan.promise.next_run))
    yield names.PLAN_STATUS.family(_statuses(plans))
    yield of_each(names.PLAN_NOT_WELL, lambda plan: len(plan.not_well))
    yield of_each(names.PLAN_SHARES, lambda plan: plan.shares)
    yield of_each(names.PLAN_FAILED, lambda plan: len(plan.failed))
    yield of_each(names.PLAN_STUCK, lambda plan: len(plan.stuck))
    yield of_each(names.PLAN_HELD, lambda plan: len(plan.held))
    yield of_each(names.PLAN_DRILLED, lambda plan: _seconds(plan.drill.at) if plan.drill else None)
    yield of_each(names.PLAN_DRILL_GOOD, _drill_good)


def _labels(plan: PlanView) -> tuple[str, str, str]:
    return plan.project_id, plan.id, plan.name


def _statuses(plans: Sequence[PlanView]) -> Values:
    for plan in plans:
        for status in names.LAST_STATUSES:
            yield (*_labels(plan), status), plan.last_status == status


def _drill_good(plan: PlanView) -> float | None:
    words = {"good": 1.0, "bad": 0.0}
    return words.get(plan.drill.word) if plan.drill else None


def _numbers(face: Face, not_shown: int) -> Iterator[Any]:
    """What is of all plans together."""
    totals, proofs = face.totals, face.proofs
    yield names.PLANS.family([((), len(face.plans))])
    yield names.PLANS_NOT_SHOWN.family([((), not_shown)])
    counted = (totals.protected, totals.too_old, totals.not_protected, totals.left_out)
    yield names.SHARES.family(
        ((state,), number) for state, number in zip(names.SHARE_STATES, counted, strict=True)
    )
    yield names.DRILLED.family([((), proofs.drilled)])
    yield names.DRILLS_OVERDUE.family([((), len(proofs.overdue))])
    yield names.DRILLS_FAILED.family([((), len(proofs.failed))])
    yield names.DRILL_MEDIAN.family(_if_known(proofs.median))
    yield names.DRILL_WORST.family(_if_known(proofs.worst))


def _work(face: Face) -> Iterator[Any]:
    """What was done, is being done, and is going to be done."""
    counted = {(kind, state): 0 for kind in KINDS for state in names.RUN_STATES}
    for group in face.groups:
        # Karbor's words for operations are few; what it has besides is not ours to show.
        if (group.kind, group.state) in counted:
            counted[group.kind, group.state] = len(group.runs)
    yield names.RUNS.family(counted.items())
    yield names.RUNNING_SINCE.family(_oldest(face.running))
    stuck = Counter(run.kind for run in face.stuck)
    yield names.STUCK.family(((kind,), stuck[kind]) for kind in KINDS)
    yield names.GOING.family([((), len(face.going))])


def _oldest(running: Iterable[Run]) -> Values:
    began: dict[str, list[float]] = {}
    for run in running:
        if run.began and run.kind in KINDS:
            began.setdefault(run.kind, []).append(run.began.timestamp())
    return (((kind,), min(times)) for kind, times in began.items())


def _audit(face: Face, at: datetime.datetime | None) -> Iterator[Any]:
    found = audited.counts(face.audit) if face.audit is not None else None
    yield names.AUDITED.family(
        ((kind,), found.get(kind, 0)) for kind in names.FINDINGS if found is not None
    )
    yield names.AUDITED_AT.family(_if_known(_seconds(at)))


def _look(looked: Looked) -> Iterator[Any]:
    """How the exporter itself is."""
    yield names.DATA_AT.family(_if_known(_seconds(looked.face.at if looked.face else None)))
    yield names.LOOK_GOOD.family([((), looked.is_good)])
    yield names.LOOKS.family(((result,), looked.counts[result]) for result in RESULTS)
    yield names.LOOK_SECONDS.family(_if_known(looked.seconds))


def _if_known(value: float | None) -> Values:
    return iter(() if value is None else [((), value)])


def _seconds(at: datetime.datetime | None) -> float | None:
    return at.timestamp() if at else None

# SPDX-License-Identifier: Apache-2.0
"""Tells tenants why a run of their schedule made no checkpoint: a look at Karbor's database.

The operation engine, which may be another process, swallows the reason (a user who is gone, a trust
that was revoked). Each process of ours looks; the first one that knows writes it, as an operation
log of the project, which ``karbor-manila status`` reads too.
"""

import datetime
from collections.abc import Callable, Collection
from typing import Any, Protocol

import eventlet
from oslo_log import log as logging

from karbor_manila.common.clock import Clock
from karbor_manila.database.scheduled_runs import FAILED, TOO_LATE, Run, ScheduledRuns
from karbor_manila.operations.plugin import protects_shares
from karbor_manila.service import trust_check
from karbor_manila.service.errors import BeganTooLate, PlanGone, RunMissed, UnknownCause

LOG = logging.getLogger(__name__)

#: So far back runs are looked at: a process may have been away for a night.
BACK = datetime.timedelta(days=1)
#: By which the clocks of two hosts may differ.
SLACK = datetime.timedelta(minutes=2)


class Diagnosis(Protocol):
    """Says what keeps Karbor from acting for who has made a schedule; None for nothing."""

    def __call__(self, run: Run) -> str | None: ...


class MissedRuns:
    """The looks of one process.

    :param providers: gives Karbor's providers
    :param diagnose: asks Keystone; it may raise whatever keeps it from knowing
    """

    def __init__(
        self,
        providers: Callable[[], Collection[Any]],
        diagnose: Diagnosis,
        *,
        runs: ScheduledRuns | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._providers = providers
        self._diagnose = diagnose
        self._runs = runs or ScheduledRuns()
        self._clock = clock or Clock()
        # Those of which nothing is to be told, by the ids that their logs would have.
        self._settled: set[str] = set()

    def turn(self) -> int:
        """Look once, and tell of each run that is new.

        :returns: of how many it told
        :raises Exception: of the database, or of Keystone: what is left is found by the next turn
        """
        ours = {each.id for each in self._providers() if protects_shares(each)}
        found = self._runs.doubtful(self._clock.utcnow() - BACK) if ours else []
        self._settled &= {run.log_id for run in found}
        told = 0
        for run in found:
            if run.provider_id not in ours or run.log_id in self._settled:
                continue
            if self._is_young(run):
                continue
            why = self._why(run)
            if why is None:
                self._settled.add(run.log_id)
                continue
            missed = RunMissed(run.operation_id, run.name, run.due, why)
            if self._runs.tell(run, str(missed)):
                told += 1
                LOG.warning("Project %s: %s", run.project_id, missed)
        return told

    def _is_young(self, run: Run) -> bool:
        """Whether the checkpoint of a run that may have gone well may still be about to begin."""
        return run.state not in (FAILED, TOO_LATE) and self._clock.utcnow() < run.ended + SLACK

    def _why(self, run: Run) -> str | None:
        """None when the run made a checkpoint after all, which tells its own end."""
        if run.state == TOO_LATE:
            return str(BeganTooLate(run.began))
        if run.state != FAILED and self._runs.protected(run, SLACK):
            return None
        if why := self._diagnose(run):
            return why
        if self._runs.protected(run, SLACK):  # the answer to the request was lost
            return None
        if not self._runs.has_plan(run.plan_id):
            return str(PlanGone(run.plan_id))
        # What follows a checkpoint in a run of retention has failed, and a user sees that.
        return str(UnknownCause()) if run.state == FAILED else None


class MissedRunsThread:
    """Looks from time to time, as long as the service runs. Nothing waits for it.

    :param providers: gives Karbor's providers
    :param interval: seconds between two looks
    :param timeout: seconds to wait for an answer of Keystone
    """

    def __init__(
        self, providers: Callable[[], Collection[Any]], *, interval: float, timeout: float
    ) -> None:
        self._missed = MissedRuns(providers, trust_check.TrustCheck(timeout))
        self._interval = interval
        self._thread: Any = None

    def start(self) -> None:
        """Begin; the first look is after one interval."""
        self._thread = eventlet.spawn(self.run_for_ever)

    def stop(self) -> None:
        """End it where it waits; what it did not get to tell is told after the next start."""
        if self._thread is not None:
            self._thread.kill()

    def run_for_ever(self) -> None:
        """Look after look."""
        while True:
            eventlet.sleep(self._interval)
            self.look()

    def look(self) -> None:
        """One look. It raises nothing."""
        try:
            self._missed.turn()
        except Exception as error:  # noqa: BLE001 - of the database or Keystone: the next look comes
            LOG.warning("Why runs of schedules failed is not known yet: %s", error)

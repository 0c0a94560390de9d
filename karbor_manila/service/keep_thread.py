# SPDX-License-Identifier: Apache-2.0
"""The green thread that carries out the keep rules of plans: soon after each protection, and now
and then for all of them."""

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

import eventlet
from eventlet import queue
from oslo_log import log as logging

from karbor_manila.common.clock import Clock
from karbor_manila.database import keeping_plans
from karbor_manila.operations.plugin import protects_shares
from karbor_manila.service.retention.keep_run import KeepRun

LOG = logging.getLogger(__name__)

#: Seconds after which all plans with rules are looked at: for what a dead process did not come to,
#: and for what was not good, or was worked with, when its time had come.
ALL_EVERY = 3600.0


class KeepThread:
    """The turns of one process. Nothing waits for them.

    :param providers: gives Karbor's providers
    :param run: carries out the rules of one plan
    :param interval: seconds between two turns, unless a checkpoint was made meanwhile
    """

    def __init__(
        self,
        providers: Callable[[], Iterable[Any]],
        run: KeepRun,
        *,
        interval: float,
        clock: Clock | None = None,
    ) -> None:
        self._providers = providers
        self._run = run
        self._interval = interval
        self._clock = clock or Clock()
        self._all_at = self._clock.now()
        self._soon: set[str] = set()
        self._wake: Any = queue.LightQueue(1)
        self._thread: Any = None

    def start(self) -> None:
        """Begin; the first turn comes after one interval, or with a checkpoint, and is for all."""
        self._thread = eventlet.spawn(self.run_for_ever)

    def stop(self) -> None:
        """End it where it waits. A removal that it was at is settled by the reconciliation."""
        if self._thread is not None:
            self._thread.kill()

    def soon(self, plan_id: str) -> None:
        """A checkpoint of a plan was made. Returns at once."""
        self._soon.add(plan_id)
        if not self._wake.full():
            self._wake.put_nowait(True)

    def run_for_ever(self) -> None:
        """Turn after turn."""
        while True:
            with contextlib.suppress(queue.Empty):
                self._wake.get(timeout=self._interval)
            self.turn()

    def turn(self) -> None:
        """Look at the plans of which checkpoints were made, or at all. What fails is a line in the
        log, and comes again with the next turn."""
        wanted, self._soon = self._soon, set()
        everything = self._clock.now() >= self._all_at
        if not (wanted or everything):
            return
        try:
            found = keeping_plans.read()
        except Exception as error:  # noqa: BLE001 - of the database, which may be away
            LOG.warning("The keep rules of the plans are not known: %s", error)
            self._soon |= wanted
            return
        if everything:
            self._all_at = self._clock.now() + ALL_EVERY
        providers = {each.id: each for each in self._providers() if protects_shares(each)}
        for plan in found:
            if plan.provider_id not in providers or not (everything or plan.id in wanted):
                continue
            try:
                self._run.carry_out(providers[plan.provider_id], plan)
            except Exception as error:  # noqa: BLE001 - of a bank, the database or Manila
                LOG.warning("Plan %s: its keep rules are carried out later: %s", plan.id, error)
                self._soon.add(plan.id)

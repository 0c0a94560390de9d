# SPDX-License-Identifier: Apache-2.0
"""The green thread in which the reconciliation runs, as long as the service does."""

import itertools
from typing import Any

import eventlet
from oslo_log import log as logging

from karbor_manila.recovery.loop import Reconciliation
from karbor_manila.recovery.searched import Look

LOG = logging.getLogger(__name__)

# Seconds that a run of the reconciliation waits for what it began; the rest goes on beside others.
_RUN_WAITS = 10.0

_BANKS_EVERY = 20  # runs

_FIRST_RETRY = 5.0  # seconds; the pause doubles from there


class ReconciliationThread:
    """Settles what dead processes left, in the background; sooner again when that did not work.

    :param reconciliation: what it runs
    :param interval: seconds from a run after which nothing is left to the next one
    """

    def __init__(self, reconciliation: Reconciliation, interval: float) -> None:
        self._reconciliation = reconciliation
        self._interval = interval
        self._thread: Any = None

    def start(self) -> None:
        """Begin; the first run is not waited for."""
        self._thread = eventlet.spawn(self.run_for_ever)

    def stop(self) -> None:
        """End it where it waits; what it was at is abandoned, and settled after the next start."""
        if self._thread is not None:
            self._thread.kill()

    @property
    def is_over(self) -> bool:
        """Whether it was started and has ended."""
        return self._thread is not None and bool(self._thread.dead)

    def run_for_ever(self) -> None:
        """Run the reconciliation again and again."""
        retry, clean, more = _FIRST_RETRY, False, False
        for turn in itertools.count():
            # What our own flows leave is in the database; the banks are searched at the start
            # and now and then, for what Karbor's own manager or another one has left.
            in_banks = more or not clean or turn % _BANKS_EVERY == 0
            clean = self._run(Look.BANKS if in_banks else Look.DATABASE)
            more = self._reconciliation.more
            pause = self._interval if clean else retry
            eventlet.sleep(min(pause, self._interval, _FIRST_RETRY if more else pause))
            retry = _FIRST_RETRY if clean else retry * 2

    def _run(self, where: Look) -> bool:
        """Run it once. Returns whether all was settled."""
        work = self._reconciliation
        try:
            ended = work.run(where=where, timeout=_RUN_WAITS)
        except Exception:  # whatever a bank or a database raises: it may be back the next time
            LOG.exception("What is unfinished is not known; this is tried again")
            return False
        return all(ended.values()) and not (work.away or work.unsure)

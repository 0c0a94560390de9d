# SPDX-License-Identifier: Apache-2.0
"""Time for tests: it passes only when somebody sleeps or waits, and then at once."""

import functools
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import greenlet

from karbor_manila.common.clock import Clock


@dataclass
class _Sleeper:
    wakes: float
    who: greenlet.greenlet
    condition: threading.Condition | None


class FakeClock(Clock):
    """A clock that a test owns.

    One who sleeps or waits alone moves the time. Several run with :meth:`together`, as greenlets of
    one thread (which is what Karbor runs its hooks in): each runs until it sleeps or waits, then
    the next one; time moves when all of them do, to the moment at which the first wakes. So the
    order of events is the same in every run.
    """

    def __init__(self, now: float = 1000.0) -> None:
        self._now = now
        self._hub: greenlet.greenlet | None = None
        self._ready: deque[greenlet.greenlet] = deque()
        self._sleepers: list[_Sleeper] = []
        #: What was asked for in each sleep and wait, in seconds.
        self.pauses: list[float] = []

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._pause(seconds, None)

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        self._pause(seconds, condition)

    def together(self, *actions: Callable[[], Any]) -> list[Any]:
        """Run all of these; what each returned, or the error that it ended in, in their order."""
        outcomes: list[Any] = [None] * len(actions)

        def run(number: int, action: Callable[[], Any]) -> None:
            try:
                outcomes[number] = action()
            except Exception as error:  # noqa: BLE001 - the test looks at it
                outcomes[number] = error

        self._hub = greenlet.getcurrent()
        self._ready.extend(
            greenlet.greenlet(functools.partial(run, *numbered)) for numbered in enumerate(actions)
        )
        while self._ready or self._sleepers:
            if not self._ready:
                first = min(self._sleepers, key=lambda sleeper: sleeper.wakes)
                self._now = max(self._now, first.wakes)
                self._wake(first)
            self._ready.popleft().switch()
        self._hub = None
        return outcomes

    def _pause(self, seconds: float, condition: threading.Condition | None) -> None:
        self.pauses.append(seconds)
        if self._hub is None:
            self._now += max(0.0, seconds)
            return
        if condition is not None:
            # The real one wakes threads, and greenlets share theirs.
            condition.notify_all = functools.partial(  # type: ignore[method-assign]
                self._notify, condition
            )
        self._sleepers.append(_Sleeper(self._now + seconds, greenlet.getcurrent(), condition))
        self._hub.switch()

    def _notify(self, condition: threading.Condition) -> None:
        for sleeper in [s for s in self._sleepers if s.condition is condition]:
            self._wake(sleeper)

    def _wake(self, sleeper: _Sleeper) -> None:
        self._sleepers.remove(sleeper)
        self._ready.append(sleeper.who)

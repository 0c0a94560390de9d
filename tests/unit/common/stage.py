# SPDX-License-Identifier: Apache-2.0
"""What the tests of waiting stand on: a Manila to look at, attempts, a process that is stopped."""

import itertools

from karbor_manila.common.polling import PENDING
from karbor_manila.manila.errors import ManilaRefused, ManilaTransient
from tests.unit.clock import FakeClock

BUSY = ManilaTransient("list snapshots", "HTTP 503, busy")
FORBIDDEN = ManilaRefused("list snapshots", 403, "not yours")


class Shares:
    """Manila as a poller sees it: ``ready`` tells from which moment each share is available."""

    def __init__(self, clock, ready=None, *, takes=0.0, errors=None):
        self.clock = clock
        self.ready = ready or {}
        self.takes = takes
        self.errors = iter(errors or ())
        #: When each look was, and for which shares.
        self.looks = []

    def look(self, keys):
        self.looks.append((self.clock.now(), frozenset(keys)))
        views = {key: self._view(key) for key in keys}
        if self.takes:
            self.clock.sleep(self.takes)
        error = next(self.errors, None)
        if error:
            raise error
        return views

    def _view(self, key):
        available = self.clock.now() >= self.ready.get(key, float("inf"))
        return {"id": key, "status": "available" if available else "creating"}

    @property
    def gaps(self):
        return [later - sooner for (sooner, _), (later, _) in itertools.pairwise(self.looks)]


def available(view):
    return view if view and view["status"] == "available" else PENDING


def waiter(poller, key, timeout=600.0, judge=available):
    return lambda: poller.wait(key, judge, timeout, f"{key} to become available")


class Attempts:
    """Ends as it is told to, one after the other; the last one for ever."""

    def __init__(self, *ends):
        self.ends = ends
        self.made = 0

    def __call__(self):
        end = self.ends[min(self.made, len(self.ends) - 1)]
        self.made += 1
        if isinstance(end, BaseException):
            raise end
        return end


class Stopped(FakeClock):
    """Its process is stopped (SIGSTOP) for so many seconds in the n-th pause, 0 for the first."""

    def __init__(self, nth, seconds):
        super().__init__(now=0.0)
        self.nth, self.seconds = nth, seconds

    def _pause(self, seconds, condition):
        super()._pause(seconds, condition)
        if len(self.pauses) == self.nth + 1:
            self._now += self.seconds

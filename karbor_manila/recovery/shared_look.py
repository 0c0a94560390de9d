# SPDX-License-Identifier: Apache-2.0
"""One look at who owns a claim serves all who ask for it at about the same time.

A hundred shares of a flow act under one claim, and each asks before each request that changes
something. A look is as good as one's own

- when it began after one had asked: so those who ask while a look is under way share the next one;
- when it is at most :data:`AGE` old and the lease has not run out since it began.

Why a look of that age is enough: between a look and the arrival of the request that it allows there
always is a while in which another process could take over; no look makes that vanish. What keeps
others away in that while is the lease, and that is looked at afresh each time: who takes over has
seen it unchanged for the whole ``lease_timeout``, and from three quarters of that on this process
does nothing (:mod:`.lease_keeper`). So the look at the database finds what went wrong earlier: the
lease had run out, or another process was mistaken about it. For that it is early enough if it is
repeated every :data:`AGE` seconds. The age counts from the beginning of the look, by the clock of
the lease, which goes on while the process, or its machine, is suspended.
"""

import threading
from collections.abc import Callable
from typing import NamedTuple

from karbor_manila.common.clock import Clock

#: Seconds.
AGE = 0.5

# Seconds after which a thread that waits for another one's look checks unasked whether it is over.
_CHECK_AGAIN = 1.0


class _Done(NamedTuple):
    """A look that found the claim to be ours."""

    number: int
    began: float
    lapses: int


class SharedLook:
    """The looks at one claim. Used from several threads.

    :param clock: by which those wait who share a look that is under way
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._begun = 0
        self._looking = False
        self._done: _Done | None = None

    def share(self, look: Callable[[], None], *, elapsed: Callable[[], float], lapses: int) -> None:
        """Look, or rely on a look that is as good.

        :param look: raises when nothing may be done any more; whoever shares it looks for himself
        :param elapsed: the clock of the lease, in seconds
        :param lapses: how often the lease has run out so far; a look from before the last time says
            nothing
        """
        if self._is_young(elapsed, lapses):
            return
        with self._changed:
            asked = self._begun
            while self._looking:
                self._clock.wait(self._changed, _CHECK_AGAIN)
                done = self._done
                if done and done.number > asked and done.lapses == lapses:
                    return
                if self._is_young(elapsed, lapses):
                    return
            self._looking = True
            self._begun += 1
            mine = _Done(self._begun, elapsed(), lapses)
        seen = False
        try:
            look()
            seen = True
        finally:
            with self._changed:
                self._looking = False
                self._done = mine if seen else None
                self._changed.notify_all()

    def _is_young(self, elapsed: Callable[[], float], lapses: int) -> bool:
        done = self._done
        return done is not None and done.lapses == lapses and elapsed() - done.began <= AGE

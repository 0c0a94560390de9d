# SPDX-License-Identifier: Apache-2.0
"""Waits for something to come to an end, without being in its way. Standard library only."""

import time
from collections.abc import Callable
from typing import Any


class Unfinished(AssertionError):
    """Something did not come to an end in time."""

    def __init__(self, what: str, seconds: float, last: Any) -> None:
        super().__init__(f"{what} did not end within {seconds:.0f} s; last seen: {last}")


def wait(
    what: str,
    look: Callable[[], Any],
    done: Callable[[Any], bool],
    seconds: float,
    interval: float | None = None,
) -> Any:
    """What ``look`` gives as soon as it is ``done``. Raises Unfinished after ``seconds``.

    :param interval: seconds between two looks; by default they grow, see :func:`pause`
    """
    began = time.monotonic()
    while True:
        looked = time.monotonic()
        seen = look()
        if done(seen):
            return seen
        now = time.monotonic()
        if now - began > seconds:
            raise Unfinished(what, seconds, getattr(seen, "status", seen))
        time.sleep(pause(now - began, now - looked, interval))


def pause(waited: float, look: float = 0.0, interval: float | None = None) -> float:
    """Seconds until the next look at what has been waited for so many already.

    A look takes Karbor, which is one process, about 50 ms: who looks all the time waits longer. On
    a busy machine it takes a second, so there are fewer.

    :param look: seconds that the last one took
    :param interval: instead of one that grows
    """
    usual = min(0.1 + waited / 20, 0.5) if interval is None else interval
    return max(usual, min(2 * look, 2.0))

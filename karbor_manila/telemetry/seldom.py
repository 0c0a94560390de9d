# SPDX-License-Identifier: Apache-2.0
"""Lines of the log that come too often are counted instead."""

from karbor_manila.common.clock import Clock


class Seldom:
    """Lets one line pass in so many seconds.

    :param seconds: between two lines
    """

    def __init__(self, seconds: float = 60.0, clock: Clock | None = None) -> None:
        self._seconds = seconds
        self._clock = clock or Clock()
        self._next = float("-inf")
        self._missed = 0

    def due(self) -> int | None:
        """Whether a line may be written now.

        :returns: how many were not since the last one; None when this is one more of those
        """
        now = self._clock.now()
        if now < self._next:
            self._missed += 1
            return None
        missed, self._missed = self._missed, 0
        self._next = now + self._seconds
        return missed

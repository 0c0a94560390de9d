# SPDX-License-Identifier: Apache-2.0
"""A lock that is handed over in the order in which it was asked for.

SQLite's own waiting is a lottery: whoever wakes up first gets the database, and with sixteen
threads an unlucky one was seen to wait for a minute.
"""

import collections
import threading


class TurnNotGiven(Exception):
    """The turn did not come in time, or can never come."""


class Turns:
    """One turn at a time, first come first served, not reentrant."""

    def __init__(self):
        self._mutex = threading.Lock()
        self._waiting: collections.deque[tuple[int, threading.Event]] = collections.deque()
        self._owner: int | None = None

    def take(self, seconds: float) -> None:
        """Wait for the turn.

        :raises TurnNotGiven: not in so many seconds, or this thread has it already
        """
        me = threading.get_ident()
        mine = threading.Event()
        with self._mutex:
            if self._owner is None:
                self._owner = me
                return
            if self._owner == me:
                raise TurnNotGiven("this thread waits for itself")
            self._waiting.append((me, mine))
        if mine.wait(seconds):
            return
        with self._mutex:
            if mine.is_set():  # it came just now
                return
            self._waiting.remove((me, mine))
        raise TurnNotGiven(f"no turn in {seconds} seconds")

    def give(self) -> None:
        """Pass the turn on; any thread may do so for the one that has it."""
        with self._mutex:
            if not self._waiting:
                self._owner = None
                return
            self._owner, event = self._waiting.popleft()
            event.set()

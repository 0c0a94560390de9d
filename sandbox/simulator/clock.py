# SPDX-License-Identifier: Apache-2.0
"""The simulator's time: the machine's, faster if wanted, or a test's."""

import asyncio
import datetime
import time


class Clock:
    """The machine's time, ``speed`` times as fast; delays shrink and the date runs ahead."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._began = time.monotonic()
        self._date = datetime.datetime.now(datetime.UTC)

    def now(self) -> float:
        """Simulated seconds since the start."""
        return (time.monotonic() - self._began) * self._speed

    def utcnow(self) -> datetime.datetime:
        """The simulated time of the day, UTC."""
        return self._date + datetime.timedelta(seconds=self.now())

    async def sleep(self, seconds: float) -> None:
        """Let simulated seconds pass."""
        await asyncio.sleep(seconds / self._speed)


class ManualClock(Clock):
    """Seconds that pass only when somebody sleeps, here or in the test that holds it."""

    def __init__(self) -> None:
        super().__init__()
        self._seconds = 0.0
        self._date = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

    def now(self) -> float:
        """See Clock."""
        return self._seconds

    def advance(self, seconds: float) -> None:
        """Let simulated seconds pass."""
        self._seconds += seconds

    async def sleep(self, seconds: float) -> None:
        """See Clock; nobody waits."""
        self._seconds += seconds

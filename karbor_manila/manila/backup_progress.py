# SPDX-License-Identifier: Apache-2.0
"""How far a backup, or a restore from one, is; and that it goes on at all.

A backup whose driver failed may stay ``creating`` in Manila for ever, because what the driver
raised is no text that its database takes (manila/share/manager.py, create_backup, ``fail_reason``).
"""

from collections.abc import Callable

from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import DeadlineExceeded
from karbor_manila.manila.views import View

# Seconds between two looks that count at most: more is a pause of this process.
_LONGEST_LOOK = 60.0


def percent(view: View, name: str) -> str:
    """What a backup's view says under ``progress`` or ``restore_progress``, as Manila's text."""
    return str(view.get(name) or "0")


class Moving:
    """Watches that a percentage changes.

    :param what: what goes on, for the error
    :param idle: seconds in which it has to change
    :param seen: called with each new percentage, from 0 to 100
    """

    def __init__(
        self, what: str, idle: float, clock: Clock, seen: Callable[[int], None] | None = None
    ) -> None:
        self._what = what
        self._idle = idle
        self._clock = clock
        self._seen = seen
        self._last = ""
        self._still = 0.0
        self._looked = clock.now()

    def look(self, progress: str) -> None:
        """It is there now.

        :raises DeadlineExceeded: it has been there for too long
        """
        now = self._clock.now()
        if progress != self._last:
            self._last, self._still = progress, 0.0
            if self._seen:
                self._seen(_number(progress))
        else:
            self._still += min(now - self._looked, _LONGEST_LOOK)
        self._looked = now
        if self._still > self._idle:
            raise DeadlineExceeded(
                f"{self._what} to go on", self._idle, f"its progress stays at {progress} percent"
            )


def _number(progress: str) -> int:
    """Each of Manila's drivers writes the text itself."""
    try:
        return min(100, max(0, int(float(progress.rstrip("% ")))))
    except (ValueError, OverflowError):  # OverflowError: "inf"
        return 0

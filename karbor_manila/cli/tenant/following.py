# SPDX-License-Identifier: Apache-2.0
"""Waits for restores and verifications, a few at a time, whatever happens to Karbor meanwhile."""

import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from karbor_manila.cli.errors import KarborTransient, StillGoing
from karbor_manila.cli.tenant import reading
from karbor_manila.cli.tenant.api import Karbor, Thing
from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.common.visible import visible

# A look is due after this share of the time already waited, within these seconds.
_GROWTH = 0.15
_SHORTEST, _LONGEST = 0.5, 15.0

Begin = Callable[[], Thing]
End = Thing | KarborManilaError


class Progress:
    """One line on stderr that is written anew; nothing when nobody looks."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def tell(self, line: str) -> None:
        """Replace the line; an empty one takes it away."""
        if self._shown:
            sys.stderr.write(f"\r\x1b[K{visible(line)[:100]}")
            sys.stderr.flush()


class Follower:
    """Follows operations until their end or for ``timeout`` seconds.

    :param kind: ``restore`` or ``verification``
    """

    def __init__(self, karbor: Karbor, kind: str, timeout: float, clock: Clock) -> None:
        self._karbor = karbor
        self._kind = kind
        self._timeout = timeout
        self._clock = clock
        self._progress = Progress()
        self._trouble = ""

    def end_of(self, record: Thing) -> Thing:
        """The record as it is at its end.

        :raises StillGoing, KarborRefused: it was not seen
        """
        (end,) = self.ends([lambda: record], 1)
        if isinstance(end, KarborManilaError):
            raise end
        return end

    def ends(self, begins: Sequence[Begin], parallel: int) -> list[End]:
        """Begin all of these, never more than ``parallel`` at a time; how each ended, in order.

        What could not be begun, and what did not end in time, is an error in the list.
        """
        begun = self._clock.now()
        ends: dict[int, End] = {}
        waiting = deque(enumerate(begins))
        going: dict[int, Thing] = {}
        try:
            while waiting or going:
                while waiting and len(going) < parallel and self._left(begun) > 0:
                    number, begin = waiting.popleft()
                    try:
                        going[number] = begin()
                    except KarborManilaError as error:
                        ends[number] = error
                for number in list(going):
                    if going[number]["status"] == reading.GOING:
                        self._look(going, ends, number)
                    if number in going and going[number]["status"] != reading.GOING:
                        ends[number] = going.pop(number)
                if self._left(begun) <= 0:
                    break
                if going:
                    self._tell(begun, len(waiting), going)
                    self._pause(begun)
        except KeyboardInterrupt:
            self._progress.tell("")
            for record in going.values():
                sys.stderr.write(f"{self._still(record, self._clock.now() - begun)}\n")
            raise
        self._progress.tell("")
        ends |= {number: self._still(record, self._timeout) for number, record in going.items()}
        ends |= {
            number: StillGoing(
                f"What comes before this {self._kind}", self._timeout, "karbor-manila status"
            )
            for number, _begin in waiting
        }
        return [ends[number] for number in range(len(begins))]

    def _left(self, begun: float) -> float:
        return begun + self._timeout - self._clock.now()

    def _look(self, going: dict[int, Thing], ends: dict[int, End], number: int) -> None:
        try:
            going[number] = self._karbor.record(self._kind, going[number]["id"])
            self._trouble = ""
        except KarborTransient as error:
            # Karbor may be away as long as we have patience: the work goes on without us.
            self._trouble = str(error)
        except KarborManilaError as error:
            del going[number]
            ends[number] = error

    def _pause(self, begun: float) -> None:
        waited = self._clock.now() - begun
        seconds = min(max(_SHORTEST, waited * _GROWTH), _LONGEST, self._left(begun))
        self._clock.sleep(max(0.0, seconds))

    def _tell(self, begun: float, waiting: int, going: dict[int, Thing]) -> None:
        waited = self._clock.now() - begun
        done = sum(
            status not in ("", "restoring")
            for record in going.values()
            for _id, status, _reason in reading.outcomes(record)
        )
        line = f"{self._kind}: {len(going)} under way, {done} shares done, {waited:.0f} s"
        line += f", {waiting} to come" if waiting else ""
        self._progress.tell(self._trouble or line)

    def _still(self, record: Thing, seconds: float) -> StillGoing:
        what = f"{self._kind.capitalize()} {record['id']}"
        look = f"karbor-manila show {record['checkpoint_id']}"
        return StillGoing(what, seconds, look, self._trouble)


def failed(end: Any) -> bool:
    """Whether an end is not a success."""
    return isinstance(end, KarborManilaError) or end["status"] != reading.SUCCESS

# SPDX-License-Identifier: Apache-2.0
"""How far the work is that a command waits for: one state, an estimate, and two ways to print it.

On a terminal one line is written anew at each look. Elsewhere (cron, a file) there is a plain line
a minute, so that what is short says nothing at all. Both are on stderr.
"""

import shutil
import sys
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from karbor_manila.cli import columns
from karbor_manila.common.visible import visible

#: Seconds between two plain lines, and before the first.
PAUSE = 60.0

# The estimate goes by the last so many seconds: what was slow an hour ago says little.
_WINDOW = 600.0


@dataclass(frozen=True)
class State:
    """What one look has seen.

    :ivar kind: ``restore`` or ``verification``
    :ivar going: how many are under way
    :ivar waiting: how many have not begun
    :ivar done: shares that are done
    :ivar total: shares of all of them; None where that is not known
    :ivar seconds: since the beginning
    :ivar trouble: why the last look failed, if it did
    """

    kind: str
    going: int
    waiting: int
    done: int
    total: int | None
    seconds: float
    trouble: str = ""

    def sentence(self, left: float | None) -> str:
        """One line for people.

        :param left: seconds that it may still take; None when nobody can say
        """
        if self.trouble:
            return self.trouble
        shares = f"{self.done} of {self.total}" if self.total else f"{self.done}"
        line = f"{self.kind}: {self.going} under way, {shares} shares done, {self.seconds:.0f} s"
        line += f", {self.waiting} to come" if self.waiting else ""
        return line + ("" if left is None else f", about {columns.length(left)} left")


class Estimate:
    """How long it may still take, by the rate at which shares were done lately."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque([(0.0, 0)])

    def left(self, state: State) -> float | None:
        """Seconds; None before the first share is done, and when the number of all is not known."""
        if state.done < self._seen[-1][1]:
            self._seen = deque([(0.0, 0)])  # a report was begun anew
        if state.done > self._seen[-1][1]:
            self._seen.append((state.seconds, state.done))
        while len(self._seen) > 2 and self._seen[1][0] < state.seconds - _WINDOW:
            self._seen.popleft()
        since, then = self._seen[0]
        if not state.total or state.done == then:
            return None
        each = (state.seconds - since) / (state.done - then)
        return max(0.0, each * (state.total - state.done))


class Printer(Protocol):
    """Shows how far it is."""

    def show(self, state: State) -> None:
        """Say it, if it is time to."""

    def clear(self) -> None:
        """Leave nothing behind that is in the way of the result."""


class Line:
    """A line on a terminal that is written anew."""

    def __init__(self) -> None:
        self._estimate = Estimate()

    def show(self, state: State) -> None:
        """Replace the line; cut to the terminal's width, since a longer one could not be."""
        room = max(20, shutil.get_terminal_size().columns - 1)
        self._write(visible(state.sentence(self._estimate.left(state)))[:room])

    def clear(self) -> None:
        """Take it away."""
        self._write("")

    @staticmethod
    def _write(text: str) -> None:
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


class Lines:
    """Plain lines, one a minute."""

    def __init__(self) -> None:
        self._estimate = Estimate()
        self._next = PAUSE

    def show(self, state: State) -> None:
        """Write a line when the last one is long ago."""
        left = self._estimate.left(state)
        if state.seconds >= self._next:
            self._next = state.seconds + PAUSE
            sys.stderr.write(f"{visible(state.sentence(left))}\n")
            sys.stderr.flush()

    def clear(self) -> None:
        """There is nothing in the way."""


class Nothing:
    """For who has asked for silence (``--quiet``)."""

    def show(self, state: State) -> None:
        """Say nothing."""

    def clear(self) -> None:
        """There is nothing."""


def printer(quiet: bool) -> Printer:
    """The one that fits where stderr goes to."""
    if quiet:
        return Nothing()
    return Line() if sys.stderr.isatty() else Lines()

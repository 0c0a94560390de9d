# SPDX-License-Identifier: Apache-2.0
"""Waits for restores and verifications, a few at a time, whatever happens to Karbor meanwhile."""

import math
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from karbor_manila.cli.errors import KarborTransient, StillGoing
from karbor_manila.cli.tenant import progress, reading
from karbor_manila.cli.tenant.api import Karbor, View
from karbor_manila.cli.tenant.progress import Printer, State
from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.common.polling import poll

# Bounds of the interval between two looks, in seconds.
_SHORTEST, _LONGEST = 0.5, 15.0

Begin = Callable[[], View]
End = View | KarborManilaError


@dataclass
class _Work:
    """What is to begin, what is under way, and how the others ended, each under its number.

    :ivar shares: how many all of them have; None where that is not known
    :ivar done: shares of those that have ended
    """

    waiting: deque[tuple[int, Begin]]
    shares: int | None = None
    done: int = 0
    going: dict[int, View] = field(default_factory=dict)
    ends: dict[int, End] = field(default_factory=dict)


class Follower:
    """Follows operations until their end or for ``timeout`` seconds.

    :param kind: ``restore`` or ``verification``
    :param program: what stands before the name of a command that looks at them again
    :param printer: shows how far they are; None for the one that fits where stderr goes to
    """

    def __init__(
        self,
        karbor: Karbor,
        kind: str,
        timeout: float,
        clock: Clock,
        program: str = "karbor-manila",
        printer: Printer | None = None,
    ) -> None:
        self._karbor = karbor
        self._kind = kind
        self._timeout = timeout
        self._clock = clock
        self._program = program
        self._printer = printer or progress.printer(quiet=False)
        self._trouble = ""

    def end_of(self, record: View, shares: int | None = None) -> View:
        """The record as it is at its end.

        :param shares: how many it has, for the estimate
        :raises StillGoing, KarborRefused: it was not seen
        """
        (end,) = self.ends([lambda: record], 1, shares)
        if isinstance(end, KarborManilaError):
            raise end
        return end

    def ends(self, begins: Sequence[Begin], parallel: int, shares: int | None = None) -> list[End]:
        """Begin all of these, never more than ``parallel`` at a time; how each ended, in order.

        What could not be begun, and what did not end in time, is an error in the list.

        :param shares: how many all of them have together, for the estimate
        """
        begun = self._clock.now()
        work = _Work(deque(enumerate(begins)), shares)
        try:
            poll(
                lambda: self._turn(work, begun, parallel),
                lambda _turn: not work.waiting and not work.going,
                timeout=self._timeout,
                clock=self._clock,
                shortest=_SHORTEST,
                longest=_LONGEST,
                look_takes=math.inf,  # many requests, each with retries: all of it counts
            )
        except KeyboardInterrupt:
            self._printer.clear()
            for record in work.going.values():
                sys.stderr.write(f"{self._still(record, self._clock.now() - begun)}\n")
            raise
        self._printer.clear()
        for number, record in work.going.items():
            work.ends[number] = self._still(record, self._timeout)
        for number, _begin in work.waiting:
            work.ends[number] = StillGoing(
                f"What comes before this {self._kind}", self._timeout, f"{self._program} status"
            )
        return [work.ends[number] for number in range(len(begins))]

    def _turn(self, work: "_Work", begun: float, parallel: int) -> None:
        """Begin what there is room for, and look at all that is under way."""
        ends_at = begun + self._timeout
        while work.waiting and len(work.going) < parallel and self._clock.now() < ends_at:
            number, begin = work.waiting.popleft()
            try:
                work.going[number] = begin()
            except KarborManilaError as error:
                work.ends[number] = error
        for number in list(work.going):
            if work.going[number]["status"] == reading.GOING:
                self._look(work, number)
            if number in work.going and work.going[number]["status"] != reading.GOING:
                record = work.ends[number] = work.going.pop(number)
                work.done += _done(record)
        if work.going:
            self._show(begun, work)

    def _look(self, work: "_Work", number: int) -> None:
        try:
            work.going[number] = self._karbor.record(self._kind, work.going[number]["id"])
            self._trouble = ""
        except KarborTransient as error:
            # Karbor may be away until the timeout is over: the work goes on without us.
            self._trouble = str(error)
        except KarborManilaError as error:
            del work.going[number]
            work.ends[number] = error

    def _show(self, begun: float, work: _Work) -> None:
        done = work.done + sum(map(_done, work.going.values()))
        if work.shares is not None:
            done = min(done, work.shares)  # a report may tell of more than shares
        waited = self._clock.now() - begun
        self._printer.show(
            State(
                self._kind,
                len(work.going),
                len(work.waiting),
                done,
                work.shares,
                waited,
                self._trouble,
            )
        )

    def _still(self, record: View, seconds: float) -> StillGoing:
        what = f"{self._kind.capitalize()} {record['id']}"
        look = f"{self._program} show {record['checkpoint_id']}"
        return StillGoing(what, seconds, look, self._trouble)


def _done(record: View) -> int:
    """How many shares of a record are done."""
    return sum(
        bool(of) and status not in ("", "restoring")
        for of, status, _reason in reading.outcomes(record)
    )


def failed(end: Any) -> bool:
    """Whether an end is not a success."""
    return isinstance(end, KarborManilaError) or end["status"] != reading.SUCCESS

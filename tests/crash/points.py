# SPDX-License-Identifier: Apache-2.0
"""Points at which a process can die: one side of the nth call of a kind within an operation."""

import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sandbox.faults import BANK, MANILA, SIDES
from sandbox.proxy import counts

#: The kind of a call that an operator's hook is.
HOOK = "hook"

#: How many of the GETs of a kind are points: one a share; what comes after are polls.
LOOKS = 2
_DAY = re.compile(r"(?<=/)\d{4}-\d\d-\d\d(?=/|$)")
_ENTRY = re.compile(r"(?<=/)[0-9TZ]+(?:@[0-9a-f-]{36})+(?=/|$)")
# A word such as ``detail`` has letters that no id has.
_PATTERNS = {
    "{id}": r"[0-9a-f-]+",
    "{day}": r"\d{4}-\d\d-\d\d",
    "{entry}": r"[0-9TZ]+@[0-9a-f@-]+",
}


@dataclass(frozen=True)
class Call:
    """A kind of call: ``POST`` and ``/v2/snapshots``, or ``update`` and a key; ids taken out."""

    kind: str
    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.kind} {self.method} {self.path}"

    @property
    def pattern(self) -> str:
        """A regular expression for the paths or keys of this kind."""
        pieces = re.split(r"(\{\w+\})", self.path)
        return "^" + "".join(_PATTERNS.get(piece) or re.escape(piece) for piece in pieces) + "$"


@dataclass(frozen=True)
class Point:
    """Where Karbor dies.

    :ivar nth: of the calls of this kind in the operation, from 1.
    :ivar side: ``before`` the call or ``after`` it.
    :ivar cold: only the first operation of a process makes this call.
    """

    operation: str
    call: Call
    nth: int
    side: str
    cold: bool = False

    def __str__(self) -> str:
        return f"{self.operation}: {self.side} {self.call} #{self.nth}"


def of_request(line: str) -> Call:
    """The kind of a request as the proxy lists it: ``GET /v2/shares/{id}``."""
    method, _, path = line.partition(" ")
    return Call(MANILA, method, path)


def of_write(op: str, key: str) -> Call:
    """The kind of a write or deletion in the bank."""
    return Call(BANK, op, counts.template(_DAY.sub("{day}", _ENTRY.sub("{entry}", key))))


def find(operation: str, cold: Sequence[Call], warm: Sequence[Sequence[Call]]) -> list[Point]:
    """The points of an operation, in the order of its calls.

    How often something is polled is a matter of time, and another look changes nothing. So a GET
    counts no more than ``LOOKS`` times, and a call only as often as every warm recording has it.
    Of a process that was just started, the kinds count that no warm one knows.

    :param cold: a recording in a process that had done nothing before.
    :param warm: recordings in a process that had done the same before.
    """
    common = Counter(warm[0])
    for recording in warm[1:]:
        common &= Counter(recording)
    for call in common:
        if call.method == "GET":
            common[call] = min(common[call], LOOKS)
    first = [call for call in cold if call not in common]
    points = [replace(point, cold=True) for point in _both_sides(operation, first)]
    return points + [
        point for point in _both_sides(operation, warm[0]) if point.nth <= common[point.call]
    ]


def _both_sides(operation: str, calls: Iterable[Call]) -> list[Point]:
    seen: Counter[Call] = Counter()
    points = []
    for call in calls:
        seen[call] += 1
        points += [Point(operation, call, seen[call], side) for side in SIDES]
    return points


def sample(points: Sequence[Point], size: int, seed: int) -> list[Point]:
    """So many points, at least one of each operation and of each side, in their order.

    Those come on top when ``size`` has no room for them.
    """
    chance = random.Random(seed)  # noqa: S311 - which tests run is no secret
    chosen: set[Point] = set()
    for operation in dict.fromkeys(point.operation for point in points):
        chosen.add(chance.choice([point for point in points if point.operation == operation]))
    for side in SIDES:
        if not any(point.side == side for point in chosen):
            chosen.add(chance.choice([point for point in points if point.side == side]))
    rest = [point for point in points if point not in chosen]
    chosen.update(chance.sample(rest, max(0, min(len(rest), size - len(chosen)))))
    return [point for point in points if point in chosen]

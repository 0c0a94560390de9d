# SPDX-License-Identifier: Apache-2.0
"""Reads what py-spy sampled: which packages and functions were on the processor.

A raw file has a line for each stack: ``outermost (a.py:1);...;innermost (b.py:2) 17``, where 17 is
in how many samples it was seen.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

GROUPS = {
    "taskflow": ("taskflow", "automaton", "networkx"),
    "sqlalchemy, oslo.db": ("sqlalchemy", "oslo_db", "migrate"),
    "HTTP": ("requests", "urllib3", "keystoneauth1", "http", "manilaclient", "keystoneclient"),
    "eventlet": ("eventlet", "greenlet"),
    "oslo": ("oslo_",),
    "Karbor": ("karbor",),
}
OURS = "karbor_manila"


@dataclass(frozen=True)
class Line:
    """A package or a function: in how many samples it was on the stack, and was the innermost."""

    name: str
    inclusive: int
    own: int


@dataclass(frozen=True)
class Profile:
    """Stacks, outermost frame first, and in how many samples each was seen."""

    stacks: tuple[tuple[tuple[str, ...], int], ...]

    @classmethod
    def parse(cls, lines: Iterable[str]) -> "Profile":
        """Read the lines of a raw file."""
        stacks = []
        for line in lines:
            frames, _, count = line.strip().rpartition(" ")
            if frames:
                stacks.append((tuple(frames.split(";")), int(count)))
        return cls(tuple(stacks))

    @property
    def samples(self) -> int:
        """All samples in which the process was on a processor."""
        return sum(count for _, count in self.stacks)

    def functions(self) -> list[Line]:
        """Return a line for each function, the one with most samples first."""
        inclusive: Counter[str] = Counter()
        own: Counter[str] = Counter()
        for frames, count in self.stacks:
            for frame in dict.fromkeys(frames):  # the outermost first
                inclusive[frame] += count
            own[frames[-1]] += count
        return _lines(inclusive, own)

    def packages(self) -> list[Line]:
        """Return a line for each group of packages, and for each room of ours.

        A sample is a group's own when the innermost frame of any group is its: what it calls of
        the standard library is its own as well.
        """
        inclusive: Counter[str] = Counter()
        own: Counter[str] = Counter()
        for frames, count in self.stacks:
            groups = [one for frame in frames for one in groups_of(frame)]
            for one in dict.fromkeys(groups):
                inclusive[one] += count
            innermost = [groups_of(frame)[-1] for frame in frames if groups_of(frame)]
            own[innermost[-1] if innermost else "other"] += count
            if not innermost:
                inclusive["other"] += count
        return _lines(inclusive, own)


def groups_of(frame: str) -> tuple[str, ...]:
    """Return the groups of ``function (path:line)``, the widest first; none for what is in none."""
    path = frame.rpartition(" (")[2].rstrip(")").rpartition(":")[0]
    parts = path.split("/")
    if parts[0] == OURS:
        room = parts[1].removesuffix(".py") if len(parts) > 1 else ""
        return (OURS, f"{OURS}/{room}")
    top = parts[0].removesuffix(".py")
    for name, packages in GROUPS.items():
        if any(top == one or (one.endswith("_") and top.startswith(one)) for one in packages):
            return (name,)
    return ()


def _lines(inclusive: Counter[str], own: Counter[str]) -> list[Line]:
    return [Line(name, count, own[name]) for name, count in inclusive.most_common()]

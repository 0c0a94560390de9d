# SPDX-License-Identifier: Apache-2.0
"""Which checkpoints of a plan may go when they are counted or grow old: plain values in, a decision
out.

A checkpoint is not one backup but one of each resource in it. So it is not checkpoints that are
counted but, for each resource, how many newer checkpoints hold it as well: what is missing from the
newer ones (broken, lost, deleted) pushes nothing out. In the usual case, in which every checkpoint
holds the same, that is Karbor's own rule: the newest ``max_backups`` stay.

* What may be the newest of a resource never goes, nor does the newest whole checkpoint.
* Copies are counted for themselves: however many there are, no original goes for them.
* What is held, or stamped later than now (common/stamps.py), stays, and nothing goes for it: it is
  not counted at all.
* What a failed checkpoint keeps goes once newer good ones hold all of it, and until then failed
  ones keep no more of a resource than ``max_backups``.
"""

import datetime
import math
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

#: What every checkpoint holds: a trace of its plan. A failed one that keeps nothing stays as long
#: as it is the newest, because it tells its reason.
_TRACE = ""


@dataclass(frozen=True)
class Kept:
    """One checkpoint at rest, by what it holds.

    :ivar day: of its making, UTC; Karbor tells no more of it
    :ivar good: whether it is available; if not, it is one that failed
    :ivar whole: whether it is good and nothing that it should hold is missing
    :ivar holds: the resources that it holds for certain
    :ivar perhaps: these, and those of which it is not known
    :ivar held: whether somebody holds it (:mod:`karbor_manila.common.holds`)
    :ivar ahead: whether it is stamped later than now
    """

    id: str
    day: datetime.date
    good: bool
    whole: bool
    holds: frozenset[str]
    perhaps: frozenset[str]
    is_copy: bool = False
    held: bool = False
    ahead: bool = False

    @property
    def is_apart(self) -> bool:
        """Whether it stays, and speaks for no other one."""
        return self.held or self.ahead


@dataclass(frozen=True)
class Rules:
    """What the user has asked for; None is no limit.

    :ivar most: checkpoints, at least 1
    :ivar days: the age in days that a checkpoint may reach
    """

    most: int | None = None
    days: int | None = None


@dataclass(frozen=True)
class Decision:
    """The newest first in each. ``going`` are good checkpoints, ``failed`` the others."""

    staying: list[Kept] = field(default_factory=list)
    going: list[Kept] = field(default_factory=list)
    failed: list[Kept] = field(default_factory=list)

    def without(self, ids: Collection[str]) -> "Decision":
        """None of these goes: an operation works with them."""
        return Decision(
            self.staying,
            [item for item in self.going if item.id not in ids],
            [item for item in self.failed if item.id not in ids],
        )


class _Newer:
    """What the newer checkpoints of one series, originals or copies, hold."""

    def __init__(self) -> None:
        self.whole = False
        self._good: Counter[str] = Counter()
        self._any: Counter[str] = Counter()

    def add(self, checkpoint: Kept) -> None:
        held = checkpoint.holds | {_TRACE}
        self._any.update(held)
        if checkpoint.good:
            self._good.update(held)
            self.whole |= checkpoint.whole

    def good(self, wanted: frozenset[str]) -> float:
        """How many newer good checkpoints hold each of these, at least."""
        return min((self._good[item] for item in wanted), default=math.inf)

    def any(self, wanted: frozenset[str]) -> float:
        """The same, failed ones included."""
        return min((self._any[item] for item in wanted), default=math.inf)

    def may_go(self, checkpoint: Kept) -> bool:
        """Whether nothing is lost with it, whatever the user has asked for."""
        if checkpoint.good:
            unique = checkpoint.whole and not self.whole
            return not unique and self.good(checkpoint.perhaps) >= 1
        return self.any(checkpoint.perhaps | {_TRACE}) >= 1


def decide(newest_first: Iterable[Kept], rules: Rules, today: datetime.date) -> Decision:
    """What goes of a plan's checkpoints, and what stays.

    :param today: UTC
    """
    decision = Decision()
    series = {True: _Newer(), False: _Newer()}
    for checkpoint in newest_first:
        if checkpoint.is_apart:
            if checkpoint.good:
                decision.staying.append(checkpoint)
            continue
        newer = series[checkpoint.is_copy]
        if newer.may_go(checkpoint) and _is_due(checkpoint, newer, rules, today):
            (decision.going if checkpoint.good else decision.failed).append(checkpoint)
            continue
        if checkpoint.good:
            decision.staying.append(checkpoint)
        # Only what stays speaks for older ones, or they could not go when their turn comes.
        newer.add(checkpoint)
    return decision


def _is_due(checkpoint: Kept, newer: _Newer, rules: Rules, today: datetime.date) -> bool:
    # As Karbor counts days (operations/retention_operation.py): whole ones since midnight, and more
    # than so many.
    aged = rules.days is not None and (today - checkpoint.day).days > rules.days
    if checkpoint.good:
        held_by = newer.good(checkpoint.perhaps)
    else:
        wanted = checkpoint.perhaps | {_TRACE}
        if newer.good(wanted) >= 1:
            return True
        held_by = newer.any(wanted)
    return aged or (rules.most is not None and held_by >= rules.most)


def may_go(checkpoint: Kept, newer_ones: Iterable[Kept]) -> bool:
    """Whether retention may remove this checkpoint, whatever its rules are.

    :param newer_ones: the newer checkpoints of the plan, in any order; read as far as is needed
    """
    if checkpoint.is_apart:
        return False
    newer = _Newer()
    if newer.may_go(checkpoint):
        return True
    for other in newer_ones:
        if other.is_copy == checkpoint.is_copy and not other.is_apart:
            newer.add(other)
            if newer.may_go(checkpoint):
                return True
    return False

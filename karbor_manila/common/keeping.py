# SPDX-License-Identifier: Apache-2.0
"""Which checkpoints of a plan its keep rules keep, and which go: plain values in, each with the
rules that say so out.

As with Karbor's own retention here (common/retention.py) it is not checkpoints that are
counted but, for each resource, those that hold it: what is missing from the newer ones pushes
nothing out. In the usual case, in which all hold the same, the newest checkpoint of each of the
last so many days (weeks, months, years) *that have one* stays. A day without one counts for none:
a schedule that stood still for a month costs nothing.

* Only good checkpoints are looked at; a failed one stays and speaks for none.
* The newest of each resource stays whatever the rules say, and so does the newest whole one.
* Copies are counted for themselves, by the times of their own making.
* One that is held stays and is counted for nothing: no other one goes for it. So does one that is
  stamped later than now (common/stamps.py).
* One of which it is not known whether it holds a share stays where it would if it did, and takes no
  other one's place.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from karbor_manila.common.keep_rules import KeepRules
from karbor_manila.common.turns import taking_turns

#: In the ``extra_info`` of a checkpoint as a list shows it: when it was made, UTC, ISO 8601.
MADE_AT = "made_at"

#: Words beside those of the rules.
NEWEST, NEWEST_WHOLE = "the newest of a share", "the newest whole one"
HELD, FAILED, NO_RULES = "held", "failed", "the plan has no keep rules"
AHEAD = "stamped later than now"
#: Stands before a rule that keeps one only if it holds what it may hold.
PERHAPS = "perhaps "


@dataclass(frozen=True)
class Made:
    """One checkpoint at rest, by when it was made and what it holds.

    :ivar made: with a time zone
    :ivar good: whether it is available
    :ivar whole: whether it is good and nothing that it should hold is missing
    :ivar holds: the resources that it holds for certain
    :ivar perhaps: these, and those of which it is not known
    :ivar held: whether somebody holds it
    :ivar ahead: whether it is stamped later than now
    """

    id: str
    made: datetime.datetime
    good: bool
    whole: bool
    holds: frozenset[str]
    perhaps: frozenset[str]
    is_copy: bool = False
    held: bool = False
    ahead: bool = False


@dataclass(frozen=True)
class Verdict:
    """What becomes of one checkpoint. ``why`` are the rules that keep it, and empty when it goes:
    none does."""

    checkpoint: Made
    why: tuple[str, ...]

    @property
    def stays(self) -> bool:
        """Whether it stays."""
        return bool(self.why)


def decide(found: Iterable[Made], rules: KeepRules) -> list[Verdict]:
    """What becomes of each checkpoint of a plan, the newest first.

    :param found: in any order; those on which nothing is at work
    :param rules: without any all of them stay
    """
    newest_first = sorted(found, key=lambda item: (item.made, item.id), reverse=True)
    if not rules:
        return [Verdict(item, (NO_RULES,)) for item in newest_first]
    why: dict[str, list[str]] = defaultdict(list)
    for item in newest_first:
        if said := _apart(item):
            why[item.id].append(said)
    for is_copy in (False, True):
        counted = [item for item in newest_first if item.is_copy == is_copy and not _apart(item)]
        for item_id, said in _kept(counted, rules):
            if said not in why[item_id]:
                why[item_id].append(said)
    return [Verdict(item, tuple(why[item.id])) for item in newest_first]


def _apart(item: Made) -> str:
    """Why one stays whatever the others are."""
    if item.held:
        return HELD
    if item.ahead:
        return AHEAD
    return "" if item.good else FAILED


def _kept(counted: Sequence[Made], rules: KeepRules) -> Iterable[tuple[str, str]]:
    """The ids of what stays, each with a rule; an id may come several times.

    :param counted: of one series, the newest first
    """
    moments = {item.id: rules.local(item.made) for item in counted}
    for holders in _by_resource(counted):
        for word, count, part in rules:
            parts: set[str] = set()
            for item, certain in holders:
                name = part(moments[item.id]) if part else item.id
                if name in parts:
                    continue
                if len(parts) == count:
                    break
                said = f"{word} {name if part else len(parts) + 1}"
                yield item.id, said if certain else PERHAPS + said
                if certain:
                    parts.add(name)
        for item, certain in holders:
            yield item.id, NEWEST if certain else PERHAPS + NEWEST
            if certain:
                break
    for item in counted:
        if item.whole:
            yield item.id, NEWEST_WHOLE
            break


def _by_resource(counted: Sequence[Made]) -> list[list[tuple[Made, bool]]]:
    """The checkpoints that may hold a resource, the newest first, each with whether it does for
    certain; those of resources that the same ones hold, once."""
    holding: dict[str, list[tuple[int, bool]]] = defaultdict(list)
    for place, item in enumerate(taking_turns(counted)):
        for resource in item.perhaps:
            holding[resource].append((place, resource in item.holds))
    different = sorted({tuple(places) for places in holding.values()})
    return [[(counted[place], certain) for place, certain in places] for places in different]

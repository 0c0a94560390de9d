# SPDX-License-Identifier: Apache-2.0
"""What a plan asks to be kept: ``keep_last``, ``keep_daily`` and so on, read from its parameters.

This module imports nothing of Karbor: the service and the tenant's commands read the same plan.
"""

import datetime
import zoneinfo
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from karbor_manila.common.errors import InvalidParameter

_SHARE = "OS::Manila::Share"

ZONE = "keep_time_zone"
_UTC = "UTC"

#: So much of one kind may be asked for (schemas/options.json).
MOST = 10_000

#: Names the part of the calendar that a moment is in, in words that people read.
Part = Callable[[datetime.datetime], str]


def _hour(moment: datetime.datetime) -> str:
    # The hour that summer time repeats is two hours, which only their offsets tell apart.
    return f"{moment:%Y-%m-%d %H:00 %z}"


def _week(moment: datetime.datetime) -> str:
    year, week, _day = moment.isocalendar()
    return f"{year}-W{week:02}"


#: By the parameter, of which part of the calendar the newest checkpoint is kept; a checkpoint
#: itself is the part of ``keep_last``, which has none.
PARTS: Mapping[str, Part | None] = {
    "keep_last": None,
    "keep_hourly": _hour,
    "keep_daily": lambda moment: f"{moment:%Y-%m-%d}",
    "keep_weekly": _week,
    "keep_monthly": lambda moment: f"{moment:%Y-%m}",
    "keep_yearly": lambda moment: f"{moment:%Y}",
}


@dataclass(frozen=True)
class KeepRules:
    """How much of each kind is kept.

    :ivar counts: by the parameter's name, at least 1; empty when the plan asks for nothing
    :ivar zone: in which days, weeks, months and years are counted
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    zone: str = _UTC

    def __bool__(self) -> bool:
        """Whether the plan asks for anything."""
        return bool(self.counts)

    def __iter__(self) -> Iterator[tuple[str, int, Part | None]]:
        """Each rule: its word (``daily``), its count, and the part of the calendar."""
        for name, part in PARTS.items():
            if name in self.counts:
                yield name.removeprefix("keep_"), self.counts[name], part

    def local(self, moment: datetime.datetime) -> datetime.datetime:
        """A moment on the clocks of the plan's users.

        :param moment: with a time zone
        """
        return moment.astimezone(zoneinfo.ZoneInfo(self.zone))


def of_plan(parameters: Mapping[str, Any] | None) -> KeepRules:
    """What the parameters of a plan ask for.

    They are of the whole plan wherever they stand, for all shares or for one: a dashboard asks for
    them in the form of each resource.

    :param parameters: as Karbor's API takes them, by ``OS::Manila::Share`` or
        ``OS::Manila::Share#<id>``; the values may be text
    :raises InvalidParameter: a value cannot be used, or two places say different things
    """
    found: dict[str, Any] = {}
    for key, values in parameters.items() if isinstance(parameters, Mapping) else ():
        if key.partition("#")[0] != _SHARE or not isinstance(values, Mapping):
            continue
        for name in (*PARTS, ZONE):
            given = values.get(name)
            if given is None or not str(given).strip():
                continue  # a form sends empty text for what was left alone
            value = _zone(given) if name == ZONE else _count(name, given)
            if found.setdefault(name, value) != value:
                why = f"elsewhere in this plan it is {found[name]!r}, and it is one for the plan"
                raise InvalidParameter(name, value, why)
    zone = found.pop(ZONE, _UTC)
    return KeepRules(found, zone)


def _count(name: str, given: Any) -> int:
    text = str(given).strip()
    if text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= MOST:
        return int(text)
    raise InvalidParameter(name, given, f"it takes a whole number, at least 1, at most {MOST}")


def _zone(given: Any) -> str:
    name = str(given).strip()
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # a path; a folder of zones
        why = "it takes the name of a time zone, such as UTC or Europe/Berlin"
        raise InvalidParameter(ZONE, given, why) from None
    return name

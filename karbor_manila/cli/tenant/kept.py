# SPDX-License-Identifier: Apache-2.0
"""A checkpoint as Karbor's API lists it, as the keep rules look at it.

The service reads the records of one that says something of a failure. Here it is taken by its
words alone: what a reason names it holds perhaps.
"""

import datetime
from collections.abc import Mapping
from typing import Any

from karbor_manila.cli.tenant import reading
from karbor_manila.common import keeping, left_out, stamps
from karbor_manila.common.holds import in_force
from karbor_manila.common.keeping import Made

_LONG_AGO = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def made_at(checkpoint: Mapping[str, Any]) -> tuple[datetime.datetime, bool]:
    """When a listed checkpoint was made, UTC, and whether that is exact; else the beginning of its
    day: of a service before this release."""
    exact = _usable(reading.extra_info(checkpoint).get(keeping.MADE_AT))
    return exact or _usable(checkpoint.get("created_at")) or _LONG_AGO, exact is not None


def is_ahead(checkpoint: Mapping[str, Any], now: datetime.datetime) -> bool:
    """Whether a listed checkpoint is stamped later than now.

    :param now: UTC
    """
    return stamps.is_ahead(made_at(checkpoint)[0], now)


def _usable(text: object) -> datetime.datetime | None:
    """A time that every time zone has: a forged one must not end the list with an error."""
    found = reading.moment(text)
    return found if found and _LONG_AGO.year <= found.year < datetime.MAXYEAR else None


def _ordered(checkpoint: Mapping[str, Any], place: int) -> datetime.datetime:
    moment, exact = made_at(checkpoint)
    # Not before the beginning of its day: that would be another one.
    return moment if exact else moment + datetime.timedelta(seconds=1, microseconds=-place)


def as_made(checkpoint: Mapping[str, Any], place: int, now: datetime.datetime) -> Made:
    """What the rules take; see service/retention/facts.py, which has more to read.

    :param place: in the list, from 0, the newest first: of those of one day it is the only order
    :param now: UTC
    """
    info = reading.extra_info(checkpoint)
    good = checkpoint["status"] == reading.GOOD
    keys = reading.keys(checkpoint) - left_out.keys(info)
    reasons, lost = info.get("reasons"), info.get("lost")
    told = frozenset(reasons if isinstance(reasons, dict) else ())
    gone = frozenset(f"{reading.SHARE}#{each}" for each in (lost if isinstance(lost, dict) else ()))
    perhaps = keys - gone
    holds = perhaps - told
    return Made(
        id=str(checkpoint["id"]),
        made=_ordered(checkpoint, place),
        good=good,
        whole=good and bool(keys) and holds == keys and not left_out.broken(info),
        holds=holds,
        perhaps=perhaps,
        is_copy=reading.is_copy(checkpoint),
        held=in_force(info, now) is not None,
        ahead=is_ahead(checkpoint, now),
    )

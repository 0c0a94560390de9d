# SPDX-License-Identifier: Apache-2.0
"""A hold as it stands in a checkpoint: what is in force, and what of it cannot be understood."""

import datetime

import pytest

from karbor_manila.common import holds
from karbor_manila.common.holds import KEY, Hold

NOON = datetime.datetime(2026, 11, 27, 12, 0, tzinfo=datetime.UTC)
HOLD = Hold("the auditor", "u1", "p1", "2026-11-20T10:00:00+00:00", datetime.date(2026, 11, 27))


def test_what_is_written_is_read():
    assert holds.of({KEY: HOLD.dump()}) == HOLD
    assert holds.of({}) is None
    assert holds.in_force({}, NOON) is None


def test_a_hold_is_over_with_the_end_of_its_last_day_in_utc():
    last = NOON.replace(hour=23, minute=59, second=59)
    assert holds.in_force({KEY: HOLD.dump()}, last) == HOLD
    assert holds.in_force({KEY: HOLD.dump()}, last + datetime.timedelta(seconds=1)) is None
    for_ever = Hold("why", "u1", "p1", "2020-01-01T00:00:00+00:00")
    assert holds.in_force({KEY: for_ever.dump()}, NOON.replace(year=2999)) == for_ever


@pytest.mark.parametrize(
    "stored", ["a text", 7, [], {}, {"until": "soon"}, {"why": None, "until": 20261127}]
)
def test_what_cannot_be_understood_holds(stored):
    found = holds.in_force({KEY: stored}, NOON.replace(year=2999))
    assert found is not None
    assert found.until is None
    assert "unknown" in found.told()


def test_it_is_told_with_who_why_since_and_until():
    assert HOLD.told() == (
        "held since 2026-11-20T10:00:00+00:00 by user u1, until the end of 2026-11-27 (UTC): "
        "'the auditor'"
    )

# SPDX-License-Identifier: Apache-2.0
"""What a plan asks to be kept is read from its parameters, wherever they stand in it."""

import datetime
import pickle
from typing import Any

import pytest

from karbor_manila.common import keep_rules
from karbor_manila.common.errors import InvalidParameter
from karbor_manila.common.keep_rules import KeepRules, of_plan

SHARE = "OS::Manila::Share"
ONE, OTHER = f"{SHARE}#{'1' * 8}", f"{SHARE}#{'2' * 8}"


@pytest.mark.parametrize(
    "parameters",
    [
        None,
        {},
        {SHARE: {}},
        {SHARE: {"description": "nightly"}},
        {SHARE: {"keep_daily": "", "keep_weekly": None, "keep_time_zone": " "}},
        {SHARE: {"keep_time_zone": "Europe/Berlin"}},
        {"OS::Cinder::Volume": {"keep_daily": "7"}},
        {SHARE: None},
    ],
)
def test_a_plan_that_says_nothing_has_no_rule(parameters: Any) -> None:
    assert not of_plan(parameters)


def test_values_come_as_text_or_as_numbers() -> None:
    rules = of_plan(
        {SHARE: {"keep_daily": "7", "keep_monthly": 12, "keep_time_zone": "Asia/Tokyo"}}
    )
    assert rules == KeepRules({"keep_daily": 7, "keep_monthly": 12}, "Asia/Tokyo")
    assert [(word, count) for word, count, _part in rules] == [("daily", 7), ("monthly", 12)]


def test_they_are_of_the_whole_plan_wherever_they_stand() -> None:
    """A dashboard asks for them in the form of each share."""
    given = {SHARE: {"keep_last": "3"}, ONE: {"keep_last": "3"}, OTHER: {"keep_daily": "7"}}
    assert of_plan(given).counts == {"keep_last": 3, "keep_daily": 7}


def test_two_places_that_differ_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="elsewhere in this plan it is 3"):
        of_plan({SHARE: {"keep_last": "3"}, ONE: {"keep_last": "4"}})


@pytest.mark.parametrize(
    "value", ["0", "-1", "1.5", "seven", "1_0", "٣", "10001", "9" * 30, True, []]
)
def test_a_count_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(InvalidParameter, match="keep_daily.*whole number"):
        of_plan({SHARE: {"keep_daily": value}})


@pytest.mark.parametrize(
    "value", ["Mars/Base", "../../etc/passwd", "/etc/localtime", "Europe", "\0"]
)
def test_a_zone_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(InvalidParameter, match="keep_time_zone.*Europe/Berlin"):
        of_plan({SHARE: {"keep_daily": "7", "keep_time_zone": value}})


def parts(zone: str, *moments: str) -> list[list[str]]:
    counts = dict.fromkeys(keep_rules.PARTS, 1)
    rules = KeepRules(counts, zone)
    found = [rules.local(datetime.datetime.fromisoformat(each)) for each in moments]
    return [[part(each) for each in found] for _word, _count, part in rules if part]


def test_the_calendar_is_the_one_of_the_zone() -> None:
    _hours, days, weeks, months, years = parts(
        "Europe/Berlin", "2026-12-31T22:59:59+00:00", "2026-12-31T23:00:00+00:00"
    )
    assert days == ["2026-12-31", "2027-01-01"]
    assert weeks == ["2026-W53", "2026-W53"]
    assert months == ["2026-12", "2027-01"]
    assert years == ["2026", "2027"]


def test_the_hour_that_summer_time_repeats_is_two_hours_of_one_day() -> None:
    hours, days, *_rest = parts(
        "Europe/Berlin", "2026-10-25T00:30:00+00:00", "2026-10-25T01:30:00+00:00"
    )
    assert hours == ["2026-10-25 02:00 +0200", "2026-10-25 02:00 +0100"]
    assert len(set(days)) == 1


def test_rules_can_be_handed_on() -> None:
    rules = of_plan({SHARE: {"keep_last": 3}})
    assert pickle.loads(pickle.dumps(rules)) == rules

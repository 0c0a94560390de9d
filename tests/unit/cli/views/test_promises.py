# SPDX-License-Identifier: Apache-2.0
"""What schedules promise, by either of Karbor's two formats, and what hostile ones do."""

import datetime

import pytest

from karbor_manila.cli.views.promises import promises, runs_of
from tests.fakes.listed import HOUR, NOW, World

CALENDAR = (
    "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:1\nDTSTART:20260101T000000Z\n"
    "RRULE:{rule}\nEND:VEVENT\nEND:VCALENDAR"
)


def trigger(pattern, **more):
    return {"id": "t", "properties": {"pattern": pattern, **more}}


@pytest.mark.parametrize(
    ("pattern", "hours"),
    [
        ("0 2 * * *", 24),
        ("0 */6 * * *", 6),
        ("0 2 * * 1-5", 72),
        (CALENDAR.format(rule="FREQ=WEEKLY"), 168),
        (CALENDAR.format(rule="FREQ=WEEKLY;INTERVAL=2;BYDAY=MO"), 336),
        (CALENDAR.format(rule="FREQ=MONTHLY;BYDAY=SU;BYSETPOS=-1"), 35 * 24),
        (CALENDAR.format(rule="FREQ=DAILY").replace("\n", "\\n"), 24),
    ],
)
def test_the_longest_time_between_two_runs_is_promised(pattern, hours):
    world = World()
    plan = world.plan("home", "s1", cron=pattern)
    assert promises(world.listed())[plan["id"]].interval == hours * HOUR


def test_the_next_run_is_after_the_start_and_before_the_end():
    late = trigger("0 2 * * *", start_time="2027-01-01T00:00:00")
    assert runs_of(late, NOW)[0] == datetime.datetime(2027, 1, 1, 2, tzinfo=datetime.UTC)
    assert runs_of(trigger("0 2 * * *", end_time="2026-11-27T12:00:00"), NOW) == []


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "no pattern",
        "0 0 30 2 *",
        "BEGIN:VCALENDAR",
        CALENDAR.format(rule="FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30"),
        CALENDAR.format(rule="FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"),
        CALENDAR.format(rule="FREQ=HOURLY;INTERVAL=168;BYDAY=MO"),
        CALENDAR.format(rule="FREQ=NEVER"),
        CALENDAR.format(rule="FREQ=DAILY;UNTIL=20200101T000000Z"),
        CALENDAR.replace("RRULE:{rule}\n", ""),
    ],
)
def test_a_pattern_that_never_runs_promises_nothing(pattern):
    assert runs_of(trigger(pattern), NOW) == []


def test_a_schedule_that_is_off_promises_nothing_and_the_strictest_retention_counts():
    world = World()
    plan = world.plan("home", "s1")
    world.schedule(plan, "0 * * * *", enabled=False)
    world.schedule(plan, "0 2 * * *", max_backups="7", retention_duration="-1")
    world.schedule(plan, "0 3 * * 0", max_backups=4, retention_duration=90)
    promise = promises(world.listed())[plan["id"]]
    assert (promise.interval, promise.most, promise.keep_days) == (24 * HOUR, 4, 90)
    assert promise.retention


def test_a_plan_without_a_schedule_is_never_too_old_unless_somebody_says_so():
    world = World()
    plan = world.plan("home", "s1", cron="0 2 * * *")
    promise = promises(world.listed())[plan["id"]]
    assert promise.oldest() == 30 * HOUR
    assert promise.oldest(max_age=1) == HOUR


def test_a_number_that_no_plan_has_room_for_is_no_limit():
    world = World()
    plan = world.plan("home", "s1", cron="0 2 * * *", max_backups="9" * 5000)
    assert promises(world.listed())[plan["id"]].most is None

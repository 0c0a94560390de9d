# SPDX-License-Identifier: Apache-2.0
"""Karbor's schedules and what we tell of them on hosts whose clocks are put back and forward: both
know UTC alone. Karbor's own triggers run here, with time injected."""

import datetime
from collections.abc import Iterator
from pathlib import Path
from time import tzset
from types import SimpleNamespace
from typing import Any

import pytest
from karbor import db as karbor_db_api
from karbor.services.operationengine.engine.triggers.timetrigger import time_trigger_multi_node
from karbor.services.operationengine.engine.triggers.timetrigger.timeformats.calendar_time import (
    ICal,
)
from oslo_config import cfg

from karbor_manila.database.requested import as_karbor
from karbor_manila.service.errors import RunMissed
from tests.unit.karbor_stage import configured, database

#: When clocks in Berlin show 02:30 twice, and when they do not show it at all.
BACK, FORWARD = datetime.datetime(2026, 10, 25), datetime.datetime(2027, 3, 28)
TRIGGER = "00000000-0000-4000-8000-000000000007"
HALF_AN_HOUR = datetime.timedelta(minutes=30)


class Clock(datetime.datetime):
    """The time that Karbor's trigger reads."""

    at = BACK

    @classmethod
    def utcnow(cls) -> datetime.datetime:
        return cls.at


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A host in Berlin, with Karbor's trigger on a database."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    tzset()
    module: Any = time_trigger_multi_node
    monkeypatch.setattr(module, "datetime", Clock)
    looping = SimpleNamespace(start=lambda **_options: None)
    monkeypatch.setattr(module.loopingcall, "FixedIntervalLoopingCall", lambda _loop: looping)
    monkeypatch.setattr(module.TimeTrigger, "_loopingcall", None)
    monkeypatch.setattr(module.TimeTrigger, "_triggers", {})
    with configured(tmp_path), database(monkeypatch):
        yield
    monkeypatch.undo()
    tzset()


def runs(
    monkeypatch: pytest.MonkeyPatch, pattern: str, time_format: str, day: datetime.datetime
) -> list[str]:
    """When a trigger ran in the 48 hours from the midnight (UTC) before a day, looked at every
    half hour; the time for which each run was due."""
    Clock.at = day - datetime.timedelta(days=1)
    cfg.CONF.set_override("time_format", time_format)
    due: list[str] = []
    trigger_class: Any = time_trigger_multi_node.TimeTrigger
    monkeypatch.setattr(
        trigger_class,
        "_trigger_operations",
        classmethod(lambda _cls, _id, when, _window: due.append(f"{when:%d %H:%M}")),
    )
    try:
        properties = {"pattern": pattern, "window": 900, "start_time": f"{Clock.at:%F %T}"}
        trigger_class(TRIGGER, properties, None)
        while Clock.at < day + datetime.timedelta(days=1):
            trigger_class._loop()
            Clock.at += HALF_AN_HOUR
    finally:
        cfg.CONF.clear_override("time_format")
        karbor_db_api.trigger_execution_delete(as_karbor(), None, TRIGGER)
    return due


@pytest.mark.parametrize("day", [BACK, FORWARD])
@pytest.mark.usefixtures("host")
def test_a_run_in_an_hour_that_happens_twice_or_never_comes_once_a_day(
    monkeypatch: pytest.MonkeyPatch, day: datetime.datetime
) -> None:
    once_a_day = [f"{day - datetime.timedelta(days=1):%d} 02:30", f"{day:%d} 02:30"]
    assert runs(monkeypatch, "30 2 * * *", "crontab", day) == once_a_day
    rule = "RRULE:FREQ=DAILY;BYHOUR=2;BYMINUTE=30;BYSECOND=0"
    assert runs(monkeypatch, calendar(rule), "calendar", day) == once_a_day


@pytest.mark.parametrize("day", [BACK, FORWARD])
@pytest.mark.usefixtures("host")
def test_an_hourly_run_comes_24_times_a_day(
    monkeypatch: pytest.MonkeyPatch, day: datetime.datetime
) -> None:
    found = runs(monkeypatch, "30 * * * *", "crontab", day)
    assert len(found) == len(set(found)) == 48


def test_a_time_zone_in_a_calendar_is_karbors_to_ignore() -> None:
    """Written down in doc/tasks/schedule.md: DTSTART and its zone say nothing, the making of the
    trigger does."""
    made = datetime.datetime(2026, 10, 20, 14, 0, 7)
    lines = "DTSTART;TZID=Europe/Berlin:20261001T023000\nRRULE:FREQ=DAILY"
    assert ICal(made, calendar(lines)).compute_next_time(BACK) == BACK.replace(hour=14, second=7)


@pytest.mark.usefixtures("host")
def test_what_is_told_of_a_run_is_utc_and_says_so() -> None:
    due = datetime.datetime(2026, 10, 25, 0, 30, tzinfo=datetime.UTC)
    assert "due at 2026-10-25 00:30 UTC" in str(RunMissed("op", "nightly", due, "Why."))


def calendar(lines: str) -> str:
    return f"BEGIN:VCALENDAR\nBEGIN:VEVENT\n{lines}\nEND:VEVENT\nEND:VCALENDAR"

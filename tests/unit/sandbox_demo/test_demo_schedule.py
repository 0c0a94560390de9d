# SPDX-License-Identifier: Apache-2.0
"""The schedule of the demonstration: due soon, once, and gone afterwards."""

import datetime
import types

from sandbox.demo import schedule

PLAN = types.SimpleNamespace(id="plan", provider_id="provider")


class Karbor:
    """Remembers what it is asked, and takes its time."""

    def __init__(self, clock, seconds):
        self.calls = []
        self.triggers = types.SimpleNamespace(create=self.trigger, delete=self.deleter("trigger"))
        self.scheduled_operations = types.SimpleNamespace(
            create=self.operation, delete=self.deleter("operation")
        )
        self._clock, self._seconds = clock, iter(seconds)

    def trigger(self, name, kind, properties):
        self.calls.append((kind, properties["pattern"]))
        return types.SimpleNamespace(id="t")

    def operation(self, name, kind, trigger, definition):
        self.calls.append((kind, trigger, definition))
        self._clock.now += datetime.timedelta(seconds=next(self._seconds))
        return types.SimpleNamespace(id="o")

    def deleter(self, what):
        return lambda thing: self.calls.append(("delete", what, thing))


def at(text):
    return datetime.datetime.fromisoformat(text + "+00:00")


def test_it_is_due_at_the_next_full_minute_that_leaves_time():
    assert schedule.next_minute(at("2026-11-20T23:59:10")) == at("2026-11-21T00:00:00")
    assert schedule.next_minute(at("2026-11-20T12:00:55.5")) == at("2026-11-20T12:02:00")
    assert schedule.next_minute(at("2026-11-20T12:00:00")) == at("2026-11-20T12:01:00")


def test_it_runs_once_a_day_so_that_it_runs_once_here(monkeypatch):
    clock = types.SimpleNamespace(now=at("2026-11-20T12:00:30"))
    monkeypatch.setattr(schedule, "now", lambda: clock.now)
    karbor = Karbor(clock, [1])
    made = schedule.start(karbor, PLAN)
    assert made.seconds_left() == 29
    assert karbor.calls == [
        ("time", "1 12 * * *"),
        ("protect", "t", {"provider_id": "provider", "plan_id": "plan"}),
    ]


def test_one_that_was_set_up_too_late_is_removed_and_made_anew(monkeypatch):
    clock = types.SimpleNamespace(now=at("2026-11-20T12:00:30"))
    monkeypatch.setattr(schedule, "now", lambda: clock.now)
    karbor = Karbor(clock, [40, 1])
    made = schedule.start(karbor, PLAN)
    assert made.due == at("2026-11-20T12:02:00")
    removed = [call for call in karbor.calls if call[0] == "delete"]
    assert removed == [("delete", "operation", "o"), ("delete", "trigger", "t")]

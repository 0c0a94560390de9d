# SPDX-License-Identifier: Apache-2.0
"""The views as metrics: what Prometheus reads of planted data."""

import datetime
from collections import Counter
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from karbor_manila.cli.tenant import exported_names
from karbor_manila.cli.tenant.exported import Collector
from karbor_manila.cli.tenant.looking import Looked
from karbor_manila.cli.views import audited
from karbor_manila.cli.views.face import face
from karbor_manila.cli.views.listed import Limits
from tests.fakes.listed import DAY, HOUR, NOW, SHARE, World

AUDIT = [
    {
        "Finding": "orphan",
        "Snapshot": "snap-9",
        "Share": "s1",
        "Checkpoint": "cp-9",
        "Project": "p1",
        "Why": "no checkpoint has it",
        "Action": "remove",
    }
]


class Shown:
    """What a scrape gives."""

    def __init__(self, looked: Looked, most: int = 100) -> None:
        registry = CollectorRegistry()
        registry.register(Collector(lambda: looked, most))
        self.text = generate_latest(registry).decode()
        self.families = list(text_string_to_metric_families(self.text))

    def values(self, name: str) -> dict[tuple[str, ...], float]:
        """By the values of its labels, in the order of the labels' names."""
        return {
            tuple(sample.labels[label] for label in sorted(sample.labels)): sample.value
            for family in self.families
            for sample in family.samples
            if sample.name == f"karbor_manila_{name}"
        }

    def of(self, plan: str, name: str, **more: str) -> float | None:
        """That of one plan."""
        found = [
            sample.value
            for family in self.families
            for sample in family.samples
            if sample.name == f"karbor_manila_{name}"
            and sample.labels["plan"] == plan
            and more.items() <= sample.labels.items()
        ]
        assert len(found) < 2
        return found[0] if found else None


def shown(world: World, *, most: int = 100, audit: Any = None, **limits: Any) -> Shown:
    found = None if audit is None else audited.read(audit)
    seen = face(world.listed(shares=None), Limits(**limits), found)
    at = NOW - datetime.timedelta(hours=2) if audit is not None else None
    looked = Looked(seen, at, "good", 1.5, Counter(good=3, failed=1))
    return Shown(looked, most)


def test_a_plan_has_the_time_of_its_newest_good_checkpoint_and_what_is_promised() -> None:
    world = World()
    plan = world.plan("home", "s1", cron="0 2 * * *")
    world.checkpoint(plan, 3 * HOUR)
    told = shown(world)
    made = NOW.timestamp() - 3 * HOUR
    assert told.of("home", "plan_has_good_checkpoint") == 1
    assert told.of("home", "plan_newest_good_timestamp_seconds") == made
    assert told.of("home", "plan_expected_interval_seconds") == DAY
    assert told.of("home", "plan_promised_age_seconds") == 30 * HOUR
    later = datetime.datetime(2026, 11, 28, 2, 0, tzinfo=datetime.UTC).timestamp()
    assert told.of("home", "plan_next_run_timestamp_seconds") == later
    assert told.of("home", "plan_shares") == 1
    assert told.of("home", "plan_problems") == 0


def test_what_a_plan_has_not_is_not_shown_as_a_number() -> None:
    world = World()
    world.plan("home", "s1")
    told = shown(world)
    assert told.of("home", "plan_has_good_checkpoint") == 0
    for name in (
        "plan_newest_good_timestamp_seconds",
        "plan_expected_interval_seconds",
        "plan_promised_age_seconds",
        "plan_next_run_timestamp_seconds",
        "plan_last_drill_timestamp_seconds",
        "plan_last_drill_good",
    ):
        assert told.of("home", name) is None


@pytest.mark.parametrize(
    ("status", "expected"), [("available", "good"), ("error", "failed"), ("protecting", "running")]
)
def test_the_last_status_of_a_plan_is_one_of_few(status: str, expected: str) -> None:
    world = World()
    world.checkpoint(world.plan("home", "s1"), HOUR, status=status)
    told = shown(world)
    statuses = {
        status: told.of("home", "plan_last_status", status=status)
        for status in ("good", "partial", "failed", "missed", "running", "none")
    }
    assert statuses == {name: float(name == expected) for name in statuses}


def test_failed_stuck_and_drilled_are_shown_of_their_plan() -> None:
    world = World()
    plan = world.plan("home", "s1")
    good = world.checkpoint(plan, 3 * DAY)
    world.checkpoint(plan, 2 * DAY, status="error")
    world.checkpoint(plan, 25 * HOUR, status="protecting")
    world.drill(good, DAY, {}, {"s1": "It did not come back."})
    told = shown(world)
    assert told.of("home", "plan_failed_checkpoints") == 1
    assert told.of("home", "plan_stuck_checkpoints") == 1
    assert told.of("home", "plan_last_drill_good") == 0
    assert told.of("home", "plan_last_drill_timestamp_seconds") == NOW.timestamp() - DAY
    assert told.values("stuck_runs")["protect",] == 1
    assert told.values("oldest_running_timestamp_seconds") == {
        ("protect",): NOW.timestamp() - 25 * HOUR
    }


def test_drills_are_shown_of_all_shares_together() -> None:
    world = World()
    plan = world.plan("home", "s1", "s2", "s3")
    good = world.checkpoint(plan, 3 * DAY)
    world.drill(good, DAY, {"s1": 10.0, "s2": 30.0}, {"s3": "It did not come back."})
    told = shown(world)
    assert told.values("drilled_shares") == {(): 2}
    assert told.values("drills_overdue_shares") == {(): 1}
    assert told.values("drills_failed_shares") == {(): 1}
    assert told.values("drill_duration_median_seconds") == {(): 20.0}
    assert told.values("drill_duration_worst_seconds") == {(): 30.0}


def test_runs_are_counted_by_operation_and_result_and_0_is_there() -> None:
    world = World()
    plan = world.plan("home", "s1")
    world.checkpoint(plan, HOUR)
    world.checkpoint(plan, 2 * HOUR, status="error", reasons={f"{SHARE}#s1": "No."})
    world.missed(plan, 3 * HOUR, "No token.")
    runs = shown(world).values("recent_runs")
    assert (runs["protect", "good"], runs["protect", "failed"], runs["protect", "missed"]) == (
        1,
        1,
        1,
    )
    assert runs["restore", "failed"] == 0


def test_shares_are_counted_by_how_they_stand() -> None:
    world = World()
    world.checkpoint(world.plan("a", "s1", cron="0 2 * * *"), HOUR)
    world.checkpoint(world.plan("b", "s2", cron="0 2 * * *"), 3 * DAY)
    world.plan("c", "s3")
    assert shown(world).values("shares") == {
        ("protected",): 1,
        ("too_old",): 1,
        ("not_protected",): 1,
        ("left_out",): 0,
    }


def test_orphans_come_from_an_audit_and_without_one_nothing_is_said_of_them() -> None:
    told = shown(World(), audit=AUDIT)
    assert told.values("audit_open_findings") == {("orphan",): 1, ("lost",): 0}
    assert told.values("audit_timestamp_seconds") == {(): NOW.timestamp() - 2 * HOUR}
    without = shown(World())
    assert without.values("audit_open_findings") == {}
    assert without.values("audit_timestamp_seconds") == {}


def test_the_exporter_tells_how_old_its_data_is_and_how_its_looks_ended() -> None:
    told = shown(World())
    assert told.values("exporter_data_timestamp_seconds") == {(): NOW.timestamp()}
    assert told.values("exporter_last_look_good") == {(): 1}
    assert told.values("exporter_looks_total") == {("good",): 3, ("partial",): 0, ("failed",): 1}
    assert told.values("exporter_last_look_seconds") == {(): 1.5}


def test_before_the_first_look_there_is_no_plan_and_no_time() -> None:
    told = Shown(Looked())
    assert told.values("plans") == {}
    assert told.values("exporter_data_timestamp_seconds") == {}
    assert told.values("exporter_last_look_good") == {(): 0}


def test_only_the_worst_plans_have_metrics_of_their_own() -> None:
    world = World()
    for number in range(5):
        world.checkpoint(world.plan(f"well-{number}", f"s{number}"), HOUR)
    world.plan("bad", "s9")
    told = shown(world, most=2)
    assert len(told.values("plan_has_good_checkpoint")) == 2
    assert told.of("bad", "plan_has_good_checkpoint") == 0
    assert told.values("plans") == {(): 6}
    assert told.values("plans_not_shown") == {(): 4}


@pytest.mark.parametrize(
    "name",
    ['"} 1\nkarbor_manila_plans 99', "a\x1b[31mb", "back\\slash", "\u202etxt", "a" * 300],
)
def test_a_hostile_name_of_a_plan_stays_one_label(name: str) -> None:
    world = World()
    world.checkpoint(world.plan(name, "s1"), HOUR)
    told = shown(world)
    assert told.values("plans") == {(): 1}
    ((labels, value),) = told.values("plan_has_good_checkpoint").items()
    assert value == 1
    shown_name = labels[0]
    assert len(shown_name) <= 255
    assert shown_name.isprintable()


def test_no_id_of_a_checkpoint_or_a_share_is_shown() -> None:
    world = World()
    plan = world.plan("home", "share-id-1")
    world.drill(world.checkpoint(plan, HOUR), HOUR / 2, {"share-id-1": 3.0})
    told = shown(world, audit=AUDIT)
    for word in ("share-id-1", "cp-0", "snap-9", "cp-9"):
        assert word not in told.text
    labels = {
        label for family in told.families for sample in family.samples for label in sample.labels
    }
    assert labels <= {
        "project_id", "plan_id", "plan", "status", "state", "operation", "result", "finding",
    }  # fmt: skip


def test_all_that_is_shown_is_in_the_catalogue_and_in_its_order() -> None:
    world = World()
    world.checkpoint(world.plan("home", "s1"), HOUR)
    expected = [metric.name.removesuffix("_total") for metric in exported_names.CATALOGUE]
    assert [family.name for family in shown(world).families] == expected

# SPDX-License-Identifier: Apache-2.0
"""The rules of Prometheus: each fires on what it is for, and none does on a good day."""

import datetime
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from karbor_manila.cli.tenant import exported_names
from karbor_manila.cli.tenant.exported import Collector as Exported
from karbor_manila.cli.tenant.looking import GOOD, PARTIAL, Looked
from karbor_manila.cli.views import audited
from karbor_manila.cli.views.face import face
from karbor_manila.telemetry import metric_names
from karbor_manila.telemetry.collector import Collector, Lease
from karbor_manila.telemetry.dispatch import Counts
from karbor_manila.telemetry.metrics import Metrics
from tests.fakes.listed import DAY, HOUR, NOW, SHARE, World
from tests.unit.telemetry.listeners import event
from tests.unit.tree import rule_runs

CATALOGUE = {each.name: each for each in (*exported_names.CATALOGUE, *metric_names.CATALOGUE)}
ALERTS = rule_runs.alerts()
NIGHTLY = "0 2 * * *"

#: Each planted trouble, and what fires on it.
OF_PLANS = {
    "KarborManilaPlanNotProtected", "KarborManilaPlanTooOld", "KarborManilaPlanFailed",
    "KarborManilaPlanPartial", "KarborManilaStuck", "KarborManilaDrillFailed",
    "KarborManilaDrillsOverdue", "KarborManilaSnapshotsLost", "KarborManilaOrphans",
    "KarborManilaDataMissing",
}  # fmt: skip
OF_A_DEAD_EXPORTER = {"KarborManilaDataOld", "KarborManilaAuditOld", "KarborManilaPlanTooOld"}
OF_NO_EXPORTER = {"KarborManilaExporterGone"}
OF_PROTECTION = {
    "KarborManilaLeaseNotFresh", "KarborManilaLeaseLapsed", "KarborManilaOperationsFail",
    "KarborManilaReconciliationFails", "KarborManilaClaimOld", "KarborManilaEventsLost",
}  # fmt: skip

with_promtool = pytest.mark.skipif(not rule_runs.PROMTOOL, reason=rule_runs.MISSING)


def exported(world: World, findings: tuple[str, ...] = (), result: str = GOOD) -> Exported:
    found = [audited.Found(kind, "snap", "s1", "cp", "p1", "why", "none") for kind in findings]
    at = NOW - datetime.timedelta(hours=1)
    looked = Looked(face(world.listed(shares=None), audit=found), at, result, 2.0, Counter())
    return Exported(lambda: looked, 100)


def good_day() -> World:
    """Plans that are as they should be, and drilled."""
    world = World()
    for number in range(3):
        plan = world.plan(f"plan {number}", f"s{number}", cron=NIGHTLY)
        world.drill(world.checkpoint(plan, 8 * HOUR), 2 * HOUR, {f"s{number}": 20.0})
    return world


def bad_day() -> World:
    """Each plan has a trouble of its own."""
    world = good_day()
    world.plan("never", "s10")
    world.checkpoint(world.plan("late", "s11", cron=NIGHTLY), 5 * DAY)
    failed = world.plan("failed", "s12", cron=NIGHTLY)
    world.checkpoint(failed, 20 * HOUR)
    world.checkpoint(failed, HOUR, status="error", reasons={f"{SHARE}#s12": "No quota."})
    partial = world.plan("partial", "s13", "s14", cron=NIGHTLY)
    world.checkpoint(partial, 20 * HOUR)
    world.checkpoint(partial, HOUR, reasons={f"{SHARE}#s13": "Its snapshot is lost."})
    stuck = world.plan("stuck", "s15", cron=NIGHTLY)
    world.checkpoint(stuck, 26 * HOUR)
    world.checkpoint(stuck, 25 * HOUR, status="protecting")
    drilled = world.plan("drilled", "s16", cron=NIGHTLY)
    world.drill(world.checkpoint(drilled, 8 * HOUR), HOUR, {}, {"s16": "It did not come back."})
    return world


def protection(*, lease: Lease, claimed_for: float) -> Collector:
    """A karbor-protection at promtool's time 0."""
    counted = Metrics()
    counted.note(event())
    counted.watch(lambda: {"zaqar": Counts(delivered=5, dropped=0, failed=0, waiting=0)})
    since = datetime.datetime.fromtimestamp(-claimed_for, datetime.UTC)
    return Collector(counted, held=lambda: [("restore", since)], leases=lambda: {"prov": lease})


LEASE = Lease(True, 3.0, 0)
GOOD_DAY = rule_runs.planted(exported(good_day()), since=NOW.timestamp())
GOOD_PROCESS = rule_runs.planted(protection(lease=LEASE, claimed_for=600.0))


@with_promtool
def test_prometheus_takes_the_rules() -> None:
    assert rule_runs.PROMTOOL
    ran = subprocess.run(
        [rule_runs.PROMTOOL, "check", "rules", str(rule_runs.RULES)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr


@with_promtool
def test_prometheus_has_nothing_against_what_we_show() -> None:
    assert rule_runs.PROMTOOL
    registry = CollectorRegistry()
    for each in (exported(bad_day(), ("lost",)), protection(lease=LEASE, claimed_for=600.0)):
        registry.register(each)
    ran = subprocess.run(
        [rule_runs.PROMTOOL, "check", "metrics"],
        input=generate_latest(registry), capture_output=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, b"")


@with_promtool
def test_on_a_good_day_none_fires(tmp_path: Path) -> None:
    assert rule_runs.firing(tmp_path, [*GOOD_DAY, *GOOD_PROCESS]) == set()


@with_promtool
def test_on_a_bad_day_all_about_plans_fire(tmp_path: Path) -> None:
    bad = exported(bad_day(), ("orphan", "lost", "orphan"), PARTIAL)
    given = rule_runs.planted(bad, since=NOW.timestamp())
    assert rule_runs.firing(tmp_path, [*given, *GOOD_PROCESS]) == OF_PLANS


@with_promtool
def test_an_exporter_that_sees_nothing_new_is_not_taken_for_a_good_day(tmp_path: Path) -> None:
    looked = exported(good_day())
    world = rule_runs.planted(looked, since=NOW.timestamp() + 25 * HOUR, frozen=True)
    assert rule_runs.firing(tmp_path, world) == OF_A_DEAD_EXPORTER


@with_promtool
def test_an_exporter_that_is_gone_is_told(tmp_path: Path) -> None:
    assert rule_runs.firing(tmp_path, GOOD_PROCESS) == OF_NO_EXPORTER


@with_promtool
def test_what_goes_wrong_in_a_karbor_protection_fires(tmp_path: Path) -> None:
    bad = rule_runs.planted(
        protection(lease=Lease(False, 600.0, 0), claimed_for=28 * HOUR), frozen=True
    )
    growing = {
        'lease_lapses_total{provider_id="prov",instance="a"}': 1,
        'operations_total{operation="protect",result="failed",instance="a"}': 3,
        'operations_total{operation="protect",result="done",instance="a"}': 1,
        'reconciled_total{item="protect",result="failed",instance="a"}': 1,
        'events_dropped_total{listener="zaqar",instance="a"}': 2,
    }
    named = {_key(f"karbor_manila_{name}") for name in growing}
    given = [each for each in bad if _key(each["series"]) not in named]
    given += [
        rule_runs.series(f"karbor_manila_{name}", 0.0, step) for name, step in growing.items()
    ]
    assert rule_runs.firing(tmp_path, [*GOOD_DAY, *given]) == OF_PROTECTION


def _key(series: str) -> tuple[str, frozenset[str]]:
    """A series whatever the order of its labels."""
    name, _, rest = series.rstrip("}").partition("{")
    return name, frozenset(rest.split(","))


def test_every_alert_is_in_one_of_these_tests() -> None:
    planned = OF_PLANS | OF_A_DEAD_EXPORTER | OF_NO_EXPORTER | OF_PROTECTION
    assert planned == ALERTS.keys()


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_it_is_what_it_is_and_what_to_do(name: str) -> None:
    rule: dict[str, Any] = ALERTS[name]
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert set(rule["annotations"]) == {"summary", "description"}
    assert rule["annotations"]["description"].strip().endswith(".")


def test_the_rules_ask_for_metrics_that_there_are_by_labels_that_they_have() -> None:
    groups = yaml.safe_load(rule_runs.RULES.read_text(encoding="utf-8"))["groups"]
    asked = [rule["expr"] for group in groups for rule in group["rules"]]
    names = set(re.findall(r"\bkarbor_manila_\w+", " ".join(asked)))
    assert names <= CATALOGUE.keys()
    for expression in asked:
        for name, labels in re.findall(r"(karbor_manila_\w+)\{([^}]*)\}", expression):
            used = set(re.findall(r"(\w+)\s*=", labels))
            assert used <= set(CATALOGUE[name].labels)

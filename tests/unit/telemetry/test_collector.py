# SPDX-License-Identifier: Apache-2.0
"""What a karbor-protection shows of itself as metrics, as Prometheus reads it."""

import datetime
from collections.abc import Iterable, Mapping

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from karbor_manila.recovery import claim_table
from karbor_manila.telemetry import metric_names
from karbor_manila.telemetry.collector import Collector, Lease
from karbor_manila.telemetry.dispatch import Counts
from karbor_manila.telemetry.events import AuditEvent, CheckpointEvent, Event, ReconcileEvent
from karbor_manila.telemetry.metrics import Metrics
from tests.unit.telemetry.listeners import event

IDS = {"provider_id": "a", "checkpoint_id": "b", "project_id": "c"}
BEGAN = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)


class Shown:
    """What a scrape gives."""

    def __init__(
        self,
        *told: Event,
        held: Iterable[tuple[str, datetime.datetime]] = (),
        leases: Mapping[str, Lease] | None = None,
        listeners: Mapping[str, Counts] | None = None,
    ) -> None:
        counted = Metrics()
        for each in told:
            counted.note(each)
        counted.watch(lambda: listeners or {})
        registry = CollectorRegistry()
        registry.register(Collector(counted, held=lambda: held, leases=lambda: leases or {}))
        self.text = generate_latest(registry).decode()
        self.families = list(text_string_to_metric_families(self.text))

    def value(self, name: str, **labels: str) -> float | None:
        """One value; None when it is not there."""
        found = [
            sample.value
            for family in self.families
            for sample in family.samples
            if sample.name == f"karbor_manila_{name}" and sample.labels == labels
        ]
        assert len(found) < 2
        return found[0] if found else None


def test_operations_on_shares_are_counted_by_their_result() -> None:
    shown = Shown(event(phase="start"), event(), event(), event(phase="error"))
    assert shown.value("operations_total", operation="protect", result="done") == 2
    assert shown.value("operations_total", operation="protect", result="failed") == 1


def test_what_never_happened_is_0_so_that_its_first_time_is_an_increase() -> None:
    shown = Shown()
    assert shown.value("operations_total", operation="restore", result="failed") == 0
    assert shown.value("flows_total", flow="delete", result="followed") == 0
    assert shown.value("reconciled_total", item="protect", result="failed") == 0
    assert shown.value("audit_findings_total", finding="lost", result="begun") == 0


def test_flows_settlements_and_findings_are_apart_from_operations() -> None:
    shown = Shown(
        CheckpointEvent(operation="checkpoint", phase="error", flow="protect", **IDS),
        ReconcileEvent(operation="reconcile", phase="end", item="copy", item_id="d", **IDS),
        AuditEvent(
            operation="audit", phase="end", finding="lost", snapshot_id="e", share_id="f", **IDS
        ),
    )
    assert shown.value("flows_total", flow="protect", result="failed") == 1
    assert shown.value("reconciled_total", item="copy", result="done") == 1
    assert shown.value("audit_findings_total", finding="lost", result="done") == 1
    assert shown.value("operations_total", operation="protect", result="failed") == 0


def test_durations_are_in_seconds_in_buckets_of_minutes() -> None:
    shown = Shown(event(seconds=59.0), event(seconds=61.0), event(seconds=90000.0))
    name = "operation_duration_seconds"
    assert shown.value(f"{name}_bucket", operation="protect", le="60") == 1
    assert shown.value(f"{name}_bucket", operation="protect", le="86400") == 2
    assert shown.value(f"{name}_bucket", operation="protect", le="+Inf") == 3
    assert shown.value(f"{name}_count", operation="protect") == 3
    assert shown.value(f"{name}_sum", operation="protect") == 90120.0


def test_dropped_events_are_shown_by_their_listener() -> None:
    shown = Shown(listeners={"zaqar": Counts(delivered=1, dropped=2, failed=3, waiting=4)})
    assert shown.value("events_delivered_total", listener="zaqar") == 1
    assert shown.value("events_dropped_total", listener="zaqar") == 2
    assert shown.value("events_failed_total", listener="zaqar") == 3
    assert shown.value("events_waiting", listener="zaqar") == 4


def test_claims_are_counted_and_the_oldest_is_dated() -> None:
    later = BEGAN + datetime.timedelta(hours=1)
    shown = Shown(held=[("protect", later), ("protect", BEGAN)])
    assert shown.value("claims", operation="protect") == 2
    assert shown.value("claims", operation="restore") == 0
    oldest = "oldest_claim_timestamp_seconds"
    assert shown.value(oldest, operation="protect") == BEGAN.timestamp()
    assert shown.value(oldest, operation="restore") is None


@pytest.mark.parametrize("work", [*sorted(claim_table.BESIDES), claim_table.HOLD])
def test_what_the_table_of_claims_names_has_a_word_of_its_own(work: str) -> None:
    assert Shown(held=[(work, BEGAN)]).value("claims", operation=work) == 1


def test_leases_are_shown_by_their_provider() -> None:
    shown = Shown(leases={"p1": Lease(True, 2.5, 1), "p2": Lease(False, None, 0)})
    assert shown.value("lease_fresh", provider_id="p1") == 1
    assert shown.value("lease_age_seconds", provider_id="p1") == 2.5
    assert shown.value("lease_lapses_total", provider_id="p1") == 1
    assert shown.value("lease_fresh", provider_id="p2") == 0
    assert shown.value("lease_age_seconds", provider_id="p2") is None


def test_a_word_that_is_not_known_makes_no_new_label() -> None:
    told = [
        ReconcileEvent(operation="reconcile", phase="end", item=f"w{n}", item_id="d", **IDS)
        for n in range(50)
    ]
    shown = Shown(*told, held=[(f"w{n}", BEGAN) for n in range(50)])
    assert shown.value("reconciled_total", item="other", result="done") == 50
    assert shown.value("claims", operation="other") == 50
    assert "w7" not in shown.text


def test_no_id_of_a_checkpoint_a_share_or_a_project_is_shown() -> None:
    ids = {"checkpoint_id": "point-1", "share_id": "home-1", "project_id": "alpha-1"}
    shown = Shown(event(**ids), event(phase="error", reason="because", **ids))
    for word in (*ids.values(), "because"):
        assert word not in shown.text
    labels = {
        label for family in shown.families for each in family.samples for label in each.labels
    }
    assert labels <= {"operation", "result", "flow", "item", "finding", "le"}


def test_all_that_is_shown_is_in_the_catalogue_and_in_its_order() -> None:
    shown = Shown(
        held=[("protect", BEGAN)],
        leases={"p1": Lease(True, 1.0, 0)},
        listeners={"metrics": Counts(0, 0, 0, 0)},
    )
    names = [metric.name.removesuffix("_total") for metric in metric_names.CATALOGUE]
    assert [family.name for family in shown.families] == names


@pytest.mark.parametrize("metric", metric_names.CATALOGUE, ids=lambda each: each.short)
def test_a_name_has_its_unit_as_prometheus_wants_it(metric: metric_names.Metric) -> None:
    assert metric.name.startswith("karbor_manila_")
    assert not set("A B-.").intersection(metric.name)
    if metric.kind == "histogram" or "age" in metric.short or "timestamp" in metric.short:
        assert metric.name.endswith("_seconds")

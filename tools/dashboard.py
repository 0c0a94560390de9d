#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write the dashboard of Grafana, monitoring/karbor-manila.dashboard.json.

    python tools/dashboard.py

Needs nothing but Python. A unit test compares what it makes with what is in the tree, and its
queries with the metrics that there are.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent.parent / "monitoring" / "karbor-manila.dashboard.json"

#: Of the oldest Grafana whose JSON this is (10.0).
SCHEMA = 38
_COLUMNS = 24
_SOURCE = {"type": "prometheus", "uid": "${source}"}
_GREEN, _YELLOW, _RED = "green", "yellow", "red"


@dataclass(frozen=True)
class Panel:
    """One panel.

    :ivar kind: ``stat``, ``table`` or ``timeseries``
    :ivar queries: what it asks for, by the name that is shown
    :ivar unit: Grafana's word for it
    :ivar steps: from which value on it has which colour
    :ivar width, height: of 24 columns, and in rows
    """

    title: str
    kind: str
    queries: dict[str, str]
    unit: str = "short"
    steps: tuple[tuple[float | None, str], ...] = ((None, _GREEN),)
    width: int = 4
    height: int = 4


_BAD_IF_ANY = ((None, _GREEN), (1, _RED))
_WARN_IF_ANY = ((None, _GREEN), (1, _YELLOW))
_M = "karbor_manila_"

PANELS = (
    Panel("Protected", "stat", {"": f'sum({_M}shares{{state="protected"}})'}),
    Panel("Too old", "stat", {"": f'sum({_M}shares{{state="too_old"}})'}, steps=_BAD_IF_ANY),
    Panel(
        "Not protected", "stat", {"": f'sum({_M}shares{{state="not_protected"}})'},
        steps=_BAD_IF_ANY,
    ),
    Panel("Drills overdue", "stat", {"": f"sum({_M}drills_overdue_shares)"}, steps=_WARN_IF_ANY),
    Panel("Stuck", "stat", {"": f"sum({_M}stuck_runs)"}, steps=_BAD_IF_ANY),
    Panel(
        "Age of the data", "stat", {"": f"time() - max({_M}exporter_data_timestamp_seconds)"},
        unit="s", steps=((None, _GREEN), (900, _YELLOW), (3600, _RED)),
    ),
    Panel(
        "The latest plans: age of the newest good checkpoint, as a part of what is promised",
        "table",
        {
            "": f"topk(20, (time() - {_M}plan_newest_good_timestamp_seconds) "
            f"/ {_M}plan_promised_age_seconds)"
        },
        unit="percentunit", steps=((None, _GREEN), (0.8, _YELLOW), (1, _RED)), width=12, height=9,
    ),
    Panel(
        "Plans without a good checkpoint, or whose last run failed, was missed or lacks shares",
        "table",
        {
            "": f"{_M}plan_has_good_checkpoint == 0 or "
            f'{_M}plan_last_status{{status=~"failed|missed|partial"}} == 1'
        },
        width=12, height=9,
    ),
    Panel(
        "Runs of the last days, by result", "timeseries",
        {"{{operation}} {{result}}": f"sum by (operation, result) ({_M}recent_runs) > 0"},
        width=12, height=8,
    ),
    Panel(
        "Seconds until a share is back (drills)", "timeseries",
        {
            "median": f"max({_M}drill_duration_median_seconds)",
            "worst": f"max({_M}drill_duration_worst_seconds)",
        },
        unit="s", width=6, height=8,
    ),
    Panel(
        "Orphans and lost snapshots", "timeseries",
        {"{{finding}}": f"max by (finding) ({_M}audit_open_findings)"}, width=6, height=8,
    ),
    Panel(
        "Operations on shares in an hour", "timeseries",
        {
            "{{operation}} {{result}}": "sum by (operation, result) (increase("
            f'{_M}operations_total{{result=~"done|failed|left_out"}}[1h])) > 0'
        },
        width=8, height=8,
    ),
    Panel(
        "Nine in ten operations take at most", "timeseries",
        {
            "{{operation}}": "histogram_quantile(0.9, sum by (operation, le) (increase("
            f"{_M}operation_duration_seconds_bucket[6h])))"
        },
        unit="s", width=8, height=8,
    ),
    Panel(
        "Claims, by process", "timeseries",
        {"{{instance}} {{operation}}": f"{_M}claims > 0"}, width=8, height=8,
    ),
    Panel(
        "Fresh leases, by process", "timeseries",
        {"{{instance}} {{provider_id}}": f"{_M}lease_fresh"}, width=8, height=8,
    ),
    Panel(
        "Events lost in an hour, by listener", "timeseries",
        {
            "{{listener}} dropped": f"sum by (listener) (increase({_M}events_dropped_total[1h]))",
            "{{listener}} failed": f"sum by (listener) (increase({_M}events_failed_total[1h]))",
        },
        width=8, height=8,
    ),
    Panel(
        "What dead processes left, in an hour", "timeseries",
        {
            "{{item}} {{result}}": "sum by (item, result) (increase("
            f"{_M}reconciled_total[1h])) > 0"
        },
        width=8, height=8,
    ),
)  # fmt: skip


def dashboard() -> dict[str, Any]:
    """As Grafana imports it."""
    source = {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
    return {
        "uid": "karbor-manila",
        "title": "karbor-manila: protected shares",
        "tags": ["karbor", "manila"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "refresh": "1m",
        "time": {"from": "now-7d", "to": "now"},
        "templating": {"list": [source]},
        "panels": list(_placed()),
    }


def _placed() -> Iterator[dict[str, Any]]:
    """The panels from left to right; what does not fit begins a new row."""
    x = y = tallest = 0
    for number, panel in enumerate(PANELS, 1):
        if x + panel.width > _COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        place = {"x": x, "y": y, "w": panel.width, "h": panel.height}
        yield _panel(panel, number, place)
        x, tallest = x + panel.width, max(tallest, panel.height)


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    table = panel.kind == "table"
    steps = [{"value": value, "color": colour} for value, colour in panel.steps]
    return {
        "id": number,
        "title": panel.title,
        "type": panel.kind,
        "datasource": _SOURCE,
        "gridPos": place,
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": _SOURCE,
                "expr": expression,
                "legendFormat": name,
                **({"format": "table", "instant": True} if table else {}),
            }
            for index, (name, expression) in enumerate(panel.queries.items())
        ],
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "thresholds": {"mode": "absolute", "steps": steps},
            },
            "overrides": [],
        },
        "options": {"colorMode": "background"} if panel.kind == "stat" else {},
    }


def text() -> str:
    """The file."""
    return json.dumps(dashboard(), indent=1) + "\n"


def main() -> None:
    """Write it."""
    FILE.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()

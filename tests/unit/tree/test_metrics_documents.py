# SPDX-License-Identifier: Apache-2.0
"""The reference of metrics and the dashboard are what their tools make, of metrics that exist."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from karbor_manila.cli.tenant import exported_names
from karbor_manila.telemetry import metric_names

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = {each.name: each for each in (*exported_names.CATALOGUE, *metric_names.CATALOGUE)}
#: What Prometheus makes of a histogram, and adds to what it scrapes.
SUFFIXES, ADDED = r"_(?:bucket|sum|count)$", {"instance", "job", "le"}


def tool(name: str) -> Any:
    """A file of ``tools/`` as a module."""
    spec = importlib.util.spec_from_file_location(f"{name}_tool", ROOT / "tools" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


METRICS, DASHBOARD = tool("metrics"), tool("dashboard")
QUERIES = [
    (panel.title, legend, query)
    for panel in DASHBOARD.PANELS
    for legend, query in panel.queries.items()
]


def test_the_reference_has_every_metric() -> None:
    assert METRICS.PAGE.read_text(encoding="utf-8") == METRICS.page(), "run python tools/metrics.py"


def test_the_two_sides_have_no_name_in_common() -> None:
    """One Prometheus scrapes both; a counter's family has its name without _total."""
    both = [*exported_names.CATALOGUE, *metric_names.CATALOGUE]
    families = [each.short for each in both]
    assert len(set(families)) == len(families)


def test_the_dashboard_is_what_its_tool_makes() -> None:
    there = DASHBOARD.FILE.read_text(encoding="utf-8")
    assert there == DASHBOARD.text(), "run python tools/dashboard.py"


def test_no_panel_lies_on_another_one() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD.dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _y in cells) < 24
        assert not cells & taken
        taken |= cells


@pytest.mark.parametrize(("title", "legend", "query"), QUERIES)
def test_a_panel_asks_for_what_there_is(title: str, legend: str, query: str) -> None:
    names = set(re.findall(r"karbor_manila_\w+", query))
    assert names, title
    known = {name for name in names if re.sub(SUFFIXES, "", name) in CATALOGUE or name in CATALOGUE}
    assert names == known
    labels = ADDED.union(*(CATALOGUE[re.sub(SUFFIXES, "", name)].labels for name in names))
    by = [word for group in re.findall(r"by \(([^)]*)\)", query) for word in group.split(", ")]
    given = re.findall(r"(\w+)=~?\"", query)
    assert {*by, *given, *re.findall(r"{{(\w+)}}", legend)} <= labels

# SPDX-License-Identifier: Apache-2.0
"""tools/check.py: its sum is the truth."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def check() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "tools" / "check.py"
    spec = importlib.util.spec_from_file_location("check", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_errors_count_as_failures_and_skipped_ones_as_neither(
    check: ModuleType, tmp_path: Path
) -> None:
    report = tmp_path / "junit.xml"
    report.write_text(
        '<testsuites><testsuite tests="10" failures="2" errors="1" skipped="3"/></testsuites>'
    )
    assert check._counts(report) == (4, 3, 3)


def test_a_run_that_left_no_report_counts_nothing(check: ModuleType, tmp_path: Path) -> None:
    assert check._counts(tmp_path / "none.xml") == (0, 0, 0)


@pytest.mark.parametrize(
    ("there", "added"), [((), []), (("node",), []), (("node", "npm"), ["dashboard"])]
)
def test_the_dashboard_is_run_where_node_is_and_the_rest_everywhere(
    check: ModuleType, monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], added: list[str]
) -> None:
    monkeypatch.setattr(check.shutil, "which", lambda name: name if name in there else None)
    assert check._environments() == ["linters", "unit", *added, "functional"]

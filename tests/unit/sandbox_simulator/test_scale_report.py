# SPDX-License-Identifier: Apache-2.0
"""The scale run's goals, tables and JSON, from figures that are made up."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks.scale import __main__ as command
from benchmarks.scale import pages, report
from benchmarks.scale.goals import goals
from benchmarks.scale.measured import Measured, Pages


def _line(shares: int, *, cpu: float, more: int, **fields: Any) -> Measured:
    """:param cpu: ms a share; ``more`` are KiB a share."""
    known: dict[str, Any] = {"work": "protect", "wall": 1.0, "answer": 0.5, "standstill": 0.1}
    known |= {"cpu": cpu * shares / 1000, "baseline": 1000, "peak": 1000 + more * shares}
    return Measured(shares=shares, **known | fields)


def test_a_share_that_costs_the_same_meets_the_goals_and_few_shares_do_not_count() -> None:
    measured = [_line(10, cpu=900, more=900), _line(100, cpu=50, more=40)]
    measured.append(_line(1000, cpu=59, more=50))
    assert [goal.met for goal in goals(measured)] == [True] * 5


@pytest.mark.parametrize(
    "worse", [{"cpu": 61, "more": 40}, {"cpu": 50, "more": 51}, {"answer": 61.0}]
)
def test_what_grows_misses_one(worse: dict[str, Any]) -> None:
    measured = [
        _line(100, cpu=50, more=40),
        _line(1000, **{"cpu": 50, "more": 40} | worse),
    ]
    assert sum(not goal.met for goal in goals(measured)) == 1


def test_a_work_that_failed_is_shown_and_no_figure_of_a_goal() -> None:
    measured = [_line(100, cpu=50, more=40), _line(1000, cpu=500, more=900, failed="it is error")]
    assert all(goal.met for goal in goals(measured))
    document = json.loads(report.as_json(measured, []))
    assert document["measured"][1]["failed"] == "it is error"
    assert document["measured"][0]["cpu_ms_a_share"] == pytest.approx(50)


def test_the_tables_have_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    lists = [Pages(5000, 1000, "plan_id", [0.5, 0.75], 1.0, 1000, 3048)]
    measured = [_line(100, cpu=50, more=40, requests={"GET /v2/shares/detail": 205})]
    report.show(Console(width=150, file=sys.stdout), measured, lists)
    out = capsys.readouterr().out
    for cell in ("protect", "50.0", "40.0", "2.05", "plan_id", "0.75", "2 of 1000"):
        assert cell in out


def test_a_bank_is_filled_with_copies_under_other_ids(tmp_path: Path) -> None:
    source = tmp_path / "checkpoints" / "aa" / "index.json"
    source.parent.mkdir(parents=True)
    source.write_text('{"id": "aa"}')
    date = tmp_path / "indices" / "2026@aa"
    date.parent.mkdir()
    date.write_text("aa")
    assert pages.fill(tmp_path, "aa", 4) == 4
    every = tmp_path.rglob("*.json")
    found = {path.parent.name: json.loads(path.read_text())["id"] for path in every}
    assert len(found) == 4
    assert all(name == said for name, said in found.items())
    assert len(list(date.parent.iterdir())) == 4


def test_the_command_has_the_sizes_of_the_issue() -> None:
    given = command._parser().parse_args([])
    assert given.shares == [10, 100, 1000, 2000, 10000]
    assert given.checkpoints == 10000

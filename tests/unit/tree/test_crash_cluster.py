# SPDX-License-Identifier: Apache-2.0
"""How the harness of the cluster tells what came of its scenarios."""

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox import paths
from tests.crash.cluster import command, table, troubles
from tests.crash.cluster.harness import Outcome
from tests.crash.promise import STUCK, Finding


def test_the_table_has_a_row_for_what_happened_and_a_column_for_what_was_asked() -> None:
    broken = [Finding(STUCK, "checkpoint protecting"), Finding(STUCK, "log of protect")]
    outcomes = [
        Outcome("killed", "protect", well=8),
        Outcome("killed", "delete", well=10),
        Outcome("away", "protect", well=3, findings=broken),
    ]
    assert table.markdown(outcomes).splitlines() == [
        "|  | protect | delete |",
        "| --- | --- | --- |",
        "| killed | 8 of 10 | 10 of 10 |",
        "| away | 3 of 10, **stuck** |  |",
    ]


def test_the_victim_is_the_worker_that_has_begun_most(tmp_path: Path) -> None:
    state = SimpleNamespace(log=lambda name: tmp_path / name)
    stack: Any = SimpleNamespace(state=state, workers=lambda: [1, 2, 3])
    line = "INFO karbor Starting protection service:protect action\n"
    for number, before, since in [(1, 9, 0), (2, 0, 3), (3, 0, 2)]:
        (tmp_path / f"worker{number}").write_text(line * before)
        if number == 1:
            sizes = {}
        sizes[number] = (tmp_path / f"worker{number}").stat().st_size
        (tmp_path / f"worker{number}").write_text(line * (before + since))
    assert troubles.busiest(stack, sizes) == 2


@pytest.mark.skipif(not (paths.REPO / ".git").exists(), reason="not a clone")
def test_an_earlier_release_has_its_own_schemas() -> None:
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=paths.REPO, capture_output=True, text=True, check=True
    )
    with command.checked_out(head.stdout.strip()) as folder:
        assert (folder / "karbor_manila" / "manager.py").exists()
        assert list((folder / "karbor_manila" / "schemas").glob("*.json"))
    assert not folder.exists()


def test_all_pairs_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list", "--trouble", "killed$", "--operation", "copy"]) == 0
    assert capsys.readouterr().out == "copy, a worker killed\n"

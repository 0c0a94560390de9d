# SPDX-License-Identifier: Apache-2.0
"""The table of banks and promises counts what is kept, known to be broken, and failed."""

from pathlib import Path

import pytest

from karbor_manila.bank.testing import table

BANK = """
from pathlib import Path
from typing import ClassVar

import pytest

from karbor_manila.bank.testing import BankContract, Fault
from tests.contract.banks.memory_world import MemoryWorld


class TestOne(BankContract):
    BROKEN: ClassVar[dict[str, str]] = {
        "test_a_bank_keeps_the_id_that_it_was_given": "it is told so here, and keeps it"
    }

    @pytest.fixture
    def world(self):
        return MemoryWorld()
"""


def test_a_promise_that_is_kept_though_it_is_said_to_be_broken_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "test_one.py").write_text(BANK)
    counted = table.Table()
    code = pytest.main(
        [
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(tmp_path),
            str(tmp_path),
            "-k",
            "no_new_id or keeps_the_id",
        ],
        plugins=[counted],
    )
    assert code == pytest.ExitCode.TESTS_FAILED
    assert counted.outcomes["Absence", "TestOne"] == {"kept": 4, "failed": 1}
    assert "| Absence     | 4 of 5 FAILED 1 |" in capsys.readouterr().out


def test_what_is_known_to_be_broken_is_not_kept_and_fails_nothing() -> None:
    outcomes = table.collections.defaultdict(table.collections.Counter)
    outcomes["Values", "TestOne"].update(kept=3, broken=2)
    rows = list(table.lines(outcomes))
    assert any(row.startswith("| Values      | 3 of 5") for row in rows)
    assert any(row.startswith("| Keys        | not run") for row in rows)

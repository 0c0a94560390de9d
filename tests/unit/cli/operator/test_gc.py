# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila gc``: what it prints, what it removes, what it answers."""

from pathlib import Path
from typing import Any

import pytest

from karbor_manila.recovery import gc
from tests.unit.cli.operator.acts import second_provider
from tests.unit.drivers.picky import install
from tests.unit.karbor_stage import Service
from tests.unit.recovery.audit.stage import everything_in, protected
from tests.unit.recovery.leaving import Leaving, left_by


@pytest.fixture(autouse=True)
def _leaving(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Leaving)
    monkeypatch.setattr(gc, "Clock", lambda: service.cloud.clock)


@pytest.fixture
def left(service: Service) -> str:
    share = service.share()
    return left_by(service, protected(service, share), share)


def test_without_leftovers_it_lists_nothing_and_answers_0(service: Service, run: Any) -> None:
    protected(service)
    ran = run("gc", "-f", "json")
    assert (ran.code, ran.rows, ran.err) == (0, [], "")


def test_it_lists_what_is_left_changes_nothing_and_answers_3(
    service: Service, run: Any, left: str
) -> None:
    before = everything_in(service)
    ran = run("gc", "--grace", "0", "-f", "json")
    assert (ran.code, ran.err) == (3, "")
    (row,) = ran.rows
    columns = ["Driver", "Leftover", "Checkpoint", "Restore", "Project", "Since", "Why", "Action"]
    assert list(row) == columns
    assert (row["Driver"], row["Leftover"], row["Action"]) == ("leaving", left, "remove")
    assert row["Since"] == service.cloud.snapshots[left]["created_at"]
    assert everything_in(service) == before


def test_it_removes_what_is_listed_and_answers_0(service: Service, run: Any, left: str) -> None:
    ran = run("gc", "--remove", "--grace", "0", "-f", "json")
    assert (ran.code, [row["Done"] for row in ran.rows]) == (0, ["removed"])
    assert left not in service.cloud.snapshots
    assert run("gc", "--grace", "0", "-f", "json").rows == []


def test_what_is_young_stays_by_the_grace_of_karbors_configuration(
    service: Service, run: Any, left: str, conf: Path
) -> None:
    ran = run("gc", "--remove", "-f", "json")
    assert (ran.code, [row["Done"] for row in ran.rows]) == (3, ["left alone"])
    assert left in service.cloud.snapshots
    conf.write_text(conf.read_text() + "[manila_share_protection]\ngc_grace = 0\n")
    assert run("gc", "--remove", "-f", "json").code == 0


def test_a_bank_that_is_away_is_an_error_and_hides_no_other(
    service: Service, run: Any, left: str
) -> None:
    second_provider(service, "second-bank")
    ran = run("gc", "--grace", "0", "-f", "json")
    assert ran.code == 1
    assert [row["Leftover"] for row in ran.rows] == [left]
    assert "Provider" in ran.err


def test_a_driver_that_fails_is_an_error_with_a_list(
    service: Service, run: Any, left: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Leaving):
        name = "broken"

        def gc(self, is_left: Any) -> Any:
            raise ZeroDivisionError("of another package")

    install(monkeypatch, Broken)
    ran = run("gc", "--grace", "0", "-f", "json")
    assert (ran.code, [row["Leftover"] for row in ran.rows]) == (1, [left])
    assert "of another package" in ran.err


@pytest.mark.parametrize("argv", [["--dry-run"], ["--grace", "-1"], ["--grace", "inf"], ["x"]])
def test_wrong_usage_answers_2(run: Any, argv: list[str]) -> None:
    assert run("gc", *argv).code == 2

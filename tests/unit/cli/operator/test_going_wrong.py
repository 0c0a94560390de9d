# SPDX-License-Identifier: Apache-2.0
"""The operator's commands say why they failed, in one line and without secrets."""

from pathlib import Path
from typing import Any

import pytest
from karbor import exception as karbor_exception
from oslo_db import exception as db_exception

from karbor_manila.bank import identity
from karbor_manila.cli.app import KarborManila
from karbor_manila.recovery import claims
from tests.unit.cli.operator.acts import PASSWORD, SECOND, killed
from tests.unit.karbor_stage import (
    KARBORS,
    NOOP,
    TOKEN,
    Service,
    provider_file,
)
from tests.unit.recovery.audit.stage import (
    orphaned,
    protected,
)


def test_an_error_is_one_line_and_answers_1(service: Service, run: Any) -> None:
    protected(service)
    service.provider.bank.update_object(identity.KEY, "damaged")
    ran = run("audit")
    assert (ran.code, len(ran.lines)) == (1, 1)
    assert "damaged" in ran.err


@pytest.mark.parametrize("command", ["audit", "reconcile"])
def test_a_configuration_that_is_not_there_is_one_line(
    run: Any, command: str, tmp_path: Path
) -> None:
    ran = run(command, config=tmp_path / "nowhere.conf")
    assert (ran.code, len(ran.lines), ran.out) == (1, 1, "")
    assert "nowhere.conf" in ran.err


@pytest.mark.parametrize("command", ["audit", "reconcile"])
def test_a_configuration_without_providers_is_an_error(
    service: Service, run: Any, command: str
) -> None:
    (path,) = (service.folder / "providers.d").iterdir()
    path.unlink()
    ran = run(command)
    assert (ran.code, len(ran.lines)) == (1, 1)
    assert "no provider (there are: none)" in ran.err


def test_an_audit_without_a_provider_of_ours_is_an_error(service: Service, run: Any) -> None:
    provider_file(service.folder, service.provider.id, (NOOP, KARBORS))
    ran = run("audit")
    assert (ran.code, len(ran.lines)) == (1, 1)
    assert f"there are: {service.provider.id}" in ran.err


def test_a_provider_that_cannot_be_loaded_is_named_without_a_traceback(
    service: Service, run: Any
) -> None:
    provider_file(service.folder, SECOND, ("karbor-manila-misspelt",))
    protected(service)
    ran = run("audit")
    assert ran.code == 0
    assert f"Load provider: {SECOND} failed" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    "error",
    [
        db_exception.DBConnectionError("no database\n(Background on this error at: sqlalche.me)"),
        karbor_exception.BankListObjectsFailed(reason="out of order"),
        OSError(5, "Input/output error"),
        RuntimeError("first\nsecond"),
        ValueError(""),
    ],
)
def test_whatever_is_raised_is_one_line_and_answers_1(
    run: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(_self: Any) -> Any:
        raise error

    monkeypatch.setattr(claims.Claims, "all", broken)
    for argv in ((), ("--dry-run",)):
        ran = run("reconcile", *argv)
        assert (ran.code, len(ran.lines), ran.out.strip()) == (1, 1, "")


def test_debug_shows_where_an_error_came_from(service: Service, run: Any) -> None:
    protected(service)
    service.provider.bank.update_object(identity.KEY, "damaged")
    assert "Traceback" not in run("audit").err
    ran = run("--debug", "audit")
    assert ran.code == 1
    assert "Traceback" in ran.err
    assert "in find" in ran.err


def test_a_log_file_takes_nothing_away_from_the_console(
    service: Service, run: Any, tmp_path: Path
) -> None:
    protected(service)
    service.provider.bank.update_object(identity.KEY, "damaged")
    log = tmp_path / "log"
    ran = run("--log-file", str(log), "audit")
    assert len(ran.lines) == 1
    assert ran.lines[0] in log.read_text()


def test_quiet_still_says_why_it_failed(service: Service, run: Any) -> None:
    service.provider.bank.update_object(identity.KEY, "damaged")
    assert "damaged" in run("-q", "audit").err


@pytest.mark.parametrize("command", ["audit", "reconcile"])
@pytest.mark.parametrize("loud", ["-v", "-vv", "--debug"])
def test_no_secret_is_printed_at_any_volume(
    service: Service, run: Any, command: str, loud: str
) -> None:
    protected(service)
    orphaned(service)
    service = killed(service)
    ran = run(loud, command, "-f", "json")
    assert ran.code in (0, 3)
    assert PASSWORD not in ran.out + ran.err
    assert TOKEN not in ran.out + ran.err


@pytest.mark.parametrize("command", ["audit", "reconcile"])
def test_the_help_tells_the_options_and_the_exit_code(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert KarborManila().run(["help", command]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "--config-file" in text
    assert "Exit code 3" in text

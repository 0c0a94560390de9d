# SPDX-License-Identifier: Apache-2.0
"""The operator's commands: what they print, what they answer, and that they say why they failed."""

import json
import logging
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor.services.protection.bank_plugins.file_system_bank_plugin import FileSystemBankPlugin
from oslo_config import cfg
from oslo_db import exception as db_exception

from karbor_manila.bank import identity
from karbor_manila.cli import app
from karbor_manila.cli.app import KarborManila
from karbor_manila.cli.operator import host
from karbor_manila.cli.operator.host import Host
from karbor_manila.database import columns
from karbor_manila.recovery import audit, claims, lease, settle_checkpoint
from tests.fakes.manila import Died, passing
from tests.unit.karbor_stage import (
    KARBORS,
    NOOP,
    OUR_PROJECT,
    OURS,
    SHARE,
    TOKEN,
    Service,
    provider_file,
    started,
)
from tests.unit.recovery.audit.stage import (
    everything_in,
    mark_of,
    orphaned,
    plant,
    protected,
    snapshot_away,
)

SECOND = str(uuid.UUID(int=0x2))
PASSWORD = "the-password-of-karbor"


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """The commands set up logging for a whole process."""
    root, noisy = logging.getLogger(), logging.getLogger(app._NOISY_BANK)
    before = (root.level, root.handlers[:], noisy.level)
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    noisy.setLevel(before[2])


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Karbor's own process, with a database that other processes can open, too."""
    connection = f"sqlite:///{tmp_path / 'karbor.sqlite'}"
    with started(tmp_path, monkeypatch, connection=connection) as service:
        monkeypatch.setattr(audit.act, "Clock", lambda: service.cloud.clock)
        monkeypatch.setattr(host, "Clock", lambda: service.cloud.clock)
        yield service
        cfg.CONF.clear()


@pytest.fixture
def conf(service: Service) -> Path:
    path = service.folder / "karbor.conf"
    path.write_text(
        "\n".join(
            [
                "[DEFAULT]",
                f"provider_config_dir = {service.folder / 'providers.d'}",
                "[database]",
                f"connection = sqlite:///{service.folder / 'karbor.sqlite'}",
                "[trustee]",
                "auth_type = password",
                "username = karbor",
                f"password = {PASSWORD}",
                "[keystone_authtoken]",
                f"password = {PASSWORD}",
                "",
            ]
        )
    )
    return path


class Ran(SimpleNamespace):
    """What came of a command: ``code``, ``out``, ``err``."""

    @property
    def rows(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = json.loads(self.out)
        return found

    @property
    def lines(self) -> list[str]:
        said: list[str] = self.err.splitlines()
        return said


@pytest.fixture
def run(conf: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def run(*argv: str, config: Path = conf) -> Ran:
        capsys.readouterr()
        try:
            code = KarborManila().run([*argv, "--config-file", str(config)])
        except SystemExit as ended:  # argparse
            code = ended.code
        said = capsys.readouterr()
        return Ran(code=code, out=said.out, err=said.err)

    return run


def killed(service: Service, method: str = "create_snapshot") -> Service:
    """A protection died, and nothing runs in its place but what the test makes."""
    service.cloud.plan(method, Died, after=True)
    with pytest.raises(Died):
        service.protect(service.plan(service.share()))
    return service.die()


def command_ends(service: Service) -> None:
    """The process of a command is gone; here it is that of the tests."""
    bank = service.provider.bank
    for key in bank.list_objects(f"{identity.PREFIX}/leases/"):
        bank.update_object(key, bank.get_object(key) | {"ticks": 1})


def the_status(service: Service) -> str:
    (checkpoint_id,) = service.checkpoints()
    return str(service.checkpoint(checkpoint_id).status)


# -- audit ----------------------------------------------------------------------------------------


def test_an_audit_of_what_agrees_lists_nothing_and_answers_0(service: Service, run: Any) -> None:
    protected(service)
    ran = run("audit", "-f", "json")
    assert (ran.code, ran.rows, ran.err) == (0, [], "")


def test_an_audit_lists_what_it_found_changes_nothing_and_answers_3(
    service: Service, run: Any
) -> None:
    share = service.share()
    kept = protected(service, share)
    lost = snapshot_away(service, kept, share)
    orphan = orphaned(service)
    before = everything_in(service)
    ran = run("audit", "-f", "json", "--grace", "0")
    assert ran.code == 3
    assert ran.err == ""
    assert {row["Snapshot"]: (row["Finding"], row["Action"]) for row in ran.rows} == {
        orphan: ("orphan", "remove the snapshot"),
        lost: ("lost", "say so in the checkpoint"),
    }
    assert list(ran.rows[0]) == [
        *("Finding", "Snapshot", "Share", "Checkpoint", "Project", "Why", "Action")
    ]
    assert everything_in(service) == before


def test_an_audit_prints_a_table(service: Service, run: Any) -> None:
    protected(service)
    orphan = orphaned(service)
    ran = run("audit", "--grace", "0", "--max-width", "0")
    header, row = (ran.out.splitlines()[n] for n in (1, 3))
    assert [cell.strip() for cell in header.strip("|").split("|")][:2] == ["Finding", "Snapshot"]
    assert orphan in row


def test_a_mended_audit_says_what_was_done_and_answers_0(service: Service, run: Any) -> None:
    share = service.share()
    snapshot_away(service, protected(service, share), share)
    orphan = orphaned(service)
    ran = run("audit", "--fix", "--grace", "0", "-f", "json")
    assert ran.code == 0
    assert sorted(row["Done"] for row in ran.rows) == ["removed", "said so in the checkpoint"]
    assert orphan not in service.cloud.snapshots


def test_what_could_not_be_mended_is_told_with_its_reason_and_hides_no_other(
    service: Service, run: Any
) -> None:
    protected(service)
    stuck, good = orphaned(service), orphaned(service)
    service.cloud.snapshots[stuck]["status"] = "error_deleting"
    ran = run("audit", "--fix", "--grace", "0", "-f", "json")
    done = {row["Snapshot"]: row["Done"] for row in ran.rows}
    assert ran.code == 3
    assert done[good] == "removed"
    assert done[stuck].startswith("failed: ")
    assert f"--force {stuck}" in done[stuck]


def test_the_grace_is_that_of_the_command_or_of_karbor_conf(
    service: Service, run: Any, conf: Path
) -> None:
    protected(service)
    orphan = orphaned(service)
    service.cloud.clock.sleep(600)
    for argv, action in (((), "none"), (("--grace", "601"), "none"), (("--grace", "599"), "rem")):
        ran = run("audit", "-f", "json", *argv)
        (row,) = ran.rows
        assert (ran.code, row["Snapshot"]) == (3, orphan)
        assert row["Action"].startswith(action)
    conf.write_text(conf.read_text() + "[manila_share_protection]\naudit_grace = 599\n")
    assert run("audit", "-f", "json").rows[0]["Action"] == "remove the snapshot"
    ran = run("audit", "--fix", "--grace", "601", "-f", "json")
    assert (ran.code, ran.rows[0]["Done"]) == (3, "left alone")
    assert orphan in service.cloud.snapshots


@pytest.mark.parametrize("grace", ["nan", "inf", "-1", "-inf", "soon", ""])
def test_a_grace_that_is_no_number_of_seconds_is_wrong_usage(
    service: Service, run: Any, grace: str
) -> None:
    orphan = orphaned(service)
    ran = run("audit", "--fix", f"--grace={grace}")
    assert ran.code == 2
    assert "--grace" in ran.err
    assert orphan in service.cloud.snapshots


@pytest.mark.parametrize("argv", [["audit", "--dry"], ["reconcile", "--fix"], ["audit", "x"]])
def test_wrong_usage_answers_2(run: Any, argv: list[str]) -> None:
    assert run(*argv).code == 2


def test_an_unknown_command_answers_2(run: Any) -> None:
    ran = run("remove-everything")
    assert ran.code == 2
    assert "Traceback" not in ran.err


def second_provider(service: Service, bank: str = "bank") -> None:
    provider_file(service.folder, SECOND, (OURS, OUR_PROJECT))
    path = service.folder / "providers.d" / f"{SECOND}.conf"
    path.write_text(
        path.read_text().replace(str(service.folder / "bank"), str(service.folder / bank))
    )


def test_a_bank_of_two_providers_is_listed_once_and_audited_for_both(
    service: Service, run: Any
) -> None:
    shares = [service.share(), service.share()]
    first, second = (protected(service, share) for share in shares)
    orphan = orphaned(service)
    lost = {snapshot_away(service, *pair) for pair in zip((first, second), shares, strict=True)}
    index = second.checkpoint_section.get_object("index.json")
    second.checkpoint_section.update_object("index.json", index | {"provider_id": SECOND})
    second_provider(service)
    ran = run("audit", "--grace", "0", "-f", "json")
    assert sorted(row["Snapshot"] for row in ran.rows) == sorted({orphan, *lost})
    ran = run("audit", "--fix", "--grace", "0", "-f", "json")
    assert ran.code == 0
    assert len(ran.rows) == 3


def test_a_second_bank_that_is_suspect_does_not_hide_what_was_done_for_the_first(
    service: Service, run: Any
) -> None:
    protected(service)
    orphan = orphaned(service)
    second_provider(service, "not-mounted")
    ran = run("audit", "--fix", "--grace", "0", "-f", "json")
    assert ran.code == 1
    assert [(row["Snapshot"], row["Done"]) for row in ran.rows] == [(orphan, "removed")]
    (line,) = ran.lines
    assert SECOND in line
    assert "mounted" in line


def test_a_second_bank_is_audited_on_its_own(service: Service, run: Any) -> None:
    protected(service)
    second_provider(service, "other-bank")
    other = Host([str(service.folder / "karbor.conf")]).providers
    (bank,) = (provider.bank for provider in other if provider.id == SECOND)
    assert identity.bank_id(bank) != identity.bank_id(service.provider.bank)
    share = service.share()
    theirs = plant(service, share, mark_of(service, share, bank=identity.bank_id(bank)))
    ran = run("audit", "--fix", "--grace", "0", "-f", "json")
    assert (ran.code, ran.rows) == (1, [])
    assert "never held a checkpoint" in ran.err
    assert theirs in service.cloud.snapshots


# -- report --------------------------------------------------------------------------------------


def test_a_report_shows_whole_what_the_database_has_no_room_for(
    service: Service, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "_fitting_reasons", lambda reasons, *_: ({}, len(reasons)))
    monkeypatch.setattr(columns, "fair_share", lambda _count: 0)
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    record = service.verify(checkpoint.id, {SHARE: {"depth": "plan", "restore_name": "n" * 250}})
    assert "n" * 250 not in str(service.saved(record).resources_reason)

    ran = run("report", record.id, "-f", "json")

    (row,) = ran.rows
    assert (ran.code, row["Share"], row["Status"]) == (0, share, "available")
    assert "n" * 250 in row["Told"]


def test_a_report_of_nothing_is_refused(service: Service, run: Any) -> None:
    ran = run("report", str(uuid.uuid4()))
    assert ran.code == 1
    assert "neither a restore nor a verification" in ran.err


# -- reconcile ------------------------------------------------------------------------------------


def test_nothing_unfinished_answers_0(service: Service, run: Any) -> None:
    protected(service)
    for argv in ((), ("--dry-run",)):
        ran = run("reconcile", "-f", "json", *argv)
        assert (ran.code, ran.rows, ran.err) == (0, [], "")


def test_a_dry_run_lists_what_is_unfinished_changes_nothing_and_answers_3(
    service: Service, run: Any
) -> None:
    service = killed(service)
    before = everything_in(service)
    ran = run("reconcile", "--dry-run", "-f", "json")
    (row,) = ran.rows
    assert (ran.code, row["Operation"], row["Status"]) == (3, "protect", "unfinished")
    assert [row["ID"]] == [row["Checkpoint"]] == service.checkpoints()
    assert row["Provider"] == service.provider.id
    assert row["Project"] == service.project_id
    assert everything_in(service) == before
    assert [claim.operation for claim in service.manager.claims.all()] == ["protect"]


def test_a_reconciliation_ends_what_is_unfinished_and_answers_0(service: Service, run: Any) -> None:
    service = killed(service)
    ran = run("reconcile", "-f", "json")
    (row,) = ran.rows
    assert (ran.code, row["Operation"], row["Status"]) == (0, "protect", "available")
    assert the_status(service) == "available"
    assert service.manager.claims.all() == []
    assert run("reconcile", "-f", "json").rows == []


def test_with_manila_away_it_is_to_be_tried_again_and_answers_3(service: Service, run: Any) -> None:
    service = killed(service)
    fault = service.cloud.plan("snapshots", passing, times=10**6)
    ran = run("reconcile", "-f", "json")
    assert (ran.code, ran.rows[0]["Status"]) == (3, "to be tried again")
    assert "Traceback" not in ran.err
    service.cloud.faults.remove(fault)
    command_ends(service)
    assert run("reconcile").code == 0
    assert the_status(service) == "available"


def test_what_a_living_process_works_on_is_left_to_it(
    service: Service, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.call("protect", service.plan(service.share()))
    lease.renew(service.provider.bank)
    pause = service.cloud.clock.sleep

    def renewed_meanwhile(seconds: float) -> None:
        pause(seconds)
        lease.renew(service.provider.bank)

    monkeypatch.setattr(service.cloud.clock, "sleep", renewed_meanwhile)
    assert run("reconcile", "-f", "json").rows == []
    service.run()
    assert the_status(service) == "available"


def test_what_cannot_be_ended_says_why_in_one_line(
    service: Service, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = killed(service)

    def broken(*_args: Any, **_kwargs: Any) -> str:
        raise RuntimeError("out of order\nand a second line")

    monkeypatch.setattr(settle_checkpoint, "settle", broken)
    ran = run("reconcile", "-f", "json")
    assert ran.code == 3
    (line,) = ran.lines
    assert line.endswith("could not be settled: out of order")


def test_a_bank_that_is_away_keeps_no_other_from_being_reconciled(
    service: Service, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = killed(service)
    second_provider(service, "away")
    real = FileSystemBankPlugin.list_objects

    def list_objects(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.file_system_bank_path.endswith("away"):
            raise karbor_exception.BankListObjectsFailed(reason="out of order")
        return real(self, *args, **kwargs)

    monkeypatch.setattr(FileSystemBankPlugin, "list_objects", list_objects)
    ran = run("reconcile", "-f", "json")
    assert the_status(service) == "available"
    assert ran.code == 1
    assert "out of order" in ran.err


# -- what goes wrong ------------------------------------------------------------------------------


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


# -- the lease ------------------------------------------------------------------------------------


def test_a_command_says_that_it_is_alive_while_it_works_and_then_stops(conf: Path) -> None:
    karbors_host = Host([str(conf)])
    held = karbors_host.claims()
    (provider,) = karbors_host.providers
    identity.confirm(provider.bank, provider.id)
    with pytest.raises(Died), karbors_host.alive(held):
        keeper = held._own._keepers[provider.id]
        assert keeper._interval == karbors_host.settings.lease_interval
        keeper.renew()
        key = f"{identity.PREFIX}/leases/{provider.bank.get_owner_id()}"
        assert provider.bank.get_object(key)["pid"] == os.getpid()
        raise Died
    keeper._thread.join()


@pytest.mark.parametrize("option", [[], ["--dry-run"]])
def test_who_may_be_dead_is_watched_before_it_is_said(
    run: Any, service: Service, monkeypatch: pytest.MonkeyPatch, option: list[str]
) -> None:
    """A process of another host has left a protection; nothing but time tells that it is dead."""
    service.call("protect", service.plan(service.share()))
    bank = service.provider.bank
    lease.renew(bank)
    key = f"{identity.PREFIX}/leases/{bank.get_owner_id()}"
    bank.update_object(key, bank.get_object(key) | {"machine": "elsewhere"})
    monkeypatch.setattr(host, "Clock", lambda: service.cloud.clock)
    before = service.cloud.clock.now()
    ran = run("reconcile", "-f", "json", *option)
    assert [row["Operation"] for row in ran.rows] == ["protect"]
    assert ran.code == (3 if option else 0)
    assert 60 <= service.cloud.clock.now() - before <= 90


def test_a_dry_run_and_an_audit_leave_no_lease(service: Service, run: Any) -> None:
    protected(service)
    run("audit")
    run("reconcile", "--dry-run")
    assert service.provider.bank.list_objects(f"{identity.PREFIX}/leases/") == []

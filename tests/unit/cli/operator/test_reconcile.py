# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila reconcile`` and its lease: what it prints, what it answers."""

import os
from pathlib import Path
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor.services.protection.bank_plugins.file_system_bank_plugin import FileSystemBankPlugin

from karbor_manila.bank import identity
from karbor_manila.cli.operator import host
from karbor_manila.cli.operator.host import Host
from karbor_manila.recovery import lease, settle_checkpoint
from tests.fakes.manila import Died, transient
from tests.unit.cli.operator.acts import command_ends, killed, second_provider, the_status
from tests.unit.karbor_stage import (
    Service,
)
from tests.unit.recovery.audit.stage import (
    everything_in,
    protected,
)


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
    fault = service.cloud.plan("snapshots", transient, times=10**6)
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


def test_a_command_says_that_it_is_alive_while_it_works_and_then_stops(
    conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    karbors_host = Host([str(conf)])
    held = karbors_host.claims()
    (provider,) = karbors_host.providers
    identity.confirm(provider.bank, provider.id)
    keepers: dict[str, Any] = {}
    monkeypatch.setattr(held, "keep", keepers.__setitem__)
    with pytest.raises(Died), karbors_host.alive(held):
        keeper = keepers[provider.id]
        assert keeper._interval == karbors_host.settings.lease_interval
        keeper.renew()
        key = f"{identity.PREFIX}/leases/{provider.bank.get_owner_id()}"
        assert provider.bank.get_object(key)["pid"] == os.getpid()
        raise Died
    assert keeper._stop.is_set()


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

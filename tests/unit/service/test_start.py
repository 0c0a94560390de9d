# SPDX-License-Identifier: Apache-2.0
"""What a karbor-protection process does when it starts and stops."""

import functools
import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import eventlet
import pytest
from karbor import exception as karbor_exception
from karbor.services.protection.bank_plugins.file_system_bank_plugin import FileSystemBankPlugin

from karbor_manila.bank import identity
from karbor_manila.recovery import lease
from tests.unit.banks import FaultyPlugin, open_bank
from tests.unit.karbor_stage import Service
from tests.unit.service.rpc import STRANGE, fail_with


@pytest.fixture
def at_work(service: Service) -> Iterator[Service]:
    """A service whose manager was started, as Karbor starts it."""
    service.manager.init_host(service_id=1)
    yield service
    service.manager.cleanup_host()


def test_a_start_gives_the_bank_its_id(at_work: Service) -> None:
    assert identity.read(at_work.provider.bank)


def test_a_started_process_renews_its_lease(at_work: Service) -> None:
    at_work.manager.runtime.leases.keepers[at_work.provider.id].renew()
    bank = at_work.provider.bank
    stored = bank.get_object(f"{identity.PREFIX}/leases/{bank.get_owner_id()}")
    assert lease.Lease(**stored).pid == os.getpid()


def test_what_runs_beside_karbors_service_goes_on_when_that_starts_again(
    at_work: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a SIGHUP: a second thread of each would search, settle and tell everything twice."""
    runtime, begun = at_work.manager.runtime, []
    for name in (
        "listening",
        "leases",
        "reconciling",
        "leftovers",
        "periodic_hooks",
        "watched",
    ):
        part = getattr(runtime, name)
        monkeypatch.setattr(part, "start", functools.partial(begun.append, name))
    at_work.manager.init_host(service_id=1)
    assert begun == []
    runtime.stop()
    runtime.start()
    assert len(begun) == 6


def test_a_start_removes_the_leases_of_those_long_dead(service: Service) -> None:
    bank = service.provider.bank
    old = lease.Lease("host", "boot", 1, 1.0, "2020-01-01T00:00:00+00:00")
    bank.update_object(f"{identity.PREFIX}/leases/old", asdict(old))
    service.manager.init_host()
    service.manager.cleanup_host()
    assert f"{identity.PREFIX}/leases/old" not in bank.list_objects(f"{identity.PREFIX}/leases/")


@pytest.mark.parametrize(
    "error",
    [
        karbor_exception.BankListObjectsFailed(reason="503"),
        STRANGE,
    ],
    ids=["Karbor's", "a stranger's"],
)
def test_a_bank_that_is_down_does_not_stop_the_start(
    service: Service, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    for method in ("list_objects", "get_object", "update_object"):
        monkeypatch.setattr(FileSystemBankPlugin, method, fail_with(error))
    service.manager.init_host()
    service.manager.cleanup_host()


@pytest.mark.parametrize(
    "error",
    [
        karbor_exception.BankUpdateObjectFailed(reason="503", key="lease"),
        STRANGE,
    ],
    ids=["Karbor's", "a stranger's"],
)
def test_a_bank_that_is_down_does_not_stop_the_renewal_in_the_others(
    service: Service, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Else this process would seem dead in banks that are well."""
    good = service.provider
    bad = type(
        "Provider", (), {"id": "0", "bank": open_bank(service.folder / "other", FaultyPlugin)}
    )()
    for provider in (bad, good):
        identity.confirm(provider.bank, provider.id)
    monkeypatch.setattr(FaultyPlugin, "update_object", fail_with(error))
    service.manager.provider_registry.providers = {"0": bad, "1": good}
    for provider in (bad, good):
        service.manager.runtime.leases.keep(provider)
    keepers = service.manager.runtime.leases.keepers
    for keeper in keepers.values():
        keeper.stop()
        keeper.renew()
    assert keepers["0"].trouble is error
    assert keepers[good.id].is_fresh


def test_a_start_does_not_wait_for_the_reconciliation(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    monkeypatch.setattr(
        service.manager.reconciliation, "run", lambda **_kwargs: begun.append("run")
    )
    service.manager.init_host()
    assert begun == []
    service.manager.cleanup_host()


def test_a_stop_ends_the_reconciliation(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []

    def run(**_kwargs: Any) -> dict[str, str]:
        try:
            while True:
                eventlet.sleep(0)
        finally:
            ended.append("ended")

    monkeypatch.setattr(service.manager.reconciliation, "run", run)
    service.manager.init_host()
    eventlet.sleep(0)
    eventlet.sleep(0)
    service.manager.cleanup_host()
    assert ended == ["ended"]
    assert service.manager.runtime.reconciling.is_over


def test_a_stop_without_a_start_is_fine(service: Service) -> None:
    service.manager.cleanup_host()

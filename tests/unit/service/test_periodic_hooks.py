# SPDX-License-Identifier: Apache-2.0
"""Periodic hooks: when and in which process they are called, with what, and what they survive."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from karbor import objects

from karbor_manila.drivers.snapshot import SnapshotDriver
from karbor_manila.hooks.base import Hook
from karbor_manila.recovery import lease
from karbor_manila.service import periodic_hooks
from karbor_manila.service.periodic_hooks import PeriodicHooks
from tests.fakes.manila import transient
from tests.unit.karbor_stage import PROJECT, SHARE, Service, started
from tests.unit.recovery.two_processes.stage import seems_dead

HERE = "tests.unit.service.test_periodic_hooks"
OPTIONS = (
    f"hook_drivers = {HERE}:Noting,{HERE}:Idle,{HERE}:Another",
    "enable_periodic_hooks = true",
    "periodic_hooks_interval = 30.0",
    "hook_timeout = 5.0",
    "outage_timeout = 1.0",
)


class Noting(Hook):
    calls: ClassVar[list[tuple[str, Any]]] = []
    does: ClassVar[dict[str, Callable[[Any], None]]] = {}

    def periodic(self, *, data: Any, environment: Any) -> None:
        self.calls.append((self.name.partition(":")[2], data))
        self.does.get(self.name.partition(":")[2], lambda _environment: None)(environment)


class Another(Noting):
    pass


class Idle(Hook):
    """Has nothing to do from time to time."""


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    Noting.calls.clear()
    Noting.does.clear()
    with started(tmp_path, monkeypatch, options=OPTIONS) as service:
        yield service


def periodic(service: Service, spawn: Any = lambda work: work()) -> PeriodicHooks:
    runtime = service.manager.runtime
    named = runtime.periodic_hooks._hooks[service.provider.id]
    hooks = [hook for hook in named if not isinstance(hook, Idle)]
    clock = service.cloud.clock
    return PeriodicHooks(service.provider, hooks, runtime.claims, clock=clock, spawn=spawn)


def planned(service: Service, *resources: tuple[str, str], project_id: str | None = None) -> None:
    """A plan in Karbor's database."""
    plan = objects.Plan(
        context=service.context(project_id, is_admin=True),
        name="plan",
        project_id=project_id or service.project_id,
        provider_id=service.provider.id,
        status="suspended",
        parameters={},
        resources=[{"type": kind, "id": each, "name": each} for kind, each in resources],
    )
    plan.create()


def names() -> list[str]:
    """The names of the hooks that were called."""
    return [name for name, _data in Noting.calls]


def told() -> list[str]:
    """The ids of the shares that the first call got."""
    return [each["id"] for each in Noting.calls[0][1]]


def test_hooks_get_what_drivers_tell_of_the_shares_that_plans_mean(service: Service) -> None:
    share = service.share(name="books", metadata={"app": "db"})
    service.share()
    planned(service, (SHARE, share))
    periodic(service).turn()
    assert names() == ["Noting", "Another"]
    assert Noting.calls[0][1] == (
        {
            "id": share,
            "name": "books",
            "project_id": service.project_id,
            "status": "available",
            "share_type_name": service.cloud.shares[share]["share_type_name"],
            "size": 1,
            "metadata": {"app": "db"},
        },
    )


def test_a_plan_on_a_project_means_all_its_shares(service: Service) -> None:
    shares = {service.share() for _number in range(2)}
    planned(service, (PROJECT, service.project_id))
    periodic(service).turn()
    assert set(told()) == shares


def test_a_plan_tells_nothing_of_other_projects(service: Service) -> None:
    foreign = str(service.cloud.add_share(service.other_project)["id"])
    planned(service, (SHARE, foreign), (PROJECT, service.other_project))
    periodic(service).turn()
    assert told() == []
    Noting.calls.clear()
    planned(service, (SHARE, foreign), project_id=service.other_project)
    planned(service, (SHARE, foreign), project_id=str(uuid.UUID(int=0xC)))
    periodic(service).turn()
    assert told() == [foreign]


def test_plans_of_other_providers_are_not_meant(service: Service) -> None:
    share = service.share()
    planned(service, (SHARE, share))
    plan = objects.PlanList.get_all(service.context(is_admin=True), None, None)[0]
    plan.provider_id = str(uuid.uuid4())
    plan.save()
    periodic(service).turn()
    assert told() == []


def test_a_driver_may_tell_more(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    planned(service, (SHARE, service.share()))

    def own(_driver: Any, shares: Any) -> list[dict[str, Any]]:
        return [{"id": share["id"], "lag": 3} for share in shares]

    monkeypatch.setattr(SnapshotDriver, "get_periodic_hook_data", own)
    periodic(service).turn()
    assert [each["lag"] for each in Noting.calls[0][1]] == [3]


def test_a_driver_that_fails_tells_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    planned(service, (SHARE, service.share()))

    def fails(_driver: Any, _shares: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(SnapshotDriver, "get_periodic_hook_data", fails)
    periodic(service).turn()
    assert Noting.calls == [("Noting", ()), ("Another", ())]
    assert "tells periodic hooks nothing" in caplog.text


def test_one_that_fails_keeps_no_other_and_no_later_call(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_environment: Any) -> None:
        raise RuntimeError("the exporter is away")

    Noting.does["Noting"] = fails
    thread = periodic(service)
    for _turn in range(2):
        thread.turn()
    assert names() == ["Noting", "Another"] * 2
    assert "the exporter is away" in caplog.text


def test_one_that_hangs_is_given_up_and_not_called_again_before_it_has_ended(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    hung: list[Callable[[], None]] = []
    thread = periodic(service, spawn=hung.append)
    thread.turn()
    assert len(hung) == 2
    thread.turn()
    assert len(hung) == 2
    assert "still runs, and is not called again" in caplog.text
    for work in hung:
        work()
    thread.turn()
    assert len(hung) == 4


def test_a_manila_or_bank_that_is_away_is_a_line_in_the_log(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    planned(service, (SHARE, service.share()))
    service.cloud.plan("shares", transient, times=1000)
    thread = periodic(service)
    thread.turn()
    assert Noting.calls == []
    assert "were not called" in caplog.text
    service.cloud.faults.clear()
    thread.turn()
    assert names() == ["Noting", "Another"]


def test_of_several_processes_one_calls_them_until_it_is_dead(service: Service) -> None:
    lease.renew(service.provider.bank)
    other = Service(service.folder, service.cloud, type(service.manager))
    first, second = periodic(service), periodic(other)
    for _turn in range(2):
        first.turn()
        second.turn()
    assert names() == ["Noting", "Another"] * 2
    seems_dead(service)
    second.turn()
    assert names() == ["Noting", "Another"] * 3
    first.turn()  # it wakes up
    assert names() == ["Noting", "Another"] * 3


def test_who_stops_leaves_them_to_others(service: Service) -> None:
    lease.renew(service.provider.bank)
    other = Service(service.folder, service.cloud, type(service.manager))
    first, second = periodic(service), periodic(other)
    first.turn()
    first.stop()
    second.turn()
    assert len(names()) == 4
    second.stop()
    assert service.manager.claims.all() == []


def test_what_a_dead_process_held_is_no_work_for_long(service: Service) -> None:
    service.protect(service.plan(service.share()))
    periodic(service).turn()
    service = service.die()
    ended = service.manager.reconciliation.run()
    assert {item.operation: status for item, status in ended.items()} == {
        "periodic_hooks": "released"
    }
    assert service.manager.claims.all() == []


def test_the_interval_is_that_of_the_providers_own_file(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = periodic(service)
    rests: list[float] = []

    def rest(seconds: float) -> None:
        rests.append(seconds)
        if len(rests) == 3:
            raise StopIteration

    def takes_time(_environment: Any) -> None:
        service.cloud.clock.sleep(12)

    Noting.does["Noting"] = takes_time
    monkeypatch.setattr(periodic_hooks.eventlet, "sleep", rest)
    with pytest.raises(StopIteration):
        thread.run_for_ever()
    assert thread.interval == 30.0
    assert rests == [30.0, 18.0, 18.0]


@pytest.mark.parametrize(
    "options",
    [
        (),
        (f"hook_drivers = {HERE}:Noting",),
        (f"hook_drivers = {HERE}:Idle", "enable_periodic_hooks = true"),
        ("enable_periodic_hooks = true",),
    ],
    ids=["nothing", "turned off", "nothing to do", "no hooks"],
)
def test_without_periodic_hooks_there_is_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    with started(tmp_path, monkeypatch, options=options) as service:
        threads = service.manager.runtime.periodic_hooks
        threads.start()
        assert threads._threads == []
        threads.stop()


def test_a_service_begins_and_ends_with_a_thread_for_each_provider(service: Service) -> None:
    threads = service.manager.runtime.periodic_hooks
    threads.start()
    ((mine, thread),) = threads._threads
    assert [hook.name for hook in mine._hooks] == [f"{HERE}:Noting", f"{HERE}:Another"]
    threads.stop()
    assert thread.dead
    assert threads._threads == []

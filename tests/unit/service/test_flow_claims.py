# SPDX-License-Identifier: Apache-2.0
"""What a flow claims, from the answer to the request until its last line."""

from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor.services.protection.flows import worker as karbor_worker
from karbor.services.protection.provider import PluggableProtectionProvider

from karbor_manila.recovery.claims import Claims
from karbor_manila.service.flows.running import Running
from karbor_manila.service.flows.worker import Worker
from karbor_manila.service.protectable import ShareProtectable
from tests.fakes.manila import FakeClock, FakeManila
from tests.unit.karbor_stage import Service
from tests.unit.service.flow_stage import raising, whole_project


def watch(service: Service, method: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the worker says is running, at each call of a method of Manila."""
    seen: list[Any] = []
    original = getattr(FakeManila, method)

    def spy(self: FakeManila, *args: Any, **kwargs: Any) -> Any:
        seen.append(service.manager.claims.held)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(FakeManila, method, spy)
    return seen


@pytest.mark.parametrize("fails", [False, True], ids=["good", "failing"])
def test_a_checkpoint_runs_while_it_is_protected_and_not_afterwards(
    service: Service, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    share = service.share()
    if fails:
        service.cloud.failing.add(f"create_snapshot {share}")
    seen = watch(service, "create_snapshot", monkeypatch)
    checkpoint = service.protect(service.plan(share))
    assert seen == [{checkpoint.id}]
    assert service.manager.claims.held == frozenset()


def test_a_checkpoint_runs_from_the_answer_to_the_request_on(service: Service) -> None:
    checkpoint_id = service.call("protect", service.plan(service.share()))
    assert service.manager.claims.held == {checkpoint_id}
    service.run()
    service.call("delete", service.provider.id, checkpoint_id)
    assert service.manager.claims.held == {checkpoint_id}


@pytest.mark.parametrize("operation", ["restore", "verify"])
def test_a_restore_or_verification_is_claimed_and_its_checkpoint_is_not(
    service: Service, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    seen = watch(service, "snapshot", monkeypatch)
    record = getattr(service, operation)(checkpoint.id)
    assert seen
    assert set(seen) == {frozenset({record.id})}
    assert service.manager.claims.held == frozenset()


def test_a_flow_that_cannot_be_built_does_not_run(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PluggableProtectionProvider, "load_plugins", raising(RuntimeError()))
    with pytest.raises(karbor_exception.FlowError):
        service.protect(service.plan(service.share()))
    assert service.manager.claims.held == frozenset()


def test_a_flow_whose_engine_dies_does_not_run(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """A green thread's end."""

    monkeypatch.setattr(karbor_worker.Worker, "run_flow", raising(Killed()))  # type: ignore[arg-type]
    with pytest.raises(Killed):
        service.protect(service.plan(service.share()))
    assert service.manager.claims.held == frozenset()


def test_two_checkpoints_run_side_by_side(service: Service) -> None:
    ids = {service.call("protect", service.plan(service.share())) for _ in range(2)}
    assert service.manager.claims.held == ids
    service.spawned.pop()()
    assert len(service.manager.claims.held) == 1


def test_a_checkpoint_runs_while_its_graph_is_built(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.share()
    seen = watch(service, "shares", monkeypatch)
    checkpoint = service.protect(whole_project(service))
    assert seen[0] == {checkpoint.id}


def test_a_checkpoint_cannot_be_deleted_while_its_graph_is_built(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.share()
    original = ShareProtectable.inventory
    answers: list[Any] = []

    def meanwhile(
        self: ShareProtectable, context: Any, project_id: str, *args: Any, **kwargs: Any
    ) -> Any:
        """Another green thread gets its turn while Manila is asked."""
        (checkpoint_id,) = service.checkpoints()
        try:
            answers.append(service.delete(checkpoint_id))
        except karbor_exception.Invalid as error:
            answers.append(error)
        return original(self, context, project_id, *args, **kwargs)

    monkeypatch.setattr(ShareProtectable, "inventory", meanwhile)
    checkpoint = service.protect(whole_project(service))
    assert isinstance(answers[0], karbor_exception.Invalid)
    assert service.checkpoints() == [checkpoint.id]


class Ending(FakeClock):
    """A flow of the checkpoint ends when somebody has waited long enough."""

    def __init__(self, checkpoint: Any, after: float) -> None:
        super().__init__()
        self.worker = Worker(Claims(60.0), clock=self)
        self.worker._flows[0] = Running("protect", checkpoint, None)
        self.ends = self.seconds + after

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.seconds >= self.ends:
            self.worker._flows.clear()


@pytest.mark.parametrize("status", ["available", "error"])
def test_a_flow_that_has_written_its_last_status_is_let_end(service: Service, status: str) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    checkpoint.status = status
    clock = Ending(checkpoint, after=1.0)
    clock.worker.await_end(checkpoint)
    assert clock.worker._flows == {}


def test_a_flow_that_does_not_end_is_not_waited_for_long(service: Service) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    clock = Ending(checkpoint, after=3600.0)
    before = clock.now()
    clock.worker.await_end(checkpoint)
    assert clock.now() - before == pytest.approx(5.0, abs=0.1)


def test_a_flow_in_the_middle_of_its_work_is_not_waited_for(service: Service) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    checkpoint.status = "protecting"
    clock = Ending(checkpoint, after=1.0)
    before = clock.now()
    clock.worker.await_end(checkpoint)
    assert clock.now() == before

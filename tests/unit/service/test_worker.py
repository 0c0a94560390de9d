# SPDX-License-Identifier: Apache-2.0
"""Karbor's real flows, built and run by our worker: whatever happens, nothing is left in work."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor import objects
from karbor.services.protection.flows import delete as flow_delete
from karbor.services.protection.flows import protect as flow_protect
from karbor.services.protection.flows import restore as flow_restore
from karbor.services.protection.flows import utils as flow_utils
from karbor.services.protection.flows import verify as flow_verify
from karbor.services.protection.flows import worker as karbor_worker
from karbor.services.protection.provider import PluggableProtectionProvider
from oslo_serialization import jsonutils

from karbor_manila.recovery.claims import Claims
from karbor_manila.service.flows.running import Running
from karbor_manila.service.flows.worker import Worker
from karbor_manila.service.protectable import ShareProtectable
from tests.fakes.manila import FakeClock, FakeManila, passing, refused
from tests.unit.karbor_stage import NOOP, PROJECT, SHARE, Foreign, Service, started, told


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch) as service:
        yield service


def whole_project(service: Service) -> Any:
    return service.plan(resources=[{"type": PROJECT, "id": service.project_id, "name": "project"}])


def raising(error: Exception) -> Callable[..., Any]:
    def raise_it(*_args: Any, **_kwargs: Any) -> Any:
        raise error

    return raise_it


def the_checkpoint(service: Service) -> Any:
    (checkpoint_id,) = service.checkpoints()
    return service.checkpoint(checkpoint_id)


def why(checkpoint: Any) -> str:
    """The reason that is not a share's."""
    return str(told(checkpoint)["reasons"][f"checkpoint#{checkpoint.id}"])


# -- flows that cannot be built ---------------------------------------------------------------


def test_with_manila_down_a_project_plan_ends_in_error_and_not_in_an_empty_available(
    service: Service,
) -> None:
    service.cloud.plan("shares", passing, times=10**6)
    with pytest.raises(karbor_exception.FlowError, match="503"):
        service.protect(whole_project(service))
    checkpoint = the_checkpoint(service)
    assert checkpoint.status == "error"
    assert "503" in why(checkpoint)


def test_a_refusal_to_list_ends_in_error_with_manilas_words(service: Service) -> None:
    service.cloud.plan("shares", lambda: refused(403))
    with pytest.raises(karbor_exception.FlowError, match="HTTP 403"):
        service.protect(whole_project(service))
    assert "HTTP 403" in why(the_checkpoint(service))


def test_a_protect_flow_that_cannot_be_built_ends_in_error_without_a_strangers_words(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        PluggableProtectionProvider, "load_plugins", raising(RuntimeError("password=x"))
    )
    with pytest.raises(karbor_exception.FlowError):
        service.protect(service.plan(service.share()))
    checkpoint = the_checkpoint(service)
    assert checkpoint.status == "error"
    assert "RuntimeError" in why(checkpoint)
    assert "password" not in str(checkpoint.extra_info)


def test_a_delete_flow_that_cannot_be_built_ends_in_error_deleting_and_can_be_repeated(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    with monkeypatch.context() as patch:
        patch.setattr(PluggableProtectionProvider, "load_plugins", raising(RuntimeError()))
        with pytest.raises(karbor_exception.KarborException):
            service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "error-deleting"
    assert "RuntimeError" in why(service.checkpoint(checkpoint.id))
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"


@pytest.mark.parametrize("operation", ["restore", "verify"])
def test_a_restore_or_verification_that_cannot_be_built_fails_with_the_reason(
    service: Service, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    kind = {"restore": objects.Restore, "verify": objects.Verification}[operation]
    record = service.record(kind, checkpoint.id)
    monkeypatch.setattr(PluggableProtectionProvider, "load_plugins", raising(RuntimeError()))
    with pytest.raises(karbor_exception.FlowError):
        if operation == "restore":
            service.call("restore", record, None)
        else:
            service.call("verification", record)
    saved = service.saved(record)
    assert saved.status == "fail"
    assert "RuntimeError" in saved.resources_reason[f"checkpoint#{checkpoint.id}"]


def test_a_checkpoint_that_is_read_only_fails_its_request_all_the_same(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be written down does not hide what went wrong."""
    service.cloud.plan("shares", lambda: refused(403))
    read_only = raising(OSError("read-only"))
    monkeypatch.setattr("karbor_manila.service.flows.building.reporting.add", read_only)
    with pytest.raises(karbor_exception.FlowError, match="HTTP 403"):
        service.protect(whole_project(service))


def test_a_flow_that_cannot_be_built_leaves_no_operation_log_in_work(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PluggableProtectionProvider, "load_plugins", raising(RuntimeError()))
    with pytest.raises(karbor_exception.FlowError):
        service.protect(service.plan(service.share()))
    (log,) = service.logs()
    assert log.status == "error"


def test_a_flow_that_cannot_be_built_leaves_the_logs_of_other_operations_alone(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    first, second = (service.record(objects.Restore, checkpoint.id) for _ in range(2))
    service.call("restore", first, None)
    monkeypatch.setattr(PluggableProtectionProvider, "load_plugins", raising(RuntimeError()))
    with pytest.raises(karbor_exception.FlowError):
        service.call("restore", second, None)
    stands = {log.restore_id: log.status for log in service.logs() if log.restore_id}
    assert stands == {first.id: "in_progress", second.id: "fail"}


# -- flows that fail outside the hooks --------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "task"),
    [
        (flow_protect, "InitiateProtectTask"),
        (flow_protect, "CompleteProtectTask"),
    ],
)
def test_a_protect_flow_that_fails_outside_the_hooks_ends_in_error(
    service: Service, monkeypatch: pytest.MonkeyPatch, module: Any, task: str
) -> None:
    monkeypatch.setattr(getattr(module, task), "execute", raising(RuntimeError()))
    assert service.protect(service.plan(service.share())).status == "error"


@pytest.mark.parametrize("task", ["InitiateDeleteTask", "CompleteDeleteTask"])
def test_a_delete_flow_that_fails_outside_the_hooks_can_be_repeated(
    service: Service, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    with monkeypatch.context() as patch:
        patch.setattr(getattr(flow_delete, task), "execute", raising(RuntimeError()))
        service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "error-deleting"
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"
    assert service.cloud.snapshots == {}


def test_a_protect_flow_whose_database_is_gone_leaves_nothing_in_work(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Karbor's own undoing fails then, too."""
    monkeypatch.setattr(flow_utils, "update_operation_log", raising(OSError("no database")))
    assert service.protect(service.plan(service.share())).status == "error"


def test_a_protect_flow_that_its_engine_cannot_run_ends_in_error(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(karbor_worker.Worker, "run_flow", raising(RuntimeError()))
    assert service.protect(service.plan(service.share())).status == "error"


def test_a_delete_flow_that_its_engine_cannot_run_ends_in_error_deleting(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    monkeypatch.setattr(karbor_worker.Worker, "run_flow", raising(RuntimeError()))
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "error-deleting"


@pytest.mark.parametrize("module", [flow_restore, flow_verify], ids=["restore", "verify"])
def test_a_restore_or_verification_that_fails_outside_the_hooks_ends_as_failed(
    service: Service, monkeypatch: pytest.MonkeyPatch, module: Any
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    monkeypatch.setattr(karbor_worker.Worker, "run_flow", raising(RuntimeError()))
    run = service.restore if module is flow_restore else service.verify
    assert service.saved(run(checkpoint.id)).status == "fail"


def test_an_error_of_a_flow_ends_in_the_log_and_not_in_the_green_thread(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    share = service.share()
    service.cloud.failing.add(f"create_snapshot {share}")
    checkpoint = service.protect(service.plan(share))
    assert f"The protect flow of checkpoint {checkpoint.id} failed" in caplog.text


def test_a_failure_in_a_hook_keeps_the_reason_that_the_hook_wrote(service: Service) -> None:
    share = service.share()
    service.cloud.failing.add(f"create_snapshot {share}")
    checkpoint = service.protect(service.plan(share))
    assert checkpoint.status == "error"
    assert list(told(checkpoint)["reasons"]) == [f"{SHARE}#{share}"]


# -- what is running --------------------------------------------------------------------------


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

    def meanwhile(self: ShareProtectable, context: Any, project_id: str) -> Any:
        """Another green thread gets its turn while Manila is asked."""
        (checkpoint_id,) = service.checkpoints()
        try:
            answers.append(service.delete(checkpoint_id))
        except karbor_exception.Invalid as error:
            answers.append(error)
        return original(self, context, project_id)

    monkeypatch.setattr(ShareProtectable, "inventory", meanwhile)
    checkpoint = service.protect(whole_project(service))
    assert isinstance(answers[0], karbor_exception.Invalid)
    assert service.checkpoints() == [checkpoint.id]


# -- checkpoints that are not whole -----------------------------------------------------------


def test_a_checkpoint_that_died_before_its_graph_was_stored_can_be_deleted(
    service: Service,
) -> None:
    plan = service.plan(service.share())
    checkpoint = service.provider.get_checkpoint_collection().create(plan)
    assert checkpoint.resource_graph is None
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"
    assert service.checkpoints() == []


def test_an_unknown_operation_is_refused_as_karbor_does(service: Service) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    with pytest.raises(karbor_exception.InvalidParameterValue):
        Worker(Claims(60.0)).get_flow(service.context(), "fly", checkpoint, service.provider)


# -- what is left out -------------------------------------------------------------------------


def test_what_is_left_out_is_told_in_extra_info_as_a_json_string(service: Service) -> None:
    bad = service.share(status="error", name="broken")
    service.share()
    checkpoint = service.protect(whole_project(service))
    assert checkpoint.status == "available"
    assert isinstance(checkpoint.extra_info, str)
    assert told(checkpoint)["left_out"] == [
        {
            "type": SHARE,
            "id": bad,
            "name": "broken",
            "reason": "its status is error",
            "kind": "broken",
        }
    ]


def test_what_is_left_out_stands_beside_who_made_the_checkpoint(service: Service) -> None:
    service.share(status="error")
    service.share()
    made_by = {"created_by": "operation-engine", "scheduled_operation_id": str(uuid.uuid4())}
    checkpoint = service.protect(whole_project(service), {"extra_info": jsonutils.dumps(made_by)})
    assert told(checkpoint).items() >= made_by.items()
    assert "left_out" in told(checkpoint)


def test_karbor_can_load_the_extra_info_that_we_wrote(service: Service) -> None:
    """Its flows read the schedule from there (flows/utils.py, create_operation_log)."""
    service.share(status="error")
    service.share()
    operation = str(uuid.uuid4())
    made_by = {"created_by": "operation-engine", "scheduled_operation_id": operation}
    checkpoint = service.protect(whole_project(service), {"extra_info": jsonutils.dumps(made_by)})
    log = flow_utils.create_operation_log(service.context(), checkpoint)
    assert log.scheduled_operation_id == operation


def test_a_checkpoint_that_leaves_nothing_out_has_no_word_of_it(service: Service) -> None:
    service.share()
    assert told(service.protect(whole_project(service))) == {}


def test_a_plan_on_a_project_with_other_things_in_it_is_protected(service: Service) -> None:
    """Karbor's own way is ProtectionPluginNotFound (protectable_registry.py, resource_flow.py)."""
    service.manager.protectable_registry.register_plugin(Foreign(["a volume"]))
    share = service.share()
    checkpoint = service.protect(whole_project(service))
    assert checkpoint.status == "available"
    assert [item["id"] for item in told(checkpoint)["left_out"]] == ["a volume"]
    assert [view["share_id"] for view in service.cloud.snapshots.values()] == [share]


def test_a_checkpoint_that_holds_nothing_is_no_success_and_says_why(service: Service) -> None:
    """Else it would be available, restorable and "Newest Good"."""
    bad, gone = service.share(status="error"), service.share(status="deleting")
    service.share(snapshot_support=False)
    with pytest.raises(karbor_exception.FlowError) as refused:  # HTTP 400 of Karbor's API
        service.protect(whole_project(service))
    (checkpoint,) = (service.checkpoint(item) for item in service.checkpoints())
    assert checkpoint.status == "error"
    (reason,) = told(checkpoint)["reasons"].values()
    for said in (bad, gone, "its status is error", "has no snapshot support"):
        assert said in reason
        assert said in str(refused.value)
    assert len(told(checkpoint)["left_out"]) == 3
    assert service.manager.claims.held == frozenset()
    assert [log.status for log in service.logs()] == ["error"]
    service.delete(checkpoint.id)
    assert service.checkpoints() == []


def test_a_project_without_a_share_gives_no_good_checkpoint(service: Service) -> None:
    with pytest.raises(karbor_exception.FlowError) as refused:
        service.protect(whole_project(service))
    assert "there is nothing in its project that could be protected" in str(refused.value)
    assert [service.checkpoint(item).status for item in service.checkpoints()] == ["error"]


def test_of_many_gaps_the_reason_names_some_and_counts_the_rest(service: Service) -> None:
    for _ in range(9):
        service.share(status="error")
    with pytest.raises(karbor_exception.FlowError) as refused:
        service.protect(whole_project(service))
    assert str(refused.value).count("its status is error") == 5
    assert "and 4 more, which the checkpoint names" in str(refused.value)


def test_a_provider_whose_shares_are_not_ours_is_left_to_karbor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(tmp_path, monkeypatch, NOOP) as service:
        assert service.protect(whole_project(service)).status == "available"


# -- flows that are about to end --------------------------------------------------------------


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

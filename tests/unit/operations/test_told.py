# SPDX-License-Identifier: Apache-2.0
"""Whether this failure was told: by what this operation wrote, not by what stands there from an
earlier one, nor by what a sentence begins with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from karbor.services.protection.flows import delete as flow_delete
from karbor.services.protection.flows import restore as flow_restore
from karbor.services.protection.flows import verify as flow_verify

from karbor_manila.manila.errors import SnapshotDoubtful, SnapshotGone
from karbor_manila.operations import lost_snapshots, reporting
from karbor_manila.recovery import operation_logs
from tests.fakes.manila import Died, refused
from tests.unit.karbor_stage import SHARE, VOLUME, Foreign, Service, started, told


def raising(error: Exception) -> Callable[..., Any]:
    def raise_it(*_args: Any, **_kwargs: Any) -> Any:
        raise error

    return raise_it


def test_a_deletion_that_fails_outside_its_hooks_says_so_beside_an_old_reason(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    fault = service.cloud.plan("delete_snapshot", lambda: refused(423), times=100)
    service.delete(checkpoint.id)
    old = told(service.checkpoint(checkpoint.id))["reasons"]
    assert list(old) == [f"{SHARE}#{share}"]
    service.cloud.faults.remove(fault)
    monkeypatch.setattr(flow_delete.CompleteDeleteTask, "execute", raising(RuntimeError()))
    service.delete(checkpoint.id)
    now = service.checkpoint(checkpoint.id)
    assert now.status == "error-deleting"
    assert "RuntimeError" in told(now)["reasons"][f"checkpoint#{checkpoint.id}"]


@pytest.mark.parametrize(
    ("call", "task", "parameters"),
    [
        ("restore", flow_restore.CompleteRestoreTask, {}),
        ("verify", flow_verify.CompleteVerifyTask, {SHARE: {"depth": "plan"}}),
    ],
)
def test_what_was_told_of_a_success_is_no_reason_of_a_failure(
    service: Service, monkeypatch: pytest.MonkeyPatch, call: str, task: Any, parameters: Any
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    monkeypatch.setattr(task, "execute", raising(RuntimeError()))
    record = service.saved(getattr(service, call)(checkpoint.id, parameters))
    assert record.status == "fail"
    assert "RuntimeError" in record.resources_reason[f"checkpoint#{checkpoint.id}"]


def test_a_reason_that_could_not_be_written_is_written_once_more_at_the_end(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = service.share()
    service.cloud.failing.add(f"create_snapshot {share}")
    with monkeypatch.context() as patch:
        patch.setattr(reporting, "to_checkpoint", raising(OSError("no space left on device")))
        checkpoint = service.protect(service.plan(share))
    assert checkpoint.status == "error"
    assert "the backend is full" in told(checkpoint)["reasons"][f"checkpoint#{checkpoint.id}"]


def test_two_failures_of_ours_are_each_told_once(service: Service) -> None:
    shares = [service.share(), service.share()]
    service.cloud.failing |= {f"create_snapshot {share}" for share in shares}
    checkpoint = service.protect(service.plan(*shares))
    assert set(told(checkpoint)["reasons"]) == {f"{SHARE}#{share}" for share in shares}


def test_the_failure_of_somebody_elses_hook_is_told_beside_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noop = "karbor-noop-protection-plugin"
    ours = "karbor-manila-share-protection-plugin"
    with started(tmp_path, monkeypatch, noop, ours) as service:
        service.manager.protectable_registry.register_plugin(Foreign())
        share = service.share()
        service.cloud.failing.add(f"create_snapshot {share}")
        plugin = service.provider.plugins[VOLUME]
        monkeypatch.setattr(
            plugin, "get_protect_operation", lambda *_args: _Failing(), raising=True
        )
        volume = {"type": VOLUME, "id": "v", "name": "v"}
        checkpoint = service.protect(service.plan(share, resources=[volume]))
        assert set(told(checkpoint)["reasons"]) == {
            f"{SHARE}#{share}",
            f"checkpoint#{checkpoint.id}",
        }


class _Failing:
    """An operation of another plugin that does not go well."""

    def on_main(self, checkpoint: Any, resource: Any, **_kwargs: Any) -> None:
        raise OSError("the disk is on fire")


def test_that_a_snapshot_is_lost_is_known_by_its_id_and_not_by_a_sentence(
    service: Service,
) -> None:
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    (snapshot,) = service.cloud.snapshots
    doubt = SnapshotDoubtful(snapshot, "its status is 'restoring'")
    reporting.add(checkpoint, "reasons", {reporting.key(share): str(doubt)})
    assert not lost_snapshots.is_reported_lost(checkpoint, share, snapshot)
    sleep = service.cloud.clock.sleep
    lost_snapshots.mark_as_lost(checkpoint, share, SnapshotGone(snapshot), sleep)
    assert checkpoint.status == "error"
    reporting.add(checkpoint, "reasons", {reporting.key(share): "Why it could not be deleted."})
    assert lost_snapshots.is_reported_lost(checkpoint, share, snapshot)
    assert not lost_snapshots.is_reported_lost(checkpoint, share, "another")


# -- the log of an attempt that another process ends -------------------------------------------


def failed_before(service: Service, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A checkpoint whose first deletion failed, for a reason of the checkpoint as a whole."""
    checkpoint = service.protect(service.plan(service.share()))
    with monkeypatch.context() as patch:
        patch.setattr(flow_delete.CompleteDeleteTask, "execute", raising(RuntimeError()))
        patch.setattr(flow_delete.InitiateDeleteTask, "execute", raising(RuntimeError()))
        service.delete(checkpoint.id)
    assert "RuntimeError" in str(told(service.checkpoint(checkpoint.id))["reasons"])
    return checkpoint


def died_again(service: Service, checkpoint: Any) -> Service:
    """Another deletion, whose process dies; Manila refuses from then on."""
    service.cloud.plan("delete_snapshot", Died)
    with pytest.raises(Died):
        service.delete(checkpoint.id)
    service.cloud.plan("delete_snapshot", lambda: refused(423), times=100)
    return service.die()


def test_the_log_of_a_deletion_that_died_tells_nothing_of_an_earlier_one(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = failed_before(service, monkeypatch)
    heir = died_again(service, checkpoint)
    assert list(heir.manager.reconciliation.run().values()) == ["error-deleting"]
    said = heir.logs()[-1].error_info
    assert "HTTP 423" in said
    assert "RuntimeError" not in said
    # The checkpoint tells all of it, and which of it is old.
    info = told(heir.checkpoint(checkpoint.id))
    assert len(info["reasons"]) == 2
    assert info["earlier_reasons"] == [f"checkpoint#{checkpoint.id}"]


def test_the_same_reason_as_before_is_one_of_this_attempt(service: Service) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    fault = service.cloud.plan("delete_snapshot", lambda: refused(423), times=100)
    service.delete(checkpoint.id)
    service.cloud.faults.remove(fault)
    heir = died_again(service, checkpoint)
    assert list(heir.manager.reconciliation.run().values()) == ["error-deleting"]
    first, again = (log.error_info for log in heir.logs()[-2:])
    assert "HTTP 423" in again
    assert again == first


def test_a_death_between_the_reason_and_the_log_leaves_the_reason_to_the_next(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = failed_before(service, monkeypatch)
    heir = died_again(service, checkpoint)
    with monkeypatch.context() as patch:
        patch.setattr(operation_logs, "end", raising(Died()))
        with pytest.raises(Died):
            heir.manager.reconciliation.run()
    last = heir.die()
    assert list(last.manager.reconciliation.run().values()) == ["error-deleting"]
    said = last.logs()[-1].error_info
    assert "HTTP 423" in said
    assert "RuntimeError" not in said


def test_the_reasons_of_a_protection_stay_out_of_the_log_of_the_deletion(service: Service) -> None:
    bad = service.share()
    service.cloud.failing.add(f"create_snapshot {bad}")
    checkpoint = service.protect(service.plan(service.share(), bad))
    assert checkpoint.status == "error"
    assert list(told(checkpoint)["reasons"]) == [f"{SHARE}#{bad}"]
    heir = died_again(service, checkpoint)
    assert list(heir.manager.reconciliation.run().values()) == ["error-deleting"]
    said = heir.logs()[-1].error_info
    assert "HTTP 423" in said
    assert "status 'error'" not in said


def test_an_extra_info_that_nobody_can_read_is_no_reason_not_to_begin(service: Service) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    for damaged in ("[1]", "no JSON"):
        checkpoint.extra_info = damaged
        reporting.begin_anew(checkpoint)
        assert checkpoint.extra_info == damaged

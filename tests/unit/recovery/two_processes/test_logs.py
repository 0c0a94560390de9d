# SPDX-License-Identifier: Apache-2.0
"""Who lost a claim leaves the operation log to whoever has taken over."""

import contextlib
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor.services.protection.flows import utils

from karbor_manila.recovery import lease, operation_logs
from tests.fakes.manila import refused as refused_by_manila
from tests.unit.karbor_stage import Service
from tests.unit.recovery.two_processes.stage import broken, seems_dead, sleeping, stands, taken_over


@pytest.mark.parametrize("moment", ["delete", "reset_state", "not built", "reconciliation"])
def test_who_wakes_up_leaves_the_log_of_a_new_deletion_open(
    service: Service, other: Service, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    heir = Service(service.folder, service.cloud, type(service.manager))
    sleeper = other if moment == "reconciliation" else service
    where = (service.provider.id, checkpoint.id)
    began: list[Any] = []

    def act() -> None:
        seems_dead(sleeper)
        service.cloud.clock.sleep(120)
        heir.call("delete", *where)
        began.extend(log for log in service.logs() if log.ended_at is None)

    fault = service.cloud.plan("delete_snapshot", lambda: refused_by_manila(423), times=100)
    if moment == "reconciliation":
        service.call("delete", *where)
        seems_dead(service)
        service.cloud.clock.sleep(120)
        lease.renew(other.provider.bank)
    with monkeypatch.context() as patch:
        sleeping(patch, operation_logs, "_open_logs", 3 if moment == "not built" else 1, act)
        if moment == "reconciliation":
            other.manager.reconciliation.run()
        elif moment == "reset_state":
            service.call("reset_state", *where, "error")
        else:
            if moment == "not built":
                patch.setattr(service.provider, "load_plugins", broken)
            with pytest.raises(karbor_exception.KarborException):
                service.call("delete", *where)
    (log,) = began
    assert stands(service, log) == (log.status, None, None)
    service.cloud.faults.remove(fault)
    heir.run()
    assert heir.checkpoint(checkpoint.id).status == "deleted"
    assert [log.status for log in service.logs()][-1] == "deleted"
    assert heir.manager.claims.all() == []


def do(service: Service, kind: str, plan: Any, checkpoint: Any) -> None:
    """An operation on the checkpoint, or that makes one or a copy, to its end."""
    if kind == "protect":
        service.protect(plan)
    elif kind == "copy":
        service.call("copy", plan)
    elif kind == "delete":
        service.delete(checkpoint.id)
    else:
        getattr(service, kind)(checkpoint.id)
    service.run()


@pytest.mark.parametrize("nth", [1, 2], ids=["at the beginning", "at the end"])
@pytest.mark.parametrize("kind", ["protect", "delete", "copy", "restore", "verify"])
def test_who_wakes_up_before_a_write_into_his_log_leaves_it_as_it_was_ended(
    service: Service, other: Service, monkeypatch: pytest.MonkeyPatch, kind: str, nth: int
) -> None:
    """Karbor's tasks write the checkpoint or the record first, and then the log."""
    plan = service.plan(service.share())
    checkpoint = None if kind == "protect" else service.protect(plan)
    ended: list[Any] = []
    look = taken_over(service, other, lambda: ended.append(service.logs()[-1]))
    with monkeypatch.context() as patch:
        sleeping(patch, utils, "update_operation_log", nth, look)
        do(service, kind, plan, checkpoint)
    (log,) = ended
    assert log.ended_at is not None
    assert stands(service, log) == (log.status, log.ended_at, log.error_info)
    assert other.manager.claims.all() == []


@pytest.mark.parametrize("kind", ["protect", "delete", "copy", "restore", "verify"])
def test_who_sleeps_before_his_log_is_made_leaves_none_open(
    service: Service, other: Service, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Karbor makes it without a look at the claim, and whoever has taken over knows nothing of
    it."""
    plan = service.plan(service.share())
    checkpoint = None if kind == "protect" else service.protect(plan)
    maker = {"restore": "create_operation_log_restore", "verify": "create_operation_log_verify"}
    with monkeypatch.context() as patch, contextlib.suppress(karbor_exception.KarborException):
        sleeping(
            patch,
            utils,
            maker.get(kind, "create_operation_log"),
            1,
            taken_over(service, other),
        )
        do(service, kind, plan, checkpoint)
    service.run()
    assert [log.status for log in service.logs() if log.ended_at is None] == []
    assert other.manager.reconciliation.find() == []
    assert other.manager.claims.all() == []

# SPDX-License-Identifier: Apache-2.0
"""A share that had failed before its process died at another one: its own reason stays."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from karbor import objects

from karbor_manila.common.errors import NotSupported
from karbor_manila.operations import copy, protect, restore
from tests.fakes.manila import Died
from tests.unit.karbor_stage import SHARE, Service, told
from tests.unit.recovery.reconciliation.stage import born, killed, reconcile, the_checkpoint

WHY = "The quota is too small."


class Troubles:
    """What becomes of the shares of an operation, one after the other."""

    def __init__(self, patch: pytest.MonkeyPatch, operation: Any, *acts: Any) -> None:
        self.shares: list[str] = []
        left: Iterator[Any] = iter(acts)

        def run(_self: Any, job: Any) -> None:
            self.shares.append(job.share_id)
            next(left)(job)

        patch.setattr(operation, "run", run)


def fails(_job: Any) -> None:
    raise NotSupported("A snapshot of it", WHY)


def dies(_job: Any) -> None:
    raise Died


def left_out(job: Any) -> None:
    restore.leave_out(job, "A hook has left it out.")


def reasons(service: Service) -> dict[str, str]:
    found: dict[str, str] = told(the_checkpoint(service))["reasons"]
    return found


def test_of_a_protection_the_share_that_failed_keeps_its_reason(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        troubles = Troubles(patch, protect.ProtectOperation, fails, dies)
        plan = service.plan(service.share(), service.share())
        killed(service, "protect", plan)
    failed = f"{SHARE}#{troubles.shares[0]}"
    before = reasons(service)[failed]
    assert WHY in before
    service = born(service)
    assert reconcile(service) == ["error"]
    assert reasons(service)[failed] == before


def test_of_a_protection_the_reason_of_an_earlier_attempt_is_none_of_this_one(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        troubles = Troubles(patch, protect.ProtectOperation, fails, dies)
        killed(service, "protect", service.plan(service.share(), service.share()))
    failed = f"{SHARE}#{troubles.shares[0]}"
    checkpoint = the_checkpoint(service)
    info = told(checkpoint) | {"earlier_reasons": [failed]}
    checkpoint.extra_info = json.dumps(info)
    checkpoint.commit()
    service = born(service)
    assert reconcile(service) == ["error"]
    assert "died" in reasons(service)[failed]


def test_of_a_copy_the_share_that_failed_keeps_its_reason(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = service.plan(service.share(), service.share())
    source = service.protect(plan).id
    with monkeypatch.context() as patch:
        troubles = Troubles(patch, copy.CopyOperation, fails, dies)
        service.call("copy", plan)
        killed(service, "run")
    (made,) = set(service.checkpoints()) - {source}
    failed, other = (f"{SHARE}#{share}" for share in troubles.shares)
    before = told(service.checkpoint(made))["reasons"][failed]
    service = born(service)
    assert "error" in reconcile(service)
    after = told(service.checkpoint(made))["reasons"]
    assert WHY in before
    assert after[failed] == before
    assert "died" in after[other]


@pytest.mark.parametrize("in_place", [False, True])
def test_of_a_restore_the_share_that_failed_keeps_its_reason(
    service: Service, monkeypatch: pytest.MonkeyPatch, *, in_place: bool
) -> None:
    shares = [service.share(), service.share()]
    checkpoint = service.protect(service.plan(*shares))
    given = {f"{SHARE}#{share}": {"share_id": share} for share in shares}
    record = service.record(objects.Restore, checkpoint.id, given if in_place else None)
    service.call("restore", record, None)
    with monkeypatch.context() as patch:
        troubles = Troubles(patch, restore.RestoreOperation, fails, dies)
        killed(service, "run")
    failed, other = (f"{SHARE}#{share}" for share in troubles.shares)
    before = service.saved(record).resources_reason[failed]
    assert WHY in before
    service = born(service)
    assert "fail" in reconcile(service)
    saved = service.saved(record)
    assert (saved.status, saved.resources_status[failed]) == ("fail", "error")
    assert saved.resources_reason[failed] == before
    assert "died" in saved.resources_reason[other]


def test_of_a_restore_the_whole_reason_is_had_from_the_bank_when_the_record_has_no_room(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = service.protect(service.plan(service.share(), service.share()))
    record = service.record(objects.Restore, checkpoint.id)
    service.call("restore", record, None)

    def fails_at_length(_job: Any) -> None:
        raise NotSupported("A share of it", WHY * 2000)

    with monkeypatch.context() as patch:
        troubles = Troubles(patch, restore.RestoreOperation, fails_at_length, dies)
        killed(service, "run")
    failed = f"{SHARE}#{troubles.shares[0]}"
    section = service.checkpoint(checkpoint.id).get_resource_bank_section(troubles.shares[0])
    (key,) = (key for key in section.list_objects() if "report" in key)
    before = section.get_object(key)["told"]
    service = born(service)
    reconcile(service)
    assert section.get_object(key)["told"] == before
    assert WHY in service.saved(record).resources_reason[failed]


def test_of_a_restore_the_share_that_a_hook_left_out_stays_left_out(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = service.protect(service.plan(service.share(), service.share()))
    record = service.record(objects.Restore, checkpoint.id)
    service.call("restore", record, None)
    with monkeypatch.context() as patch:
        troubles = Troubles(patch, restore.RestoreOperation, left_out, dies)
        killed(service, "run")
    out = f"{SHARE}#{troubles.shares[0]}"
    service = born(service)
    assert "fail" in reconcile(service)
    saved = service.saved(record)
    assert saved.resources_status[out] == "undefined"
    assert saved.resources_reason[out] == "A hook has left it out."

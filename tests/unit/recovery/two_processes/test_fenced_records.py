# SPDX-License-Identifier: Apache-2.0
"""A record is saved under its claim, whenever the process is suspended."""

from typing import Any

import pytest
from karbor import objects
from karbor.common import constants
from oslo_utils import timeutils

from karbor_manila.bank import fencing
from karbor_manila.common.errors import ClaimLost
from karbor_manila.recovery import operation_logs
from tests.unit.karbor_stage import Service


@pytest.fixture
def held(service: Service) -> Any:
    """A restore under the claim of this process, and what it is written through."""
    checkpoint = service.protect(service.plan(service.share()))
    record = service.record(objects.Restore, checkpoint.id)
    claims = service.manager.claims
    claims.take(
        record.id,
        constants.OPERATION_RESTORE,
        provider_id=service.provider.id,
        checkpoint_id=checkpoint.id,
        bank=service.provider.bank,
    )
    hold = fencing.Hold(claims, record.id)
    return claims, hold, fencing.record(record, hold.check, hold)


def test_a_takeover_between_the_look_and_the_save_keeps_the_word_of_the_new_owner(
    service: Service, held: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen on a cluster: a worker that woke up wrote ``restoring`` over the end of a restore."""
    claims, hold, record = held
    table = claims._table
    taken = table.get(record.id)

    def look(*_args: Any, **_kwargs: Any) -> None:
        """The last look says yes; then the process is suspended, and another one settles."""
        table.delete(record.id, taken.token)

    monkeypatch.setattr(claims, "check", look)
    record.update_resource_status("OS::Manila::Share", "s", "restoring")
    with pytest.raises(ClaimLost, match="taken it over"):
        record.save()
    assert not service.saved(record).resources_status


def test_what_is_saved_under_the_claim_is_what_karbor_would_save(
    service: Service, held: Any
) -> None:
    _claims, _hold, record = held
    record.update_resource_status("OS::Manila::Share", "s", "available", "a reason")
    record.status = "success"
    record.save()
    saved = service.saved(record)
    assert saved.resources_status == {"OS::Manila::Share#s": "available"}
    assert saved.resources_reason == {"OS::Manila::Share#s": "a reason"}
    assert (saved.status, saved.updated_at is None) == ("success", False)
    assert record.obj_what_changed() == set()


def test_a_takeover_between_the_look_and_the_save_keeps_the_log_as_the_new_owner_ended_it(
    service: Service, held: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims, hold, record = held
    context = service.context()
    log = objects.OperationLog(
        context=context,
        project_id=record.project_id,
        operation_type=constants.OPERATION_RESTORE,
        checkpoint_id=record.checkpoint_id,
        restore_id=record.id,
        status="in_progress",
    )
    log.create()
    operation_logs.fence(context, log, hold)
    log.update({"status": "still"})
    log.save()
    table = claims._table
    token = table.get(record.id).token
    monkeypatch.setattr(claims, "check", lambda *_args, **_more: table.delete(record.id, token))
    log.update({"status": "fail", "ended_at": timeutils.utcnow()})
    with pytest.raises(ClaimLost, match="taken it over"):
        log.save()
    (saved,) = [each for each in service.logs() if each.id == log.id]
    assert (saved.status, saved.ended_at) == ("still", None)

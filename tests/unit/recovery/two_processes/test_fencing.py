# SPDX-License-Identifier: Apache-2.0
"""Who was taken for dead, and wakes up in the middle, changes nothing any more."""

import dataclasses
from typing import Any

import pytest

from karbor_manila.common.errors import ClaimLost
from karbor_manila.manila import access
from tests.unit.karbor_stage import SHARE, Service
from tests.unit.recovery.two_processes.stage import (
    begun,
    in_place,
    reason_of,
    seems_dead,
    taken_over,
)


@pytest.mark.parametrize("fields", [{}, {"safety_copy": True}, {"remove_newer": True}])
def test_who_wakes_up_before_the_revert_leaves_the_new_work_alone(
    service: Service, other: Service, fields: dict[str, Any]
) -> None:
    share = service.share(_text="then")
    checkpoint = service.protect(service.plan(share))
    if "remove_newer" in fields:
        service.protect(service.plan(share, service.share()))
    service.cloud.shares[share]["_text"] = "now"

    def work() -> None:
        service.cloud.shares[share]["_text"] = "new work"

    service.cloud.meanwhile["revert_share"] = [taken_over(service, other, work)]
    record = service.restore(checkpoint.id, in_place(share, **fields))
    saved = other.saved(record)
    assert saved.status == "fail"
    assert "untouched" in reason_of(saved) or "not known" in reason_of(saved)
    assert service.cloud.shares[share]["_text"] == "new work"
    assert other.manager.claims.all() == []


def test_a_safety_copy_that_stays_is_named_by_whoever_ends_its_restore(
    service: Service, other: Service
) -> None:
    share = service.share(_text="then")
    checkpoint = service.protect(service.plan(share))
    service.cloud.shares[share]["_text"] = "now"
    service.cloud.meanwhile["delete_snapshot"] = [taken_over(service, other)]
    record = service.restore(checkpoint.id, in_place(share, safety_copy=True))
    (copy,) = [view for view in service.cloud.shares.values() if view["id"] != share]
    assert (copy["status"], copy["_text"]) == ("available", "now")
    saved = other.saved(record)
    assert saved.status == "fail"
    assert saved.resources_status[f"{SHARE}#{copy['id']}"] == "available"
    assert len(service.cloud.snapshots) == 1


@pytest.mark.parametrize("moment", ["create_snapshot", "access_rules"])
def test_who_wakes_up_in_a_protection_brings_no_deleted_checkpoint_back(
    service: Service, other: Service, moment: str
) -> None:
    share = service.share()
    (plan,) = [service.plan(share)]

    def delete() -> None:
        (checkpoint_id,) = other.checkpoints()
        other.delete(checkpoint_id)

    service.cloud.meanwhile[moment] = [taken_over(service, other, delete)]
    checkpoint = service.protect(plan)
    assert other.checkpoint(checkpoint.id).status == "deleted"
    assert service.checkpoints() == []
    assert service.cloud.snapshots == {}
    assert other.manager.claims.all() == []


@pytest.mark.parametrize("moment", ["create_share", "export_locations"])
def test_who_wakes_up_in_a_restore_removes_nothing_that_was_told_as_restored(
    service: Service, other: Service, moment: str
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    service.cloud.meanwhile[moment] = [taken_over(service, other)]
    record = service.restore(checkpoint.id)
    saved = other.saved(record)
    restored = {view["id"] for view in service.cloud.shares.values() if view["snapshot_id"]}
    if moment == "export_locations":
        assert saved.status == "success"
        assert restored == {key.partition("#")[2] for key in saved.resources_status}
    else:
        assert (saved.status, restored) == ("fail", set())


def test_who_wakes_up_in_a_deletion_deletes_nothing_more(service: Service, other: Service) -> None:
    checkpoint = service.protect(service.plan(service.share(), service.share()))
    service.cloud.meanwhile["delete_snapshot"] = [taken_over(service, other)]
    service.delete(checkpoint.id)
    assert other.checkpoint(checkpoint.id).status == "deleted"
    assert service.cloud.snapshots == {}
    assert [log.status for log in service.logs()][-1] == "deleted"


def test_who_wakes_up_finds_that_his_restore_was_ended_by_a_deletion(
    service: Service, other: Service
) -> None:
    """The deletion takes over the claim of the dead restore, too."""
    share = service.share(_text="then")
    checkpoint = service.protect(service.plan(share))

    def delete() -> None:
        seems_dead(service)
        service.cloud.clock.sleep(120)
        other.delete(checkpoint.id)
        service.cloud.shares[share]["_text"] = "new work"

    service.cloud.meanwhile["revert_share"] = [delete]
    service.restore(checkpoint.id, in_place(share))
    assert service.cloud.shares[share]["_text"] == "new work"
    assert other.checkpoint(checkpoint.id).status == "deleted"
    assert service.cloud.snapshots == {}


def test_a_claim_that_is_lost_at_an_access_rule_is_no_trouble_with_the_rule(
    service: Service,
) -> None:
    """Else a drill would go on, with the operator's command, to a share that another removes."""
    share = service.share()
    manila = service.connect(service.context())

    def guard() -> None:
        raise ClaimLost(share, "another process has taken it over")

    manila.guard = guard
    rule = {"access_type": "ip", "access_to": "10.0.0.1", "access_level": "rw"}
    with pytest.raises(ClaimLost):
        access.grant(
            manila,
            share,
            [rule],
            retry=lambda attempt: attempt(),
            timeout=1.0,
            clock=service.cloud.clock,
        )


def test_who_lost_the_share_to_another_restore_does_not_revert_it(service: Service) -> None:
    """His restore is still his own."""
    share = service.share(_text="then")
    checkpoint = service.protect(service.plan(share))
    service.cloud.shares[share]["_text"] = "now"
    record = begun(service, checkpoint.id, in_place(share))
    claims = service.manager.claims
    claim = claims.get(share)
    assert claims._table.replace(claim, dataclasses.replace(claim, token="another's"))
    service.run()
    assert service.saved(record).status == "fail"
    assert service.cloud.shares[share]["_text"] == "now"
    assert "revert_share" not in service.cloud.calls


def test_who_lost_his_claim_while_he_undid_a_failure_writes_no_reason_into_the_log(
    service: Service, other: Service
) -> None:
    """The failure is his own, the log is that of whoever has taken over."""
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    record = begun(service, checkpoint.id)
    service.cloud.failing.add(f"create_share {share}")
    service.cloud.meanwhile["delete_share"] = [taken_over(service, other)]
    service.run()
    assert other.saved(record).status == "fail"
    (log,) = [log for log in service.logs() if log.operation_type == "restore"]
    assert not log.error_info
    assert other.manager.claims.all() == []

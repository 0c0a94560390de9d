# SPDX-License-Identifier: Apache-2.0
"""What a dead process left is settled by the next one, so that a user can act on it."""

import pytest
from karbor import objects

from tests.fakes.manila import Died, transient
from tests.unit.karbor_stage import (
    SHARE,
    Service,
    told,
)
from tests.unit.recovery.reconciliation.stage import killed, pages, reconcile, the_checkpoint


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_snapshot_that_a_dead_process_began_is_adopted_or_was_never_made(
    service: Service, after: bool
) -> None:
    share = service.share()
    service.cloud.plan("create_snapshot", Died, after=after)
    service = killed(service, "protect", service.plan(share))
    assert the_checkpoint(service).status == "protecting"
    assert reconcile(service) == ["available" if after else "error"]
    checkpoint = the_checkpoint(service)
    kept = pages(service, checkpoint, share)
    # What is in doubt keeps its intent, without an id, for the deletion of the checkpoint.
    assert ("intent" in kept) is not after
    if after:
        (snapshot,) = service.cloud.snapshots
        assert kept["metadata"]["snapshot_id"] == snapshot
        assert service.restore(checkpoint.id).status == "success"
    else:
        assert service.cloud.snapshots == {}
        assert f"{SHARE}#{share}" in told(checkpoint)["reasons"]
    assert [log for log in service.logs() if log.ended_at is None] == []
    assert reconcile(service) == []
    service.delete(checkpoint.id)
    assert service.cloud.snapshots == {}


def test_with_manila_away_nothing_is_changed_and_the_next_attempt_succeeds(
    service: Service,
) -> None:
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(service.share()))
    fault = service.cloud.plan("snapshots", transient, times=10**6)
    assert reconcile(service) == [""]
    assert the_checkpoint(service).status == "protecting"
    assert told(the_checkpoint(service)) == {}
    service.cloud.faults.remove(fault)
    assert reconcile(service) == ["available"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_deletion_that_died_is_completed(service: Service, after: bool) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    service.cloud.plan("delete_snapshot", Died, after=after)
    service = killed(service, "delete", checkpoint.id)
    assert reconcile(service) == ["deleted"]
    assert service.checkpoints() == []
    assert service.cloud.snapshots == {}
    assert [log for log in service.logs() if log.ended_at is None] == []


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_restore_that_died_succeeds_or_says_that_nothing_was_made(
    service: Service, after: bool
) -> None:
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    service.cloud.plan("create_share", Died, after=after)
    service = killed(service, "restore", checkpoint.id)
    assert reconcile(service) == ["success" if after else "fail"]
    (record,) = objects.RestoreList.get_all(service.context(is_admin=True), None, None)
    made = {new for new in service.cloud.shares if new != share}
    if after:
        assert record.resources_status == {f"{SHARE}#{new}": "available" for new in made}
        assert len(made) == 1
    else:
        assert made == set()
        assert "died" in record.resources_reason[f"{SHARE}#{share}"]
    assert [log for log in service.logs() if log.ended_at is None] == []
    assert set(pages(service, checkpoint, share)) == {"metadata", "status"}


def test_a_verification_that_died_fails_and_says_so(service: Service) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    service.cloud.plan("snapshot", Died)
    service = killed(service, "verify", checkpoint.id)
    assert reconcile(service) == ["fail"]
    (record,) = objects.VerificationList.get_all(service.context(is_admin=True), None, None)
    assert "died" in record.resources_reason[f"checkpoint#{checkpoint.id}"]
    assert [log for log in service.logs() if log.ended_at is None] == []


def test_what_a_living_process_works_on_is_left_alone(service: Service) -> None:
    checkpoint_id = service.call("protect", service.plan(service.share()))
    assert reconcile(service) == []
    other = Service(service.folder, service.cloud, type(service.manager))
    assert reconcile(other) == []
    service.run()
    assert service.checkpoint(checkpoint_id).status == "available"

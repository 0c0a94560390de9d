# SPDX-License-Identifier: Apache-2.0
"""Abandoned restores are settled, whatever the user did meanwhile."""

import datetime
import uuid

import pytest
from karbor import exception as karbor_exception
from karbor import objects
from karbor.db.sqlalchemy import api as sqlalchemy_api

from tests.fakes.manila import Died
from tests.unit.clock import FakeClock
from tests.unit.karbor_stage import (
    Service,
    told,
)
from tests.unit.recovery.reconciliation.stage import (
    assert_at_its_end,
    killed,
    left,
    reconcile,
    the_checkpoint,
    unclaimed,
)


def test_a_restore_that_nobody_has_claimed_fails_once_it_is_old(service: Service) -> None:
    young = unclaimed(service, 30)
    assert reconcile(service) == []
    assert service.saved(young).status == "in_progress"
    old = unclaimed(service, 2 * 3600)
    assert set(reconcile(service)) == {"fail"}
    assert service.saved(old).status == "fail"
    assert len(service.cloud.shares) == 2
    reasons = service.saved(old).resources_reason
    assert "no record names" in reasons[f"checkpoint#{old.checkpoint_id}"]


class Ahead(FakeClock):
    """The clock of a host that is two minutes ahead of the others."""

    def utcnow(self) -> datetime.datetime:
        return super().utcnow() + datetime.timedelta(minutes=2)


def test_a_clock_that_is_ahead_ends_no_restore_that_is_on_its_way(service: Service) -> None:
    """Another host's API has just made it; the clock of this one is two minutes ahead."""
    checkpoint = service.protect(service.plan(service.share()))
    record = service.record(objects.Restore, checkpoint.id)
    clock = service.manager.reconciliation._clock = Ahead()
    assert reconcile(service) == []
    assert service.saved(record).status == "in_progress"
    clock.sleep(59)
    assert reconcile(service) == []
    clock.sleep(2)
    assert reconcile(service) == ["fail"]
    assert service.manager.reconciliation._memory.unclaimed.keys() == {record.id}
    assert reconcile(service) == []
    assert not service.manager.reconciliation._memory.unclaimed


@pytest.mark.parametrize("claimed", [True, False])
def test_what_nobody_has_claimed_is_not_said_to_have_left_nothing(
    service: Service, claimed: bool
) -> None:
    service.cloud.plan("create_snapshot", Died)
    service = killed(service, "protect", service.plan(service.share()))
    checkpoint_id = the_checkpoint(service).id
    if not claimed:
        # As Karbor's own plugin leaves it: no claim, no intent, and a snapshot without a mark.
        section = the_checkpoint(service).get_resource_bank_section(*service.cloud.shares)
        section.delete_object("intent")
        with sqlalchemy_api.get_engine().begin() as connection:
            connection.execute("DELETE FROM karbor_manila_claims")
    assert reconcile(service) == ["error"]
    reason = told(service.checkpoint(checkpoint_id))["reasons"][f"checkpoint#{checkpoint_id}"]
    assert ("deleting it removes everything." in reason) is claimed
    assert ("no record names" in reason) is not claimed


def test_a_restore_of_a_provider_that_is_no_more_harms_nobody(service: Service) -> None:
    record = unclaimed(service, 90, provider_id=str(uuid.uuid4()))
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(service.share()))
    assert reconcile(service) == ["available"]
    assert service.saved(record).status == "in_progress"


def test_a_claim_of_a_provider_that_is_no_more_harms_nobody(service: Service) -> None:
    gone = str(uuid.uuid4())
    service.manager.claims.take(
        gone, "protect", provider_id=gone, checkpoint_id=gone, bank=service.provider.bank
    )
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(service.share()))
    assert reconcile(service) == ["available"]
    assert [claim.id for claim in service.manager.claims.all()] == [gone]


def test_a_restored_share_that_the_user_deleted_meanwhile_is_told_as_gone(service: Service) -> None:
    service = left(service, "restore")
    for share_id in [item for item, view in service.cloud.shares.items() if view["snapshot_id"]]:
        del service.cloud.shares[share_id]
    assert reconcile(service) == ["fail"]
    assert_at_its_end(service)


def test_a_restored_share_that_the_user_renamed_meanwhile_is_found(service: Service) -> None:
    service = left(service, "restore")
    for view in service.cloud.shares.values():
        view |= {"name": "mine", "description": "now"}
    assert reconcile(service) == ["success"]
    assert_at_its_end(service)


def test_a_restore_whose_checkpoint_was_deleted_meanwhile_comes_to_its_end(
    service: Service,
) -> None:
    service = left(service, "restore")
    (checkpoint_id,) = service.checkpoints()
    service.delete(checkpoint_id)
    assert reconcile(service) == ["success"]
    assert_at_its_end(service)
    assert len([view for view in service.cloud.shares.values() if view["snapshot_id"]]) == 2


def test_a_restore_that_arrives_while_it_is_being_ended_is_refused(service: Service) -> None:
    """Its request was on its way for longer than anybody waits."""
    record = unclaimed(service, 90)
    service.manager.claims.take(
        record.id,
        "reconcile",
        provider_id=service.provider.id,
        checkpoint_id=record.checkpoint_id,
        bank=service.provider.bank,
    )
    with pytest.raises(karbor_exception.InvalidInput, match="reconcile since"):
        service.call("restore", record, None)
    assert service.spawned == []

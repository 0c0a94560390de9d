# SPDX-License-Identifier: Apache-2.0
"""A bank or a database that is away for longer than the lease lasts: whoever could not make sure
that his claim still counts does nothing more, also when it is back before he is done."""

from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor.services.protection.checkpoint import CheckpointCollection

from karbor_manila.common.errors import ClaimLost
from karbor_manila.recovery import lease
from karbor_manila.service.flows import copy_flow, ending
from tests.unit.karbor_stage import SHARE, Service
from tests.unit.recovery.two_processes.stage import in_place, reason_of, taken_over

#: Seconds: the lease counts no more, somebody waits for it in vain, and then it is renewed.
AWAY = 65.0


class Lease:
    """Stands in for the keeper of a lease that is not renewed for a while."""

    trouble = None

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._back = 0.0
        self.elapsed = clock.now

    def goes(self) -> None:
        """From now on it is not renewed."""
        self._back = self._clock.now() + AWAY

    @property
    def is_fresh(self) -> bool:
        return self._clock.now() >= self._back

    @property
    def lapses(self) -> int:
        return int(self._back > 0 and self.is_fresh)


def keeper(service: Service) -> Lease:
    lease = Lease(service.cloud.clock)
    service.manager.claims.keep(service.provider.id, lease)
    return lease


def test_a_restore_that_is_complete_is_a_success_when_its_final_status_was_late(
    service: Service,
) -> None:
    """It failed, although nothing was wrong with the share that it named."""
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    service.cloud.meanwhile["export_locations"] = [keeper(service).goes]
    record = service.restore(checkpoint.id)
    assert service.saved(record).status == "in_progress"
    assert list(service.manager.reconciliation.run().values()) == ["success"]
    (made,) = service.cloud.shares.keys() - {share}
    assert service.saved(record).resources_status == {f"{SHARE}#{made}": "available"}
    assert service.manager.claims.all() == []


def test_a_restore_in_place_whose_final_status_was_late_is_ended_by_the_reconciliation(
    service: Service,
) -> None:
    """Which cannot know that it is done, and says so; nothing is asked for again."""
    share = service.share(_text="then")
    checkpoint = service.protect(service.plan(share))
    service.cloud.shares[share]["_text"] = "now"
    service.cloud.meanwhile["export_locations"] = [keeper(service).goes]
    record = service.restore(checkpoint.id, in_place(share))
    assert service.saved(record).status == "in_progress"
    service.manager.reconciliation.run()
    assert service.cloud.shares[share]["_text"] == "then"
    assert "not known" in reason_of(service.saved(record))
    assert service.cloud.calls.count("revert_share") == 1
    assert service.manager.claims.all() == []


def test_a_protection_whose_snapshot_is_there_is_kept_when_the_lease_was_late(
    service: Service,
) -> None:
    service.cloud.meanwhile["access_rules"] = [keeper(service).goes]
    checkpoint_id = service.call("protect", service.plan(service.share()))
    service.run()
    assert len(service.cloud.snapshots) == 1
    assert list(service.manager.reconciliation.run().values()) == ["available"]
    assert service.checkpoint(checkpoint_id).status == "available"


def test_a_claim_that_was_lost_for_want_of_a_lease_is_lost_and_can_be_taken_up(
    service: Service, other: Service
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    claims, lapsing = service.manager.claims, keeper(service)
    with service.manager.worker.claimed(checkpoint, "protect"):
        lapsing.goes()
        with pytest.raises(ClaimLost):
            claims.check(checkpoint.id)
        service.cloud.clock.sleep(AWAY)
        with pytest.raises(ClaimLost, match="could not be renewed"):
            claims.check(checkpoint.id)
        assert not claims.is_held(checkpoint.id)
    (left,) = other.manager.claims.all()
    assert left.owner == ""
    assert list(other.manager.reconciliation.run().values()) == ["available"]
    assert other.manager.claims.all() == []


def test_who_wakes_up_while_he_makes_the_checkpoint_of_a_copy_makes_none(
    service: Service, other: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its source is another's by then: it may be deleted, or copied by that one."""
    plan = service.plan(service.share())
    source = service.protect(plan)
    create = CheckpointCollection.create

    def late(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(CheckpointCollection, "create", create)
        taken_over(service, other)()
        return create(*args, **kwargs)

    monkeypatch.setattr(CheckpointCollection, "create", late)
    with pytest.raises(karbor_exception.InvalidInput, match="stopped its work"):
        service.call("copy", plan)
    service.run()
    assert service.checkpoints() == [source.id]
    assert len(service.cloud.snapshots) == 1
    assert other.manager.claims.all() == []
    assert service.manager.claims.held == frozenset()


def test_a_copy_whose_failure_cannot_be_written_is_left_to_the_reconciliation(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = service.plan(service.share())
    service.protect(plan)

    def build(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(copy_flow, "build", build)
    monkeypatch.setattr(ending, "fail", lambda *_args: False)
    with pytest.raises(karbor_exception.FlowError):
        service.call("copy", plan)
    (left,) = service.manager.claims.all()
    assert left.owner == ""
    assert list(service.manager.reconciliation.run().values()) == ["error"]


def test_a_copy_whose_source_was_taken_over_is_ended_by_the_reconciliation(
    service: Service, other: Service
) -> None:
    plan = service.plan(service.share())
    source = service.protect(plan)

    def taken() -> None:
        bank = service.provider.bank
        known = service.manager.claims.get(source.id)
        assert known is not None
        mine = other.manager.claims
        lease.renew(bank)
        key = f"/karbor-manila/leases/{bank.get_owner_id()}"
        was = bank.get_object(key)
        bank.update_object(key, was | {"ticks": 1})
        mine.take(
            source.id,
            "delete",
            provider_id=source.provider_id,
            checkpoint_id=source.id,
            bank=other.provider.bank,
        )
        bank.update_object(key, was)

    service.cloud.meanwhile["create_share"] = [taken]
    ((_, copy_id),) = [tuple(pair.values()) for pair in service.call("copy", plan)]
    service.run()
    assert service.checkpoint(copy_id).status == "copying"
    assert len(service.cloud.shares) == 1
    other.manager.claims.release(source.id)
    service.manager.reconciliation.run()
    assert service.checkpoint(copy_id).status == "error"
    assert service.manager.claims.all() == []

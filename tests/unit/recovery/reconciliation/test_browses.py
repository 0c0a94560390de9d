# SPDX-License-Identifier: Apache-2.0
"""Access to a snapshot is taken back when its time is over, whoever died meanwhile."""

import itertools
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor import objects

from karbor_manila.bank import browses
from karbor_manila.recovery.searched import Look
from tests.fakes.manila import Died, FakeManila, refused, transient
from tests.unit.karbor_stage import Service
from tests.unit.points import Points
from tests.unit.recovery.browsed import (
    HOST,
    HOUR,
    OTHER,
    asked,
    born_again,
    browse,
    checkpoint_of,
    left,
    opened,
    told,
)
from tests.unit.recovery.reconciliation.stage import forget, reconcile


def test_access_ends_with_its_time_and_not_before(service: Service) -> None:
    checkpoint = checkpoint_of(service)
    assert browse(service, checkpoint, browse_to=HOST, browse_for=HOUR).status == "success"
    assert reconcile(service) == []
    service.cloud.clock.sleep(HOUR - 60)
    assert reconcile(service) == []
    assert opened(service) == [HOST]
    service.cloud.clock.sleep(61)
    assert reconcile(service) == ["seen to"]
    assert opened(service) == []
    assert left(service, checkpoint) == ([], 0)
    assert service.manager.claims.all() == []
    assert reconcile(service) == []


def test_a_turn_that_looks_at_the_database_alone_ends_it_too(service: Service) -> None:
    checkpoint = checkpoint_of(service)
    browse(service, checkpoint, browse_to=HOST, browse_for=HOUR)
    service.cloud.clock.sleep(HOUR)
    assert list(service.manager.reconciliation.run(where=Look.DATABASE).values()) == ["seen to"]
    assert opened(service) == []


def test_several_may_browse_at_once_and_each_ends_by_himself(service: Service) -> None:
    checkpoint = checkpoint_of(service)
    browse(service, checkpoint, browse_to=HOST, browse_for=HOUR)
    browse(service, checkpoint, browse_to=OTHER, browse_for=2 * HOUR)
    service.cloud.clock.sleep(HOUR)
    reconcile(service)
    assert opened(service) == [OTHER]
    service.cloud.clock.sleep(HOUR)
    reconcile(service)
    assert opened(service) == []


def test_what_was_made_longer_ends_later(service: Service) -> None:
    checkpoint = checkpoint_of(service)
    browse(service, checkpoint, browse_to=HOST, browse_for=HOUR)
    browse(service, checkpoint, browse_to=HOST, browse_for=3 * HOUR)
    service.cloud.clock.sleep(2 * HOUR)
    assert reconcile(service) == []
    assert opened(service) == [HOST]
    service.cloud.clock.sleep(HOUR)
    reconcile(service)
    assert opened(service) == []


def test_what_the_user_granted_himself_stays(service: Service) -> None:
    checkpoint = checkpoint_of(service)
    (snapshot,) = service.cloud.snapshots
    FakeManila(service.cloud, service.project_id).allow_snapshot_access(snapshot, "ip", OTHER)
    browse(service, checkpoint, browse_to=HOST, browse_for=HOUR)
    service.cloud.clock.sleep(HOUR)
    reconcile(service)
    assert opened(service) == [OTHER]


def test_open_access_keeps_nothing_from_being_done_with_the_checkpoint(service: Service) -> None:
    checkpoint = checkpoint_of(service)
    browse(service, checkpoint, browse_to=HOST)
    assert service.saved(service.restore(checkpoint.id)).status == "success"
    assert service.saved(service.verify(checkpoint.id)).status == "success"
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"
    assert browses.entries(service.provider.bank, service.provider.id) == []


def test_it_is_tried_again_when_manila_is_away_or_refuses(service: Service) -> None:
    checkpoint = checkpoint_of(service)
    browse(service, checkpoint, browse_to=HOST, browse_for=HOUR)
    service.cloud.clock.sleep(HOUR)
    for error in (transient, refused):
        service.cloud.plan("deny_snapshot_access", error, times=100)
        assert reconcile(service) == [""]
        assert left(service, checkpoint)[1]
        service.cloud.faults.clear()
    assert "" not in reconcile(service)
    assert opened(service) == []
    assert left(service, checkpoint) == ([], 0)


def test_what_a_failed_browse_could_not_take_back_is_taken_back_soon(service: Service) -> None:
    checkpoint = checkpoint_of(service)
    (snapshot,) = service.cloud.snapshots
    service.cloud.failing |= {f"allow_snapshot_access {HOST}", f"deny_snapshot_access {HOST}"}
    assert browse(service, checkpoint, browse_to=HOST).status == "fail"
    service.cloud.failing.clear()
    assert reconcile(service) == ["seen to"]
    assert opened(service) == []
    assert left(service, checkpoint) == ([], 0)


def test_access_of_a_checkpoint_that_is_gone_costs_one_look(service: Service) -> None:
    checkpoint = checkpoint_of(service)
    browse(service, checkpoint, browse_to=HOST, browse_for=HOUR)
    (entry,) = browses.entries(service.provider.bank, service.provider.id)
    service.delete(checkpoint.id)
    browses.put(service.provider.bank, service.provider.id, entry)
    service.cloud.clock.sleep(HOUR)
    assert reconcile(service) == ["seen to"]
    assert browses.entries(service.provider.bank, service.provider.id) == []


def test_access_to_a_snapshot_that_was_removed_behind_our_back_ends(service: Service) -> None:
    checkpoint = checkpoint_of(service)
    browse(service, checkpoint, browse_to=HOST, browse_for=HOUR)
    service.cloud.snapshots.clear()
    service.cloud.clock.sleep(HOUR)
    assert reconcile(service) == ["seen to"]
    assert left(service, checkpoint) == ([], 0)


def test_access_to_what_another_project_has_by_now_is_left_to_that(service: Service) -> None:
    checkpoint = checkpoint_of(service)
    browse(service, checkpoint, browse_to=HOST, browse_for=HOUR)
    (snapshot,) = service.cloud.snapshots.values()
    service.cloud.transfer(snapshot["share_id"], service.other_project)
    service.cloud.clock.sleep(HOUR)
    assert reconcile(service) == ["seen to"]
    assert opened(service) == [HOST]
    assert left(service, checkpoint) == ([], 0)


def test_another_project_gives_no_access(service: Service) -> None:
    checkpoint = checkpoint_of(service)
    stranger = service.context(service.other_project)
    with pytest.raises(karbor_exception.KarborException):
        service.verify(checkpoint.id, asked(browse_to=HOST), context=stranger)
    assert opened(service) == []


def test_access_whose_key_was_lost_is_found_by_the_look_at_the_whole_bank(
    service: Service,
) -> None:
    checkpoint = checkpoint_of(service)
    record = browse(service, checkpoint, browse_to=HOST, browse_for=HOUR)
    bank, provider_id = service.provider.bank, service.provider.id
    (entry,) = browses.entries(bank, provider_id)
    browses.forget(bank, provider_id, entry.share_id, record.id)
    service = born_again(service)
    assert reconcile(service) == ["seen to"]
    assert browses.entries(service.provider.bank, provider_id) == [entry]
    assert opened(service) == [HOST]


def test_a_damaged_checkpoint_keeps_no_other_lost_access_from_being_found(
    service: Service,
) -> None:
    damaged, good = sorted((checkpoint_of(service) for _ in range(2)), key=lambda each: each.id)
    bank, provider_id = service.provider.bank, service.provider.id
    for checkpoint in (damaged, good):
        browse(service, checkpoint, browse_to=HOST, browse_for=HOUR)
    entries = browses.entries(bank, provider_id)
    for entry in entries:
        browses.forget(bank, provider_id, entry.share_id, entry.browse_id)
    bank.update_object(f"/checkpoints/{damaged.id}/index.json", {"no": "checkpoint"})
    service = born_again(service)
    reconcile(service)
    found = [entry.checkpoint_id for entry in browses.entries(service.provider.bank, provider_id)]
    assert found == [good.id]


def test_access_ends_although_its_verification_was_purged(service: Service) -> None:
    checkpoint = checkpoint_of(service)
    record = browse(service, checkpoint, browse_to=HOST, browse_for=HOUR)
    record.destroy()
    service.cloud.clock.sleep(HOUR)
    assert reconcile(service) == ["seen to"]
    assert opened(service) == []


def browsing(service: Service) -> tuple[Any, Any]:
    """A checkpoint, and what gives access to it."""
    checkpoint = checkpoint_of(service)
    record = service.record(
        objects.Verification, checkpoint.id, asked(browse_to=HOST, browse_for=HOUR)
    )

    def work() -> None:
        service.call("verification", record)
        service.run()

    return checkpoint, work


def assert_known(service: Service, checkpoint: Any) -> None:
    """It is open with a known end, or nothing of it is left; and it ends."""
    keys, due = left(service, checkpoint)
    assert opened(service) == [HOST] * len(keys)
    assert due == len(keys)
    records = objects.VerificationList.get_all(service.context(is_admin=True), None, None)
    assert {record.status for record in records} <= {"success", "fail"}
    assert bool(keys) == any(map(_granted, records))
    service.cloud.clock.sleep(HOUR)
    reconcile(service)
    assert opened(service) == []
    assert left(service, checkpoint) == ([], 0)
    reconcile(service)
    assert service.manager.claims.all() == []


def _granted(record: Any) -> bool:
    return any('"granted"' in reason for reason in (record.resources_reason or {}).values())


def test_a_death_at_any_point_of_a_browse_leaves_nothing_open_that_nobody_knows_of(
    service: Service, points: Points
) -> None:
    browsing(service)[1]()
    for nth in itertools.count(1):
        forget(service)
        checkpoint, work = browsing(service)
        if not points.kill(work, nth):
            break
        service = born_again(service)
        assert "" not in reconcile(service), points.last
        assert_known(service, checkpoint)
    assert nth > 20


def test_a_death_at_any_point_of_an_end_leaves_nothing_open(
    service: Service, points: Points
) -> None:
    browsing(service)[1]()  # makes the bank's id and the table
    for nth in itertools.count(1):
        forget(service)
        checkpoint, work = browsing(service)
        work()
        record = service.record(objects.Verification, checkpoint.id, asked(browse_end=True))

        def end(service: Service = service, record: Any = record) -> None:
            service.call("verification", record)
            service.run()

        if not points.kill(end, nth):
            break
        service = born_again(service)
        reconcile(service)
        service.cloud.clock.sleep(HOUR)
        reconcile(service)
        assert opened(service) == [], points.last
        assert left(service, checkpoint) == ([], 0), points.last
        reconcile(service)
        assert service.manager.claims.all() == [], points.last
    assert nth > 10


def test_a_death_at_any_point_of_the_reconciliation_is_made_good_by_the_next(
    service: Service, points: Points
) -> None:
    browsing(service)[1]()  # makes the bank's id and the table
    for nth in itertools.count(1):
        forget(service)
        checkpoint, work = browsing(service)
        work()
        service.cloud.clock.sleep(HOUR)
        if not points.kill(lambda service=service: reconcile(service), nth):  # type: ignore[misc]
            break
        service = born_again(service)
        reconcile(service)
        reconcile(service)
        assert opened(service) == [], points.last
        assert left(service, checkpoint) == ([], 0), points.last
        assert service.manager.claims.all() == [], points.last
    assert nth > 5


def test_a_browse_after_a_death_does_not_wait_for_the_reconciliation(service: Service) -> None:
    checkpoint, work = browsing(service)
    service.cloud.plan("allow_snapshot_access", Died, after=True)
    with pytest.raises(Died):
        work()
    service.cloud.faults.clear()
    service = born_again(service)
    again = browse(service, checkpoint, browse_to=HOST, browse_for=2 * HOUR)
    assert told(again)["way"] == "granted"
    reconcile(service)
    assert opened(service) == [HOST]
    service.cloud.clock.sleep(2 * HOUR)
    reconcile(service)
    assert opened(service) == []

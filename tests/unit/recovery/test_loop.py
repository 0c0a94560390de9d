# SPDX-License-Identifier: Apache-2.0
"""What a dead process left is brought to an end that a user can act on, by the next one."""

import contextlib
import datetime
import itertools
import logging
import shutil
import types
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor import objects
from karbor.db.sqlalchemy import api as sqlalchemy_api
from oslo_db import api as oslo_db_api
from oslo_db import exception as db_exception
from oslo_utils import timeutils

from karbor_manila.bank import checkpoints
from karbor_manila.recovery import lease
from tests.fakes.manila import Died, FakeManila, passing
from tests.unit.banks import FaultyPlugin, break_bank, open_bank
from tests.unit.karbor_stage import (
    KARBORS,
    NOOP,
    OUR_PROJECT,
    OURS,
    SHARE,
    VOLUME,
    Foreign,
    Service,
    started,
    told,
)
from tests.unit.points import BANK, DATABASE, MANILA, Points


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch) as service:
        yield service


def reconcile(service: Service) -> list[str]:
    return list(service.manager.reconciliation.run().values())


def killed(service: Service, method: str, *args: Any, **kwargs: Any) -> Service:
    with pytest.raises(Died):
        getattr(service, method)(*args, **kwargs)
    return service.die()


def pages(service: Service, checkpoint: Any, share: str) -> dict[str, Any]:
    section = checkpoint.get_resource_bank_section(share)
    return {key: section.get_object(key) for key in section.list_objects()}


def the_checkpoint(service: Service) -> Any:
    (checkpoint_id,) = service.checkpoints()
    return service.checkpoint(checkpoint_id)


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
    fault = service.cloud.plan("snapshots", passing, times=10**6)
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


# -- killed at every point --------------------------------------------------------------------


@pytest.fixture
def points(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Points]:
    monkeypatch.setattr(oslo_db_api.time, "sleep", lambda _seconds: None)
    logging.disable(logging.CRITICAL)  # half the time goes into lines that nobody reads
    yield Points(monkeypatch)
    logging.disable(logging.NOTSET)


def born(service: Service) -> Service:
    """A new process, for which every request has been on its way for long enough."""
    new = service.die()
    new.manager.reconciliation._grace = 0.0
    return new


def everything(service: Service) -> list[Any]:
    """All checkpoints that the bank has ever held."""
    ids = checkpoints.everything(service.provider.bank)
    return [service.checkpoint(checkpoint_id) for checkpoint_id in ids]


def records(service: Service) -> list[Any]:
    context = service.context(is_admin=True)
    return [
        *objects.RestoreList.get_all(context, None, None),
        *objects.VerificationList.get_all(context, None, None),
    ]


def assert_at_its_end(service: Service) -> None:
    """Nothing is in work, nothing is lost, and what the user is told is so."""
    assert service.manager.claims.all() == []
    assert [log for log in service.logs() if log.ended_at is None] == []
    assert {record.status for record in records(service)} <= {"success", "fail"}
    kept: set[str] = set()
    for checkpoint in everything(service):
        assert checkpoint.status in ("available", "error", "error-deleting", "deleted")
        shares = [item["id"] for item in checkpoint.protection_plan["resources"]]
        held = {share: pages(service, checkpoint, share) for share in shares}
        for share in shares:
            in_doubt = checkpoint.status == "error" and not held[share].get("intent", {}).get(
                "created_id"
            )
            assert (
                set(held[share]) <= {"metadata", "status"} | ({"intent"} if in_doubt else set())
                or "goes with the checkpoint" in (told(checkpoint)["reasons"][f"{SHARE}#{share}"])
            )
        snapshots = {
            page["metadata"]["snapshot_id"] for page in held.values() if "metadata" in page
        }
        kept |= {page["intent"].get("created_id") for page in held.values() if "intent" in page}
        if checkpoint.status == "available":
            assert len(snapshots) == len(shares)
            assert snapshots <= set(service.cloud.snapshots)
        if checkpoint.status == "deleted":
            assert snapshots == set()
            assert checkpoint.id not in service.checkpoints()
        if checkpoint.status == "error":
            assert told(checkpoint)["reasons"]
        kept |= snapshots
    assert set(service.cloud.snapshots) <= kept
    named = {key for record in records(service) for key in record.resources_status}
    for new in service.cloud.shares.values():
        assert not new["snapshot_id"] or f"{SHARE}#{new['id']}" in named
    assert reconcile(service) == []


def assert_nothing_stays(service: Service) -> None:
    """DELETE of all checkpoints leaves nothing in Manila but the users' shares."""
    for checkpoint in everything(service):
        if checkpoint.status != "deleted":
            service.delete(checkpoint.id)
            assert service.checkpoint(checkpoint.id).status == "deleted"
    assert service.cloud.snapshots == {}
    assert service.checkpoints() == []


Prepared = Callable[[Service], Callable[[], Any]]


def protecting(shares: int, failing: int = 0) -> Prepared:
    def prepare(service: Service) -> Callable[[], Any]:
        ids = [service.share() for _ in range(shares)]
        service.cloud.failing |= {f"create_snapshot {share}" for share in ids[:failing]}
        return lambda: service.protect(service.plan(*ids))

    return prepare


def restoring(service: Service) -> Callable[[], Any]:
    checkpoint = service.protect(service.plan(service.share(), service.share()))
    record = service.record(objects.Restore, checkpoint.id)

    def restore() -> None:
        service.call("restore", record, None)
        service.run()

    return restore


def verifying(service: Service) -> Callable[[], Any]:
    checkpoint = service.protect(service.plan(service.share()))
    record = service.record(objects.Verification, checkpoint.id)

    def verify() -> None:
        service.call("verification", record)
        service.run()

    return verify


def deleting(service: Service) -> Callable[[], Any]:
    checkpoint = service.protect(service.plan(service.share(), service.share()))
    return lambda: service.delete(checkpoint.id)


WORK = {
    "protect": protecting(1),
    "protect many": protecting(3, failing=1),
    "restore": restoring,
    "verify": verifying,
    "delete": deleting,
}


def forget(service: Service) -> None:
    """Begin anew with an empty bank and empty tables, which is quicker than another service."""
    for folder in ("checkpoints", "indices", "karbor-manila/leases"):
        shutil.rmtree(service.folder / "bank" / "karbor" / folder, ignore_errors=True)
    with sqlalchemy_api.get_engine().begin() as connection:
        for table in ("operation_logs", "restores", "verifications", "karbor_manila_claims"):
            connection.execute(f"DELETE FROM {table}")
    service.cloud.shares.clear()
    service.cloud.snapshots.clear()
    service.cloud.failing.clear()
    service.cloud.messages.clear()
    service.cloud.calls.clear()


@pytest.mark.parametrize("work", WORK)
def test_a_death_at_any_point_comes_to_an_end_and_nothing_is_lost(
    service: Service, points: Points, work: str
) -> None:
    WORK[work](service)()  # makes the bank's id and the table
    total = points.count(WORK[work](service))
    # Right before the next point is right after this one: nothing that lasts lies in between.
    sides = (False, True) if work == "protect" else (True,)
    for nth, after in ((nth, after) for nth in itertools.count(1) for after in sides):
        if not points.kill(WORK[work](service), nth, after=after):
            break
        service = born(service)
        assert "" not in reconcile(service), points.last
        assert_at_its_end(service)
        if work == "protect" or nth % 3 == 0:
            assert_nothing_stays(service)
        forget(service)
    assert nth > total * 0.8


def left(service: Service, work: str) -> Service:
    """A process that died in the middle of its work, and the one that comes after it."""
    at, after = MIDDLES[work]
    service.cloud.plan(at, Died, nth=2 if after else 1, after=after)
    with pytest.raises(Died):
        WORK[work](service)()
    service.cloud.faults.clear()
    return born(service)


MIDDLES = {
    "protect many": ("create_snapshot", True),
    "restore": ("create_share", True),
    "delete": ("delete_snapshot", False),
}


@pytest.mark.parametrize("work", MIDDLES)
def test_a_reconciliation_that_dies_at_any_point_is_repeated_by_the_next_process(
    service: Service, points: Points, work: str
) -> None:
    service = left(service, work)
    total = points.count(lambda: reconcile(service))
    assert_at_its_end(service)
    for nth in itertools.count(1):
        forget(service)
        service = left(service, work)
        if not points.kill(lambda service=service: reconcile(service), nth, after=True):  # type: ignore[misc]
            break
        service = born(service)
        assert "" not in reconcile(service), points.last
        assert_at_its_end(service)
    assert nth > total * 0.8


ENDS = {"protect many": "error", "restore": "success", "delete": "deleted"}


@pytest.mark.parametrize("kind", [MANILA, BANK, DATABASE])
@pytest.mark.parametrize("work", MIDDLES)
def test_what_is_away_at_any_point_of_a_reconciliation_only_makes_it_later(
    service: Service, points: Points, work: str, kind: str
) -> None:
    points.reads = True
    service = left(service, work)
    total = points.count(lambda: reconcile(service))
    for nth in range(1, total + 1):
        if not points.names[nth - 1].startswith(kind):
            continue
        if points.names[nth - 1].endswith(("get_object", "list_objects")) and nth % 5:
            continue  # there are many, and one is like the other
        names = list(points.names)
        forget(service)
        service = left(service, work)
        points.away(lambda service=service: reconcile(service), kind, nth, service.cloud.clock)  # type: ignore[misc]
        points.names[:] = names
        reconcile(service)
        (ended,) = [
            *(record.status for record in records(service)),
            *(each.status for each in everything(service) if work != "restore"),
        ]
        assert ended == ENDS[work], (nth, names[nth - 1])
        assert_at_its_end(service)


def test_a_database_that_is_away_while_a_restore_is_told_of_does_no_harm(
    service: Service, points: Points, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = left(service, "restore")
    original = objects.Restore.save
    failures = [db_exception.DBConnectionError() for _ in range(5)]  # it is asked five times

    def save(self: Any, *args: Any, **kwargs: Any) -> Any:
        if failures:
            raise failures.pop()
        return original(self, *args, **kwargs)

    monkeypatch.setattr(objects.Restore, "save", save)
    assert reconcile(service) == ["success"]
    assert_at_its_end(service)


# -- banks that are not there, or not whole ---------------------------------------------------


def test_a_bank_that_is_not_mounted_ends_nothing_and_frees_no_claim(service: Service) -> None:
    """The folder is there, and empty: everybody would seem dead, and every checkpoint gone."""
    service = left(service, "restore")
    (restore,) = objects.RestoreList.get_all(service.context(is_admin=True), None, None)
    folder = service.folder / "bank" / "karbor"
    folder.rename(service.folder / "elsewhere")
    folder.mkdir()
    with sqlalchemy_api.get_engine().begin() as connection:
        connection.execute("UPDATE karbor_manila_claims SET since = '2026-01-01 00:00:00'")
    reconcile_whatever(service)
    assert service.saved(restore).status == "in_progress"
    assert [claim.id for claim in service.manager.claims.all()] == [restore.id]
    assert list(folder.iterdir()) == []
    folder.rmdir()
    (service.folder / "elsewhere").rename(folder)
    assert reconcile(service) == ["success"]
    assert_at_its_end(service)


def reconcile_whatever(service: Service) -> None:
    with contextlib.suppress(Exception):
        reconcile(service)


def test_a_living_process_is_not_robbed_by_one_whose_bank_is_not_mounted(service: Service) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    record = service.record(objects.Restore, checkpoint.id)
    service.call("restore", record, None)
    (claim,) = service.manager.claims.all()
    other = Service(service.folder, service.cloud, type(service.manager))
    folder = service.folder / "bank" / "karbor"
    folder.rename(service.folder / "elsewhere")
    folder.mkdir()
    with sqlalchemy_api.get_engine().begin() as connection:
        connection.execute("UPDATE karbor_manila_claims SET since = '2026-01-01 00:00:00'")
    reconcile_whatever(other)
    assert [each.token for each in service.manager.claims.all()] == [claim.token]
    assert service.saved(record).status == "in_progress"
    folder.rmdir()
    (service.folder / "elsewhere").rename(folder)
    service.run()
    assert service.saved(record).status == "success"


DAMAGE = [
    "",
    "{",
    "[]",
    "null",
    {},
    {"version": "0.9"},
    {"version": "99"},
    {"version": "0.9", "status": "protecting"},
]


@pytest.mark.parametrize("damage", DAMAGE, ids=str)
def test_a_damaged_checkpoint_does_not_keep_the_others_from_their_ends(
    service: Service, damage: Any
) -> None:
    bad = service.protect(service.plan(service.share()))
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(service.share()))
    service.provider.bank.update_object(f"/checkpoints/{bad.id}/index.json", damage)
    assert reconcile(service) == ["available"]


@pytest.mark.parametrize("field", ["project_id", "provider_id", "owner_id", "timestamp", "status"])
def test_a_checkpoint_that_lacks_a_field_does_not_keep_the_others_from_their_ends(
    service: Service, field: str
) -> None:
    bad = service.protect(service.plan(service.share()))
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(service.share()))
    key = f"/checkpoints/{bad.id}/index.json"
    index = service.provider.bank.get_object(key)
    index |= {"status": "protecting", "owner_id": str(uuid.uuid4()), "timestamp": 0}
    del index[field]
    service.provider.bank.update_object(key, index)
    assert "available" in reconcile(service)


def test_a_bank_that_is_away_does_not_keep_those_of_others_from_their_ends(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(service.share()))
    away = types.SimpleNamespace(id="0", bank=open_bank(service.folder / "other", FaultyPlugin))
    break_bank(away.bank, "list", "get")
    registry = service.manager.provider_registry
    registry.providers = {"0": away, service.provider.id: service.provider}
    reconcile_whatever(service)
    assert the_checkpoint(service).status == "available"


@pytest.mark.parametrize("entries", [0, 1, 2])
def test_a_checkpoint_that_was_half_created_can_be_seen_and_deleted(
    service: Service, points: Points, entries: int
) -> None:
    service.protect(service.plan(service.share()))
    forget(service)
    collection = service.provider.get_checkpoint_collection()
    plan = service.plan(service.share())
    assert points.kill(lambda: collection.create(plan), entries + 1, after=True)
    service = born(service)
    assert reconcile(service) == ["error"]
    checkpoint = the_checkpoint(service)
    assert "died" in told(checkpoint)["reasons"][f"checkpoint#{checkpoint.id}"]
    assert checkpoint.resource_graph == []
    assert_at_its_end(service)
    assert_nothing_stays(service)


# -- pages of others and of other times -------------------------------------------------------


DAMAGES = ["", "{", [], {"version": 0}, {"version": None}]


@pytest.mark.parametrize("damage", [*DAMAGES, {"version": 1}], ids=str)
def test_an_intent_that_cannot_be_understood_ends_in_error_and_deletes_cleanly(
    service: Service, damage: Any
) -> None:
    share = service.share()
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(share))
    the_checkpoint(service).get_resource_bank_section(share).update_object("intent", damage)
    assert reconcile(service) == ["error"]
    assert f"{SHARE}#{share}" in told(the_checkpoint(service))["reasons"]
    assert_nothing_stays(service)


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_a_record_whose_write_was_cut_short_is_written_anew_from_its_intent(
    service: Service, damage: Any
) -> None:
    """Karbor's file-system bank empties a file before it writes it."""
    share = service.share()
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(share))
    section = the_checkpoint(service).get_resource_bank_section(share)
    section.update_object("metadata", damage)
    assert reconcile(service) == ["available"]
    assert section.get_object("metadata")["snapshot_id"] in service.cloud.snapshots
    assert_at_its_end(service)
    assert_nothing_stays(service)


@pytest.mark.parametrize("page", ["intent", "metadata"])
def test_what_a_later_release_left_unfinished_waits_for_one(service: Service, page: str) -> None:
    share = service.share()
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(share))
    section = the_checkpoint(service).get_resource_bank_section(share)
    known = section.get_object("intent")
    later = {"version": 99, "driver": "snapshot", "more": "fields"}
    section.update_object(page, later)
    assert reconcile(service) == [""]
    assert the_checkpoint(service).status == "protecting"
    assert section.get_object(page) == later
    assert len(service.cloud.snapshots) == 1
    section.delete_object(page)
    section.update_object("intent", known)
    assert reconcile(service) == ["available"]


def test_an_intent_of_before_0_2_ends_in_error_and_leaves_no_snapshot(service: Service) -> None:
    share = service.share()
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(share))
    section = the_checkpoint(service).get_resource_bank_section(share)
    intent = section.get_object("intent")
    del intent["share"]
    section.update_object("intent", intent)
    assert reconcile(service) == ["error"]
    assert service.cloud.snapshots == {}
    assert_at_its_end(service)


# -- restores ---------------------------------------------------------------------------------


def unclaimed(service: Service, seconds: float, **fields: Any) -> Any:
    """A restore whose request was lost on its way to the manager."""
    checkpoint = service.protect(service.plan(service.share()))
    record = service.record(objects.Restore, checkpoint.id)
    with sqlalchemy_api.get_engine().begin() as connection:
        moment = timeutils.utcnow() - datetime.timedelta(seconds=seconds)
        connection.execute("UPDATE restores SET created_at = ?", (str(moment),))
        for name, value in fields.items():
            connection.execute(f"UPDATE restores SET {name} = ?", (value,))
    return record


def test_a_restore_that_nobody_has_claimed_fails_once_it_is_old(service: Service) -> None:
    young = unclaimed(service, 30)
    assert reconcile(service) == []
    assert service.saved(young).status == "in_progress"
    old = unclaimed(service, 90)
    assert set(reconcile(service)) == {"fail"}
    assert service.saved(old).status == "fail"
    assert len(service.cloud.shares) == 2
    reasons = service.saved(old).resources_reason
    assert "no record names" in reasons[f"checkpoint#{old.checkpoint_id}"]


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


# -- requests that Manila carries out late ----------------------------------------------------


@pytest.mark.parametrize("microversion", ["2.98", "2.40"])
@pytest.mark.parametrize("late", [5.0, 60.0])
def test_a_snapshot_that_appears_after_the_death_is_adopted_or_goes_with_its_checkpoint(
    service: Service, monkeypatch: pytest.MonkeyPatch, late: float, microversion: str
) -> None:
    """Within request_settle_time (15 s) it is waited for; later DELETE finds it by its mark."""
    new = FakeManila.__init__
    monkeypatch.setattr(
        FakeManila,
        "__init__",
        lambda self, cloud, project, _version="", **more: new(
            self, cloud, project, microversion, **more
        ),
    )
    share = service.share()
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(share))
    (snapshot_id, view) = service.cloud.snapshots.popitem()
    clock, began = service.cloud.clock, service.cloud.clock.now()
    settled = FakeManila._settled

    def appears(self: Any, kind: str) -> Any:
        if clock.now() >= began + late:
            service.cloud.snapshots.setdefault(snapshot_id, view)
        return settled(self, kind)

    with monkeypatch.context() as patch:
        patch.setattr(FakeManila, "_settled", appears)
        assert reconcile(service) == ["available" if late < 15 else "error"]
        clock.sleep(late)
        FakeManila(service.cloud, service.project_id).snapshots()
    assert list(service.cloud.snapshots) == [snapshot_id]
    assert_nothing_stays(service)


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_was_set_does_not_make_anybody_wait_for_long(
    service: Service, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    service.cloud.plan("create_snapshot", Died)
    service = killed(service, "protect", service.plan(service.share()))
    before = service.cloud.clock.now()
    utcnow = type(service.cloud.clock).utcnow
    monkeypatch.setattr(
        type(service.cloud.clock),
        "utcnow",
        lambda self: utcnow(self) + datetime.timedelta(days=days),
    )
    assert reconcile(service) == ["error"]
    assert service.cloud.clock.now() - before <= 16


# -- others at work at the same time ----------------------------------------------------------


@pytest.mark.parametrize("work", MIDDLES)
def test_of_two_that_reconcile_at_the_same_time_each_thing_is_ended_by_one(
    service: Service, work: str
) -> None:
    service = left(service, work)
    other = Service(service.folder, service.cloud, type(service.manager))
    found = service.manager.reconciliation.find()
    assert other.manager.reconciliation.find() == found
    assert reconcile(other) == [ENDS[work]]
    assert [service.manager.reconciliation.settle(item) for item in found] == [ENDS[work]]
    assert_at_its_end(service)


@pytest.mark.parametrize("call", ["delete", "reset_state"])
def test_what_a_user_asks_for_meanwhile_is_refused_or_done_afterwards(
    service: Service, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Another process reconciles; the user's patience ends with a sentence, or with the thing."""
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(service.share()))
    lease.renew(service.provider.bank)
    other = Service(service.folder, service.cloud, type(service.manager))
    clock = service.cloud.clock
    other.manager.worker._clock = clock
    (item,) = service.manager.reconciliation.find()
    arguments = (other.provider.id, item.id, *(["error"] if call == "reset_state" else []))
    answers: list[Any] = []
    original = FakeManila.snapshots

    def meanwhile(self: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(FakeManila, "snapshots", original)
        with pytest.raises(karbor_exception.KarborException) as refused:
            other.call(call, *arguments)
        answers.append(refused.value)
        return original(self, **kwargs)

    monkeypatch.setattr(FakeManila, "snapshots", meanwhile)
    assert service.manager.reconciliation.settle(item) == "available"
    # Karbor's API makes a 400 of both.
    kinds = (karbor_exception.Invalid, karbor_exception.CheckpointNotBeReset)
    assert isinstance(answers[0], kinds)
    assert item.id in answers[0].msg
    other.call(call, *arguments)
    other.run()
    assert the_status(other, item.id) == ("deleted" if call == "delete" else "error")


def the_status(service: Service, checkpoint_id: str) -> str:
    return str(service.checkpoint(checkpoint_id).status)


def test_a_new_checkpoint_of_this_process_is_not_ended_before_it_is_claimed(
    service: Service,
) -> None:
    """Karbor writes it before our worker is asked for its flow, and a bank may take its time."""
    checkpoint = service.provider.get_checkpoint_collection().create(service.plan(service.share()))
    assert reconcile(service) == []
    assert service.checkpoint(checkpoint.id).status == "protecting"


def test_a_checkpoint_that_takes_long_to_make_is_not_ended_by_its_own_process(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bank takes longer than anybody's patience before our worker can claim it."""
    get_flow = service.manager.worker.get_flow
    ended: list[str] = []

    def late(*args: Any, **kwargs: Any) -> Any:
        service.cloud.clock.sleep(3600)
        ended.extend(reconcile(service))
        return get_flow(*args, **kwargs)

    monkeypatch.setattr(service.manager.worker, "get_flow", late)
    assert service.protect(service.plan(service.share())).status == "available"
    assert ended == []


# -- other plugins ----------------------------------------------------------------------------


def test_a_mixed_checkpoint_keeps_its_shares_and_says_that_it_is_not_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(tmp_path, monkeypatch, NOOP, OURS, OUR_PROJECT) as first:
        share = first.share()
        first.manager.protectable_registry.register_plugin(Foreign())
        volume = {"type": VOLUME, "id": str(uuid.uuid4()), "name": "volume"}
        first.cloud.plan("create_snapshot", Died, after=True)
        service = killed(first, "protect", first.plan(share, resources=[volume]))
        service.manager.protectable_registry.register_plugin(Foreign())
        assert reconcile(service) == ["error"]
        checkpoint = the_checkpoint(service)
        assert set(pages(service, checkpoint, share)) == {"metadata", "status"}
        assert "died" in told(checkpoint)["reasons"][f"checkpoint#{checkpoint.id}"]
        assert_nothing_stays(service)


def test_checkpoints_of_karbors_own_plugin_end_in_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(tmp_path, monkeypatch, KARBORS) as first:
        checkpoint_id = first.call("protect", first.plan(first.share()))
        service = first.die()
        assert reconcile(service) == ["error"]
        assert the_status(service, checkpoint_id) == "error"
        assert service.manager.claims.all() == []


@pytest.mark.parametrize("request_", ["delete", "reset_state"])
def test_a_user_who_is_quicker_than_the_reconciliation_leaves_no_open_log(
    service: Service, request_: str
) -> None:
    service.cloud.plan("create_snapshot", Died)
    service = killed(service, "protect", service.plan(service.share()))
    checkpoint_id = the_checkpoint(service).id
    if request_ == "delete":
        service.delete(checkpoint_id)
    else:
        service.call("reset_state", service.provider.id, checkpoint_id, "error")
    assert [log for log in service.logs() if log.ended_at is None] == []
    assert service.logs()[0].status == "error"


def test_what_nobody_has_claimed_yet_is_looked_at_again_before_long(service: Service) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    service.record(objects.Restore, checkpoint.id)
    work = service.manager.reconciliation
    assert work.run() == {}
    assert work.unsure
    work._grace = 0.0
    assert list(work.run().values()) == ["fail"]
    assert not work.unsure


def test_with_nothing_in_work_the_next_look_has_time(service: Service) -> None:
    service.protect(service.plan(service.share()))
    assert service.manager.reconciliation.run() == {}
    assert not service.manager.reconciliation.unsure

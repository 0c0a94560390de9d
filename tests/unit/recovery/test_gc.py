# SPDX-License-Identifier: Apache-2.0
"""Leftovers of drivers are removed by the rules of the audit, and nothing else ever is."""

import functools
import itertools
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor import objects
from karbor.common import constants

from karbor_manila.bank.errors import BankNotOurs, BankUnreadable
from karbor_manila.bank.record import Intent
from karbor_manila.common.errors import ClaimLost
from karbor_manila.manila import marks
from karbor_manila.manila.errors import ManilaUnavailable, NotAdministrator
from karbor_manila.recovery import gc
from karbor_manila.recovery.claims import RECONCILE
from karbor_manila.recovery.errors import BankOlder
from karbor_manila.recovery.gc import Leftovers
from sandbox.faults import AFTER, BEFORE
from tests.fakes.manila import Died, transient
from tests.unit.drivers.picky import install
from tests.unit.karbor_stage import Service, started
from tests.unit.points import Points
from tests.unit.recovery.audit.stage import HOUR, written
from tests.unit.recovery.leaving import Leaving, left_by


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    install(monkeypatch, Leaving)
    with started(tmp_path, monkeypatch, options=("default_driver = leaving",)) as service:
        monkeypatch.setattr(gc, "Clock", lambda: service.cloud.clock)
        yield service


def protected(service: Service) -> tuple[str, Any]:
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    assert checkpoint.status == "available"
    return share, checkpoint


def leftovers(service: Service, grace: float = 0.0) -> Leftovers:
    clock = service.cloud.clock
    return Leftovers(service.provider, service.manager.claims, grace=grace, clock=clock)


def found(service: Service, grace: float = 0.0) -> dict[str, str]:
    """What is found, by id, with the reason of what may not be removed."""
    listed = leftovers(service, grace).find()
    return {each.id: "" if each.removable else each.why for each in listed}


def sweep(service: Service) -> None:
    gc.sweep(service.provider, service.manager.claims, grace=0.0)


def test_what_an_ended_restore_left_is_found_and_removed(service: Service) -> None:
    share, checkpoint = protected(service)
    kept = set(service.cloud.snapshots)
    left = left_by(service, checkpoint, share)
    before = dict(service.cloud.snapshots)
    (each,) = leftovers(service).find()
    assert (each.id, each.driver, each.removable) == (left, "leaving", True)
    assert service.cloud.snapshots == before
    assert str(leftovers(service).remove(each)) == "removed"
    assert set(service.cloud.snapshots) == kept
    assert str(leftovers(service).remove(each)) == "gone already"
    assert service.manager.claims.all() == []


def test_what_is_left_of_a_deleted_checkpoint_is_removed(service: Service) -> None:
    share, checkpoint = protected(service)
    left_by(service, checkpoint, share)
    service.delete(checkpoint.id)
    sweep(service)
    assert service.cloud.snapshots == {}


def test_what_a_driver_that_is_not_configured_any_more_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records may name it."""
    install(monkeypatch, Leaving)
    with started(tmp_path, monkeypatch) as service:
        share, checkpoint = protected(service)
        left = left_by(service, checkpoint, share)
        sweep(service)
        assert left not in service.cloud.snapshots


@pytest.mark.parametrize(
    "fields",
    [
        {"bank": str(uuid.UUID(int=7))},
        {"provider": str(uuid.UUID(int=7))},
        {"restore": "not-an-id"},
        {"restore": ""},
        {"resource": "../../x"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_bears_no_mark_of_ours_is_not_looked_at(
    service: Service, fields: dict[str, str]
) -> None:
    share, checkpoint = protected(service)
    left = left_by(service, checkpoint, share, **fields)
    assert found(service) == {}
    sweep(service)
    assert left in service.cloud.snapshots


def test_what_is_another_projects_or_of_no_checkpoint_is_named_and_left_alone(
    service: Service,
) -> None:
    share, checkpoint = protected(service)
    others = left_by(service, checkpoint, share, project_id=service.other_project)
    unknown = left_by(service, str(uuid.uuid4()), share)
    assert found(service) == {
        others: "its mark names a checkpoint of another project; it may be forged",
        unknown: "its checkpoint is not in the bank; its mark may be forged",
    }
    sweep(service)
    assert {others, unknown} <= set(service.cloud.snapshots)


def test_what_an_administrators_restore_left_in_his_project_is_removed(service: Service) -> None:
    share, checkpoint = protected(service)
    context = service.context(service.other_project, is_admin=True)
    record = service.restore(checkpoint.id, context=context)
    whose = {"project_id": service.other_project}
    left = left_by(service, checkpoint, share, restore=record.id, **whose)
    _other_share, other = protected(service)
    forged = left_by(service, other, _other_share, restore=record.id, **whose)
    sweep(service)
    assert left not in service.cloud.snapshots
    assert forged in service.cloud.snapshots


def test_what_is_young_is_left_alone_by_manilas_time(service: Service) -> None:
    share, checkpoint = protected(service)
    left = left_by(service, checkpoint, share)
    ended = "left of a restore, which has ended"
    assert found(service, HOUR) == {left: f"{ended}; it is young and may be in work"}
    service.cloud.clock.sleep(HOUR + 1)
    assert found(service, HOUR) == {left: ""}
    service.cloud.snapshots[left]["created_at"] = None
    assert "young" in found(service, HOUR)[left]


def test_what_a_restore_with_an_intent_works_with_is_left_alone(service: Service) -> None:
    """The intent of any share of the checkpoint: they may be restored together."""
    one, two = service.share(), service.share()
    checkpoint = service.protect(service.plan(one, two))
    left = left_by(service, checkpoint, one)
    mark = marks.read(service.cloud.snapshots[left])
    assert mark
    section = leftovers(service)._bank.section(checkpoint, two)
    since = "2020-01-01T00:00:00"
    intent = Intent("restore", "leaving", service.project_id, mark, "owner", since)
    section.begin(intent)
    assert found(service) == {}
    section.end(intent)
    assert found(service) == {left: ""}


def test_what_a_copy_works_with_is_left_alone_until_it_has_ended(service: Service) -> None:
    share, checkpoint = protected(service)
    left = left_by(service, checkpoint, share, restore=checkpoint.id)
    written(service, checkpoint.id, lambda index: index.update(status="copying"))
    assert found(service) == {}
    written(service, checkpoint.id, lambda index: index.update(status="available"))
    assert found(service) == {left: ""}
    key = "intent"
    section = checkpoint.get_resource_bank_section(share)
    section.update_object(key, {"no": "intent"})
    assert found(service) == {}
    section.delete_object(key)
    sweep(service)
    assert left not in service.cloud.snapshots


def test_what_karbors_restore_in_progress_works_with_is_left_alone(service: Service) -> None:
    """Its claim may not be taken yet."""
    share, checkpoint = protected(service)
    record = service.record(objects.Restore, checkpoint.id)
    left = left_by(service, checkpoint, share, restore=record.id)
    assert found(service) == {}
    record.status = "success"
    record.save()
    assert found(service) == {left: ""}


@pytest.mark.parametrize("operation", [constants.OPERATION_RESTORE, RECONCILE])
@pytest.mark.parametrize("when", ["before", "between"])
def test_a_checkpoint_that_somebody_has_claimed_is_left_alone(
    service: Service, operation: str, when: str
) -> None:
    share, checkpoint = protected(service)
    left = left_by(service, checkpoint, share)
    each = leftovers(service).find()[0]
    restoring = operation == constants.OPERATION_RESTORE
    claim_id = str(uuid.uuid4()) if restoring else checkpoint.id
    claims, bank = service.manager.claims, service.provider.bank
    named = {"provider_id": service.provider.id, "checkpoint_id": checkpoint.id, "bank": bank}
    claims.take(claim_id, operation, **named)
    if when == "before":
        assert found(service) == {}
    outcome = leftovers(service).remove(each)
    assert not outcome.settled
    assert left in service.cloud.snapshots
    claims.release(claim_id)
    sweep(service)
    assert left not in service.cloud.snapshots


def test_what_is_not_what_it_was_is_left_alone(service: Service) -> None:
    share, checkpoint = protected(service)
    left = left_by(service, checkpoint, share)
    (each,) = leftovers(service).find()
    service.cloud.snapshots[left]["project_id"] = service.other_project
    outcome = leftovers(service).remove(each)
    assert str(outcome) == "left alone: it is not what it was when it was listed"
    assert left in service.cloud.snapshots


def test_a_bank_that_is_older_than_karbors_database_ends_it(service: Service) -> None:
    share, checkpoint = protected(service)
    left = left_by(service, checkpoint, share)
    (each,) = leftovers(service).find()
    shutil.copytree(service.folder / "bank", service.folder / "copy")
    protected(service)
    (service.folder / "bank").rename(service.folder / "newer")
    (service.folder / "copy").rename(service.folder / "bank")
    with pytest.raises(BankOlder):
        leftovers(service).find()
    with pytest.raises(BankOlder):
        leftovers(service).remove(each)
    assert left in service.cloud.snapshots


def test_a_bank_that_is_not_mounted_ends_it(service: Service) -> None:
    share, checkpoint = protected(service)
    left = left_by(service, checkpoint, share)
    (each,) = leftovers(service).find()
    bank = service.folder / "bank"
    bank.rename(service.folder / "away")
    bank.mkdir()
    for act in (leftovers(service).find, lambda: leftovers(service).remove(each)):
        with pytest.raises((BankNotOurs, BankUnreadable)):
            act()
    service.manager.runtime.leftovers.turn()
    assert left in service.cloud.snapshots


def test_without_an_administrators_rights_nothing_is_done(service: Service) -> None:
    share, checkpoint = protected(service)
    left = left_by(service, checkpoint, share)
    service.karbor_is_administrator = False
    with pytest.raises(NotAdministrator):
        leftovers(service).find()
    assert left in service.cloud.snapshots


def test_two_processes_never_remove_the_same(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    share, checkpoint = protected(service)
    left = left_by(service, checkpoint, share)
    (each,) = leftovers(service).find()
    collect, others = Leaving.gc, []

    def slow(self: Leaving, is_left: Any) -> Any:
        if not others:
            others.append(leftovers(service).remove(each))
        return collect(self, is_left)

    monkeypatch.setattr(Leaving, "gc", slow)
    assert str(leftovers(service).remove(each)) == "removed"
    assert [outcome.settled for outcome in others] == [False]
    assert service.cloud.calls.count("delete_snapshot") == 1
    assert left not in service.cloud.snapshots


def test_what_its_driver_does_not_remove_is_not_said_to_be_removed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    share, checkpoint = protected(service)
    left_by(service, checkpoint, share)
    (each,) = leftovers(service).find()
    collect = Leaving.gc
    monkeypatch.setattr(Leaving, "gc", lambda *args: [] if collect(*args) else [])
    outcome = leftovers(service).remove(each)
    assert (outcome.settled, "could not remove it" in str(outcome)) == (False, True)


def test_a_driver_that_fails_keeps_no_other_from_being_asked(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Leaving):
        name = "broken"

        def gc(self, is_left: Any) -> Any:
            raise ZeroDivisionError("of another package")

    install(monkeypatch, Broken, Leaving)
    share, checkpoint = protected(service)
    left = left_by(service, checkpoint, share)
    look = leftovers(service)
    assert [each.id for each in look.find()] == [left]
    assert [type(error) for error in look.errors] == [ZeroDivisionError]


def test_a_killed_removal_is_found_again_by_the_next_process(service: Service) -> None:
    share, checkpoint = protected(service)
    left = left_by(service, checkpoint, share)
    service.cloud.plan("delete_snapshot", Died)
    with pytest.raises(Died):
        leftovers(service).remove(leftovers(service).find()[0])
    heir = service.die()
    heir.manager.reconciliation.run()
    gc.sweep(heir.provider, heir.manager.claims, grace=0.0)
    assert left not in heir.cloud.snapshots
    assert heir.manager.claims.all() == []
    assert heir.checkpoint(checkpoint.id).status == "available"


@pytest.mark.parametrize("side", [BEFORE, AFTER])
def test_wherever_it_dies_nothing_else_goes_and_the_next_process_ends_it(
    service: Service, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    share, checkpoint = protected(service)
    kept = set(service.cloud.snapshots)
    points = Points(monkeypatch)
    for nth in itertools.count(1):
        left_by(service, checkpoint, share)
        died = points.kill(functools.partial(sweep, service), nth, side)
        assert kept <= set(service.cloud.snapshots)
        service = service.die()
        service.manager.reconciliation.run()
        sweep(service)
        assert set(service.cloud.snapshots) == kept, points.names
        assert service.manager.claims.all() == []
        assert service.checkpoint(checkpoint.id).status == "available"
        if not died:
            break
    assert nth > 5


def test_a_process_that_has_lost_its_claim_removes_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    share, checkpoint = protected(service)
    left = left_by(service, checkpoint, share)
    (each,) = leftovers(service).find()
    judge = Leftovers._judge

    def slow(self: Leftovers, *args: Any) -> Any:
        judged = judge(self, *args)
        claims = service.manager.claims  # somebody takes it over meanwhile
        claims._table.delete(checkpoint.id, claims.get(checkpoint.id).token)
        return judged

    monkeypatch.setattr(Leftovers, "_judge", slow)
    with pytest.raises(ClaimLost):
        leftovers(service).remove(each)
    assert left in service.cloud.snapshots


def test_manila_away_is_an_error_of_that_look_alone(service: Service) -> None:
    share, checkpoint = protected(service)
    left_by(service, checkpoint, share)
    service.cloud.plan("snapshots", transient, times=10_000)
    look = leftovers(service)
    assert look.find() == []
    assert [type(error) for error in look.errors] == [ManilaUnavailable]

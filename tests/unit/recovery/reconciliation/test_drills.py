# SPDX-License-Identifier: Apache-2.0
"""A drill whose process dies is among the results that are kept, once, and as what it was."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor import objects
from oslo_db import exception as db_exception

from karbor_manila.bank import drill_results
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.database import columns
from karbor_manila.operations import reporting
from tests.fakes.manila import Died
from tests.unit.karbor_stage import SHARE, Service, started
from tests.unit.points import Points
from tests.unit.recovery.reconciliation.stage import (
    DAMAGES,
    assert_at_its_end,
    born,
    forget,
    killed,
    reconcile,
    records,
)

DRILL = {SHARE: {"depth": "drill"}}


def results(service: Service) -> dict[str, list[dict[str, Any]]]:
    """What is kept, by the id of the verification."""
    bank = service.provider.bank
    kept: dict[str, list[dict[str, Any]]] = {}
    for place in drill_results.places(bank, service.provider.id):
        told = json.loads(drill_results.get(bank, place)["text"])
        kept.setdefault(place.verification_id, []).append(told)
    return kept


def refuse(*_args: Any) -> None:
    raise BankUnreadable("take the result of a drill", "it is full")


def test_it_is_kept_as_a_bad_one_from_when_it_began(service: Service) -> None:
    checkpoint: Any = service.protect(service.plan(service.share()))
    before = service.cloud.clock.utcnow()
    service.cloud.plan("create_share", Died, after=True)
    service = killed(service, "verify", checkpoint.id, DRILL)
    service.cloud.clock.sleep(600)
    (temporary,) = (id_ for id_, each in service.cloud.shares.items() if each["snapshot_id"])
    assert reconcile(service) == ["fail"]
    ((told,),) = results(service).values()
    assert (told["result"], told["checkpoint_id"]) == ("bad", checkpoint.id)
    assert "its process died" in told["found"]["reason"]
    assert told["temporary_share_id"] is None  # the reply with its id never came
    assert temporary not in service.cloud.shares
    assert told["began"] == before.isoformat(timespec="seconds")
    assert told["at"] > told["began"]
    assert_at_its_end(service)


def died_with_damage(service: Service, damage: Any) -> tuple[Service, str]:
    """The write of its intent was cut short; the new process, and the checkpoint's id."""
    share = service.share()
    checkpoint: Any = service.protect(service.plan(share))
    service.cloud.plan("create_share", Died, after=True)
    service = killed(service, "verify", checkpoint.id, DRILL)
    section = service.checkpoint(checkpoint.id).get_resource_bank_section(share)
    (intent,) = [key for key in section.list_objects() if key.startswith("restores/")]
    section.update_object(intent, damage)
    service.cloud.clock.sleep(600)
    return service, checkpoint.id


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_one_whose_intent_is_damaged_comes_to_an_end_and_is_kept_as_a_bad_one(
    service: Service, damage: Any
) -> None:
    service, checkpoint_id = died_with_damage(service, damage)
    assert reconcile(service) == ["fail"]
    ((told,),) = results(service).values()
    assert (told["result"], told["checkpoint_id"]) == ("bad", checkpoint_id)
    assert "its process died" in told["found"]["reason"]
    (record,) = records(service)
    assert told["began"] == f"{record.created_at:%Y-%m-%dT%H:%M:%S}+00:00"
    assert_at_its_end(service)
    assert len(service.cloud.shares) == 1


def test_one_that_another_release_began_waits_for_it(service: Service) -> None:
    service, _checkpoint_id = died_with_damage(service, {"version": 99, "driver": "snapshot"})
    assert reconcile(service) == [""]
    assert results(service) == {}
    assert len(service.cloud.shares) == 2


@pytest.fixture
def grace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch, options=("delete_grace = 3600",)) as service:
        yield service


def test_a_damaged_intent_keeps_no_deletion_that_waited_from_being_carried_out(
    grace: Service,
) -> None:
    service, checkpoint_id = died_with_damage(grace, "")
    service.delete(checkpoint_id)
    assert service.checkpoint(checkpoint_id).status == "pending-delete"
    service.manager.reconciliation._clock = service.cloud.clock
    service.cloud.clock.sleep(7200)
    reconcile(service)
    reconcile(service)
    assert service.checkpoint(checkpoint_id).status == "deleted"
    assert [told["result"] for (told,) in results(service).values()] == ["bad"]
    assert len(service.cloud.shares) == 1


def died(service: Service) -> tuple[Service, str]:
    """With its temporary share there; the new process, and the checkpoint's id."""
    checkpoint: Any = service.protect(service.plan(service.share()))
    service.cloud.plan("create_share", Died, after=True)
    service = killed(service, "verify", checkpoint.id, DRILL)
    service.cloud.clock.sleep(600)
    return service, checkpoint.id


def assert_one_bad(service: Service) -> None:
    ((told,),) = results(service).values()
    assert told["result"] == "bad"
    assert "its process died" in told["found"]["reason"]
    assert (told["by"]["user"], told["by"]["project"]) == (None, service.project_id)


def test_one_whose_checkpoint_is_deleted_first_is_kept_as_a_bad_one(service: Service) -> None:
    service, checkpoint_id = died(service)
    service.delete(checkpoint_id)
    assert service.checkpoint(checkpoint_id).status == "deleted"
    assert_one_bad(service)
    assert reconcile(service) == ["fail"]
    assert_one_bad(service)
    assert len(service.cloud.shares) == 1
    assert_at_its_end(service)


def test_a_deletion_that_dies_once_it_is_kept_keeps_it_once(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, checkpoint_id = died(service)
    put = drill_results.put

    def dies(*args: Any) -> None:
        put(*args)
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(drill_results, "put", dies)
        service = killed(service, "delete", checkpoint_id)
    reconcile(service)
    reconcile(service)  # the dead use may have to come first
    assert service.checkpoint(checkpoint_id).status == "deleted"
    assert_one_bad(service)
    assert_at_its_end(service)


def test_a_deletion_whose_bank_does_not_take_it_leaves_it_to_the_next(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, checkpoint_id = died(service)
    with monkeypatch.context() as full:
        full.setattr(drill_results, "put", refuse)
        service.delete(checkpoint_id)
    assert service.checkpoint(checkpoint_id).status == "error-deleting"
    assert len(service.cloud.shares) == 2
    service.delete(checkpoint_id)
    assert service.checkpoint(checkpoint_id).status == "deleted"
    assert_one_bad(service)


def test_one_that_was_good_stays_good_when_its_process_dies_at_the_end(service: Service) -> None:
    checkpoint: Any = service.protect(service.plan(service.share()))
    service.cloud.plan("delete_share", Died)
    service = killed(service, "verify", checkpoint.id, DRILL)
    reconcile(service)
    ((told,),) = results(service).values()
    assert told["result"] == "good"


@pytest.mark.parametrize("fits", [True, False], ids=["few shares", "a thousand shares"])
def test_a_good_one_that_the_bank_did_not_take_is_not_kept_as_a_bad_one(
    service: Service, monkeypatch: pytest.MonkeyPatch, *, fits: bool
) -> None:
    checkpoint: Any = service.protect(service.plan(service.share()))
    service.cloud.plan("delete_share", Died)
    with monkeypatch.context() as full:
        full.setattr(drill_results, "put", refuse)
        if not fits:  # its status is in the bank alone then
            full.setattr(columns, "MOST_BYTES", 0)
        service = killed(service, "verify", checkpoint.id, DRILL)
    assert reconcile(service) == ["fail"]
    assert results(service) == {}


def test_nor_is_one_that_a_hook_skipped_and_of_which_something_was_left(service: Service) -> None:
    share = service.share()
    checkpoint: Any = service.protect(service.plan(share))
    service.cloud.plan("create_share", Died, after=True)
    service = killed(service, "verify", checkpoint.id, DRILL)
    (record,) = records(service)
    record.resources_status = {f"{SHARE}#{share}": "undefined"}
    record.save()
    reconcile(service)
    assert results(service) == {}
    assert_at_its_end(service)


@pytest.mark.parametrize("dies", [False, True], ids=["lives", "dies"])
def test_one_that_is_good_stays_good_while_the_database_restarts(
    service: Service, monkeypatch: pytest.MonkeyPatch, *, dies: bool
) -> None:
    share = service.share()
    checkpoint: Any = service.protect(service.plan(share))
    calls: list[Any] = []

    def away(*args: Any) -> None:
        calls.append(args)
        raise db_exception.DBConnectionError

    if dies:
        service.cloud.plan("delete_share", Died)
    with monkeypatch.context() as restarting:
        restarting.setattr(reporting, "save_retried", away)
        if dies:
            service = killed(service, "verify", checkpoint.id, DRILL)
        else:
            record = service.saved(service.verify(checkpoint.id, DRILL))
            assert record.status == "success"
            assert record.resources_status == {f"{SHARE}#{share}": "available"}
            assert '"seconds"' in record.resources_reason[f"{SHARE}#{share}"]
    assert calls
    reconcile(service)
    ((told,),) = results(service).values()
    assert told["result"] == "good"
    assert_at_its_end(service)


@pytest.mark.parametrize(
    "error", [Died, BankUnreadable("take it", "it is full")], ids=["death", "bank"]
)
def test_a_failed_one_whose_result_is_not_kept_is_kept_by_the_reconciliation(
    service: Service, monkeypatch: pytest.MonkeyPatch, error: Any
) -> None:
    share = service.share()
    checkpoint: Any = service.protect(service.plan(share))
    service.cloud.failing.add(f"create_share {share}")

    def refuse(*_args: Any) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(drill_results, "put", refuse)
        if error is Died:
            service = killed(service, "verify", checkpoint.id, DRILL)
        else:
            service.verify(checkpoint.id, DRILL)
    assert len(service.cloud.shares) == 1
    assert results(service) == {}
    reconcile(born(service))
    ((told,),) = results(service).values()
    assert told["result"] == "bad"
    assert "could not keep what came of it" in told["found"]["reason"]
    assert_at_its_end(service)


def test_nothing_is_kept_of_another_verification_that_died(service: Service) -> None:
    checkpoint: Any = service.protect(service.plan(service.share()))
    service.cloud.plan("snapshot", Died)
    with pytest.raises(Died):
        service.verify(checkpoint.id)
    service = service.die()
    reconcile(service)
    assert results(service) == {}


def test_wherever_it_dies_one_result_is_kept_of_what_was_restored(
    service: Service, points: Points
) -> None:
    def drilling() -> Any:
        checkpoint: Any = service.protect(service.plan(service.share()))
        record = service.record(objects.Verification, checkpoint.id, DRILL)

        def drill() -> None:
            service.call("verification", record)
            service.run()

        return drill

    drilling()()  # makes the bank's id and the table
    total = points.count(drilling())
    seen: set[str] = set()
    for nth in itertools.count(1):
        before = set(results(service))
        if not points.kill(drilling(), nth):
            break
        restored = any(each["snapshot_id"] for each in service.cloud.shares.values())
        service = born(service)
        reconcile(service)
        kept = [told for one, told in results(service).items() if one not in before]
        assert all(len(each) == 1 for each in kept), points.last
        if restored:
            assert len(kept) == 1, points.last
        seen |= {each["result"] for (each,) in kept}
        assert_at_its_end(service)
        forget(service)
    assert nth > total * 0.8
    assert seen == {"good", "bad"}

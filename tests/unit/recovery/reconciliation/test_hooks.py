# SPDX-License-Identifier: Apache-2.0
"""The reconciliation calls the posts of hooks that a dead process has begun."""

import dataclasses
import datetime
from collections.abc import Callable
from typing import Any

import pytest
from karbor import objects

from karbor_manila.bank import hook_runs
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.bank.hook_runs import Began
from karbor_manila.recovery import hook_posts
from karbor_manila.recovery.searched import Look
from tests.unit.karbor_stage import Service
from tests.unit.recovery import hooked
from tests.unit.recovery.hooked import (
    FIRST,
    GONE,
    SECOND,
    begun,
    called,
    claimed,
    new_id,
    old,
    open_runs,
)

BOTH = [(SECOND, None), (FIRST, {"n": 1})]


@pytest.fixture
def service(hooked_service: Service) -> Service:
    return hooked_service


@pytest.fixture
def checkpoint(hooked_checkpoint: Any) -> Any:
    return hooked_checkpoint


def born(service: Service) -> Service:
    new = service.die()
    new.manager.reconciliation._clock = new.cloud.clock
    return new


def reconcile(service: Service, where: Look = Look.BANKS) -> dict[str, str]:
    """By operation, what became of the items."""
    ended = service.manager.reconciliation.run(where=where)
    return {item.operation: status for item, status in ended.items()}


def dead(service: Service, checkpoint: Any, **fields: Any) -> Service:
    """A process that follows one which died in the middle of a run."""
    begun(service, checkpoint, claimed(service, checkpoint), **fields)
    return born(service)


def test_the_posts_of_a_dead_process_are_called_in_reverse_and_are_through(
    service: Service, checkpoint: Any
) -> None:
    service = dead(service, checkpoint)
    assert reconcile(service)["hooks"] == "through"
    assert called() == BOTH
    _name, call, _data, outcome = hooked.First.posts[0]
    assert (outcome.status, outcome.pre_error, outcome.result) == ("interrupted", "", {})
    assert (call.point, call.scope, call.checkpoint_id) == ("protect", "share", checkpoint.id)
    assert (call.provider_id, call.project_id) == (service.provider.id, service.project_id)
    assert [(share["name"], share["size"]) for share in call.shares] == [("books", 1)]
    assert open_runs(service) == []
    assert reconcile(service) == {}
    assert service.manager.claims.all() == []
    assert called() == BOTH


def test_they_come_first_and_by_a_look_into_the_database_alone(
    service: Service, checkpoint: Any
) -> None:
    service = dead(service, checkpoint)
    found = service.manager.reconciliation.find(Look.DATABASE)
    assert [item.operation for item in found] == ["hooks", "protect"]
    assert (found[0].checkpoint_id, found[0].project_id) == (checkpoint.id, service.project_id)


def test_hooks_work_with_karbors_own_user_for_the_project_of_the_run(
    service: Service, checkpoint: Any
) -> None:
    seen: list[Any] = []
    hooked.First.does[FIRST] = lambda call: seen.append(call.environment.client.manila)
    service = dead(service, checkpoint)
    assert reconcile(service)["hooks"] == "through"
    (manila,) = seen
    assert (manila.own_project_id, manila.project_id) == ("karbors-own", service.project_id)


def test_a_hook_that_needs_no_manila_does_not_wait_for_it(
    service: Service, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from karbor_manila.service import sessions  # noqa: PLC0415

    def away(*_args: Any, **_kwargs: Any) -> None:
        raise AssertionError("it was asked")

    service = dead(service, checkpoint)
    monkeypatch.setattr(sessions, "connect_as_karbor", away)
    assert reconcile(service, Look.DATABASE)["hooks"] == "through"


def test_what_a_living_process_has_released_is_thawed_while_it_goes_on(
    service: Service, checkpoint: Any
) -> None:
    token = claimed(service, checkpoint)
    begun(service, checkpoint, new_id())
    assert reconcile(service)["hooks"] == "through"
    assert called() == BOTH
    assert open_runs(service) == []
    service.manager.claims.check(checkpoint.id, token, look=True)


def test_what_a_living_process_has_begun_is_left_to_it(service: Service, checkpoint: Any) -> None:
    begun(service, checkpoint, claimed(service, checkpoint))
    other = Service(service.folder, service.cloud, type(service.manager))
    assert reconcile(other) == {}
    assert reconcile(service) == {}
    assert called() == []
    assert len(open_runs(service)) == 1


def test_what_was_left_when_its_claim_was_given_back_is_tried_again(
    service: Service, checkpoint: Any
) -> None:
    token = claimed(service, checkpoint)
    begun(service, checkpoint, token)
    service.manager.claims.release(checkpoint.id)
    assert reconcile(service) == {"hooks": "through"}
    assert called() == BOTH


def test_what_a_dead_owner_left_is_thawed_while_another_claims_the_same(
    service: Service, checkpoint: Any
) -> None:
    token = claimed(service, checkpoint)
    begun(service, checkpoint, token)
    service = born(service)
    claimed(service, checkpoint)  # such as an adoption, which waits for Manila
    assert reconcile(service) == {"hooks": "through"}
    assert called() == BOTH


def test_a_post_that_fails_keeps_no_other_and_is_called_again_alone(
    service: Service, checkpoint: Any
) -> None:
    hooked.First.does[SECOND] = hooked.fails
    service = dead(service, checkpoint)
    assert reconcile(service)["hooks"] == ""
    assert called() == BOTH
    assert [each.hooks for each in open_runs(service)] == [(Began(SECOND),)]
    hooked.forget()
    assert reconcile(service)["hooks"] == "through"
    assert called() == [(SECOND, None)]
    assert service.manager.claims.all() == []


def test_a_run_that_fails_keeps_no_other_of_the_checkpoint(
    service: Service, checkpoint: Any
) -> None:
    def fails_once(_call: Any) -> None:
        del hooked.First.does[FIRST]
        raise RuntimeError("once")

    hooked.First.does[FIRST] = fails_once
    token = claimed(service, checkpoint)
    for _time in range(2):
        begun(service, checkpoint, token)
    service = born(service)
    ended = service.manager.reconciliation.run()
    assert sorted(ended[item] for item in ended if item.operation == "hooks") == ["", "through"]


@pytest.mark.parametrize(("hook", "stays"), [(FIRST, False), (SECOND, True)])
def test_an_error_that_is_suppressed_counts_for_what_has_to_be_undone(
    service: Service, checkpoint: Any, hook: str, stays: bool
) -> None:
    service.provider._config.set_override(
        "suppress_post_hooks_errors", True, "manila_share_protection"
    )
    hooked.First.does[hook] = hooked.fails
    begun(service, checkpoint, new_id())
    assert reconcile(service) == {"hooks": "" if stays else "through"}
    assert bool(open_runs(service)) is stays


@pytest.mark.parametrize("name", [GONE, "tests.unit.recovery.nothing:Hook"])
def test_a_hook_that_is_not_there_stays_and_the_log_says_what_to_do(
    service: Service, checkpoint: Any, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    begun(service, checkpoint, new_id(), hooks=(Began(name), Began(FIRST)))
    assert reconcile(service) == {"hooks": ""}
    assert called() == [(FIRST, None)]
    assert [each.hooks for each in open_runs(service)] == [(Began(name),)]
    assert "Put it back until its post is through" in caplog.text


def test_what_a_post_remembers_is_there_for_its_next_call(
    service: Service, checkpoint: Any
) -> None:
    def remembers(call: Any) -> None:
        call.remember({"n": 2})
        raise RuntimeError("half of it is undone")

    hooked.First.does[FIRST] = remembers
    begun(service, checkpoint, new_id())
    assert reconcile(service) == {"hooks": ""}
    hooked.forget()
    assert reconcile(service) == {"hooks": "through"}
    assert called() == [(FIRST, {"n": 2})]


def test_a_post_that_hangs_is_given_up_and_not_called_again_before_it_has_ended(
    service: Service, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung: list[Callable[[], None]] = []
    monkeypatch.setattr(hook_posts, "spawn", hung.append)
    begun(service, checkpoint, new_id(), hooks=(Began(FIRST),))
    assert reconcile(service) == {"hooks": ""}
    assert reconcile(service) == {}
    other = Service(service.folder, service.cloud, type(service.manager))
    assert reconcile(other) == {}
    monkeypatch.setattr(hook_posts, "spawn", lambda work: work())
    hung.pop()()  # it ends after all
    assert called() == [(FIRST, None)]
    assert reconcile(service) == {"hooks": "through"}
    assert called() == [(FIRST, None)] * 2


def test_what_a_process_froze_that_waited_for_its_bank_is_nobodys_yet(
    service: Service, checkpoint: Any
) -> None:
    """Karbor's own manager claims nothing."""
    service.manager.reconciliation._clock = service.cloud.clock
    begun(service, checkpoint, "")
    assert reconcile(service) == {}
    assert service.manager.reconciliation.unsure
    begun(service, checkpoint, "", since=old(service))
    assert reconcile(service) == {"hooks": "through"}


def test_work_of_karbors_own_manager_that_goes_on_is_left_alone(
    service: Service, checkpoint: Any
) -> None:
    record = service.record(objects.Restore, checkpoint.id)
    since = old(service)
    begun(service, checkpoint, "", since=since, claimed_id=record.id, request_id=record.id)
    found = service.manager.reconciliation.find(Look.DATABASE)
    assert [item.operation for item in found] in ([], ["restore"])
    record.status = "fail"
    record.save()
    assert reconcile(service) == {"hooks": "through"}


def test_a_deleted_checkpoint_keeps_no_run(
    service: Service, checkpoint: Any, caplog: pytest.LogCaptureFixture
) -> None:
    hooked.First.does[FIRST] = hooked.fails
    two_days_ago = (service.cloud.clock.utcnow() - datetime.timedelta(days=2)).isoformat()
    service = dead(service, checkpoint, point="restore", claimed_id=new_id(), since=two_days_ago)
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"
    assert "deleted although hooks that have begun are not through" in caplog.text
    assert called()[:2] == BOTH
    reconcile(service)
    assert "look whether what the hook had stopped runs again" in caplog.text
    # That of the deletion itself has just begun.
    assert [run.point for run in open_runs(service)] == ["delete"]
    del hooked.First.does[FIRST]
    assert reconcile(service)["hooks"] == "through"
    assert service.manager.claims.all() == []


def test_what_a_deleted_checkpoint_has_frozen_is_thawed_when_manila_is_back(
    service: Service, checkpoint: Any
) -> None:
    hooked.First.does[FIRST] = hooked.fails
    service = dead(service, checkpoint, point="restore", claimed_id=new_id())
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"
    assert reconcile(service)["hooks"] == ""
    del hooked.First.does[FIRST]
    assert reconcile(service)["hooks"] == "through"
    assert open_runs(service) == []


def test_the_deletion_of_a_checkpoint_calls_the_posts_that_are_left_of_it(
    service: Service, checkpoint: Any
) -> None:
    other = service.protect(service.plan(service.share()))
    hooked.forget()
    killed = begun(service, checkpoint, new_id(), point="restore", claimed_id=new_id())
    elsewhere = begun(service, other, new_id())
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"
    assert [call.point for _name, call, _data, _outcome in hooked.First.posts][:2] == [
        "restore"
    ] * 2
    assert [run.id for run in open_runs(service)] == [elsewhere.id] != [killed.id]


def test_a_bank_that_does_not_list_the_hooks_holds_up_no_deletion(
    service: Service, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: Any) -> None:
        raise BankUnreadable("list which hooks have begun", "away")

    monkeypatch.setattr(hook_runs, "left", away)
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"


def test_a_damaged_run_stays_until_its_checkpoint_is_deleted(
    service: Service, checkpoint: Any, caplog: pytest.LogCaptureFixture
) -> None:
    run = begun(service, checkpoint, new_id())
    other = begun(service, checkpoint, new_id())
    key = run.key(service.provider.id)
    service.provider.bank.update_object(key, {"no": "run"})
    ended = service.manager.reconciliation.run()
    assert {item.id: status for item, status in ended.items()} == {run.id: "", other.id: "through"}
    assert key in caplog.text
    service.delete(checkpoint.id)
    reconcile(service)
    assert service.provider.bank.list_objects("/karbor-manila/hook-runs/") == []


def test_a_run_of_a_later_release_is_never_removed(service: Service, checkpoint: Any) -> None:
    run = begun(service, checkpoint, new_id())
    bank, key = service.provider.bank, run.key(service.provider.id)
    bank.update_object(key, bank.get_object(key) | {"version": 2})
    service.delete(checkpoint.id)
    assert reconcile(service) == {"hooks": ""}
    assert bank.get_object(key)["version"] == 2


def test_what_was_forgotten_meanwhile_is_through(service: Service, checkpoint: Any) -> None:
    run = begun(service, checkpoint, new_id())
    (item,) = service.manager.reconciliation.find(Look.DATABASE)
    hook_runs.forget(service.provider.bank, service.provider.id, run)
    assert service.manager.reconciliation.settle(item) == "through"
    assert called() == []


def test_with_another_bank_in_its_place_nothing_is_done(service: Service, checkpoint: Any) -> None:
    service = dead(service, checkpoint)
    bank = service.provider.bank
    known = bank.get_object("/karbor-manila/bank.json")
    bank.update_object("/karbor-manila/bank.json", known | {"id": new_id()})
    assert reconcile(service) == {}
    assert service.manager.reconciliation.away
    bank.update_object("/karbor-manila/bank.json", known)
    assert reconcile(service)["hooks"] == "through"


def test_a_reconciliation_that_dies_is_followed_by_the_next(
    service: Service, checkpoint: Any
) -> None:
    class Died(BaseException):
        pass

    def dies(_call: Any) -> None:
        raise Died

    hooked.First.does[SECOND] = dies
    service = dead(service, checkpoint)
    with pytest.raises(Died):
        reconcile(service)
    hooked.forget()
    service = born(service)
    assert reconcile(service)["hooks"] == "through"
    assert called() == BOTH
    reconcile(service)
    assert service.manager.claims.all() == []


def test_without_runs_a_turn_lists_once_and_reads_nothing(
    service: Service, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[Any] = []
    real = hook_runs.left
    monkeypatch.setattr(hook_runs, "left", lambda *args: listed.append(args) or real(*args))
    monkeypatch.setattr(hook_runs, "read", None)
    reconcile(service)
    assert len(listed) == 1


def test_two_runs_are_told_apart(service: Service, checkpoint: Any) -> None:
    run = begun(service, checkpoint, new_id())
    again = dataclasses.replace(run, id=new_id())
    hook_runs.put(service.provider.bank, service.provider.id, again)
    ended = service.manager.reconciliation.run()
    assert list(ended.values()) == ["through"] * 2
    assert called() == BOTH * 2

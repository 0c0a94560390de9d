# SPDX-License-Identifier: Apache-2.0
"""A deletion that waits (``delete_grace``): what is hidden, had back, purged, and carried out."""

import functools
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor import objects, quota

from karbor_manila.bank import deletions
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.recovery.searched import Look
from karbor_manila.service import driver_options
from tests.unit.karbor_stage import SHARE, Service, started, told
from tests.unit.points import Points
from tests.unit.recovery.reconciliation.stage import assert_at_its_end, born, forget, reconcile
from tests.unit.service.held import asked, hold, says
from tests.unit.service.retention_stage import Stage
from tests.unit.service.rpc import refusal
from tests.unit.telemetry.listeners import heard, types

HOUR = 3600
OPTIONS = (f"delete_grace = {HOUR}",)


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch, options=OPTIONS) as service:
        service.manager.reconciliation._clock = service.cloud.clock
        yield service


@pytest.fixture
def deleted(service: Service, checkpoint: Any) -> str:
    """The id of a checkpoint whose deletion waits."""
    service.delete(checkpoint.id)
    return str(checkpoint.id)


def undelete(service: Service, checkpoint_id: str) -> Any:
    return asked(service, checkpoint_id, None, depth="undelete")


def waiting(service: Service) -> list[str]:
    found = deletions.entries(service.provider.bank, service.provider.id)
    return [entry.checkpoint_id for entry in found]


def in_use(service: Service) -> int:
    usages = quota.QUOTAS.get_project_quotas(service.context(), service.project_id)
    return int(usages["checkpoints"]["in_use"])


def test_what_is_deleted_waits_hidden_and_is_listed_as_that(service: Service, deleted: str) -> None:
    (listed,) = service.call("list_checkpoints", service.provider.id, filters={})
    assert listed["status"] == "pending-delete"
    waits = json.loads(listed["extra_info"])["deletion"]
    assert (waits["by"], waits["was"]) == ("user", "available")
    assert waits["asked"] < waits["due"]
    assert len(service.cloud.snapshots) == 1
    for kind in (objects.Restore, objects.Verification):
        record = service.record(kind, deleted)
        rpc = ("restore", record, None) if kind is objects.Restore else ("verification", record)
        assert "pending-delete" in refusal(service.call, *rpc).msg
    assert refusal(service.call, "copy", service.plan(id="p")).code == 400


def test_it_is_carried_out_when_the_time_is_over_and_not_before(
    service: Service, deleted: str
) -> None:
    service.cloud.clock.sleep(HOUR - 60)
    assert reconcile(service) == []
    assert len(service.cloud.snapshots) == 1
    service.cloud.clock.sleep(120)
    assert reconcile(service) == ["deleted"]
    assert service.cloud.snapshots == {}
    assert (service.checkpoint(deleted).status, service.checkpoints()) == ("deleted", [])
    assert waiting(service) == []
    # By its log Karbor's database knows that it was deleted.
    assert [log.status for log in service.logs()][-1] == "deleted"
    assert_at_its_end(service)
    assert reconcile(service) == []


def test_it_is_had_back_with_all_that_it_was(service: Service, checkpoint: Any) -> None:
    before = told(checkpoint)
    service.delete(checkpoint.id)
    with heard() as told_of:
        record = undelete(service, checkpoint.id)
    assert (says(record)["way"], says(record)["status"]) == ("undeleted", "available")
    assert [(*types([each]), each.status) for each in told_of] == [("undelete.end", "available")]
    now = service.checkpoint(checkpoint.id)
    assert (now.status, told(now), waiting(service)) == ("available", before, [])
    assert says(undelete(service, checkpoint.id))["way"] == "already"
    service.cloud.clock.sleep(2 * HOUR)
    reconcile(service)
    assert service.restore(checkpoint.id).status == "success"


def test_a_failed_one_comes_back_as_failed(service: Service, checkpoint: Any) -> None:
    checkpoint.status = "error"
    checkpoint.commit()
    service.delete(checkpoint.id)
    assert says(undelete(service, checkpoint.id))["status"] == "error"


def test_it_is_counted_again_and_only_if_there_is_room(
    service: Service, deleted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = in_use(service)
    limited = quota.ReservableResource("checkpoints", None)
    monkeypatch.setitem(quota.QUOTAS._resources, "checkpoints", limited)
    monkeypatch.setattr(quota.ReservableResource, "default", count)
    assert "raise the quota" in refusal(undelete, service, deleted).msg
    assert service.checkpoint(deleted).status == "pending-delete"
    monkeypatch.setattr(quota.ReservableResource, "default", count + 1)
    assert undelete(service, deleted).status == "success"
    assert in_use(service) == count + 1


def test_a_second_delete_says_how_it_is_had_back_or_purged(service: Service, deleted: str) -> None:
    error = refusal(service.delete, deleted)
    assert error.code == 400
    assert f"karbor-manila undelete {deleted}" in error.msg
    assert f"karbor-manila purge {deleted}" in error.msg


def test_a_purge_carries_it_out_at_once(service: Service, deleted: str) -> None:
    assert says(asked(service, deleted, None, depth="purge"))["way"] == "purged"
    assert service.checkpoint(deleted).status == "deleted"
    assert (service.cloud.snapshots, waiting(service)) == ({}, [])
    assert refusal(undelete, service, deleted).code in (400, 404)


def test_a_purge_that_the_bank_refuses_leaves_it_to_be_carried_out_in_time(
    service: Service, deleted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: Any, **_kwargs: Any) -> None:
        raise BankUnreadable("take it", "away")

    with monkeypatch.context() as patch:
        patch.setattr("karbor_manila.service.requests.deletion.bank_access.commit", away)
        refusal(asked, service, deleted, None, depth="purge")
    assert service.checkpoint(deleted).status == "pending-delete"
    assert waiting(service) == [deleted]


def test_only_what_waits_is_purged(service: Service, checkpoint: Any) -> None:
    assert refusal(asked, service, checkpoint.id, None, depth="purge").code == 400
    assert service.checkpoint(checkpoint.id).status == "available"


def test_another_project_has_nothing_back(service: Service, deleted: str) -> None:
    foreign = service.context(service.other_project)
    for depth in ("undelete", "purge"):
        error = refusal(asked, service, deleted, foreign, depth=depth)
        assert isinstance(error, karbor_exception.AccessCheckpointNotAllowed)
    assert service.checkpoint(deleted).status == "pending-delete"


def test_what_waits_is_not_held_and_what_is_held_does_not_wait(
    service: Service, checkpoint: Any
) -> None:
    hold(service, checkpoint.id)
    assert refusal(service.delete, checkpoint.id).code == 400
    assert waiting(service) == []
    asked(service, checkpoint.id, None, depth="release")
    service.delete(checkpoint.id)
    assert "undelete" in refusal(hold, service, checkpoint.id).msg


def test_the_option_of_the_day_of_the_delete_counts(
    service: Service, deleted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _conf, settings = driver_options.of_provider(service.provider)
    monkeypatch.setattr(driver_options, "of_provider", lambda _p: (_conf, Without(settings)))
    second = service.protect(service.plan(service.share()))
    service.delete(second.id)
    assert service.checkpoint(second.id).status == "deleted"
    service.cloud.clock.sleep(HOUR - 60)
    reconcile(service)
    assert service.checkpoint(deleted).status == "pending-delete"
    service.cloud.clock.sleep(120)
    reconcile(service)
    assert service.checkpoint(deleted).status == "deleted"


class Without:
    """The options of a provider, but for the one."""

    delete_grace = 0

    def __init__(self, settings: Any) -> None:
        self._settings = settings

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_settings"], name)


def test_a_key_that_the_bank_lost_is_made_up_for_by_the_look_at_all_of_it(
    service: Service, deleted: str
) -> None:
    deletions.forget(service.provider.bank, service.provider.id, deleted)
    service.cloud.clock.sleep(2 * HOUR)
    service.manager.reconciliation.run(where=Look.EVERYTHING)
    assert service.checkpoint(deleted).status == "deleted"


def test_deleted_again_it_waits_anew(service: Service, deleted: str) -> None:
    bank, provider_id = service.provider.bank, service.provider.id
    (old,) = deletions.entries(bank, provider_id)
    undelete(service, deleted)
    service.cloud.clock.sleep(HOUR / 2)
    service.delete(deleted)
    # As somebody leaves it who dies at the end of an undelete.
    deletions.put(bank, provider_id, old)
    service.cloud.clock.sleep(HOUR / 2 + 60)
    assert reconcile(service) == ["seen to"]
    assert service.checkpoint(deleted).status == "pending-delete"
    assert waiting(service) == [deleted]
    service.cloud.clock.sleep(HOUR)
    assert reconcile(service) == ["deleted"]


def test_a_revert_takes_nothing_out_of_what_waits(service: Service) -> None:
    share = service.share(_text="then")
    old, new = (service.protect(service.plan(share)) for _ in range(2))
    service.delete(new.id)
    back = {f"{SHARE}#{share}": {"share_id": share, "remove_newer": True}}
    record = service.restore(old.id, back)
    assert (record.status, len(service.cloud.snapshots)) == ("fail", 2)
    assert f"karbor-manila purge {new.id}" in str(record.resources_reason)


def test_what_retention_deletes_waits_too_and_is_not_asked_for_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(service, monkeypatch)
    plan = service.plan(service.share())
    stage.schedule(plan, max_backups=1)
    first, second = (service.protect(plan).id for _ in range(2))
    for _ in range(2):
        stage.prune(plan, most=1)
        assert stage.left() == {first: "pending-delete", second: "available"}
    context = stage.context()
    service.call("delete", service.provider.id, first, context=context)  # as after an old list
    assert stage.left()[first] == "pending-delete"


def test_a_deletion_that_fails_in_manila_is_told_and_asked_for_again(
    service: Service, deleted: str
) -> None:
    (snapshot,) = service.cloud.snapshots.values()
    snapshot["status"] = "error_deleting"
    service.cloud.clock.sleep(2 * HOUR)
    reconcile(service)
    assert service.checkpoint(deleted).status == "error-deleting"
    assert waiting(service) == []
    snapshot["status"] = "available"
    service.delete(deleted)
    assert service.checkpoint(deleted).status == "deleted"


def act(service: Service, checkpoint_id: str, what: str) -> None:
    """DELETE, undelete, or the turn of the reconciliation that carries it out."""
    if what == "delete":
        service.delete(checkpoint_id)
    elif what == "undelete":
        given = {SHARE: {"depth": "undelete"}}
        service.call("verification", service.record(objects.Verification, checkpoint_id, given))
    else:
        service.cloud.clock.sleep(2 * HOUR)
        reconcile(service)


@pytest.mark.parametrize("what", ["delete", "undelete", "carry out"])
def test_a_death_at_any_point_leaves_it_one_or_the_other(
    service: Service, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    points = Points(monkeypatch)
    service.protect(service.plan(service.share()))
    for nth in itertools.count(1):
        forget(service)
        checkpoint_id = service.protect(service.plan(service.share())).id
        if what != "delete":
            service.delete(checkpoint_id)
        if not points.kill(functools.partial(act, service, checkpoint_id, what), nth):
            break
        service = born(service)
        service.manager.reconciliation._clock = service.cloud.clock
        reconcile(service)
        if what == "carry out":
            reconcile(service)  # the claim of the dead one first
        status = service.checkpoint(checkpoint_id).status
        others = {"carry out": ["deleted"]}.get(what, ["available", "pending-delete"])
        assert status in others, points.last
        service.cloud.clock.sleep(2 * HOUR)
        reconcile(service)
        after = "available" if status == "available" else "deleted"
        assert service.checkpoint(checkpoint_id).status == after, points.last
        assert (service.manager.claims.all(), waiting(service)) == ([], []), points.last
        assert [log for log in service.logs() if log.ended_at is None] == [], points.last
        assert len(service.cloud.snapshots) == (after == "available"), points.last
    assert nth > 3

# SPDX-License-Identifier: Apache-2.0
"""A checkpoint is held and released over RPC: what it keeps from going, who may, and when not."""

import datetime
import json
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor import objects

from karbor_manila.bank import holding
from tests.unit.karbor_stage import SHARE, Service, told
from tests.unit.service.held import WHY, asked, hold, other_user, release, says
from tests.unit.service.rpc import left_by, refusal
from tests.unit.telemetry.listeners import heard, types


def test_what_is_held_is_not_deleted_until_it_is_released(
    service: Service, checkpoint: Any
) -> None:
    record = hold(service, checkpoint.id)
    assert (record.status, says(record)["way"]) == ("success", "held")
    error = refusal(service.delete, checkpoint.id)
    assert isinstance(error, karbor_exception.InvalidInput)
    assert error.code == 400
    assert "by user user" in error.msg
    assert WHY in error.msg
    assert f"karbor-manila release {checkpoint.id}" in error.msg
    assert service.checkpoint(checkpoint.id).status == "available"
    assert len(service.cloud.snapshots) == 1
    assert says(release(service, checkpoint.id))["way"] == "released"
    service.delete(checkpoint.id)
    assert service.cloud.snapshots == {}


def test_it_is_in_the_list_and_survives_a_lost_process_and_database(
    service: Service, checkpoint: Any
) -> None:
    hold(service, checkpoint.id, hold_until="2999-12-31")
    (listed,) = service.die().call("list_checkpoints", service.provider.id, filters={})
    known = json.loads(listed["extra_info"])["hold"]
    assert (known["why"], known["by"], known["until"]) == (WHY, "user", "2999-12-31")
    assert known["project"] == service.project_id


def test_what_else_the_checkpoint_tells_stays(service: Service, checkpoint: Any) -> None:
    checkpoint.extra_info = json.dumps({"created_by": "manual", "reasons": {"a": "b"}})
    checkpoint.commit()
    hold(service, checkpoint.id)
    assert told(service.checkpoint(checkpoint.id)).keys() == {"created_by", "reasons", "hold"}
    release(service, checkpoint.id)
    assert told(service.checkpoint(checkpoint.id)).keys() == {"created_by", "reasons"}


def test_it_is_over_by_itself_after_its_last_day(service: Service, checkpoint: Any) -> None:
    today = service.cloud.clock.utcnow().date()
    hold(service, checkpoint.id, hold_until=today.isoformat())
    assert refusal(service.delete, checkpoint.id).code == 400
    service.cloud.clock.sleep(2 * 86400)
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"


def test_the_same_user_may_change_it_and_twice_the_same_is_once(
    service: Service, checkpoint: Any
) -> None:
    hold(service, checkpoint.id)
    since = says(hold(service, checkpoint.id))["hold"]["since"]
    service.cloud.clock.sleep(100)
    changed = says(hold(service, checkpoint.id, hold_until="2999-01-01"))
    assert (changed["way"], changed["hold"]["since"]) == ("changed", since)
    assert says(hold(service, checkpoint.id, hold_until="2999-01-01"))["way"] == "already"
    assert says(release(service, checkpoint.id))["way"] == "released"
    assert says(release(service, checkpoint.id))["way"] == "already"


def test_another_user_takes_no_hold_away_by_a_hold_of_his_own(
    service: Service, checkpoint: Any
) -> None:
    hold(service, checkpoint.id)
    error = refusal(hold, service, checkpoint.id, other_user(service), hold_until="2999-01-01")
    assert "a second hold would take the place of that one" in error.msg
    found = holding.in_force(service.checkpoint(checkpoint.id), service.cloud.clock.utcnow())
    assert found is not None
    assert (found.by, found.until) == ("user", None)
    assert says(release(service, checkpoint.id, other_user(service)))["way"] == "released"
    assert says(hold(service, checkpoint.id, other_user(service)))["way"] == "held"


def test_another_project_may_neither_hold_nor_release(service: Service, checkpoint: Any) -> None:
    hold(service, checkpoint.id)
    foreign = service.context(service.other_project)
    for ask in (hold, release):
        error = refusal(ask, service, checkpoint.id, foreign)
        assert isinstance(error, karbor_exception.AccessCheckpointNotAllowed)
    assert "hold" in told(service.checkpoint(checkpoint.id))


def test_what_an_administrator_of_another_project_holds_the_project_does_not_release(
    service: Service, checkpoint: Any
) -> None:
    admin = service.context(service.other_project, is_admin=True)
    hold(service, checkpoint.id, admin)
    assert "an administrator ends it" in refusal(release, service, checkpoint.id).msg
    assert "hold" in told(service.checkpoint(checkpoint.id))
    assert says(release(service, checkpoint.id, admin))["way"] == "released"


def test_a_failed_checkpoint_can_be_held(service: Service, checkpoint: Any) -> None:
    checkpoint.status = "error"
    checkpoint.commit()
    assert hold(service, checkpoint.id).status == "success"
    assert refusal(service.delete, checkpoint.id).code == 400


@pytest.mark.parametrize("alive", [True, False])
def test_one_in_work_is_neither_held_nor_released(service: Service, *, alive: bool) -> None:
    checkpoint = left_by(service, "protecting", alive=alive)
    for ask in (hold, release):
        assert refusal(ask, service, checkpoint.id).code == 400
    assert "hold" not in told(service.checkpoint(checkpoint.id))


def test_one_that_was_deleted_is_not_held(service: Service, checkpoint: Any) -> None:
    service.delete(checkpoint.id)
    assert refusal(hold, service, checkpoint.id).code in (400, 404)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"hold_why": " "}, "say why"),
        ({"hold_why": "x" * 256}, "255"),
        ({"hold_why": "x", "hold_until": "tomorrow"}, "hold_until"),
        ({"hold_why": "x", "hold_until": "2026-02-30"}, "there is no such day"),
        ({"hold_why": "x", "hold_until": "1999-01-01"}, "it is over"),
        ({"hold_why": "x", "restore_name": "new"}, "says nothing with the depth 'hold'"),
        ({"depth": "release", "hold_why": "x"}, "says nothing with the depth 'release'"),
        ({"hold_why": "x", "hold_how": "well"}, "there is no such parameter"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_touched(
    service: Service, checkpoint: Any, given: dict[str, str], why: str
) -> None:
    record = service.record(objects.Verification, checkpoint.id, {SHARE: {"depth": "hold"} | given})
    error = refusal(service.call, "verification", record)
    assert error.code == 400
    assert why in error.msg
    saved = service.saved(record)
    assert saved.status == "fail"
    assert why in " ".join(saved.resources_reason.values())
    assert "hold" not in told(service.checkpoint(checkpoint.id))


def test_nothing_of_it_is_given_for_a_single_share(service: Service, checkpoint: Any) -> None:
    (share,) = (item["id"] for item in checkpoint.protection_plan["resources"])
    one = f"{SHARE}#{share}"
    for given in (
        {one: {"depth": "hold", "hold_why": WHY}},
        {SHARE: {"depth": "hold", "hold_why": WHY}, one: {"include": "true"}},
        {SHARE: {"depth": "record", "hold_why": WHY}},
    ):
        record = service.record(objects.Verification, checkpoint.id, given)
        assert refusal(service.call, "verification", record).code == 400
    assert "hold" not in told(service.checkpoint(checkpoint.id))


def test_a_form_sends_what_was_left_alone_too(service: Service, checkpoint: Any) -> None:
    form = {"hold_until": "", "share_id": "", "include": True, "metadata": "True", "size": ""}
    record = asked(service, checkpoint.id, None, depth="hold", hold_why=WHY, **form)
    assert record.status == "success"


def test_a_copy_is_not_held_with_its_source_and_a_restore_goes_on(
    service: Service, checkpoint: Any
) -> None:
    hold(service, checkpoint.id)
    plan = service.plan(id=checkpoint.protection_plan["id"])
    service.call("copy", plan)
    service.run()
    (copy,) = (each for each in service.checkpoints() if each != checkpoint.id)
    assert "hold" not in told(service.checkpoint(copy))
    assert service.restore(checkpoint.id).status == "success"
    service.delete(copy)
    assert service.checkpoints() == [checkpoint.id]


def test_while_a_restore_is_under_way_it_can_be_held(service: Service, checkpoint: Any) -> None:
    record = service.record(objects.Restore, checkpoint.id)
    service.call("restore", record, None)
    assert hold(service, checkpoint.id).status == "success"
    assert service.saved(record).status == "success"
    assert "hold" in told(service.checkpoint(checkpoint.id))


def test_a_reset_keeps_the_hold(service: Service, checkpoint: Any) -> None:
    hold(service, checkpoint.id)
    service.call("reset_state", service.provider.id, checkpoint.id, "error")
    assert refusal(service.delete, checkpoint.id).code == 400


def test_a_forged_hold_is_only_a_hold(service: Service, checkpoint: Any) -> None:
    """A tenant may give a checkpoint an ``extra_info`` of his own."""
    checkpoint.extra_info = json.dumps({"hold": ["for", "ever"]})
    checkpoint.commit()
    assert refusal(service.delete, checkpoint.id).code == 400
    release(service, checkpoint.id)
    service.delete(checkpoint.id)
    assert service.checkpoints() == []


def test_a_forged_hold_of_an_administrator_is_ended_by_an_administrator(
    service: Service, checkpoint: Any
) -> None:
    """Who writes the bank can name whomever he likes."""
    forged = {"why": "x", "by": "root", "project": service.other_project, "since": ""}
    checkpoint.extra_info = json.dumps({"hold": forged})
    checkpoint.commit()
    assert "an administrator ends it" in refusal(release, service, checkpoint.id).msg
    admin = service.context(service.other_project, is_admin=True)
    assert says(release(service, checkpoint.id, admin))["way"] == "released"
    service.delete(checkpoint.id)
    assert service.checkpoints() == []


def test_an_extra_info_that_is_no_json_is_told(service: Service, checkpoint: Any) -> None:
    checkpoint.extra_info = "no JSON"
    checkpoint.commit()
    assert "no JSON" in refusal(hold, service, checkpoint.id).msg


def test_two_who_act_at_the_same_moment_come_one_after_the_other(
    service: Service, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A DELETE, and a second hold, that arrive while the first is being written."""
    original, answers = holding.write, []

    def meanwhile(*args: Any) -> None:
        monkeypatch.setattr(holding, "write", original)
        answers.append(refusal(service.call, "delete", service.provider.id, checkpoint.id))
        answers.append(refusal(hold, service, checkpoint.id, other_user(service)))
        original(*args)

    monkeypatch.setattr(holding, "write", meanwhile)
    assert hold(service, checkpoint.id).status == "success"
    assert [error.code for error in answers] == [400, 400]
    assert service.checkpoint(checkpoint.id).status == "available"
    found = holding.in_force(service.checkpoint(checkpoint.id), datetime.datetime.now(datetime.UTC))
    assert found is not None
    assert found.by == "user"


def test_a_revert_takes_nothing_out_of_a_newer_one_that_is_held(service: Service) -> None:
    share = service.share(_text="then")
    old, new = (service.protect(service.plan(share)) for _ in range(2))
    service.cloud.shares[share]["_text"] = "now"
    back = {f"{SHARE}#{share}": {"share_id": share, "remove_newer": True}}
    hold(service, new.id)
    record = service.restore(old.id, back)
    assert record.status == "fail"
    assert WHY in str(record.resources_reason)
    assert service.cloud.shares[share]["_text"] == "now"
    assert len(service.cloud.snapshots) == 2
    release(service, new.id)
    assert service.restore(old.id, back).status == "success"
    assert service.cloud.shares[share]["_text"] == "then"


def test_who_listens_is_told_once_of_what_is_done_and_never_of_what_stood_already(
    service: Service, checkpoint: Any
) -> None:
    with heard() as told_of:
        record = hold(service, checkpoint.id, hold_until="2999-01-01")
        hold(service, checkpoint.id, hold_until="2999-01-01")
        release(service, checkpoint.id)
        release(service, checkpoint.id)
    assert types(told_of) == ["hold.end", "release.end"]
    assert told_of[0].request_id == record.id
    for event in told_of:
        assert (event.why, event.held_by, event.until) == (WHY, "user", "2999-01-01")
        assert event.checkpoint_id == checkpoint.id
        assert (event.project_id, event.provider_id) == (service.project_id, service.provider.id)

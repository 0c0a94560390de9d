# SPDX-License-Identifier: Apache-2.0
"""A share that was migrated since its protection is restored as any other: what Manila goes by is
what the share is now, and the plan says so."""

import json
from pathlib import Path
from typing import Any

import pytest
from karbor import exception as karbor_exception

from tests.fakes.manila import transient
from tests.unit.karbor_stage import started
from tests.unit.stage import SHARE, Record, Stage

NOW = {
    "share_type": "gold-id",
    "share_type_name": "gold",
    "share_network_id": "new-net",
    "availability_zone": "west",
}
WRITING = {"create_share", "create_snapshot", "delete_share", "delete_snapshot", "allow_access"}


@pytest.fixture
def share(stage: Stage) -> dict[str, Any]:
    return stage.cloud.add_share(stage.project_id, share_network_id="old-net")


@pytest.fixture
def checkpoint(stage: Stage, share: dict[str, Any]) -> Any:
    """Of before the migration."""
    checkpoint = stage.checkpoint(share["id"])
    assert stage.protect(checkpoint, share["id"]) == []
    share.update(NOW)
    stage.cloud.calls.clear()
    return checkpoint


def planned(stage: Stage, checkpoint: Any, share: Any, **given: Any) -> tuple[str, str]:
    verification = Record()
    stage.verify(checkpoint, share["id"], verify=verification, given={"depth": "plan", **given})
    key = f"{SHARE}#{share['id']}"
    return verification["resources_status"][key], verification["resources_reason"][key]


def test_a_migrated_share_is_restored_with_what_it_has_now(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    restore = Record()
    assert stage.restore(checkpoint, share["id"], restore=restore) == []
    (new,) = (view for view in stage.cloud.shares.values() if view["id"] != share["id"])
    assert {name: new[name] for name in NOW} == NOW
    told = json.loads(restore["resources_reason"][f"{SHARE}#{new['id']}"])
    assert [said.partition(":")[0] for said in told["not_restored"]] == [
        "Its share type of then (default)",
        "Its share network of then (old-net)",
        "Its availability zone of then (nova)",
    ]


def test_the_plan_of_a_migrated_share_says_what_the_new_share_will_have(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    status, reason = planned(stage, checkpoint, share)
    plan = json.loads(reason)
    assert status == "available"
    assert plan["placement"] == NOW
    assert plan["source"]["share_type"] == "type-id"  # of then
    assert plan["new"]["asked"] == {}


@pytest.mark.parametrize("given", [{}, {"share_type": "gold"}, {"share_type": "gold-id"}])
@pytest.mark.parametrize("network", [{}, {"share_network_id": "new-net"}])
def test_what_the_user_asks_for_is_compared_with_what_the_share_has_now(
    stage: Stage, share: Any, checkpoint: Any, given: dict[str, str], network: dict[str, str]
) -> None:
    assert planned(stage, checkpoint, share, **given, **network)[0] == "available"
    restore = Record()
    assert stage.restore(checkpoint, share["id"], restore=restore, given=given | network) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"share_type": "default"}, "has gold or gold-id now"),
        ({"share_type": "type-id"}, "has gold or gold-id now"),
        ({"share_network_id": "old-net"}, "has new-net now"),
    ],
)
@pytest.mark.parametrize("call", ["restore", "plan", "drill"])
def test_what_the_share_had_then_is_refused_before_anything_is_made(
    stage: Stage, share: Any, checkpoint: Any, given: dict[str, str], said: str, call: str
) -> None:
    record = Record()
    before = stage.pages(checkpoint, share["id"])
    if call == "restore":
        errors = stage.restore(checkpoint, share["id"], restore=record, given=given)
    else:
        errors = stage.verify(checkpoint, share["id"], verify=record, given=given | {"depth": call})
    assert said in str(errors[0])
    assert said in record["resources_reason"][f"{SHARE}#{share['id']}"]
    assert not WRITING & set(stage.cloud.calls)
    assert stage.pages(checkpoint, share["id"]) == before


def test_a_drill_of_a_migrated_share_is_good(stage: Stage, share: Any, checkpoint: Any) -> None:
    assert stage.verify(checkpoint, share["id"], verify=Record(), given={"depth": "drill"}) == []
    assert list(stage.cloud.shares) == [share["id"]]


def test_a_safety_copy_of_a_migrated_share_is_made(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    given = {"share_id": share["id"], "safety_copy": "true"}
    assert stage.restore(checkpoint, share["id"], restore=Record(), given=given) == []
    (copy,) = (view for view in stage.cloud.shares.values() if view["id"] != share["id"])
    assert copy["share_type_name"] == "gold"


def test_a_snapshot_whose_share_is_not_there_is_told_by_name(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    """Manila does not delete a share that has snapshots; an administrator or a fault may."""
    del stage.cloud.shares[share["id"]]
    status, reason = planned(stage, checkpoint, share)
    assert status == "error"
    assert f"share {share['id']}, which it belongs to, is not there" in reason
    (error,) = stage.restore(checkpoint, share["id"], restore=Record())
    assert "Nothing was created" in str(error)
    assert "create_share" not in stage.cloud.calls


def test_one_list_shows_the_shares_of_a_plan_of_many(stage: Stage) -> None:
    shares = [stage.cloud.add_share(stage.project_id)["id"] for _ in range(6)]
    checkpoint = stage.checkpoint(*shares)
    stage.protect(checkpoint, *shares)
    stage.cloud.calls.clear()
    given = {"depth": "plan"}
    assert stage.verify(checkpoint, *shares, verify=Record(), given=given) == []
    assert stage.cloud.calls.count("shares") == 1
    assert "share" not in stage.cloud.calls


# -- at the request -----------------------------------------------------------------------------


def test_a_request_for_what_manila_refuses_is_refused_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(tmp_path, monkeypatch) as service:
        wrong, good = service.share(), service.share()
        checkpoint = service.protect(service.plan(wrong, good))
        service.cloud.calls.clear()
        with pytest.raises(karbor_exception.InvalidInput, match="'share_type' cannot be 'gold'"):
            service.restore(checkpoint.id, {f"{SHARE}#{wrong}": {"share_type": "gold"}})
        assert not WRITING & set(service.cloud.calls)


def test_a_request_that_manila_cannot_be_asked_about_begins_and_each_share_asks_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(tmp_path, monkeypatch) as service:
        share = service.share()
        checkpoint = service.protect(service.plan(share))
        lost_sight = service.cloud.plan("share", transient, times=30)
        restore = service.restore(checkpoint.id, {SHARE: {"share_type": "gold"}})
        assert lost_sight.hits
        assert restore.status == "fail"
        assert "'share_type' cannot be 'gold'" in str(restore.resources_reason)


def test_a_copied_checkpoint_is_made_of_a_migrated_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(tmp_path, monkeypatch) as service:
        share = service.share()
        plan = service.plan(share)
        service.protect(plan)
        service.cloud.shares[share].update(NOW)
        (pair,) = service.call("copy", plan)
        service.run()
        made = service.checkpoint(pair["checkpoint_copy_id"])
        assert made.status == "available"

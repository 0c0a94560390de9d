# SPDX-License-Identifier: Apache-2.0
"""Shares that are not like others: a network, a name, a key, replicas, hints, locks. What Manila
would not make is refused before anything is made, with the reason."""

import dataclasses
import json
import uuid
from typing import Any

import pytest

from karbor_manila.bank.record import load_intent, load_record
from karbor_manila.manila import backup_targets
from karbor_manila.manila.errors import ShareLocked
from karbor_manila.manila.views import NewShare
from tests.fakes.manila import refused
from tests.unit.stage import SHARE, Record, Stage

KEY = str(uuid.uuid4())
WRITING = {"create_share", "create_snapshot", "delete_share", "delete_snapshot", "allow_access"}
NAMED = {"mount_point_name_support": "True"}


def kept(stage: Stage, **fields: Any) -> tuple[Any, Any]:
    """A share and a checkpoint of it."""
    share = stage.cloud.add_share(stage.project_id, **fields)
    checkpoint = stage.checkpoint(share["id"])
    assert stage.protect(checkpoint, share["id"]) == []
    stage.cloud.calls.clear()
    return share, checkpoint


def restored(stage: Stage, share: Any, checkpoint: Any, **given: Any) -> tuple[Any, Any]:
    """The new share, and what is told of it."""
    restore, before = Record(), set(stage.cloud.shares)
    assert stage.restore(checkpoint, share["id"], restore=restore, given=given) == []
    (new,) = (stage.cloud.shares[made] for made in set(stage.cloud.shares) - before)
    return new, json.loads(restore["resources_reason"][f"{SHARE}#{new['id']}"])


def refusal(stage: Stage, share: Any, checkpoint: Any, call: str, **given: Any) -> str:
    """Why a restore, a plan or a drill is refused; nothing is made."""
    record = Record()
    if call == "restore":
        (error,) = stage.restore(checkpoint, share["id"], restore=record, given=given)
    else:
        given = {**given, "depth": call}
        (error,) = stage.verify(checkpoint, share["id"], verify=record, given=given)
    assert not WRITING & set(stage.cloud.calls)
    told = record["resources_reason"][f"{SHARE}#{share['id']}"]
    assert told in str(error)
    return str(told)


# -- networks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["restore", "plan", "drill"])
@pytest.mark.parametrize(
    ("network", "said"),
    [
        (None, "it is not there or not in this project"),
        ({"status": "network_change", "share_network_subnets": [{}]}, "'network_change'"),
        ({"status": "error", "share_network_subnets": [{}]}, "its status is 'error'"),
        ({"status": "active", "share_network_subnets": []}, "no subnet for availability zone nova"),
        (
            {"status": "active", "share_network_subnets": [{"availability_zone": "east"}]},
            "no subnet for availability zone nova",
        ),
    ],
    ids=["gone", "changing", "error", "no subnet", "another zone"],
)
def test_a_network_that_cannot_have_the_new_share_is_told_before_anything_is_made(
    stage: Stage, network: Any, said: str, call: str
) -> None:
    share, checkpoint = kept(stage, share_network_id="net")
    stage.cloud.networks["net"] = network
    told = refusal(stage, share, checkpoint, call)
    assert said in told
    assert "share network net" in told
    assert "Nothing was created" in told


@pytest.mark.parametrize(
    "network",
    [
        {"share_network_subnets": [{"availability_zone": "nova"}], "status": "active"},
        {"share_network_subnets": [{"availability_zone": None}], "status": "active"},
        {},  # below 2.51
    ],
)
def test_a_share_comes_back_into_its_network(stage: Stage, network: Any) -> None:
    share, checkpoint = kept(stage, share_network_id="net")
    stage.cloud.networks["net"] = {"id": "net", **network}
    new, told = restored(stage, share, checkpoint, share_network_id="net")
    assert new["share_network_id"] == "net"
    assert told["not_restored"] == []


def test_a_network_that_is_not_shown_hinders_nothing(stage: Stage) -> None:
    share, checkpoint = kept(stage, share_network_id="net")
    stage.cloud.plan("share_network", lambda: refused(403))
    assert restored(stage, share, checkpoint)[0]["share_network_id"] == "net"
    stage.cloud.assert_hit()


def test_one_look_at_the_network_serves_all_shares_of_a_restore(stage: Stage) -> None:
    shares = [
        stage.cloud.add_share(stage.project_id, share_network_id="net")["id"] for _ in range(5)
    ]
    checkpoint = stage.checkpoint(*shares)
    stage.protect(checkpoint, *shares)
    assert stage.restore(checkpoint, *shares, restore=Record()) == []
    assert stage.cloud.calls.count("share_network") == 1


# -- names --------------------------------------------------------------------------------------


def test_a_new_share_is_mounted_under_the_name_that_was_asked_for(stage: Stage) -> None:
    stage.cloud.type_specs["type-id"] = NAMED
    share, checkpoint = kept(stage)
    new, _told = restored(stage, share, checkpoint, mount_point_name="home")
    assert new["mount_point_name"] == f"{stage.project_id}_home"


@pytest.mark.parametrize("call", ["restore", "plan"])
@pytest.mark.parametrize("binned", [False, True])
def test_a_name_that_another_share_has_is_told_by_that_share(
    stage: Stage, call: str, binned: bool
) -> None:
    stage.cloud.type_specs["type-id"] = NAMED | {"provisioning:mount_point_prefix": "p-"}
    share, checkpoint = kept(stage)
    other = stage.cloud.add_share(
        stage.project_id, mount_point_name="p-home", is_soft_deleted=binned
    )
    told = refusal(stage, share, checkpoint, call, mount_point_name="home")
    assert f"it is not free: share {other['id']}" in told
    assert ("in the recycle bin" in told) is binned
    new, _told = restored(stage, share, checkpoint, mount_point_name="home-2")
    assert new["mount_point_name"] == "p-home-2"


@pytest.mark.parametrize(
    ("specs", "name", "said"),
    [
        ({}, "home", "type default does not have mount_point_name_support"),
        ({"mount_point_name_support": "<is> False"}, "home", "does not have"),
        (NAMED, "a/b", "matches"),
        (NAMED, "{auth_token}", "matches"),
        (NAMED | {"provisioning:mount_point_prefix": "x."}, "home", "'x.home'"),
        (NAMED, "n" * 250, "up to 255 letters"),
    ],
    ids=["no names", "not allowed", "slash", "braces", "prefix", "too long with its prefix"],
)
def test_a_name_that_cannot_be_is_refused(
    stage: Stage, specs: dict[str, str], name: str, said: str
) -> None:
    stage.cloud.type_specs["type-id"] = specs
    share, checkpoint = kept(stage)
    told = refusal(stage, share, checkpoint, "restore", mount_point_name=name)
    assert "'mount_point_name'" in told
    assert said in told


def test_an_older_manila_would_ignore_a_name_so_it_is_refused(stage: Stage) -> None:
    share, checkpoint = kept(stage)
    stage.microversion = "2.83"
    told = refusal(stage, share, checkpoint, "restore", mount_point_name="home")
    assert "2.83" in told
    assert "2.84" in told


@pytest.mark.parametrize(("call", "in_place"), [("drill", False), ("plan", True)])
def test_a_name_is_for_a_new_share_that_stays(stage: Stage, call: str, in_place: bool) -> None:
    stage.cloud.type_specs["type-id"] = NAMED
    share, checkpoint = kept(stage)
    given = {"share_id": share["id"]} if in_place else {}
    told = refusal(stage, share, checkpoint, call, mount_point_name="home", **given)
    assert "'mount_point_name'" in told


def test_one_name_for_two_shares_is_refused_for_both(stage: Stage) -> None:
    stage.cloud.type_specs["type-id"] = NAMED
    shares = [stage.cloud.add_share(stage.project_id)["id"] for _ in range(2)]
    checkpoint = stage.checkpoint(*shares)
    stage.protect(checkpoint, *shares)
    stage.cloud.calls.clear()
    given = {"mount_point_name": "home"}
    errors = stage.restore(checkpoint, *shares, restore=Record(), given=given)
    assert len(errors) == 2
    assert all("too; give it for one share alone" in str(error) for error in errors)
    assert not WRITING & set(stage.cloud.calls)


# -- keys ---------------------------------------------------------------------------------------


def test_a_share_with_a_key_gets_one_with_the_same(stage: Stage) -> None:
    share, checkpoint = kept(stage, encryption_key_ref=KEY)
    page = stage.pages(checkpoint, share["id"])["metadata"]
    assert load_record(page).encryption_key_ref == KEY
    new, told = restored(stage, share, checkpoint)
    assert new["encryption_key_ref"] == KEY
    assert told["not_restored"] == []


def test_the_key_of_today_is_asked_for_and_the_plan_says_what_is_otherwise(stage: Stage) -> None:
    share, checkpoint = kept(stage, encryption_key_ref=KEY)
    share["encryption_key_ref"] = today = str(uuid.uuid4())
    verification = Record()
    stage.verify(checkpoint, share["id"], verify=verification, given={"depth": "plan"})
    plan = json.loads(verification["resources_reason"][f"{SHARE}#{share['id']}"])
    assert plan["new"]["encryption_key_ref"] == plan["placement"]["encryption_key_ref"] == today
    assert any(f"encryption key of then ({KEY})" in said for said in plan["not_restored"])
    assert restored(stage, share, checkpoint)[0]["encryption_key_ref"] == today


@pytest.mark.parametrize("call", ["restore", "plan", "drill"])
def test_a_manila_that_knows_no_keys_makes_no_share_without_one(stage: Stage, call: str) -> None:
    share, checkpoint = kept(stage, encryption_key_ref=KEY)
    stage.microversion = "2.89"
    told = refusal(stage, share, checkpoint, call)
    assert "2.89" in told
    assert "encryption_key_ref" in told


def test_a_safety_copy_has_the_key_of_its_share(stage: Stage) -> None:
    share, checkpoint = kept(stage, encryption_key_ref=KEY)
    given = {"share_id": share["id"], "safety_copy": "true"}
    assert stage.restore(checkpoint, share["id"], restore=Record(), given=given) == []
    (copy,) = (view for view in stage.cloud.shares.values() if view["id"] != share["id"])
    assert copy["encryption_key_ref"] == KEY


def test_nothing_of_a_key_is_stored_for_a_share_without_one(stage: Stage) -> None:
    share, checkpoint = kept(stage, encryption_key_ref=None)
    assert "encryption_key_ref" not in str(stage.pages(checkpoint, share["id"]))


# -- what else differs --------------------------------------------------------------------------


def test_hints_to_the_scheduler_are_not_given_back_and_that_is_told(stage: Stage) -> None:
    hints = {"__affinity_same_host": "s-1", "__managed_at": "then"}
    share, checkpoint = kept(stage, metadata={"colour": "blue", "__mine": "1", **hints})
    new, told = restored(stage, share, checkpoint)
    assert (new["metadata"]["colour"], new["metadata"]["__mine"]) == ("blue", "1")
    assert not hints.keys() & new["metadata"].keys()
    assert any("__affinity_same_host, __managed_at" in said for said in told["not_restored"])


def test_replicas_are_not_given_back_and_that_is_told(stage: Stage) -> None:
    share, checkpoint = kept(stage, replication_type="readable", has_replicas=True)
    _new, told = restored(stage, share, checkpoint)
    assert any(said.startswith("Its replicas:") for said in told["not_restored"])


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        ({"maxTotalShareReplicas": 3, "totalShareReplicasUsed": 3}, "share replicas"),
        ({"maxTotalReplicaGigabytes": 5, "totalReplicaGigabytesUsed": 5}, "replica gigabytes"),
    ],
)
def test_the_quota_of_replicas_counts_for_a_share_that_may_have_some(
    stage: Stage, limits: dict[str, int], what: str
) -> None:
    share, checkpoint = kept(stage, replication_type="readable")
    other, of_other = kept(stage)
    stage.cloud.limits |= limits
    stage.cloud.calls.clear()
    assert f"1 {what} are needed" in refusal(stage, share, checkpoint, "restore")
    restored(stage, other, of_other)


def test_a_lock_keeps_the_share_of_a_failed_restore_and_the_reason_says_which(
    stage: Stage,
) -> None:
    share, checkpoint = kept(stage)
    restore = Record()
    stage.cloud.failing.add(f"create_share {share['id']}")
    add = stage.cloud.add_share

    def locked(*args: Any, **fields: Any) -> Any:
        made = add(*args, **fields)
        stage.cloud.locks[made["id"]] = [{"id": "lock-1", "resource_id": made["id"]}]
        return made

    stage.cloud.add_share = locked  # type: ignore[method-assign]
    (error,) = stage.restore(checkpoint, share["id"], restore=restore)
    (new,) = (view for view in stage.cloud.shares.values() if view["id"] != share["id"])
    assert "openstack share lock delete lock-1" in str(error)
    assert stage.cloud.calls.count("delete_share") == 1  # not again and again
    # The intent stays, so that the share goes once the lock does.
    pages = stage.pages(checkpoint, share["id"])
    (intent,) = [page for page in pages.values() if "created_id" in page]
    assert load_intent(intent).created_id == new["id"]


def test_a_lock_on_the_share_of_a_drill_does_not_make_it_a_bad_one(stage: Stage) -> None:
    share, checkpoint = kept(stage)
    verification = Record()
    stage.cloud.plan("delete_share", lambda: refused(403))
    stage.cloud.meanwhile["delete_share"] = [
        lambda: stage.cloud.locks.update(
            {one: [{"id": "lock-1", "resource_id": one}] for one in stage.cloud.shares}
        )
    ]
    stage.verify(checkpoint, share["id"], verify=verification, given={"depth": "drill"})
    key = f"{SHARE}#{share['id']}"
    assert verification["resources_status"][key] == "available"
    assert "lock-1" in json.loads(verification["resources_reason"][key])["left"]


def test_a_lock_is_told_without_a_word_of_manila() -> None:
    error = ShareLocked("delete it", 403, "whatever", share_id="s-1", locks=("a", "b"))
    assert "locks a, b keep it" in str(error)
    assert "lock a keeps it" in str(dataclasses.replace(error, locks=("a",)))


# -- managed again ------------------------------------------------------------------------------


def managed_again(stage: Stage) -> tuple[Any, Any, dict[str, Any]]:
    """A share that is gone with its snapshot, and one of its name, made since."""
    share, checkpoint = kept(stage, name="home")
    stage.cloud.shares.clear()
    stage.cloud.snapshots.clear()
    again = stage.cloud.add_share(stage.project_id, name="home", created_at="2026-02-01T00:00:00.0")
    return share, checkpoint, again


@pytest.mark.parametrize("call", ["restore", "record", "plan", "drill"])
def test_a_share_of_the_name_of_one_that_is_gone_is_a_hint_and_no_more(
    stage: Stage, call: str
) -> None:
    share, checkpoint, again = managed_again(stage)
    before = dict(again)
    told = refusal(stage, share, checkpoint, call)
    assert f"{again['id']} (127.0.0.1:/shares/" in told
    assert "nothing was done with it" in told
    assert again == before


@pytest.mark.parametrize(
    "other",
    [
        {"name": "Home"},
        {"share_proto": "CIFS"},
        {"created_at": "2025-12-31T23:59:59.0"},
        {"project_id": "project-b"},
        {"metadata": {"karbor_manila_mark": "of a restore"}},
    ],
    ids=lambda value: next(iter(value)),
)
def test_what_cannot_be_it_is_not_hinted_at(stage: Stage, other: dict[str, Any]) -> None:
    share, checkpoint, again = managed_again(stage)
    again.update(other)
    assert "managed again" not in refusal(stage, share, checkpoint, "restore")


def test_a_snapshot_that_is_gone_from_a_share_that_is_there_is_no_hint(stage: Stage) -> None:
    share, checkpoint = kept(stage, name="home")
    stage.cloud.snapshots.clear()
    stage.cloud.add_share(stage.project_id, name="home", created_at="2026-02-01T00:00:00.0")
    assert "managed again" not in refusal(stage, share, checkpoint, "restore")


def test_a_hint_that_cannot_be_found_hides_no_reason(stage: Stage) -> None:
    share, checkpoint, _again = managed_again(stage)
    stage.cloud.plan("shares_named", lambda: refused(403))
    assert "does not show it in this project" in refusal(stage, share, checkpoint, "restore")
    stage.cloud.assert_hit()


def test_a_share_that_is_lost_with_its_backup_left_gets_the_key_of_its_record() -> None:
    new = NewShare("home", None, 1, encryption_key_ref=KEY)
    assert backup_targets.placement(None, new).encryption_key_ref == KEY
    assert backup_targets.placement({}, new).encryption_key_ref == KEY
    today = backup_targets.placement({"share_type": "t", "encryption_key_ref": "k"}, new)
    assert today.encryption_key_ref == "k"
    assert backup_targets.placement(None, None).encryption_key_ref is None

# SPDX-License-Identifier: Apache-2.0
"""What a restore gives back, what the user can ask of it, and what it says of the rest."""

import json
from typing import Any

import pytest

from tests.fakes.manila import refused, transient
from tests.unit.stage import SHARE, Record, Stage

RULE = {"access_type": "ip", "access_to": "10.0.0.1", "access_level": "rw", "metadata": {"a": "b"}}


@pytest.fixture
def share(stage: Stage) -> dict[str, Any]:
    share = stage.cloud.add_share(
        stage.project_id, name="home", size=3, is_public=True, metadata={"colour": "blue"}
    )
    stage.cloud.access[share["id"]] = [
        {**RULE, "id": "1", "state": "active", "access_key": "s3cret"},
        {**RULE, "id": "2", "state": "error", "access_to": "10.0.0.2"},
    ]
    return share


def restored(stage: Stage, share: Any, checkpoint: Any, **given: Any) -> tuple[Any, Any, Any]:
    """The new share, what Karbor's restore tells of it, and the restore."""
    restore = Record()
    assert stage.restore(checkpoint, share["id"], restore=restore, given=given) == []
    (new,) = [view for view in stage.cloud.shares.values() if view["id"] != share["id"]]
    return new, json.loads(restore["resources_reason"][f"{SHARE}#{new['id']}"]), restore


def fails(stage: Stage, share: Any, checkpoint: Any, **given: Any) -> str:
    (error,) = stage.restore(checkpoint, share["id"], restore=Record(), given=given)
    return str(error)


def test_the_record_says_what_the_share_was_but_no_secret(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    kept = stage.pages(checkpoint, share["id"])["metadata"]
    assert kept["metadata"] == {"colour": "blue"}
    assert kept["is_public"] is True
    assert kept["access_rules"] == [RULE]
    assert "s3cret" not in json.dumps(kept)


def test_access_rules_that_manila_does_not_tell_do_not_fail_a_protection(
    stage: Stage, share: Any
) -> None:
    checkpoint = stage.checkpoint(share["id"])
    stage.cloud.plan("access_rules", lambda: refused(403))
    assert stage.protect(checkpoint, share["id"]) == []
    assert stage.pages(checkpoint, share["id"])["metadata"]["access_rules"] is None
    _new, told, _restore = restored(stage, share, checkpoint, access_rules="True")
    assert any("access rules" in sentence for sentence in told["not_restored"])


def test_metadata_comes_back_by_itself_and_access_rules_and_publicity_do_not(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    new, told, _restore = restored(stage, share, checkpoint)
    assert new["metadata"]["colour"] == "blue"
    assert not new["is_public"]
    assert stage.cloud.access.get(new["id"]) is None
    assert len([said for said in told["not_restored"] if "not asked for" in said]) == 2


def test_metadata_stays_away_when_asked(stage: Stage, share: Any, checkpoint: Any) -> None:
    new, told, _restore = restored(stage, share, checkpoint, metadata="False")
    assert "colour" not in new["metadata"]
    assert "Its metadata: not asked for (metadata)." in told["not_restored"]


def test_access_rules_come_back_when_asked(stage: Stage, share: Any, checkpoint: Any) -> None:
    new, told, _restore = restored(stage, share, checkpoint, access_rules="True")
    (rule,) = stage.cloud.access[new["id"]]
    assert {name: rule[name] for name in RULE} == RULE
    assert told["export_locations"] == [f"127.0.0.1:/shares/{new['id']}"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_transient_error_at_a_rule_makes_it_once(
    stage: Stage, share: Any, checkpoint: Any, after: bool
) -> None:
    stage.cloud.plan("allow_access", transient, after=after)
    new, told, _restore = restored(stage, share, checkpoint, access_rules="True")
    assert len(stage.cloud.access[new["id"]]) == 1
    assert not any("access rule" in said for said in told["not_restored"])
    stage.cloud.assert_hit()


def test_a_rule_that_manila_refuses_is_told_and_the_share_stays(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    stage.cloud.plan("allow_access", lambda: refused(400))
    new, told, restore = restored(stage, share, checkpoint, access_rules="True")
    assert restore["resources_status"][f"{SHARE}#{new['id']}"] == "available"
    assert any("10.0.0.1" in said and "HTTP 400" in said for said in told["not_restored"])


def test_a_rule_that_ends_in_error_is_told(stage: Stage, share: Any) -> None:
    stage.cloud.access[share["id"]] = [{**RULE, "access_type": "pigeon", "state": "active"}]
    checkpoint = stage.checkpoint(share["id"])
    stage.protect(checkpoint, share["id"])
    _new, told, _restore = restored(stage, share, checkpoint, access_rules="True")
    assert any("'error'" in said for said in told["not_restored"])


def test_manila_away_after_the_share_is_there_does_not_give_it_up(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    stage.cloud.plan("allow_access", transient, times=10**6)
    stage.cloud.plan("export_locations", transient, times=10**6)
    new, told, restore = restored(stage, share, checkpoint, access_rules="True")
    assert restore["resources_status"][f"{SHARE}#{new['id']}"] == "available"
    assert told["not_restored"]


def test_a_new_share_may_be_larger_and_public_when_asked(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    new, _told, _restore = restored(stage, share, checkpoint, size="5", is_public="True")
    assert (new["size"], new["is_public"]) == (5, True)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"size": "2"}, "the share had 3 GiB"),
        ({"size": "0"}, "a whole number"),
        ({"share_type": "gold"}, "'share_type' cannot be 'gold'"),
        ({"share_network_id": "net"}, "'share_network_id' cannot be 'net'"),
    ],
)
def test_what_manila_cannot_do_is_refused_by_name_before_anything(
    stage: Stage, share: Any, checkpoint: Any, given: Any, said: str
) -> None:
    assert said in fails(stage, share, checkpoint, **given)
    assert not {"create_share", "delete_share"} & set(stage.cloud.calls)
    assert len(stage.cloud.shares) == 1


@pytest.mark.parametrize("share_type", ["type-id", "default"])
def test_the_type_that_the_share_had_may_be_named(
    stage: Stage, share: Any, checkpoint: Any, share_type: str
) -> None:
    restored(stage, share, checkpoint, share_type=share_type)


def test_a_quota_that_does_not_suffice_is_told_before_anything(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    stage.cloud.limits = {"maxTotalShareGigabytes": 10, "totalShareGigabytesUsed": 8}
    assert "3 share gigabytes are needed" in fails(stage, share, checkpoint)
    assert "create_share" not in stage.cloud.calls


def test_a_share_that_is_left_out_is_not_touched_and_told(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    restore = Record()
    given = {"include": "False"}
    assert stage.restore(checkpoint, share["id"], restore=restore, given=given) == []
    assert stage.cloud.calls == []
    key = f"{SHARE}#{share['id']}"
    assert restore["resources_status"] == {key: "undefined"}
    assert "Left out" in restore["resources_reason"][key]


def test_a_failed_share_is_kept_when_asked_and_is_the_users_then(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    stage.cloud.failing.add(f"create_share {share['id']}")
    said = fails(stage, share, checkpoint, keep_failed="True")
    (new,) = [view for view in stage.cloud.shares.values() if view["id"] != share["id"]]
    assert new["status"] == "error"
    assert f"{new['id']} is kept for inspection" in said
    assert set(stage.pages(checkpoint, share["id"])) == {"metadata", "status"}
    assert stage.delete(checkpoint, share["id"]) == []
    assert new["id"] in stage.cloud.shares


def test_a_record_of_karbors_own_plugin_says_what_is_unknown(stage: Stage, share: Any) -> None:
    checkpoint = stage.checkpoint(share["id"])
    stage.protect(checkpoint, share["id"])
    section = checkpoint.get_resource_bank_section(share["id"])
    whole = section.get_object("metadata")
    foreign = ("share_id", "size", "share_proto", "share_type", "share_network_id", "snapshot_id")
    section.update_object("metadata", {name: whole[name] for name in foreign})
    _new, told, _restore = restored(stage, share, checkpoint, access_rules="True")
    assert len([said for said in told["not_restored"] if "does not say" in said]) == 2


LOCKED = {**RULE, "id": "3", "state": "active", "access_to": "******"}


@pytest.mark.parametrize("asked", ["True", "False"])
def test_a_rule_whose_visibility_is_locked_is_recorded_and_never_asked_for(
    stage: Stage, share: Any, asked: str
) -> None:
    stage.cloud.access[share["id"]] += [LOCKED, {**LOCKED, "access_level": "ro"}]
    checkpoint = stage.checkpoint(share["id"])
    assert stage.protect(checkpoint, share["id"]) == []
    kept = stage.pages(checkpoint, share["id"])["metadata"]["access_rules"]
    assert [rule["access_to"] for rule in kept] == ["10.0.0.1", "******", "******"]
    new, told, _restore = restored(stage, share, checkpoint, access_rules=asked)
    given = [rule["access_to"] for rule in stage.cloud.access.get(new["id"], [])]
    assert given == (["10.0.0.1"] if asked == "True" else [])
    locked = "locked visibility (1 of ip ro, 1 of ip rw)"
    assert any(locked in said for said in told["not_restored"]) is (asked == "True")


@pytest.mark.parametrize("depth", ["plan", "drill"])
def test_a_plan_and_a_drill_say_which_rules_cannot_be_given(
    stage: Stage, share: Any, depth: str
) -> None:
    stage.cloud.access[share["id"]] = [LOCKED]
    checkpoint = stage.checkpoint(share["id"])
    stage.protect(checkpoint, share["id"])
    verification = Record()
    given = {"depth": depth, "access_rules": "true"}
    assert stage.verify(checkpoint, share["id"], verify=verification, given=given) == []
    told = json.loads(verification["resources_reason"][f"{SHARE}#{share['id']}"])
    assert any("(1 of ip rw)" in said for said in told["not_restored"])
    assert "allow_access" not in stage.cloud.calls

# SPDX-License-Identifier: Apache-2.0
"""The main job through Karbor's REST API, with bytes compared."""

import time

from oslo_serialization import jsonutils

from karbor_manila.manila import marks
from sandbox.stack import Stack
from sandbox.tenant import SHARE, Tenant, wait
from tests.functional.folders import contents, fill
from tests.functional.schedules import Schedule


def test_a_share_named_in_a_plan_comes_back_byte_for_byte(alpha: Tenant) -> None:
    share = alpha.make_share("single")
    folder = alpha.folder(share.id)
    fill(folder, "before")
    kept = contents(folder)
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    fill(folder, "after")
    (folder / "readme").unlink()
    damaged = contents(folder)
    new = alpha.restored_share(alpha.restore(checkpoint))
    assert contents(alpha.folder(new.id)) == kept
    assert contents(folder) == damaged, "the source was touched"


def test_a_project_plan_protects_every_share_of_the_project(empty_alpha: Tenant) -> None:
    shares = [empty_alpha.make_share(f"s{n}") for n in range(3)]
    for number, share in enumerate(shares):
        fill(empty_alpha.folder(share.id), f"share {number}")
    kept = {share.id: contents(empty_alpha.folder(share.id)) for share in shares}
    checkpoint = empty_alpha.protect(empty_alpha.plan_of_project())
    for share in shares:
        fill(empty_alpha.folder(share.id), "damaged")
    restore = empty_alpha.restore(checkpoint)
    restored = [
        empty_alpha.manila.shares.get(key.partition("#")[2]) for key in restore.resources_status
    ]
    assert set(restore.resources_status.values()) == {"available"}
    assert {
        marks.read({"metadata": new.metadata}).resource: contents(empty_alpha.folder(new.id))
        for new in restored
    } == kept


def test_the_new_share_is_of_the_same_kind_and_has_the_name_asked_for(alpha: Tenant) -> None:
    share = alpha.make_share("kind", size=2)
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    parameters = {SHARE: {"restore_name": "back", "restore_description": "after the fire"}}
    new = alpha.restored_share(alpha.restore(checkpoint, parameters))
    assert (new.name, new.description) == ("back", "after the fire")
    same = ("size", "share_proto", "share_type", "share_network_id", "availability_zone")
    assert [getattr(new, name) for name in same] == [getattr(share, name) for name in same]
    assert not new.is_public


def test_a_plan_written_for_karbors_own_plugin_is_accepted_unchanged(alpha: Tenant) -> None:
    share = alpha.make_share("options")
    parameters = {SHARE: {"snapshot_name": "mine", "description": "why", "force": False}}
    alpha.protect(alpha.plan_of_shares([share], parameters))
    (snapshot,) = alpha.snapshots(share.id)
    assert (snapshot.name, snapshot.description) == ("mine", "why")


def test_parameters_of_one_share_overlay_those_of_all(alpha: Tenant) -> None:
    one, other = alpha.make_share("one"), alpha.make_share("other")
    parameters = {
        SHARE: {"snapshot_name": "all", "description": "of all"},
        f"{SHARE}#{one.id}": {"snapshot_name": "one"},
    }
    alpha.protect(alpha.plan_of_shares([one, other], parameters))
    seen = {
        s.share_id: (s.name, s.description)
        for s in alpha.snapshots()
        if s.share_id in (one.id, other.id)
    }
    assert seen == {one.id: ("one", "of all"), other.id: ("all", "of all")}


def test_a_deleted_checkpoint_leaves_no_snapshot(alpha: Tenant) -> None:
    share = alpha.make_share("deleted")
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    assert len(alpha.snapshots(share.id)) == 1
    alpha.delete(checkpoint)
    assert alpha.snapshots(share.id) == []


def test_a_checkpoint_whose_snapshot_was_removed_by_hand_can_be_deleted(alpha: Tenant) -> None:
    share = alpha.make_share("by hand")
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    (snapshot,) = alpha.snapshots(share.id)
    alpha.manila.share_snapshots.delete(snapshot.id)
    wait("its end", lambda: alpha.snapshots(share.id), lambda left: not left, 120)
    alpha.delete(checkpoint)


def test_a_verification_is_green_while_the_share_could_be_given_back(alpha: Tenant) -> None:
    share = alpha.make_share("verified")
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    green = alpha.verify(checkpoint)
    assert green.resources_status == {f"{SHARE}#{share.id}": "available"}
    (snapshot,) = alpha.snapshots(share.id)
    alpha.manila.share_snapshots.delete(snapshot.id)
    wait("its end", lambda: alpha.snapshots(share.id), lambda left: not left, 120)
    red = alpha.verify(checkpoint, status="fail")
    assert (
        "does not show it in this project any more" in red.resources_reason[f"{SHARE}#{share.id}"]
    )


def test_checkpoints_are_listed_newest_first_with_limit_and_marker(alpha: Tenant) -> None:
    share = alpha.make_share("listed")
    plan = alpha.plan_of_shares([share])
    made = []
    for _ in range(3):
        made.append(alpha.protect(plan).id)
        time.sleep(1.1)  # Karbor's timestamps are whole seconds
    assert [c.id for c in alpha.checkpoints(plan)] == made[::-1]
    assert [c.id for c in alpha.checkpoints(plan, sort="created_at:asc")] == made
    assert [c.id for c in alpha.checkpoints(plan, limit=1, marker=made[2])] == [made[1]]


def test_a_schedule_makes_a_checkpoint_with_the_tenants_trust(stack: Stack, alpha: Tenant) -> None:
    share = alpha.make_share("scheduled")
    plan = alpha.plan_of_shares([share])
    schedule = Schedule(stack, alpha, plan)
    try:
        schedule.come_due()
        (first, *_) = wait("the first run", lambda: alpha.checkpoints(plan), bool, 60)
        checkpoint = alpha.wait_checkpoint(plan.provider_id, first.id)
    finally:
        schedule.close()
    assert alpha.snapshots(share.id)
    alpha.delete(checkpoint)


def test_the_checkpoint_tells_what_it_left_out(empty_alpha: Tenant) -> None:
    good = empty_alpha.make_share("good")
    plain = empty_alpha.make_share("plain", share_type="nosnap")
    checkpoint = empty_alpha.protect(empty_alpha.plan_of_project())
    left_out = jsonutils.loads(checkpoint.extra_info)["left_out"]
    reasons = {item["id"]: item["reason"] for item in left_out}
    assert "no snapshot support" in reasons[plain.id]
    assert "no protection plugin" in reasons[f"widget-of-{empty_alpha.project_id}"]
    assert good.id not in reasons
    assert [s.share_id for s in empty_alpha.snapshots()] == [good.id]

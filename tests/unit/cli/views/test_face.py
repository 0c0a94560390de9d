# SPDX-License-Identifier: Apache-2.0
"""The views: every number and list that a person looks at, from planted data."""

import datetime

import pytest

from karbor_manila.cli.errors import WrongUsage
from karbor_manila.cli.views import audited
from karbor_manila.cli.views.face import face
from karbor_manila.cli.views.listed import Limits
from tests.fakes.listed import DAY, HOUR, NOW, SHARE, World


def test_the_three_numbers_count_every_share_once():
    world = World()
    for share in ("good", "old", "alone"):
        world.share(share)
    world.share("mine", metadata={"karbor:protect": "no"})
    world.share("drill", metadata={"karbor_manila_purpose": "drill"})
    world.checkpoint(world.plan("a", "good", cron="0 2 * * *"), HOUR)
    world.checkpoint(world.plan("b", "old", cron="0 2 * * *"), 3 * DAY)
    totals = face(world.listed()).totals
    assert (totals.protected, totals.too_old, totals.not_protected) == (1, 1, 1)
    assert (totals.left_out, totals.all) == (1, 4)


@pytest.mark.parametrize("said", ["no", "No ", "false", "off", "0"])
def test_a_share_is_left_out_by_the_words_by_which_it_is_not_protected(said):
    world = World()
    world.share("mine", metadata={"karbor:protect": said})
    assert face(world.listed()).totals.left_out == 1


def test_a_share_that_a_plan_names_is_counted_whatever_its_owner_says():
    world = World()
    world.share("named", metadata={"karbor:protect": "no"})
    plan = world.plan("a", "named", cron="0 2 * * *")
    world.checkpoint(plan, 3 * DAY)
    world.checkpoint(plan, HOUR, reasons={f"{SHARE}#named": "Manila has no room."})
    (named,) = face(world.listed()).shares
    assert (named.left_out, named.state, named.failure) == (False, "too old", "Manila has no room.")


def test_the_worst_share_comes_first_with_what_was_promised_and_what_to_do():
    world = World()
    for share in ("good", "old", "alone"):
        world.share(share)
    world.checkpoint(world.plan("a", "good", cron="0 2 * * *"), HOUR)
    world.checkpoint(world.plan("b", "old", cron="0 2 * * *"), 3 * DAY)
    alone, old, good = face(world.listed()).shares
    assert (alone.state, alone.plans, alone.age) == ("not protected", (), None)
    assert alone.advice == "Add it to a plan, or make a plan for the whole project."
    assert (old.state, old.age, old.oldest) == ("too old", 3 * DAY, 30 * HOUR)
    assert old.next_run == datetime.datetime(2026, 11, 28, 2, 0, tzinfo=datetime.UTC)
    assert (good.state, good.advice, good.failure) == ("protected", "", "")


def test_a_share_that_one_checkpoint_lacks_is_as_old_as_the_last_that_has_it():
    world = World()
    for share in ("s1", "s2"):
        world.share(share)
    plan = world.plan("both", "s1", "s2", cron="0 * * * *")
    world.checkpoint(plan, 5 * HOUR)
    world.checkpoint(plan, HOUR, reasons={f"{SHARE}#s2": "Manila has no room."})
    views = {share.id: share for share in face(world.listed()).shares}
    assert (views["s1"].age, views["s2"].age) == (HOUR, 5 * HOUR)
    assert views["s2"].failure == "Manila has no room."
    assert views["s1"].failure == ""


def test_what_is_lost_or_a_copy_or_failed_is_no_backup_of_a_share():
    world = World()
    world.share("s1")
    plan = world.plan("home", "s1")
    world.checkpoint(plan, HOUR, lost={"s1": "snap"})
    world.checkpoint(plan, 2 * HOUR, copy_of="cp-9")
    world.checkpoint(plan, 3 * HOUR, status="error", reasons={f"{SHARE}#s1": "No."})
    (share,) = face(world.listed()).shares
    assert (share.state, share.newest) == ("not protected", "")


def test_without_manila_the_shares_of_the_plans_are_all_that_is_known():
    world = World()
    world.checkpoint(world.plan("all", project="p1"), HOUR, "s1", "s2")
    world.plan("home", "s3")
    found = face(world.listed(shares=None))
    assert not found.manila
    assert sorted((share.id, share.state) for share in found.shares) == [
        ("s1", "protected"),
        ("s2", "protected"),
        ("s3", "not protected"),
    ]


def test_a_project_plan_covers_a_share_that_it_has_not_seen_yet():
    world = World()
    world.share("new", project="p1")
    world.share("other", project="p2")
    world.plan("all", project="p1", cron="0 2 * * *")
    views = {share.id: share for share in face(world.listed()).shares}
    assert views["new"].plans == ("all",)
    assert views["other"].plans == ()


def test_a_plan_says_its_last_status_and_its_failure_until_a_good_one_follows():
    world = World()
    bad, mended = world.plan("bad", "s1"), world.plan("mended", "s2")
    world.checkpoint(bad, 2 * HOUR)
    world.checkpoint(bad, HOUR, status="error", reasons={f"{SHARE}#s1": "Quota."})
    world.checkpoint(mended, 2 * HOUR, status="error", reasons={f"{SHARE}#s2": "Quota."})
    world.checkpoint(mended, HOUR)
    plans = {plan.name: plan for plan in face(world.listed()).plans}
    assert (plans["bad"].last_status, plans["bad"].failure.reason) == ("failed", "Quota.")
    assert (plans["mended"].last_status, plans["mended"].failure) == ("good", None)


def test_a_missed_run_is_said():
    world = World()
    plan = world.plan("home", "s1", cron="0 2 * * *")
    world.checkpoint(plan, 2 * DAY)
    world.missed(plan, HOUR, "Its user is gone.")
    (view,) = face(world.listed()).plans
    assert (view.last_status, view.failure.state) == ("missed", "missed")
    assert "Its user is gone." in view.not_well


def test_thirty_days_tell_how_each_ended():
    world = World()
    plan = world.plan("home", "s1", "s2")
    world.checkpoint(plan, HOUR)
    world.checkpoint(plan, DAY, status="error", reasons={f"{SHARE}#s1": "No."})
    gap = {"type": SHARE, "id": "s2", "name": "s2", "reason": "in error", "kind": "broken"}
    world.checkpoint(plan, 2 * DAY, "s1", left_out=[gap])
    world.missed(plan, 3 * DAY, "Its user is gone.")
    world.checkpoint(plan, 4 * DAY + HOUR)
    world.checkpoint(plan, 4 * DAY, status="error", reasons={f"{SHARE}#s1": "No."})
    ((strip),) = face(world.listed()).strips
    assert len(strip.days) == 30
    assert [day.state for day in strip.days[-6:]] == [
        "none",
        "failed",
        "missed",
        "partial",
        "failed",
        "good",
    ]
    assert dict(strip.days[-5].counts) == {"failed": 1, "good": 1}


def test_a_day_from_before_the_logs_is_unknown():
    world = World()
    world.plan("home", "s1")
    since = NOW - datetime.timedelta(days=3)
    ((strip),) = face(world.listed(since=since)).strips
    assert [day.state for day in strip.days[-5:]] == ["unknown"] + ["none"] * 4


def test_the_log_of_a_deletion_is_none_of_a_protection():
    world = World()
    plan = world.plan("home", "s1")
    gone = world.checkpoint(plan, 2 * DAY)
    world.log("protect", gone, DAY, "deleted", plan_id=plan["id"], ended_at="2026-11-26T10:00:00")
    world.log("protect", gone, HOUR, "error", plan_id=plan["id"])
    kinds = {(group.kind, group.state): len(group.runs) for group in face(world.listed()).groups}
    assert kinds == {("protect", "good"): 1, ("delete", "good"): 1, ("delete", "running"): 1}


def test_what_runs_has_its_age_and_what_is_stuck_is_among_it():
    world = World()
    plan = world.plan("home", "s1")
    world.checkpoint(plan, 30 * HOUR, status="protecting")
    world.checkpoint(plan, HOUR, status="protecting")
    found = face(world.listed(), Limits(stuck_after=24))
    assert [run.seconds(NOW) for run in found.running] == [30 * HOUR, HOUR]
    assert [run.seconds(NOW) for run in found.stuck] == [30 * HOUR]
    (view,) = found.plans
    assert view.stuck == ("cp-0",)


def test_failures_are_grouped_by_reason_whatever_share_they_are_of():
    world = World()
    ids = [f"0a1b2c3d-0000-4000-8000-00000000000{n}" for n in range(3)]
    for number, share in enumerate(ids):
        said = {f"{SHARE}#{share}": f"Manila has no room for share {share}."}
        world.checkpoint(
            world.plan(share, share), (number + 1) * HOUR, status="error", reasons=said
        )
    world.checkpoint(world.plan("x", "s"), HOUR, status="error", reasons={f"{SHARE}#s": "Quota."})
    first, second = face(world.listed()).reasons
    assert (len(first.runs), len(second.runs)) == (3, 1)
    assert first.sentence == f"Manila has no room for share {ids[0]}."


def test_recoverability_has_the_median_and_the_worst_and_who_is_overdue():
    world = World()
    for share in ("s1", "s2", "s3", "s4"):
        world.share(share)
    found = world.checkpoint(world.plan("all", "s1", "s2", "s3", "s4"), HOUR)
    world.drill(found, 2 * DAY, {"s1": 4.0, "s2": 10.0}, {"s3": "The check said no."})
    world.drill(found, 40 * DAY, {"s4": 3.0})
    proofs = face(world.listed()).proofs
    assert (proofs.of, proofs.drilled, proofs.median, proofs.worst) == (4, 2, 7.0, 10.0)
    assert proofs.worst_share.id == "s2"
    assert sorted(share.id for share in proofs.overdue) == ["s3", "s4"]
    assert [share.id for share in proofs.failed] == ["s3"]


def test_the_views_of_plans_say_what_status_says():
    world = World()
    plan = world.plan("home", "s1")
    world.checkpoint(plan, 2 * HOUR)
    world.checkpoint(plan, HOUR, status="error", reasons={f"{SHARE}#s1": "No."})
    (view,) = face(world.listed(), Limits(max_age=1)).plans
    assert (view.newest, view.age, view.state) == ("cp-0", 2 * HOUR, "too old")
    assert view.not_well == ("older than 1 h",)
    assert view.failed == ("cp-1",)


def test_held_checkpoints_are_named_until_the_end_of_their_last_day():
    world = World()
    world.share("s1")
    plan = world.plan("home", "s1")
    world.checkpoint(plan, HOUR, hold={"why": "audit"})
    world.checkpoint(plan, 2 * HOUR, hold={"why": "audit", "until": "2026-11-27"})
    world.checkpoint(plan, 3 * HOUR, hold={"why": "audit", "until": "2026-11-26"})
    world.checkpoint(plan, 4 * HOUR, hold="of a later release")
    found = face(world.listed())
    assert found.plans[0].held == ("cp-0", "cp-1", "cp-3")
    assert [item.checkpoint_id for item in found.held] == ["cp-0", "cp-1", "cp-3"]
    assert found.shares[0].held


def test_what_the_next_retention_removes_is_foretold_by_its_own_rules():
    world = World()
    plan = world.plan("home", "s1", cron="0 2 * * *", max_backups=3)
    for days in range(4):
        world.checkpoint(plan, days * DAY + HOUR)
    world.checkpoint(plan, 5 * DAY, hold={"why": "audit", "until": "2026-12-31", "by": "u1"})
    world.checkpoint(plan, 6 * DAY, status="error", reasons={f"{SHARE}#s1": "No."})
    found = face(world.listed())
    assert [(item.checkpoint_id, item.failed) for item in found.going] == [
        ("cp-5", True),
        ("cp-3", False),
        ("cp-2", False),
    ]
    assert found.going[0].when == datetime.datetime(2026, 11, 28, 2, tzinfo=datetime.UTC)
    ((held),) = found.held
    assert (held.checkpoint_id, held.why, held.until, held.by) == (
        "cp-4",
        "audit",
        "2026-12-31",
        "u1",
    )


def test_without_a_good_checkpoint_retention_removes_nothing():
    world = World()
    plan = world.plan("home", "s1", cron="0 2 * * *", max_backups=1)
    world.checkpoint(plan, DAY, status="error", reasons={f"{SHARE}#s1": "No."})
    assert face(world.listed()).going == ()


def test_the_findings_of_an_audit_are_read_and_anything_else_is_refused():
    row = {"Finding": "orphan", "Snapshot": "snap", "Share": "s1", "Checkpoint": "", "Project": "p"}
    (found,) = audited.read([row | {"Why": "no record", "Action": "remove the snapshot"}])
    assert (found.kind, found.snapshot_id, found.action) == (
        "orphan",
        "snap",
        "remove the snapshot",
    )
    assert audited.counts([found]) == {"orphan": 1}
    for wrong in ([{"Plan": 1}], 7, ["x"], None, {}, ""):
        with pytest.raises(WrongUsage, match="audit -f json"):
            audited.read(wrong)


def test_a_failure_from_before_a_shares_newest_checkpoint_is_not_said_of_it():
    world = World()
    for share in ("s1", "s2"):
        world.share(share)
    plan = world.plan("both", "s1", "s2")
    gap = {"type": SHARE, "id": "s2", "name": "s2", "reason": "in error", "kind": "broken"}
    world.checkpoint(plan, 2 * DAY, status="error", reasons={f"{SHARE}#s9": "Quota."})
    world.checkpoint(plan, DAY, "s1", left_out=[gap])
    views = {share.id: share for share in face(world.listed()).shares}
    assert (views["s1"].failure, views["s2"].failure) == ("", "It was left out: in error.")


def test_other_kinds_of_resources_are_no_projects():
    world = World()
    world.share("s1", project="p1")
    plan = world.plan("servers", "s2")
    plan["resources"].append({"type": "OS::Nova::Server", "id": "p1", "name": "p1"})
    assert face(world.listed()).shares[0].plans == ()

# SPDX-License-Identifier: Apache-2.0
"""What goes, what is held and which deletions wait: the views, with keep rules and without."""

import datetime

from karbor_manila.cli.page import render
from karbor_manila.cli.views.face import face
from karbor_manila.cli.views.removal import BY_RETENTION, BY_RULES
from tests.fakes.listed import DAY, HOUR, NOW, SHARE, World

PENDING = "pending-delete"


def ruled(world: World, cron: str = "0 2 * * *", **rules: str):
    """A plan with keep rules, and with a schedule that keeps all."""
    plan = world.plan("home", "s1", cron=cron)
    plan["parameters"] = {SHARE: rules}
    return plan


def test_what_the_keep_rules_do_not_keep_after_the_next_run_is_foretold():
    world = World()
    plan = ruled(world, keep_daily="3")
    for days in range(3):
        world.checkpoint(plan, days * DAY + HOUR)
    (gone,) = face(world.listed()).going
    assert (gone.checkpoint_id, gone.why) == ("cp-2", BY_RULES)
    assert gone.when == datetime.datetime(2026, 11, 28, 2, tzinfo=datetime.UTC)


def test_what_no_rule_keeps_already_goes_without_a_run_of_the_plan():
    world = World()
    plan = ruled(world, cron="", keep_last="1")
    for days in range(3):
        world.checkpoint(plan, days * DAY + HOUR)
    found = face(world.listed()).going
    assert [(item.checkpoint_id, item.when) for item in found] == [("cp-2", NOW), ("cp-1", NOW)]


def test_karbors_retention_removes_nothing_that_a_keep_rule_keeps():
    world = World()
    plan = world.plan("home", "s1", cron="0 2 * * *", max_backups=2)
    for days in range(4):
        world.checkpoint(plan, days * DAY + HOUR)
    assert [item.why for item in face(world.listed()).going] == [BY_RETENTION] * 3
    plan["parameters"] = {SHARE: {"keep_daily": "9"}}
    assert face(world.listed()).going == ()


def test_rules_that_cannot_be_read_foretell_nothing_and_end_no_page():
    world = World()
    for rules in ({"keep_daily": "x"}, {"keep_time_zone": "../etc"}, None, "x"):
        plan = ruled(world)
        plan["parameters"] = {SHARE: rules}
        world.checkpoint(plan, DAY)
    world.plans[0]["parameters"] = "x"
    assert face(world.listed()).going == ()


def test_a_forged_time_of_making_ends_no_list_in_any_time_zone():
    for forged in ("0001-01-01T00:00:00", "9999-12-31T23:59:59", "x", 7, [1]):
        for zone in ("America/New_York", "Asia/Tokyo"):
            world = World()
            plan = ruled(world, cron="", keep_daily="1", keep_time_zone=zone)
            world.checkpoint(plan, 2 * DAY, made_at=forged)["created_at"] = str(forged)[:10]
            world.checkpoint(plan, HOUR)
            assert [item.checkpoint_id for item in face(world.listed()).going] in ([], ["cp-0"])


def test_a_held_checkpoint_is_foretold_by_no_rule():
    world = World()
    plan = ruled(world, keep_last="1")
    world.checkpoint(plan, HOUR)
    world.checkpoint(plan, DAY, hold={"why": "audit"})
    world.checkpoint(plan, 2 * DAY)
    assert [item.checkpoint_id for item in face(world.listed()).going] == ["cp-2", "cp-0"]


def test_for_what_is_stamped_later_than_now_nothing_is_foretold():
    for rules in ({"keep_last": "1"}, {}):
        world = World()
        plan = (
            ruled(world, **rules)
            if rules
            else world.plan("home", "s1", cron="0 2 * * *", max_backups=1)
        )
        world.checkpoint(plan, DAY)
        world.checkpoint(plan, HOUR)
        world.checkpoint(plan, -30 * DAY)
        assert {item.checkpoint_id for item in face(world.listed()).going} == {"cp-0", "cp-1"}


def test_deletions_that_wait_are_named_with_when_they_are_due():
    world = World()
    plan = world.plan("home", "s1")
    told = {"asked": "2026-11-26T09:00:00", "by": "u1", "was": "available"}
    later = told | {"due": "2026-11-29T09:00:00+00:00"}
    world.checkpoint(plan, DAY, status=PENDING, deletion=later)
    world.checkpoint(plan, 2 * DAY, status=PENDING, deletion=told | {"due": "2026-11-28T09:00:00"})
    world.checkpoint(plan, 3 * DAY, status=PENDING, deletion="of a later release")
    world.checkpoint(plan, 4 * DAY, deletion=later)  # it was taken back
    found = face(world.listed())
    assert [item.checkpoint_id for item in found.waiting] == ["cp-1", "cp-0", "cp-2"]
    assert (found.waiting[0].by, found.waiting[2].due) == ("u1", None)
    assert found.plans[0].waiting == ("cp-0", "cp-1", "cp-2")
    page = render.page(found, NOW)
    for said in ("Deletions that wait: 3", "2026-11-28 09:00", "karbor-manila undelete"):
        assert said in page

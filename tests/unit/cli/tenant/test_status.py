# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila status``: the newest good checkpoint of each plan, its age, what is broken."""

import json

import pytest

from karbor_manila.cli.tenant import api
from tests.fakes.karbor import PROJECT, SHARE
from tests.unit.cli.tenant.saying import info_of, key, missing


def test_status_tells_the_newest_good_checkpoint_and_its_age(karbor, rows):
    plan = karbor.plan("home", (SHARE, "s1"))
    karbor.checkpoint(plan)
    good = karbor.checkpoint(plan, started_at="2026-11-20T11:00:00.000000")
    bad = karbor.checkpoint(plan, "error")
    code, (row,) = rows("status")
    assert code == 0
    assert (row["Plan"], row["Provider"], row["Shares"]) == ("home", "ours", 1)
    assert (row["Newest Good"], row["Age"]) == (good["id"], 3600)
    assert row["Made At"] == "2026-11-20T11:00:00+00:00"
    assert (row["In Error"], row["Stuck"], row["Drill"]) == ([bad["id"]], [], None)


def test_status_is_3_when_a_plan_has_no_good_checkpoint(karbor, run):
    karbor.checkpoint(karbor.plan("home", (SHARE, "s1")), "error")
    code, out, _err = run("status")
    assert code == 3
    assert "no good checkpoint" in out


@pytest.mark.parametrize(("hours", "expected"), [("1.9", 3), ("2.1", 0)])
def test_status_is_3_when_the_newest_good_checkpoint_is_too_old(karbor, rows, hours, expected):
    karbor.checkpoint(karbor.plan("home", (SHARE, "s1")))
    code, (row,) = rows("status", "--max-age", hours)
    assert code == expected
    assert row["Not Well"] == (["older than 1.9 h"] if expected else [])


def test_a_share_that_is_broken_now_is_named_and_the_newest_good_one_is_whole(karbor, rows):
    plan = karbor.plan("all", (PROJECT, "p1"))
    whole = karbor.checkpoint(plan, shares=(("s1", "home"), ("s2", "wiki")))
    partial = karbor.checkpoint(plan, extra_info=info_of(missing("s2")))
    code, (row,) = rows("status")
    assert (code, row["Newest Good"], row["Shares"]) == (3, whole["id"], 2)
    assert row["Not Well"] == [
        f"share wiki (s2) is not in checkpoint {partial['id']}: its status is error"
    ]


def test_a_failed_run_in_which_nothing_could_be_protected_names_what_is_broken(karbor, rows):
    plan = karbor.plan("all", (PROJECT, "p1"))
    whole = karbor.checkpoint(plan)
    karbor.checkpoint(plan, "error", shares=(), extra_info=info_of(missing("s2", name=None)))
    karbor.checkpoint(plan, "error")  # failed for something else
    code, (row,) = rows("status")
    assert (code, row["Newest Good"]) == (3, whole["id"])
    assert ["share s2 is not in" in said for said in row["Not Well"]] == [True]


@pytest.mark.parametrize("kind", ["not_supported", "gone", None])
def test_what_is_never_protected_is_no_fault(karbor, rows, kind):
    plan = karbor.plan("all", (PROJECT, "p1"))
    good = karbor.checkpoint(plan, extra_info=info_of(missing("s2", kind=kind)))
    code, (row,) = rows("status")
    assert (code, row["Newest Good"], row["Not Well"]) == (0, good["id"], [])


def test_what_was_broken_in_an_older_run_is_no_fault_any_more(karbor, rows):
    plan = karbor.plan("all", (PROJECT, "p1"))
    karbor.checkpoint(plan, extra_info=info_of(missing("s2")))
    karbor.checkpoint(plan)
    assert rows("status")[0] == 0


@pytest.mark.parametrize(
    "info",
    [
        {"lost": {"s1": "snapshot"}, "reasons": {key("s1"): "Its snapshot is gone."}},
        {"reasons": {key("s1"): "Its snapshot is gone."}},  # by an earlier release
    ],
)
def test_a_checkpoint_whose_snapshot_is_lost_is_no_good_one(karbor, rows, info):
    plan = karbor.plan("home", (SHARE, "s1"))
    good = karbor.checkpoint(plan)
    hurt = karbor.checkpoint(plan, extra_info=json.dumps(info))
    code, (row,) = rows("status")
    assert (code, row["Newest Good"]) == (3, good["id"])
    assert row["Not Well"] == [f"checkpoint {hurt['id']} is not complete: Its snapshot is gone."]


def test_a_copy_is_no_good_checkpoint_of_its_own_day(karbor, rows):
    plan = karbor.plan("home", (SHARE, "s1"))
    good = karbor.checkpoint(plan)
    karbor.checkpoint(plan, extra_info=json.dumps({"copy_of": good["id"]}))
    code, (row,) = rows("status")
    assert (code, row["Newest Good"], row["Not Well"]) == (0, good["id"], [])


def test_a_checkpoint_that_holds_nothing_is_no_good_one(karbor, rows):
    karbor.checkpoint(karbor.plan("all", (PROJECT, "p1")), shares=())
    code, (row,) = rows("status")
    assert (code, row["Newest Good"]) == (3, None)
    assert row["Not Well"][0] == "no good checkpoint"
    assert "it holds nothing" in row["Not Well"][1]


def test_a_drill_takes_the_newest_whole_checkpoint(karbor, rows):
    plan = karbor.plan("all", (PROJECT, "p1"))
    whole = karbor.checkpoint(plan)
    karbor.checkpoint(plan, extra_info=info_of(missing("s2")))
    karbor.checkpoint(plan, extra_info=json.dumps({"copy_of": whole["id"]}))
    _code, (row,) = rows("drill", "--newest")
    assert row["Checkpoint"] == whole["id"]


def test_without_an_operation_log_the_age_counts_from_the_beginning_of_the_day(karbor, run, rows):
    karbor.checkpoint(karbor.plan("home", (SHARE, "s1")), started_at=None)
    assert rows("status")[1][0]["Age"] == 12 * 3600
    assert "at most 12 h 0 min" in run("status")[1]


def test_what_is_worked_on_for_long_is_stuck(karbor, rows):
    plan = karbor.plan("home", (SHARE, "s1"))
    old = karbor.checkpoint(plan, "deleting", started_at="2026-11-19T11:00:00.000000")
    karbor.checkpoint(plan, "protecting", started_at="2026-11-20T11:59:00.000000")
    karbor.checkpoint(plan)
    assert rows("status")[1][0]["Stuck"] == [old["id"]]


def test_a_plan_on_a_project_says_so_with_the_number_in_its_newest_checkpoint(karbor, run, rows):
    plan = karbor.plan("all", (PROJECT, "p1"))
    assert rows("status")[1][0]["Shares"] is None
    karbor.checkpoint(plan, shares=(("s1", "a"), ("s2", "b")))
    assert rows("status")[1][0]["Shares"] == 2
    assert "project (2)" in run("status")[1]


def test_the_last_drill_is_told_with_its_time(karbor, rows):
    plan = karbor.plan("home", (SHARE, "s1"))
    good = karbor.checkpoint(plan)
    karbor.verification(good, "fail", resources_reason={key("s1"): "no"})
    karbor.log("verify", good["id"], "2026-11-20T10:30:00.000000", "fail")
    karbor.verification(good, "fail", resources_reason={f"checkpoint#{good['id']}": "refused"})
    karbor.verification(good)
    karbor.log("verify", good["id"], "2026-11-20T11:30:00.000000", "success")
    karbor.verification(good, "fail", parameters={}, resources_reason={key("s1"): "no"})
    karbor.log("verify", good["id"], "2026-11-20T11:40:00.000000", "fail")
    code, (row,) = rows("status")
    assert (code, row["Drill"], row["Drilled"]) == (0, "good", good["id"])
    assert row["Drilled At"] == "2026-11-20T11:30:00+00:00"


@pytest.mark.parametrize("depth", ["hold", "release", "undelete", "purge"])
def test_what_is_done_with_a_whole_checkpoint_gives_its_drill_no_other_time(karbor, rows, depth):
    good = karbor.checkpoint(karbor.plan("home", (SHARE, "s1")))
    for hour in (10, 11):
        karbor.verification(good)
        karbor.log("verify", good["id"], f"2026-11-20T{hour}:30:00.000000", "success")
        # Carried out before there is a flow, so Karbor writes no log of it.
        karbor.verification(good, parameters={SHARE: {"depth": depth}})
    _code, (row,) = rows("status")
    assert row["Drilled At"] == "2026-11-20T11:30:00+00:00"


def test_a_failed_last_drill_is_not_well_and_says_why(karbor, rows):
    plan = karbor.plan("home", (SHARE, "s1"))
    good = karbor.checkpoint(plan)
    karbor.verification(good)
    karbor.verification(
        good,
        "fail",
        resources_status={key("s1"): "error"},
        resources_reason={key("s1"): "Its files are bad."},
    )
    code, (row,) = rows("status")
    assert (code, row["Drill"]) == (3, "bad")
    assert row["Not Well"] == ["drill: Its files are bad."]
    assert row["Drilled At"] is None  # logs and verifications do not fit


def test_the_drill_of_a_deleted_checkpoint_still_counts(karbor, rows):
    plan = karbor.plan("home", (SHARE, "s1"))
    karbor.verification(karbor.checkpoint(plan, "deleted"))
    karbor.checkpoint(plan)
    assert rows("status")[1][0]["Drill"] == "good"


@pytest.mark.parametrize("depth", ["", None])
def test_a_depth_that_a_form_left_empty_is_no_drill(karbor, rows, depth):
    made = karbor.checkpoint(karbor.plan("home", (SHARE, "s1")))
    karbor.verification(made, parameters={SHARE: {"depth": depth}})
    _code, shown = rows("show", made["id"])
    assert shown["verifications"][0]["depth"] == "record"


def test_all_pages_are_read(karbor, rows, monkeypatch):
    monkeypatch.setattr(api, "PAGE", 2)
    for number in range(5):
        karbor.checkpoint(karbor.plan(f"p{number}", (SHARE, "s1")))
    first = karbor.plans[0]
    for _ in range(5):
        karbor.checkpoint(first, "error")
    code, seen = rows("status")
    assert (code, len(seen)) == (0, 5)
    assert len(seen[0]["In Error"]) == 5


def test_a_project_without_plans_is_well(karbor, rows):
    assert rows("status") == (0, [])


def test_status_of_an_unknown_plan_is_wrong_usage(karbor, run):
    code, _out, err = run("status", "--plan", "nosuch")
    assert (code, err) == (2, "There is no plan 'nosuch' in this project.\n")


def test_a_plans_id_goes_before_anothers_name_and_a_name_of_several_is_refused(karbor, rows, run):
    for name in ("one", "two", "three"):
        karbor.checkpoint(karbor.plan(name, (SHARE, "s1")))
    one, two, three = karbor.plans
    two["name"] = three["name"] = one["id"]
    assert [row["ID"] for row in rows("status", "--plan", one["id"])[1]] == [one["id"]]
    one["id"] = "another"
    for command in (["status"], ["drill", "--newest"]):
        code, out, err = run(*command, "--plan", two["name"])
        assert (code, out) == (2, "")
        assert err == f"'plan-one' is the name of several plans: {three['id']}, {two['id']}.\n"
    assert karbor.asked == []


# -- runs of schedules that made no checkpoint -----------------------------------------------------

WHY = "The run of scheduled operation 'nightly' (op-1) ... made no checkpoint."


def missed_run(karbor, plan, started_at):
    karbor.log("protect", None, started_at, "error", plan_id=plan["id"], error_info=WHY)


def test_a_run_of_a_schedule_that_made_no_checkpoint_is_told(karbor, rows):
    plan, other = karbor.plan("home", (SHARE, "s1")), karbor.plan("other", (SHARE, "s2"))
    good = karbor.checkpoint(plan)
    karbor.checkpoint(other)
    missed_run(karbor, plan, "2026-11-20T11:00:00.000000")
    code, (row, fine) = rows("status")
    assert (code, row["Newest Good"], row["Not Well"]) == (3, good["id"], [WHY])
    assert fine["Not Well"] == []


def test_a_run_is_told_whatever_of_another_plan_was_written_later(karbor, rows):
    """Why a run failed may be known hours after it, when Keystone is back."""
    plan, other = karbor.plan("home", (SHARE, "s1")), karbor.plan("other", (SHARE, "s2"))
    karbor.checkpoint(plan)
    karbor.checkpoint(other)
    missed_run(karbor, plan, "2026-11-20T11:00:00.000000")
    missed_run(karbor, plan, "2026-11-20T08:00:00.000000")
    missed_run(karbor, other, "2026-11-20T08:00:00.000000")
    code, (row, fine) = rows("status")
    assert (code, row["Not Well"], fine["Not Well"]) == (3, [WHY], [])


def test_it_is_no_fault_any_more_once_there_is_a_newer_checkpoint(karbor, rows):
    plan = karbor.plan("home", (SHARE, "s1"))
    missed_run(karbor, plan, "2026-11-20T09:00:00.000000")
    karbor.checkpoint(plan)
    assert rows("status")[0] == 0


def test_a_plan_that_never_had_a_checkpoint_says_why(karbor, rows):
    plan = karbor.plan("home", (SHARE, "s1"))
    karbor.checkpoint(plan, "error")
    missed_run(karbor, plan, "2026-11-20T09:00:00.000000")
    assert rows("status")[1][0]["Not Well"] == ["no good checkpoint", WHY]


def test_status_says_what_is_held_and_what_waits_to_be_deleted(karbor, run, rows):
    plan = karbor.plan("home", (SHARE, "s1"))
    karbor.checkpoint(plan)
    assert "Held" not in run("status")[1]
    held = karbor.checkpoint(plan, extra_info=json.dumps({"hold": {"why": "audit"}}))
    waits = karbor.checkpoint(plan, "pending-delete")
    code, (row,) = rows("status")
    assert (code, row["Held"], row["Deletion Waits"]) == (0, [held["id"]], [waits["id"]])
    header = run("status")[1]
    assert "Held" in header
    assert "Deletion Waits" in header


@pytest.mark.parametrize("command", ["status", "report"])
@pytest.mark.parametrize("option", ["--max-age", "--stuck-after"])
@pytest.mark.parametrize("hours", ["nan", "inf", "-1"])
def test_a_limit_that_nothing_reaches_is_refused(run, command, option, hours):
    assert run(command, f"{option}={hours}")[0] == 2

# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila prune --dry-run``: what the keep rules keep, by the rule that the service has."""

import json

import pytest

from tests.fakes.karbor import SHARE
from tests.unit.cli.tenant.saying import key


@pytest.fixture
def plan(karbor):
    """A plan of which a checkpoint was made at noon of each of ten days; the newest comes last."""
    plan = karbor.plan("home", (SHARE, "s1")) | {}
    karbor.plans[0]["parameters"] = {SHARE: {"keep_daily": "2", "keep_weekly": "2"}}
    for day in range(1, 11):
        info = json.dumps({"made_at": f"2026-03-{day:02}T12:00:00+00:00"})
        karbor.checkpoint(plan, extra_info=info, created_at=f"2026-03-{day:02}")
    return plan


def kept(rows):
    return {row["Checkpoint"]: row["Why"] for row in rows if row["Verdict"] == "keep"}


def test_it_shows_what_stays_with_the_rule_and_what_goes(plan, rows):
    code, found = rows("prune", "--dry-run")
    assert code == 0
    assert [row["Checkpoint"] for row in found] == [f"cp-{n}" for n in range(10, 0, -1)]
    assert kept(found) == {
        "cp-10": [
            "daily 2026-03-10", "weekly 2026-W11", "the newest of a share", "the newest whole one",
        ],
        "cp-9": ["daily 2026-03-09"],
        "cp-8": ["weekly 2026-W10"],
    }  # fmt: skip
    assert {row["Verdict"] for row in found} == {"keep", "remove"}
    assert found[0]["Made At"] == "2026-03-10T12:00:00+00:00"


def test_people_see_a_short_table(plan, run):
    _code, out, _err = run("prune", "--dry-run")
    assert "Status" not in out
    assert "remove" in out
    assert "weekly 2026-W10" in out


def test_other_rules_can_be_tried_before_a_plan_has_them(plan, rows):
    _code, found = rows("prune", "--dry-run", "--plan", "home", "--set", "keep_monthly=1")
    assert list(kept(found)) == ["cp-10"]


def test_nothing_is_removed_here(plan, run, karbor):
    code, _out, err = run("prune")
    assert code == 2
    assert "--dry-run" in err
    run("prune", "--dry-run")
    assert not [call for call in karbor.calls if call.startswith("DELETE")]


@pytest.mark.parametrize("word", ["daily=7", "keep_daily", "keep_daily=0", "keep_time_zone=Mars"])
def test_wrong_rules_are_wrong_usage(plan, run, word):
    code, _out, err = run("prune", "--dry-run", "--set", word)
    assert code == 2
    assert "keep_" in err


@pytest.mark.parametrize("word", ["keep_time_zone=Europe/Berlin", "keep_daily="])
def test_what_is_tried_is_never_taken_for_the_plans_own_rules(plan, run, word):
    code, out, err = run("prune", "--dry-run", "--set", word)
    assert (code, out) == (2, "")
    assert "give a rule as well" in err


def test_a_plan_without_rules_is_shown_when_it_is_asked_for(karbor, rows):
    karbor.checkpoint(karbor.plan("home", (SHARE, "s1")))
    assert rows("prune", "--dry-run") == (0, [])
    code, (row,) = rows("prune", "--dry-run", "--plan", "home")
    assert (code, row["Verdict"], row["Why"]) == (0, "keep", ["the plan has no keep rules"])


def test_what_is_worked_on_is_not_shown_and_what_failed_stays(plan, karbor, rows):
    karbor.checkpoint(plan, "protecting")
    karbor.checkpoint(plan, "error", id="bad")
    _code, found = rows("prune", "--dry-run")
    assert kept(found)["bad"] == ["failed"]
    assert len(found) == 11


def test_what_is_held_stays_and_counts_for_nothing(plan, karbor, rows):
    info = {"made_at": "2026-03-11T12:00:00+00:00", "hold": {"why": "an audit", "until": None}}
    karbor.checkpoint(plan, id="held", extra_info=json.dumps(info))
    lapsed = info | {"hold": {"why": "a trial", "until": "2026-03-12"}}
    karbor.checkpoint(plan, id="lapsed", extra_info=json.dumps(lapsed))
    _code, found = rows("prune", "--dry-run")
    assert kept(found)["held"] == ["held"]
    assert "daily 2026-03-11" in kept(found)["lapsed"]


def test_what_is_stamped_later_than_now_stays_is_told_and_counts_for_nothing(plan, karbor, rows):
    info = {"made_at": "2030-01-01T12:00:00+00:00"}
    karbor.checkpoint(plan, id="ahead", extra_info=json.dumps(info), created_at="2030-01-01")
    _code, found = rows("prune", "--dry-run")
    assert kept(found)["ahead"] == ["stamped later than now"]
    assert "the newest of a share" in kept(found)["cp-10"]


def test_what_is_lost_or_in_doubt_takes_nobodys_place(plan, karbor, rows):
    made = {"made_at": "2026-03-11T12:00:00+00:00"}
    lost = made | {"lost": {"s1": "snap"}, "reasons": {key("s1"): "its snapshot is gone"}}
    karbor.checkpoint(plan, id="lost", extra_info=json.dumps(lost))
    doubtful = made | {"reasons": {key("s1"): "it may be gone"}}
    karbor.checkpoint(plan, id="doubtful", extra_info=json.dumps(doubtful))
    _code, found = rows("prune", "--dry-run")
    assert "lost" not in kept(found)
    assert kept(found)["doubtful"] == [
        "perhaps daily 2026-03-11", "perhaps weekly 2026-W11", "perhaps the newest of a share",
    ]  # fmt: skip
    assert {"cp-10", "cp-9", "cp-8"} <= set(kept(found))


def test_a_service_that_tells_only_days_is_said_to_do_so(karbor, run):
    plan = karbor.plan("home", (SHARE, "s1"))
    karbor.plans[0]["parameters"] = {SHARE: {"keep_daily": "2"}}
    for name in ("z", "a", "m"):
        karbor.checkpoint(plan, id=name)
    code, out, err = run("prune", "--dry-run", "--set", "keep_last=2", "-f", "value")
    assert code == 0
    assert "only the days" in err
    assert [line.split()[1:5:3] for line in out.splitlines()] == [
        ["m", "keep"],
        ["a", "keep"],
        ["z", "remove"],
    ]


def test_a_forged_time_of_making_ends_no_table(karbor, rows):
    plan = karbor.plan("home", (SHARE, "s1")) | {}
    karbor.plans[0]["parameters"] = {
        SHARE: {"keep_daily": "2", "keep_time_zone": "America/New_York"}
    }
    karbor.checkpoint(plan, extra_info=json.dumps({"made_at": "0001-01-01T00:00:00"}))
    code, found = rows("prune", "--dry-run")
    assert (code, [row["Verdict"] for row in found]) == (0, ["keep"])

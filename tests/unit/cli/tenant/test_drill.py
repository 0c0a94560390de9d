# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila drill``: the newest good checkpoint of each plan, some at a time."""

import json

import pytest

from tests.fakes.karbor import SHARE
from tests.unit.cli.tenant.saying import DRILLED, ends, key


def test_drill_newest_takes_each_plans_newest_good_checkpoint_a_few_at_a_time(karbor, rows):
    most = 0
    for number in range(5):
        plan = karbor.plan(f"p{number}", (SHARE, "s1"))
        karbor.checkpoint(plan)
        karbor.checkpoint(plan, id=f"newest-{number}")
        karbor.checkpoint(plan, "error")

    def script(record):
        nonlocal most
        running = [v for v in karbor.verifications if v["status"] == "in_progress"]
        most = max(most, len(running))
        return ends("success", {key("s1"): "available"}, {key("s1"): json.dumps(DRILLED)})(record)

    karbor.scripts["verification"] = script
    code, seen = rows("drill", "--newest")
    assert code == 0
    assert [row["Checkpoint"] for row in seen] == [f"newest-{number}" for number in range(5)]
    assert {(row["Seconds"], row["Check"], row["Result"]) for row in seen} == {
        (4.2, "passed", "good")
    }
    assert most == 2
    assert all(body["parameters"] == {SHARE: {"depth": "drill"}} for _k, body in karbor.asked)


def test_one_bad_drill_and_a_plan_without_a_checkpoint_are_3_and_the_others_are_done(karbor, rows):
    karbor.plan("empty", (SHARE, "s1"))
    bad = karbor.checkpoint(karbor.plan("bad", (SHARE, "s1")))
    karbor.checkpoint(karbor.plan("good", (SHARE, "s1")))

    def script(record):
        if record["checkpoint_id"] == bad["id"]:
            return ends("fail", {key("s1"): "error"}, {key("s1"): "Torn."})(record)
        return ends("success", {key("s1"): "available"})(record)

    karbor.scripts["verification"] = script
    code, seen = rows("drill", "--newest")
    assert code == 3
    assert {row["Plan"]: row["Result"] for row in seen} == {
        "bad": "bad: Torn.",
        "empty": "no good checkpoint",
        "good": "good",
    }


def test_a_drill_that_cannot_begin_leaves_the_others_alone(karbor, rows):
    for name in ("a", "b"):
        karbor.checkpoint(karbor.plan(name, (SHARE, "s1")))
    karbor.scripts["verification"] = ends("success", {key("s1"): "available"})
    karbor.failures[("POST", "/verifications")] = [(500, "Sorry")]
    code, (first, second) = rows("drill", "--newest")
    assert code == 3
    assert "HTTP 500, Sorry" in first["Result"]
    assert second["Result"] == "good"


def test_a_checkpoint_that_is_too_old_is_drilled_and_reported(karbor, rows):
    karbor.checkpoint(karbor.plan("old", (SHARE, "s1")))
    karbor.scripts["verification"] = ends("success", {key("s1"): "available"})
    code, (row,) = rows("drill", "--newest", "--max-age", "1")
    assert (code, row["Result"]) == (3, "good: older than 1 h")


def test_one_checkpoint_can_be_drilled(karbor, rows, two):
    karbor.scripts["verification"] = ends("success", {})
    code, seen = rows("drill", two["id"])
    assert (code, [row["Share"] for row in seen]) == (0, ["home", "wiki"])


@pytest.mark.parametrize("argv", [(), ("cp-1", "--newest")])
def test_drill_wants_a_checkpoint_or_newest(karbor, run, argv):
    code, _out, err = run("drill", *argv)
    assert (code, err) == (2, "Give either a CHECKPOINT or --newest.\n")


def test_drills_that_run_out_of_time_are_not_well(karbor, rows):
    for name in ("a", "b", "c"):
        karbor.checkpoint(karbor.plan(name, (SHARE, "s1")))
    karbor.scripts["verification"] = lambda _record: []
    code, seen = rows("drill", "--newest", "--timeout", "60")
    assert code == 3
    assert len(karbor.asked) == 2
    assert all("did not end within 60 seconds" in row["Result"] for row in seen)

# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila drill --all --older-than``: what is due, and who of several drills it."""

import datetime
import json

import pytest

from karbor_manila.common.drilled_once import NOT_AGAIN
from tests.fakes.karbor import SHARE
from tests.unit.cli.tenant.saying import DRILLED, NOW, ends, key


def drilled(karbor, checkpoint, days, status="success", reason=None):
    """A drill of a checkpoint that began so many days ago."""
    at = NOW - datetime.timedelta(days=days)
    told = json.dumps(DRILLED | {"at": at.isoformat()}) if reason is None else reason
    state = "available" if status == "success" else "error"
    karbor.verification(
        checkpoint,
        status,
        resources_status={key("s1"): state},
        resources_reason={key("s1"): told},
    )


@pytest.fixture
def good(karbor):
    karbor.scripts["verification"] = ends("success", {key("s1"): "available"})


def plan(karbor, name):
    return karbor.checkpoint(karbor.plan(name, (SHARE, "s1")))


def test_only_what_was_not_drilled_well_for_so_long_is_drilled(karbor, rows, good):
    drilled(karbor, plan(karbor, "bad"), 1, "fail", "Torn.")
    drilled(karbor, plan(karbor, "old"), 8)
    drilled(karbor, plan(karbor, "young"), 6)
    plan(karbor, "never")
    code, seen = rows("drill", "--all", "--older-than", "7d")
    assert code == 0
    assert {row["Plan"]: row["Result"] for row in seen} == {
        "bad": "good",
        "never": "good",
        "old": "good",
        "young": "not due: drilled well 6 d 0 h ago",
    }
    asked = [body["parameters"] for _kind, body in karbor.asked]
    assert asked == [{SHARE: {"depth": "drill", "drill_older_than": "604800"}}] * 3


def test_a_plan_is_due_although_an_older_checkpoint_was_drilled_long_ago(karbor, rows, good):
    of = karbor.plan("home", (SHARE, "s1"))
    drilled(karbor, karbor.checkpoint(of), 9)
    karbor.checkpoint(of, id="newest")
    _code, (row,) = rows("drill", "--all", "--older-than", "7d")
    assert (row["Checkpoint"], row["Result"]) == ("newest", "good")


def test_a_good_drill_of_an_older_checkpoint_counts_for_its_plan(karbor, rows, good):
    of = karbor.plan("home", (SHARE, "s1"))
    drilled(karbor, karbor.checkpoint(of), 3)
    karbor.checkpoint(of, id="newest")
    code, (row,) = rows("drill", "--all", "--older-than", "7d")
    assert (code, row["Result"]) == (0, "not due: drilled well 3 d 0 h ago")


def test_what_another_one_drills_at_the_moment_is_well_and_left_to_him(karbor, rows, good):
    plan(karbor, "a")
    plan(karbor, "b")
    karbor.failures[("POST", "/verifications")] = [(400, f"Plan is being drilled. {NOT_AGAIN}")]
    code, (first, second) = rows("drill", "--all", "--older-than", "7d")
    assert code == 0
    assert first["Result"].startswith("not due: Plan is being drilled.")
    assert second["Result"] == "good"


def test_a_verification_that_was_refused_so_is_none_that_failed(karbor, rows):
    checkpoint = plan(karbor, "a")
    drilled(karbor, checkpoint, 1)
    refused = {f"checkpoint#{checkpoint['id']}": f"Plan is being drilled. {NOT_AGAIN}"}
    karbor.verification(checkpoint, "fail", resources_reason=refused)
    code, (row,) = rows("status")
    assert (code, row["Drill"], row["Not Well"]) == (0, "good", [])
    code, (row,) = rows("drill", "--all", "--older-than", "7d")
    assert (code, row["Result"]) == (0, "not due: drilled well 24 h 0 min ago")
    karbor.scripts["verification"] = ends("fail", {}, refused)
    code, (row,) = rows("drill", "--all", "--older-than", "1h")
    assert (code, row["Result"]) == (0, f"not due: Plan is being drilled. {NOT_AGAIN}")


def test_the_second_cron_makes_no_bad_drill_in_the_report_and_the_metrics(karbor, rows, run):
    checkpoint = plan(karbor, "a")
    drilled(karbor, checkpoint, 1)
    refused = {f"checkpoint#{checkpoint['id']}": f"Plan is being drilled. {NOT_AGAIN}"}
    karbor.verification(checkpoint, "fail", resources_reason=refused)
    code, out, _err = run("exporter", "--once")
    assert code == 0
    (line,) = [x for x in out.splitlines() if x.startswith("karbor_manila_plan_last_drill_good{")]
    assert line.endswith(" 1.0")


def test_a_bad_drill_stays_bad_whatever_words_its_check_printed(karbor, rows):
    checkpoint = plan(karbor, "a")
    drilled(karbor, checkpoint, 1, "fail", f"The check ended with exit code 1. {NOT_AGAIN}")
    code, (row,) = rows("status")
    assert (code, row["Drill"]) == (3, "bad")
    karbor.scripts["verification"] = ends("fail", {key("s1"): "error"}, {key("s1"): NOT_AGAIN})
    code, (row,) = rows("drill", "--all", "--older-than", "1h")
    assert code == 3
    assert row["Result"].startswith("bad")


def test_another_refusal_is_none_of_these(karbor, rows, good):
    plan(karbor, "a")
    karbor.failures[("POST", "/verifications")] = [(400, "The checkpoint is error.")]
    code, (row,) = rows("drill", "--all", "--older-than", "7d")
    assert code == 3
    assert "Karbor refused" in row["Result"]


def test_one_that_fails_keeps_no_other_from_being_drilled(karbor, rows):
    for name in "abc":
        plan(karbor, name)
    karbor.scripts["verification"] = lambda record: ends(
        "fail" if record["checkpoint_id"] == "cp-1" else "success",
        {key("s1"): "error" if record["checkpoint_id"] == "cp-1" else "available"},
    )(record)
    code, seen = rows("drill", "--all", "--older-than", "1h", "--parallel", "1")
    assert code == 3
    assert [row["Result"] for row in seen] == ["bad", "good", "good"]


@pytest.mark.parametrize("text", ["", "7", "7 days", "0d", "-1d", "999999999w"])
def test_what_is_no_length_of_time_is_wrong_usage(karbor, run, text):
    code, _out, err = run("drill", "--all", f"--older-than={text}")
    assert code == 2
    assert "--older-than" in err
    assert not karbor.asked


def test_status_and_show_say_which_key_has_signed_a_drill(karbor, rows, run):
    checkpoint = plan(karbor, "home")
    told = json.dumps(DRILLED | {"at": NOW.isoformat(), "signed_by": "0123456789abcdef"})
    drilled(karbor, checkpoint, 1, reason=told)
    _code, (row,) = rows("status")
    assert row["Drill Signed By"] == ["0123456789abcdef"]
    assert "signed by 0123456789abcdef" in run("show", checkpoint["id"])[1]

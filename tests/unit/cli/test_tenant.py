# SPDX-License-Identifier: Apache-2.0
"""The tenant's commands, against a Karbor of requests-mock: outputs, exit codes, what is sent."""

import datetime
import json
import logging
import os
import subprocess
import sys

import pytest
import requests

from karbor_manila.cli.app import KarborManila, cloud_options_last
from karbor_manila.cli.tenant import api
from karbor_manila.cli.tenant.base import TenantCommand
from tests.fakes.karbor import ENVIRONMENT, PASSWORD, PROJECT, SHARE, TOKEN, FakeKarbor
from tests.unit.clock import FakeClock

NOW = datetime.datetime(2026, 11, 20, 12, 0, tzinfo=datetime.UTC)
PLAN = {"way": "new share", "source": {"snapshot_id": "snap"}, "new": {"name": "home", "size": 1}}
DRILLED = {"depth": "drill", "seconds": 4.2, "not_restored": [], "check": "passed"}


class Day(FakeClock):
    def utcnow(self):
        return NOW + datetime.timedelta(seconds=self.now() - 1000.0)


@pytest.fixture
def clock(monkeypatch):
    clock = Day()
    monkeypatch.setattr(TenantCommand, "clock", clock)
    return clock


@pytest.fixture
def karbor(requests_mock, monkeypatch, tmp_path, clock):
    for name in list(os.environ):
        if name.startswith("OS_"):
            monkeypatch.delenv(name)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return FakeKarbor(requests_mock)


@pytest.fixture
def logs():
    """The command configures logging for its process; the tests share theirs."""
    loggers = [logging.getLogger(), logging.getLogger("keystoneauth")]
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.fixture
def run(karbor, capsys, logs):
    """Run a command line: exit code, stdout, stderr."""

    def run(*argv):
        capsys.readouterr()
        try:
            code = KarborManila().run([str(word) for word in argv])
        except SystemExit as end:
            code = end.code
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@pytest.fixture
def rows(run):
    """Run a command line for JSON: exit code, what was printed."""

    def rows(*argv):
        code, out, _err = run(*argv, "-f", "json")
        return code, json.loads(out)

    return rows


def ends(status, statuses, reasons=None, looks=2):
    """A record's script: it ends at the second look."""
    end = {"status": status, "resources_status": statuses, "resources_reason": reasons or {}}
    return lambda _record: [{}] * (looks - 1) + [end]


def key(share_id):
    return f"{SHARE}#{share_id}"


# -- status ------------------------------------------------------------------------------------


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


def info_of(*entries, **more):
    return json.dumps({"left_out": list(entries)} | more)


def missing(share_id, name="wiki", kind="broken", reason="its status is error"):
    return {"type": SHARE, "id": share_id, "name": name, "reason": reason, "kind": kind}


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


# -- show --------------------------------------------------------------------------------------


def test_show_finds_the_provider_and_tells_all(karbor, rows):
    karbor.providers.insert(0, {"id": "other", "name": "theirs"})
    plan = karbor.plan("home", (SHARE, "s1"))
    info = {"reasons": {key("s1"): "why", "checkpoint#x": "all"}, "left_out": [{"id": "s9"}]}
    found = karbor.checkpoint(plan, "error", extra_info=json.dumps(info))
    karbor.verification(found, resources_status={key("s1"): "available"})
    karbor.verification({"id": "of another"})
    code, told = rows("show", found["id"])
    assert code == 3
    assert told["provider_id"] == "prov"
    assert told["shares"] == [{"name": "home", "id": "s1", "reason": "why"}]
    assert told["reasons"] == ["checkpoint#x: all"]
    assert told["left_out"] == [{"id": "s9"}]
    (verification,) = told["verifications"]
    assert (verification["depth"], verification["status"]) == ("drill", "success")
    assert verification["results"] == [{"id": "s1", "status": "available", "told": None}]


def test_a_graph_that_the_bank_has_decoded_is_read_too(karbor, rows):
    plan = karbor.plan("home", (SHARE, "s1"))
    graph = [{"0x0": [SHARE, "s1", "home", None], "0x1": [PROJECT, "p1", "p", None]}, []]
    found = karbor.checkpoint(plan, resource_graph=graph)
    assert rows("show", found["id"])[1]["shares"] == [{"name": "home", "id": "s1"}]
    unlisted = karbor.checkpoint(plan, "protecting", resource_graph=None, extra_info=None)
    assert rows("show", unlisted["id"])[1]["shares"] == []


def test_a_checkpoint_that_nobody_has_is_one_line(karbor, run):
    code, out, err = run("show", "nosuch")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "none of its providers has it" in err


def test_somebody_elses_checkpoint_is_karbors_own_word(karbor, run):
    karbor.failures[("GET", "/checkpoints/cp-1")] = [(403, "Access is not allowed")]
    code, _out, err = run("show", "cp-1")
    assert code == 1
    assert "HTTP 403, Access is not allowed." in err


# -- restore -----------------------------------------------------------------------------------


@pytest.fixture
def two(karbor):
    """A checkpoint of two shares."""
    plan = karbor.plan("both", (SHARE, "s1"), (SHARE, "s2"))
    return karbor.checkpoint(plan, shares=(("s1", "home"), ("s2", "wiki")))


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ((), {}),
        (
            ("--share", "home", "--name", "new", "--size", "3"),
            {
                SHARE: {"restore_name": "new", "size": "3", "include": "false"},
                key("s1"): {"include": "true"},
            },
        ),
        (("--exclude", "s2"), {key("s2"): {"include": "false"}}),
        (
            ("--in-place", "wiki", "--remove-newer", "--safety-copy"),
            {
                SHARE: {"include": "false"},
                key("s2"): {
                    "include": "true",
                    "share_id": "s2",
                    "remove_newer": "true",
                    "safety_copy": "true",
                },
            },
        ),
        (
            ("--in-place", "wiki", "--share", "home", "--description", "d", "--keep-failed"),
            {
                SHARE: {"include": "false", "keep_failed": "true"},
                key("s1"): {"include": "true", "restore_description": "d"},
                key("s2"): {"include": "true", "share_id": "s2"},
            },
        ),
        (
            ("--access-rules", "--public", "--no-metadata", "--set", "share_type=a=b"),
            {
                SHARE: {
                    "access_rules": "true",
                    "is_public": "true",
                    "metadata": "false",
                    "share_type": "a=b",
                }
            },
        ),
        (
            ("--for", "home", "restore_name=x", "size=2", "--for", "s2", "include=false"),
            {key("s1"): {"restore_name": "x", "size": "2"}, key("s2"): {"include": "false"}},
        ),
    ],
)
def test_options_become_parameters_of_the_type_and_of_each_share(karbor, run, two, options, sent):
    code, _out, err = run("restore", two["id"], *options)
    assert code == 0, err
    ((kind, body),) = karbor.asked
    assert (kind, body["checkpoint_id"], body["provider_id"]) == ("restore", two["id"], "prov")
    assert body["parameters"] == sent


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--name", "x"), "2 shares the same name"),
        (("--share", "nosuch"), "no share of this checkpoint: home (s1), wiki (s2)"),
        (("--remove-newer",), "--remove-newer needs --in-place"),
        (("--in-place", "s1", "--size", "3"), "only for a new share"),
        (("--share", "s1", "--exclude", "home"), "Asked for and excluded"),
        (("--set", "novalue"), "not KEY=VALUE"),
        (("--size", "0"), "--size"),
        (("--timeout", "soon"), "--timeout"),
    ],
)
def test_what_cannot_be_meant_is_2_and_nothing_is_asked_for(karbor, run, two, options, said):
    code, out, err = run("restore", two["id"], *options)
    assert (code, out) == (2, "")
    assert said in err
    assert karbor.asked == []


@pytest.fixture
def namesakes(karbor):
    """A checkpoint in which one share's id is the name of two others, and one has no name."""
    plan = karbor.plan("both", (SHARE, "s1"))
    shares = (("s1", "home"), ("s2", "s1"), ("s3", "s1"), ("s4", ""))
    return karbor.checkpoint(plan, shares=shares)


@pytest.mark.parametrize("command", ["restore", "verify"])
@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (("--share", "s1"), {SHARE: {"include": "false"}, key("s1"): {"include": "true"}}),
        (("--exclude", "s1"), {key("s1"): {"include": "false"}}),
        (
            ("--in-place", "s1"),
            {SHARE: {"include": "false"}, key("s1"): {"include": "true", "share_id": "s1"}},
        ),
        (("--for", "s1", "size=2"), {key("s1"): {"size": "2"}}),
    ],
)
def test_an_id_means_its_share_whatever_the_others_are_called(
    karbor, run, namesakes, command, options, sent
):
    code, _out, err = run(command, namesakes["id"], *options)
    assert code == 0, err
    ((_kind, body),) = karbor.asked
    assert body["parameters"].pop(SHARE, {}).items() >= sent.pop(SHARE, {}).items()
    assert body["parameters"] == sent


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("again", "'again' is the name of several shares: again (s2), again (s3)"),
        ("", "'' is no share of this checkpoint"),
    ],
)
@pytest.mark.parametrize("option", ["--share", "--exclude", "--in-place"])
def test_a_name_that_may_mean_several_is_refused(karbor, run, option, word, said):
    plan = karbor.plan("both", (SHARE, "s1"))
    shares = (("s1", "home"), ("s2", "again"), ("s3", "again"), ("s4", ""))
    made = karbor.checkpoint(plan, shares=shares)
    code, _out, err = run("restore", made["id"], option, word)
    assert code == 2
    assert said in err
    assert karbor.asked == []


def test_a_restore_that_is_waited_for_tells_each_new_share(karbor, rows, two, clock):
    told = {
        "restored_from": {"share_id": "s1", "snapshot_id": "snap"},
        "export_locations": ["h:/x"],
        "not_restored": ["Its 2 access rules."],
    }
    karbor.scripts["restore"] = ends(
        "success",
        {key("n1"): "available", key("s2"): "undefined"},
        {key("n1"): json.dumps(told), key("s2"): "Left out."},
        looks=30,
    )
    code, (first, second) = rows("restore", two["id"], "--wait")
    assert code == 0
    assert (first["Share"], first["New Share"], first["Status"]) == ("home", "n1", "available")
    assert first["Export Locations"] == ["h:/x"]
    assert first["Not Restored"] == ["Its 2 access rules."]
    assert (second["Share"], second["New Share"], second["Status"]) == ("wiki", None, "left out")
    assert max(clock.pauses[-3:]) > 2 * max(clock.pauses[:3])


def test_a_failed_restore_is_1_with_its_reasons(karbor, run, two):
    karbor.scripts["restore"] = ends("fail", {key("s1"): "error"}, {key("s1"): "No quota."})
    code, out, err = run("restore", two["id"], "--wait")
    assert (code, err) == (1, "No quota.\n")
    assert "home" in out


def test_a_restore_refused_at_once_is_1(karbor, run, two):
    karbor.failures[("POST", "/restores")] = [(400, "The parameters are bad")]
    code, out, err = run("restore", two["id"])
    assert (code, out) == (1, "")
    assert "HTTP 400, The parameters are bad." in err


def test_an_order_is_not_repeated(karbor, run, two):
    karbor.failures[("POST", "/restores")] = [requests.exceptions.ConnectionError("cut")]
    code, _out, err = run("restore", two["id"])
    assert code == 1
    assert karbor.calls.count("POST /restores") == 1
    assert "Traceback" not in err


def test_an_outage_while_waiting_is_ridden_out(karbor, run, two):
    script = ends("success", {key("s1"): "available"})
    outage = [requests.exceptions.ConnectionError("down")] * 6 + [(503, "busy")] * 6

    def begin(record):
        karbor.failures[("GET", f"/restores/{record['id']}")] = outage
        return script(record)

    karbor.scripts["restore"] = begin
    code, _out, err = run("restore", two["id"], "--wait")
    assert (code, err) == (0, "")
    assert outage == []


def test_a_wait_that_ends_says_that_the_work_goes_on_and_how_to_look(karbor, run, two):
    karbor.scripts["restore"] = lambda _record: []
    code, out, err = run("restore", two["id"], "--wait", "--timeout", 30)
    assert (code, out) == (1, "")
    assert "did not end within 30 seconds and goes on" in err
    assert f"karbor-manila show {two['id']}" in err


def test_a_dry_run_asks_for_the_plan_with_the_same_parameters_and_restores_nothing(
    karbor, rows, two
):
    karbor.scripts["verification"] = ends(
        "success",
        {key("s1"): "available", key("s2"): "undefined"},
        {
            key("s1"): json.dumps(PLAN | {"removes": ["snap-9"], "loses": ["All since."]}),
            key("s2"): "Left out.",
        },
    )
    code, (first, second) = rows("restore", two["id"], "--share", "home", "--dry-run")
    assert code == 0
    ((kind, body),) = karbor.asked
    assert kind == "verification"
    assert body["parameters"] == {
        SHARE: {"include": "false", "depth": "plan"},
        key("s1"): {"include": "true"},
    }
    assert (first["Way"], first["New Share"]) == ("new share", {"name": "home", "size": 1})
    assert first["Lost"] == ["All since.", "Newer snapshot snap-9 is removed."]
    assert (second["Way"], second["Cannot"]) == ("left out", None)


def test_a_dry_run_is_3_when_something_cannot_be_done(karbor, rows, two):
    karbor.scripts["verification"] = ends(
        "fail",
        {key("s1"): "available", key("s2"): "error"},
        {key("s1"): json.dumps(PLAN), key("s2"): "Snapshot gone."},
    )
    code, (first, second) = rows("restore", two["id"], "--dry-run")
    assert code == 3
    assert (first["Cannot"], second["Cannot"]) == (None, "Snapshot gone.")


# -- verify ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ((), {}),
        (("--depth", "plan"), {SHARE: {"depth": "plan"}}),
        (
            ("--depth", "drill", "--exclude", "s2"),
            {SHARE: {"depth": "drill"}, key("s2"): {"include": "false"}},
        ),
    ],
)
def test_verify_waits_and_tells_each_share(karbor, rows, two, options, sent):
    karbor.scripts["verification"] = ends(
        "success", {key("s1"): "available"}, {key("s1"): json.dumps(DRILLED)}
    )
    code, (first, second) = rows("verify", two["id"], *options)
    assert (code, karbor.asked[0][1]["parameters"]) == (0, sent)
    assert (first["Result"], first["Told"]) == ("good", DRILLED)
    assert (second["Result"], second["Told"]) == ("good", None)


@pytest.mark.parametrize(
    "command", [("verify",), ("restore", "--dry-run"), ("drill",)], ids=" ".join
)
def test_what_a_verification_passed_over_is_named_and_is_well(karbor, run, two, command):
    statuses = {key("s1"): "available", key("s2"): "available", f"{PROJECT}#p1": "undefined"}
    told = {key("s1"): json.dumps(PLAN), key("s2"): json.dumps(PLAN)}
    said = "The plugin knows no operation 'verify'. It is passed over."
    karbor.scripts["verification"] = ends("success", statuses, told | {f"{PROJECT}#p1": said})
    name, *options = command
    code, out, err = run(name, two["id"], *options)
    assert code == 0
    assert said in err
    assert "home" in out


def test_verify_is_3_when_a_share_is_not_good(karbor, rows, two):
    karbor.scripts["verification"] = ends(
        "fail", {key("s1"): "available", key("s2"): "error"}, {key("s2"): "Gone."}
    )
    code, (first, second) = rows("verify", two["id"])
    assert (code, first["Result"], second["Result"]) == (3, "good", "bad")
    assert second["Told"] == "Gone."


def test_the_reason_of_a_refused_verification_is_told(karbor, run, two):
    reasons = {f"checkpoint#{two['id']}": "It is being deleted."}
    karbor.scripts["verification"] = ends("fail", {}, reasons)
    code, _out, err = run("verify", two["id"])
    assert (code, err) == (3, "It is being deleted.\n")


def test_verify_need_not_wait(karbor, rows, two, clock):
    code, seen = rows("verify", two["id"], "--no-wait")
    assert (code, clock.pauses) == (0, [])
    assert {row["Result"] for row in seen} == {"under way"}


# -- drill -------------------------------------------------------------------------------------


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


# -- all of them -------------------------------------------------------------------------------


def test_a_question_is_repeated_while_karbor_is_away_for_a_moment(karbor, rows):
    karbor.failures[("GET", "/plans")] = [(503, "busy"), requests.exceptions.ConnectionError("x")]
    assert rows("status") == (0, [])


def test_karbor_being_down_is_one_line(karbor, run):
    karbor.failures[("GET", "/plans")] = [requests.exceptions.ConnectionError("down")] * 9
    code, out, err = run("status")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1


def test_missing_credentials_are_one_line(run, monkeypatch):
    for name in ENVIRONMENT:
        monkeypatch.delenv(name)
    code, _out, err = run("status")
    assert (code, err.count("\n")) == (1, 1)
    assert "--os-cloud" in err


def test_clouds_yaml_is_read_with_the_option_before_and_after_the_command(
    karbor, rows, monkeypatch, tmp_path
):
    names = ("auth_url", "username", "password", "project_name", "user_domain_id")
    auth = {name: ENVIRONMENT[f"OS_{name.upper()}"] for name in names}
    cloud = {"auth": {**auth, "project_domain_id": "default"}, "region_name": "RegionOne"}
    clouds = tmp_path / "clouds.yaml"
    clouds.write_text(json.dumps({"clouds": {"mine": cloud}}))
    for name in ENVIRONMENT:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds))
    assert rows("--os-cloud", "mine", "status") == (0, [])
    assert rows("status", "--os-cloud=mine") == (0, [])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--os-cloud", "a", "status"], ["status", "--os-cloud", "a"]),
        (["-v", "--os-cloud=a", "show", "x"], ["-v", "show", "x", "--os-cloud=a"]),
        (["--log-file", "f", "--os-cloud", "a", "s"], ["--log-file", "f", "s", "--os-cloud", "a"]),
        (["audit", "--fix"], ["audit", "--fix"]),
    ],
)
def test_options_of_the_cloud_may_stand_first(given, expected):
    assert cloud_options_last(given) == expected


@pytest.mark.parametrize("verbosity", ["-v", "-vv", "--debug"])
def test_neither_password_nor_token_is_ever_printed(karbor, run, two, verbosity):
    for argv in (("status",), ("restore", two["id"], "--wait"), ("show", "nosuch")):
        _code, out, err = run(verbosity, *argv)
        assert TOKEN not in out + err
        assert PASSWORD not in out + err
    assert PASSWORD not in run("help", "status")[1]


def test_a_tenants_command_loads_neither_karbor_nor_eventlet():
    code = (
        "import sys\n"
        "from karbor_manila.cli import app, columns\n"
        "from karbor_manila.cli.operator import commands\n"
        "from karbor_manila.cli.tenant import api, asking, base, cloud, drill, following\n"
        "from karbor_manila.cli.tenant import overview, reading, restore, show, status, verify\n"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('karbor', 'eventlet')))\n"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout == "[]\n"


def test_the_list_of_commands_loads_nothing_that_takes_long():
    code = (
        "import sys\n"
        "from karbor_manila.cli.app import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "slow = ('karbor', 'eventlet', 'openstack', 'keystoneauth1', 'oslo_log', 'manilaclient')\n"
        "print(sorted({m.split('.')[0] for m in sys.modules} & set(slow)))\n"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "restore" in seen.stdout
    assert seen.stdout.splitlines()[-1] == "[]"

# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila restore``: what is sent, what is told of each new share, exit codes."""

import json

import pytest
import requests

from tests.fakes.karbor import SHARE
from tests.unit.cli.tenant.saying import PLAN, ends, key


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
            ("--into", "home", "t1", "--in-place", "wiki", "--safety-copy"),
            {
                SHARE: {"include": "false"},
                key("s1"): {"include": "true", "share_id": "t1"},
                key("s2"): {"include": "true", "share_id": "s2", "safety_copy": "true"},
            },
        ),
        (
            ("--into", "home", "t1", "--share", "wiki", "--size", "3"),
            {
                SHARE: {"include": "false"},
                key("s1"): {"include": "true", "share_id": "t1"},
                key("s2"): {"include": "true", "size": "3"},
            },
        ),
        (("--as-group",), {SHARE: {"as_group": "true"}}),
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


NO_TIMES = ("nan", "inf", "-5", "1e300")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--name", "x"), "2 shares the same name"),
        (("--share", "nosuch"), "no share of this checkpoint: home (s1), wiki (s2)"),
        (("--remove-newer",), "--remove-newer needs --in-place"),
        (("--in-place", "s1", "--size", "3"), "only for a new share"),
        (("--into", "s1", "t1", "--as-group"), "--into makes none"),
        (("--into", "s1", "t1", "--in-place", "home"), "into one share alone"),
        (("--into", "s1", "t1", "--into", "s2", "t1"), "of one share alone"),
        (("--into", "s1", "t1", "--exclude", "s1"), "Asked for and excluded"),
        (("--share", "s1", "--exclude", "home"), "Asked for and excluded"),
        (("--set", "novalue"), "not KEY=VALUE"),
        (("--size", "0"), "--size"),
        (("--timeout", "soon"), "--timeout"),
        *((("--timeout", text), f"{text!r} is no number from 0 to") for text in NO_TIMES),
    ],
)
def test_what_cannot_be_meant_is_2_and_nothing_is_asked_for(karbor, run, two, options, said):
    code, out, err = run("restore", two["id"], *options)
    assert (code, out) == (2, "")
    assert said in err
    assert karbor.asked == []


@pytest.mark.parametrize("command", [("verify",), ("restore",), ("restore", "--dry-run")])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--set", "depth=drill"), "Use --depth of verify"),
        (("--for", "home", "depth=drill"), "Use --depth of verify"),
        (("--for", "home", "size=2", "depth=plan"), "Use --depth of verify"),
        (("--for", "home", "size"), "not KEY=VALUE"),
        (("--set", "=3"), "not KEY=VALUE"),
    ],
)
def test_a_pair_that_cannot_be_meant_is_2_before_karbor_is_asked_for_anything(
    run, two, requests_mock, command, options, said
):
    code, out, err = run(*command, two["id"], *options)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not requests_mock.called


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
        "remarks": ["The hook 'app' failed."],
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
    assert first["Not Restored"] == ["Its 2 access rules.", "The hook 'app' failed."]
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

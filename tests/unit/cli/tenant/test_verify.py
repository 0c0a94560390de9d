# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila verify``: what is sent, what is told of each share, exit codes."""

import json

import pytest

from tests.fakes.karbor import PROJECT, SHARE
from tests.unit.cli.tenant.saying import DRILLED, PLAN, ends, key


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

# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila hold`` and ``release``: what is asked of Karbor, and what is told."""

import json
from pathlib import Path

import pytest

from tests.fakes.karbor import SHARE
from tests.unit.cli.tenant.saying import ends

SCHEMAS = Path(__file__).parents[4] / "schemas"
HELD = {
    "why": "audit",
    "by": "u1",
    "project": "p1",
    "since": "2026-11-20T12:00:00+00:00",
    "until": "2026-12-31",
}


def says(karbor, checkpoint, **told):
    text = json.dumps(told)
    of = f"checkpoint#{checkpoint['id']}"
    karbor.scripts["verification"] = ends("success", {of: "available"}, {of: text})


def asked(karbor):
    ((_kind, body),) = karbor.asked
    return body["parameters"]


def test_a_checkpoint_is_held(karbor, rows, two):
    says(karbor, two, depth="hold", way="held", told="Checkpoint is held.", hold=HELD)
    code, found = rows("hold", two["id"], "--why", "audit", "--until", "2026-12-31")
    assert code == 0
    shown = {name: value for name, value in HELD.items() if name != "project"}
    assert found == {"checkpoint": two["id"], "result": "held"} | shown
    wanted = {"depth": "hold", "hold_why": "audit", "hold_until": "2026-12-31"}
    assert asked(karbor) == {SHARE: wanted}


def test_it_is_told_to_people(karbor, run, two):
    says(karbor, two, depth="hold", way="held", told="Checkpoint x is held.", hold=HELD)
    code, out, err = run("hold", two["id"], "--why", "audit")
    assert (code, err.strip()) == (0, "Checkpoint x is held.")
    assert "2026-12-31" in out
    assert "hold_until" not in asked(karbor)[SHARE]


def test_a_checkpoint_is_released(karbor, rows, two):
    says(karbor, two, depth="release", way="released", told="It is released.", hold=HELD)
    code, found = rows("release", two["id"])
    assert (code, found["result"]) == (0, "released")
    assert asked(karbor) == {SHARE: {"depth": "release"}}


def test_a_refusal_is_told_with_its_reason(karbor, run, two):
    of = f"checkpoint#{two['id']}"
    karbor.scripts["verification"] = ends("fail", {of: "error"}, {of: "It is held by another."})
    code, _out, err = run("hold", two["id"], "--why", "audit")
    assert (code, err.count("It is held by another.")) == (1, 1)


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        ((), "--why"),
        (("--why", " "), "Say why"),
        (("--why", "ä" * 256), "--why has 256 characters: it is 255 at most"),
        (("--why", "audit", "--until", "soon"), "YYYY-MM-DD"),
        (("--why", "audit", "--until", "2026-11-19"), "it is over; today is 2026-11-20"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_asked_for(run, two, requests_mock, argv, why):
    code, _out, err = run("hold", two["id"], *argv)
    assert code == 2
    assert why in err
    assert not requests_mock.called


def test_the_reason_may_be_as_long_as_karbor_takes_it(karbor, run, two):
    longest = json.loads((SCHEMAS / "verify.json").read_text())["properties"]["hold_why"]
    says(karbor, two, depth="hold", way="held", told="It is held.", hold=HELD)
    assert run("hold", two["id"], "--why", "ä" * longest["maxLength"])[0] == 0


def test_the_hold_is_shown_until_it_is_over(karbor, rows, run):
    plan = karbor.plan("one", (SHARE, "s1"))
    held = karbor.checkpoint(plan, extra_info=json.dumps({"hold": HELD}))
    over = karbor.checkpoint(plan, extra_info=json.dumps({"hold": HELD | {"until": "2026-11-19"}}))
    assert rows("show", held["id"])[1]["held"] == HELD
    assert "why: audit" in run("show", held["id"])[1]
    assert rows("show", over["id"])[1]["held"] == {}

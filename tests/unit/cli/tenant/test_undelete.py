# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila undelete`` and ``purge``: what is asked of Karbor, and what is told."""

import json

import pytest

from tests.fakes.karbor import SHARE
from tests.unit.cli.tenant.saying import ends

WAITS = {
    "asked": "2026-11-20T12:00:00+00:00",
    "due": "2026-11-21T12:00:00+00:00",
    "by": "u1",
    "was": "available",
}


@pytest.mark.parametrize(("command", "way"), [("undelete", "undeleted"), ("purge", "purged")])
def test_a_deletion_that_waits_is_taken_back_or_carried_out(karbor, run, two, command, way):
    of = f"checkpoint#{two['id']}"
    told = json.dumps({"depth": command, "way": way, "told": "It is so."})
    karbor.scripts["verification"] = ends("success", {of: "available"}, {of: told})
    code, out, err = run(command, two["id"], "-f", "json")
    assert (code, err.strip()) == (0, "It is so.")
    assert json.loads(out) == {"checkpoint": two["id"], "result": way}
    ((_kind, body),) = karbor.asked
    assert body["parameters"] == {SHARE: {"depth": command}}


def test_a_refusal_is_told_with_its_reason(karbor, run, two):
    of = f"checkpoint#{two['id']}"
    karbor.scripts["verification"] = ends("fail", {of: "error"}, {of: "The quota is full."})
    code, _out, err = run("undelete", two["id"])
    assert (code, err.count("The quota is full.")) == (1, 1)


def test_what_waits_is_shown_as_not_well_and_with_its_end(karbor, rows):
    plan = karbor.plan("one", (SHARE, "s1"))
    info = json.dumps({"deletion": WAITS})
    waits = karbor.checkpoint(plan, status="pending-delete", extra_info=info)
    code, shown = rows("show", waits["id"])
    assert (code, shown["status"], shown["deletion"]) == (3, "pending-delete", WAITS)
    back = karbor.checkpoint(plan, extra_info=info)
    assert rows("show", back["id"])[1]["deletion"] == {}


def test_a_plan_whose_checkpoint_waits_has_no_good_one(karbor, rows):
    plan = karbor.plan("one", (SHARE, "s1"))
    karbor.checkpoint(plan, status="pending-delete", extra_info=json.dumps({"deletion": WAITS}))
    code, (row,) = rows("status")
    assert (code, row["Not Well"]) == (3, ["no good checkpoint"])

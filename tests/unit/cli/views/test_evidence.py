# SPDX-License-Identifier: Apache-2.0
"""What is kept of drills is on the page: what, when, how long, what was compared, and by whom."""

import json
import math

import pytest

from karbor_manila.cli.errors import WrongUsage
from karbor_manila.cli.page import render
from karbor_manila.cli.views import evidence
from karbor_manila.cli.views.as_json import as_json
from karbor_manila.cli.views.face import face
from tests.fakes.listed import DAY, HOUR, NOW, SHARE, World

ROW = {
    "At": "2026-11-26T10:00:00+00:00",
    "Result": "good",
    "Share": "s1",
    "Checkpoint": "cp-0",
    "Verification": "ver-0",
    "Project": "p1",
    "Seconds": 4.26,
    "Check": "passed",
    "Compared": {"files": 200, "of": 1000, "manifest": "good"},
    "Reason": None,
    "By": {"user": "u1", "project": "p1", "host": "ctl1"},
    "Signature": "good",
}
BAD = ROW | {"At": "2026-11-27T10:00:00+00:00", "Result": "bad", "Seconds": None, "Compared": {}}


def test_what_the_bank_keeps_of_drills_is_on_the_page_with_who_asked():
    world = World()
    world.share("s1", "homes")
    found = face(world.listed(), drilled=evidence.read([ROW, BAD | {"Reason": "A file differs."}]))
    assert [item.result for item in found.evidence] == ["bad", "good"]
    page = render.page(found, NOW)
    for said in ("homes", "200 files compared", "4.3 s", "user u1", "A file differs."):
        assert said in page
    assert json.dumps(as_json(found))


def test_what_changed_after_it_was_signed_says_nothing_but_that():
    row = ROW | {"Result": "", "Seconds": None, "Compared": {}, "By": {}, "Signature": "bad"}
    (found,) = evidence.read([row])
    assert (found.result, found.by, found.compared, found.signature) == ("", "", "", "bad")


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -1, 1e300, 10**400, True, "4"])
def test_what_took_no_length_of_time_is_damaged_and_says_nothing_else(seconds):
    world = World()
    world.share("s1", "homes")
    drilled = evidence.read([ROW | {"Seconds": seconds}])
    found = face(world.listed(), drilled=drilled)
    (item,) = found.evidence
    assert (item.share_name, item.signature) == ("homes", "damaged")
    assert (item.result, item.seconds, item.compared, item.by) == ("", None, "", "")
    assert "damaged" in render.page(found, NOW)
    assert json.dumps(as_json(found), allow_nan=False)


@pytest.mark.parametrize("wrong", [[{"Plan": 1}], 7, ["x"], None, {"a": 1}, {}, ""])
def test_what_is_no_list_of_results_is_refused(wrong):
    with pytest.raises(WrongUsage, match="drill results -f json"):
        evidence.read(wrong)


def test_without_the_operators_list_the_last_drills_are_told_and_where_the_rest_is():
    world = World()
    for share in ("s1", "s2"):
        world.share(share)
    made = world.checkpoint(world.plan("home", "s1", "s2"), HOUR)
    world.drill(made, 2 * DAY, {"s1": 4.0}, signed_by="key-1", compared={"files": 7})
    world.drill(made, DAY, {}, {"s2": "The check said no."})
    found = face(world.listed())
    assert [share.id for share in found.proofs.told] == ["s2", "s1"]
    drill = found.proofs.told[1].drill
    assert (drill.compared, drill.signed_by, drill.checkpoint_id) == (
        "7 files compared",
        "key-1",
        "cp-0",
    )
    page = render.page(found, NOW)
    assert "key-1" in page
    assert "karbor-manila drill results -f json" in page


def test_a_drill_that_tells_odd_things_ends_no_page():
    for odd in (
        math.nan,
        math.inf,
        -1,
        10**400,
        None,
        7,
        "x",
        [1],
        {"files": {"a": 1}},
        {"files": 1, "not_compared": []},
    ):
        world = World()
        world.share("s1")
        made = world.checkpoint(world.plan("home", "s1"), HOUR)
        world.drill(made, DAY, {"s1": 4.0}, compared=odd, signed_by=odd)
        reason = world.drill(made, 2 * DAY, {"s1": 4.0})["resources_reason"]
        reason[f"{SHARE}#s1"] = json.dumps({"at": odd, "seconds": odd, "signed_by": odd})
        found = face(world.listed())
        assert json.dumps(as_json(found), allow_nan=False)
        assert render.page(found, NOW)

# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila show``: all that a checkpoint is."""

import json

from tests.fakes.karbor import PROJECT, SHARE
from tests.unit.cli.tenant.saying import key


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


def test_access_that_was_given_is_shown_with_its_end(karbor, run):
    found = karbor.checkpoint(karbor.plan("home", (SHARE, "s1")))
    access = {"type": "ip", "to": "10.0.0.7", "until": "2026-11-20T13:00:00+00:00"}
    told = json.dumps({"depth": "browse", "way": "granted", "access": access})
    karbor.verification(
        found, resources_status={key("s1"): "available"}, resources_reason={key("s1"): told}
    )
    _code, out, _err = run("show", found["id"])
    assert "s1 available: granted 10.0.0.7 until 2026-11-20T13:00:00+00:00" in out


def test_what_hooks_could_not_do_is_shown(karbor, run):
    remarks = {key("s1"): "The hook 'app' failed in its post of protect: no answer."}
    plan = karbor.plan("home", (SHARE, "s1"))
    found = karbor.checkpoint(plan, extra_info=json.dumps({"remarks": remarks}))
    said = ["The hook 'app' failed in its post of drill: no answer."]
    told = json.dumps({"depth": "drill", "seconds": 3.0, "remarks": said})
    karbor.verification(
        found, resources_status={key("s1"): "available"}, resources_reason={key("s1"): told}
    )
    _code, out, _err = run("show", found["id"])
    assert "in its post of protect" in out
    assert "s1 available: 3.0 s; The hook 'app' failed in its post of drill: no answer." in out


def test_how_far_each_share_is_is_told_while_it_goes_on(karbor, rows):
    found = karbor.checkpoint(karbor.plan("home", (SHARE, "s1")), "protecting")
    karbor.log("protect", found["id"], "2026-01-01T00:00:00", "in_progress")
    said = json.dumps({"progress": {key("s1"): "backup 40 %"}})
    karbor.operation_logs[0] |= {"ended_at": None, "extra_info": said}
    assert rows("show", found["id"])[1]["progress"] == ["protect: home (s1): backup 40 %"]
    karbor.operation_logs[0]["ended_at"] = "2026-01-01T01:00:00"
    assert rows("show", found["id"])[1]["progress"] == []

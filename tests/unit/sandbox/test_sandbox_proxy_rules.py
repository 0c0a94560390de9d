# SPDX-License-Identifier: Apache-2.0
"""Which rule acts, and what is counted under which name."""

import pytest

from sandbox.proxy.counts import Counts, template
from sandbox.proxy.rules import BadRule, Rule, Rules

UUID = "4c8de6b7-b493-4842-b06f-c20e86c86206"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"/v2/shares/{UUID}", "/v2/shares/{id}"),
        (f"/v2/shares/{UUID}/action", "/v2/shares/{id}/action"),
        (f"/v2/{UUID.replace('-', '')}/shares", "/v2/{id}/shares"),
        ("/v2/shares/detail", "/v2/shares/detail"),
        ("/v2/things/17", "/v2/things/{id}"),
        (f"/v2/things/17/metadata/of-{UUID}", "/v2/things/{id}/metadata/of-{id}"),
        ("/", "/"),
    ],
)
def test_ids_are_taken_out_of_paths(path, expected):
    assert template(path) == expected


def test_counts_are_kept_by_method_and_route():
    counts = Counts()
    for number in (1, 2):
        counts.add("GET", f"/v2/shares/{number}")
    counts.add("DELETE", "/v2/shares/1")
    assert counts.as_dict() == {"DELETE /v2/shares/{id}": 1, "GET /v2/shares/{id}": 2}
    assert counts.in_order() == ["GET /v2/shares/{id}"] * 2 + ["DELETE /v2/shares/{id}"]
    counts.clear()
    assert counts.as_dict() == {}
    assert counts.in_order() == []


def acted(rules, number, method="POST", path="/v2/snapshots"):
    """Return on which of so many requests, counted from 1, a rule acted."""
    return [n for n in range(1, number + 1) if rules.take(method, path)]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, [1]),
        ({"nth": 3}, [3]),
        ({"nth": 2, "times": 2}, [2, 3]),
        ({"nth": 2, "times": None}, [2, 3, 4, 5]),
    ],
)
def test_a_rule_acts_from_the_nth_match_so_many_times(more, expected):
    rules = Rules()
    rules.add(Rule.reset("POST", "/snapshots$", **more))
    assert acted(rules, 5) == expected


def test_method_and_path_must_both_match():
    rule = Rule.reset("POST", "^/v2/snapshots$")
    assert rule.matches("POST", "/v2/snapshots")
    assert not rule.matches("GET", "/v2/snapshots")
    assert not rule.matches("POST", "/v2/snapshots/detail")
    assert Rule.reset("*", "snapshots").matches("DELETE", "/v2/snapshots/1")


def test_the_first_rule_that_is_due_acts_and_the_others_count_on():
    rules = Rules()
    rules.add(Rule.answer("POST", "snapshots", 500))
    rules.add(Rule.answer("POST", "snapshots", 503, nth=2))
    taken = [rules.take("POST", "/v2/snapshots") for _ in range(3)]
    assert [rule.status if rule else None for rule in taken] == [500, 503, None]
    assert [(entry["seen"], entry["hits"]) for entry in rules.report()] == [(3, 1), (3, 1)]


def test_rules_are_lifted():
    rules = Rules()
    first = rules.add(Rule.reset("POST", "snapshots"))
    assert rules.remove(first)
    assert not rules.remove(first)
    rules.add(Rule.reset("POST", "snapshots"))
    rules.clear()
    assert rules.report() == []


def test_a_rule_survives_json():
    headers = {"Retry-After": "0"}
    rule = Rule.answer("POST", "x", 413, {"overLimit": {}}, headers=headers, times=None)
    assert Rule.parse(rule.as_dict()) == rule


@pytest.mark.parametrize(
    "values",
    [
        {"method": "GET", "path": "x", "action": "explode"},
        {"method": "GET", "path": "(", "action": "reset"},
        {"method": "GET", "path": "x", "action": "reset", "nth": 0},
        {"method": "GET", "path": "x", "action": "reset", "times": 0},
        {"method": "GET", "path": "x", "action": "delay", "seconds": -1},
        {"method": "GET", "path": "x", "action": "reset", "colour": "red"},
        {"method": "GET", "path": "x", "action": "reset", "pid": 4711},
        {"method": "GET", "path": "x", "action": "kill"},
        {"method": "GET", "path": "x", "action": "pause"},
        {"method": "GET", "path": "x", "action": "kill", "pid": 1},
        {"method": "GET", "path": "x", "action": "kill", "pid": -4711},
        {"method": "GET", "path": "x", "action": "kill", "pid": "4711"},
        {"method": "GET", "path": "x", "action": "kill", "pid": 4711, "side": "during"},
        {"method": "GET"},
        ["not", "an", "object"],
    ],
)
def test_a_rule_that_means_nothing_is_refused(values):
    with pytest.raises(BadRule):
        Rule.parse(values)

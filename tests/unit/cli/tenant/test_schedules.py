# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila schedules import``: a user makes the schedules of a lost database again."""

import itertools
import json
import re
import uuid
from pathlib import Path

import pytest

from tests.fakes.karbor import KARBOR_URL
from tests.unit.planned import schedule

PLAN = "plan-books"
PROJECT = "p1"


class Engine:
    """Triggers and schedules of a Karbor of requests-mock."""

    def __init__(self, mock):
        self.triggers, self.operations, self.refused = [], [], None
        self.ids = (str(uuid.uuid4()) for _ in itertools.count())
        self.other_is_quicker = False  # to remove one
        self.meanwhile = []  # what others do before an operation is stored, the next one last
        base = KARBOR_URL
        mock.get(f"{base}/triggers", json=lambda *_: {"triggers": self.triggers})
        mock.get(f"{base}/scheduled_operations", json=lambda *_: {"operations": self.operations})
        mock.post(f"{base}/triggers", json=self._trigger)
        mock.post(f"{base}/scheduled_operations", json=self._operation)
        mock.delete(re.compile(f"{base}/scheduled_operations/"), json=self._removed)

    def _trigger(self, request, _context):
        asked = request.json()["trigger_info"]
        properties = {name: str(value) for name, value in asked["properties"].items()}
        made = asked | {"id": str(uuid.uuid4()), "properties": properties}
        self.triggers.append(made)
        return {"trigger_info": made}

    def _operation(self, request, context):
        asked = request.json()["scheduled_operation"]
        if self.refused:
            context.status_code = 400
            return {"badRequest": {"code": 400, "message": self.refused}}
        made = {"description": None, "enabled": True} | asked | {"id": next(self.ids)}
        if self.meanwhile:
            self.meanwhile.pop()()
        self.operations.append(made)
        return {"scheduled_operation": made}

    def _removed(self, request, context):
        gone = request.path.rpartition("/")[2]
        there = [each for each in self.operations if each["id"] == gone]
        there = [] if self.other_is_quicker else there
        context.status_code = 202 if there else 404
        self.operations = [each for each in self.operations if each["id"] != gone]
        return {} if there else {"itemNotFound": {"code": 404, "message": "gone"}}


@pytest.fixture
def engine(karbor, requests_mock):
    karbor.plan("books")
    return Engine(requests_mock)


def lost(name="daily", **fields):
    definition = {"provider_id": "p-1", "plan_id": PLAN}
    return schedule(name, operation_definition=definition) | fields


def told(tmp_path: Path, *schedules, project=PROJECT, column="Lost Schedules"):
    """What the list of plans printed."""
    row = {"Plan": PLAN, "Project": project, "Schedules": [], "Lost Schedules": []}
    path = tmp_path / "plans.json"
    path.write_text(json.dumps([row | {column: list(schedules)}]))
    return path


def states(rows):
    return {row["Name"]: row["State"] for row in rows}


@pytest.mark.parametrize("column", ["Lost Schedules", "Schedules"])
def test_a_lost_schedule_is_made_again_with_its_trigger_and_only_once(
    rows, engine, tmp_path, column
):
    was = lost()
    file = told(tmp_path, was, column=column)
    for state in ("made", "there already"):
        code, shown = rows("schedules", "import", file)
        assert (code, states(shown)) == (0, {"daily": state})
    (made,) = engine.operations
    (trigger,) = engine.triggers
    assert shown[0]["Schedule"] == made["id"] != was["id"]
    assert made["operation_definition"] == was["operation_definition"]
    assert made["trigger_id"] == trigger["id"] != was["trigger"]["id"]
    assert trigger["properties"] == was["trigger"]["properties"]


@pytest.mark.parametrize("ids", [("a", "b"), ("b", "a")])
def test_of_two_who_run_it_at_once_one_makes_it_whoever_is_first(rows, engine, tmp_path, ids):
    file, others = told(tmp_path, lost(), lost("weekly")), []
    engine.ids = iter([f"{ids[0]}1", f"{ids[1]}1", f"{ids[1]}2", f"{ids[0]}2"])
    engine.meanwhile = [lambda: others.extend(rows("schedules", "import", file))]
    code, shown = rows("schedules", "import", file)
    assert sorted(each["name"] for each in engine.operations) == ["daily", "weekly"]
    assert (code, others[0]) == (0, 0)
    assert {row["Schedule"] for row in shown} == {each["id"] for each in engine.operations}
    assert rows("schedules", "import", file)[1][0]["State"] == "there already"


def test_what_the_other_one_has_removed_meanwhile_is_removed(rows, engine, tmp_path):
    file = told(tmp_path, lost())
    engine.ids = iter(["b", "a"])
    engine.meanwhile = [lambda: rows("schedules", "import", file)]
    engine.other_is_quicker = True
    code, shown = rows("schedules", "import", file)
    assert (code, states(shown)) == (0, {"daily": "there already"})
    assert [each["id"] for each in engine.operations] == ["a"]


@pytest.mark.parametrize("window", ["many", "NaN", "Infinity"])
def test_a_damaged_window_is_wrong_usage_and_nothing_is_made(run, engine, tmp_path, window):
    was = lost()
    damaged = was["trigger"]["properties"] | {"window": "damage"}
    trigger = was["trigger"] | {"properties": damaged}
    file = told(tmp_path, lost("good"), was | {"trigger": trigger})
    plain = window if window == "many" else float(window)
    file.write_text(file.read_text().replace('"damage"', json.dumps(plain)))
    code, _out, err = run("schedules", "import", file)
    assert (code, engine.triggers) == (2, [])
    assert "plans list -f json" in err


@pytest.mark.parametrize(
    "damage",
    [
        *({name: "gone"} for name in ("enabled", "description", "name", "operation_type")),
        {"operation_definition": {"provider_id": "p-1"}},
        {"operation_definition": {"plan_id": ["plan-books"]}},
        {"operation_definition": "plan-books"},
        {"enabled": "no"},
        {"description": ["text"]},
        {"trigger": {"type": "time", "properties": {}}},
        {"trigger": {"name": "at night", "type": "time", "properties": []}},
    ],
    ids=str,
)
def test_a_damaged_schedule_behind_a_good_one_is_wrong_usage_and_nothing_is_made(
    run, engine, tmp_path, requests_mock, damage
):
    damaged = lost("damaged") | damage
    damaged = {name: value for name, value in damaged.items() if value != "gone"}
    code, out, err = run("schedules", "import", told(tmp_path, lost("good"), damaged))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "plans list -f json" in err
    assert not [each for each in requests_mock.request_history if each.url.startswith(KARBOR_URL)]


def test_the_window_of_a_trigger_is_a_number_as_karbors_api_wants_it(
    rows, engine, tmp_path, requests_mock
):
    rows("schedules", "import", told(tmp_path, lost()))
    (posted,) = (
        request.json()["trigger_info"]["properties"]
        for request in requests_mock.request_history
        if request.method == "POST" and request.path.endswith("/triggers")
    )
    assert posted["window"] == 30


def test_two_schedules_of_one_trigger_have_one_again(rows, engine, tmp_path):
    one = lost("one")
    two = lost("two", trigger=one["trigger"])
    rows("schedules", "import", told(tmp_path, one, two))
    assert (len(engine.operations), len(engine.triggers)) == (2, 1)


def test_who_was_stopped_after_the_trigger_makes_no_second_one(rows, engine, tmp_path):
    engine.refused = "The window is too long."
    file = told(tmp_path, lost())
    code, shown = rows("schedules", "import", file)
    assert (code, len(engine.triggers)) == (3, 1)
    assert "The window is too long" in states(shown)["daily"]
    engine.refused = None
    assert states(rows("schedules", "import", file)[1]) == {"daily": "made"}
    assert len(engine.triggers) == 1


@pytest.mark.parametrize("nothing", [None, "None", ""])
def test_a_trigger_with_a_property_that_says_nothing_is_made_again_only_once(
    rows, engine, tmp_path, nothing
):
    was = lost()
    properties = was["trigger"]["properties"] | {"end_time": nothing}
    file = told(tmp_path, was | {"trigger": was["trigger"] | {"properties": properties}})
    for state in ("made", "there already"):
        assert states(rows("schedules", "import", file)[1]) == {"daily": state}
    assert (len(engine.operations), len(engine.triggers)) == (1, 1)


def test_one_that_is_refused_does_not_hold_up_the_others(rows, engine, tmp_path):
    gone = lost("of a lost plan")
    gone["operation_definition"] = {"provider_id": "p-1", "plan_id": str(uuid.uuid4())}
    code, shown = rows("schedules", "import", told(tmp_path, gone, lost()))
    assert code == 3
    assert "plans import first" in states(shown)["of a lost plan"]
    assert states(shown)["daily"] == "made"


def test_a_dry_run_makes_nothing(rows, engine, tmp_path):
    code, shown = rows("schedules", "import", "--dry-run", told(tmp_path, lost()))
    assert (code, states(shown)) == (0, {"daily": "to be made"})
    assert engine.operations == engine.triggers == []


def test_those_of_another_project_are_passed_over(rows, engine, tmp_path):
    code, shown = rows("schedules", "import", told(tmp_path, lost(), project="another"))
    assert (code, shown) == (0, [])


def test_one_that_was_disabled_is_left_out(rows, engine, tmp_path):
    code, shown = rows("schedules", "import", told(tmp_path, lost(enabled=False)))
    assert (code, states(shown)) == (0, {"daily": "it was disabled and is left out"})


@pytest.mark.parametrize("text", ["", "{}x", "[1]", '[{"Project": "p1"}]', "3", "{}", '""', "null"])
def test_a_file_that_is_something_else_is_wrong_usage(run, engine, tmp_path, text):
    file = tmp_path / "plans.json"
    file.write_text(text)
    code, _out, err = run("schedules", "import", file)
    assert (code, engine.triggers) == (2, [])
    assert "file" in err or "JSON" in err


def test_a_file_that_is_not_there_is_wrong_usage(run, engine, tmp_path):
    code, _out, err = run("schedules", "import", tmp_path / "nowhere")
    assert (code, "No such file" in err) == (2, True)

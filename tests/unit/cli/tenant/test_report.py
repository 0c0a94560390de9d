# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila report``: one page of everything, or the same as JSON."""

import json

import pytest
import requests

from karbor_manila.cli.renamed import as_now
from tests.fakes.karbor import SHARE


@pytest.fixture
def home(karbor):
    """A plan of one share that is well, and one that nobody protects."""
    plan = karbor.plan("home", (SHARE, "s1"))
    karbor.triggers.append({"id": "t", "type": "time", "properties": {"pattern": "0 * * * *"}})
    definition = {"plan_id": plan["id"], "provider_id": "prov"}
    karbor.scheduled_operations.append(
        {
            "id": "o",
            "name": "hourly",
            "operation_type": "protect",
            "trigger_id": "t",
            "operation_definition": definition,
            "enabled": True,
        }
    )
    karbor.checkpoint(plan, started_at="2026-11-20T11:00:00.000000")
    for share_id in ("s1", "s2", "s3"):
        karbor.shares.append({"id": share_id, "name": share_id, "project_id": "p1", "metadata": {}})
    return plan


def test_the_page_goes_into_a_file_as_a_whole(karbor, home, run, tmp_path):
    page = tmp_path / "report.html"
    page.write_text("old")
    assert run("report", "--output", page) == (0, "", "")
    text = page.read_text("utf-8")
    assert "<b>1</b> <span>protected</span>" in text
    assert "<b>2</b> <span>not protected</span>" in text
    assert text.startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_the_page_goes_to_the_standard_output(karbor, home, run):
    code, out, err = run("report")
    assert (code, err) == (0, "")
    assert out.rstrip().endswith("</html>")


def test_json_has_the_same(karbor, home, run):
    code, out, _err = run("report", "--json")
    told = json.loads(out)
    assert (code, told["version"]) == (0, 1)
    assert told["totals"] == {
        "protected": 1,
        "too_old": 0,
        "not_protected": 2,
        "left_out": 0,
        "all": 3,
    }
    assert [share["id"] for share in told["shares"]] == ["s2", "s3", "s1"]
    assert told["plans"][0]["promise"]["next_run"] == "2026-11-20T13:00:00+00:00"
    assert told["strips"][0]["plan"] == {"id": home["id"], "name": "home"}
    assert told["at"] == "2026-11-20T12:00:00+00:00"


def test_what_is_too_old_is_for_the_user_to_say(karbor, home, run):
    told = json.loads(run("report", "--json", "--max-age", "0.5")[1])
    assert told["totals"]["too_old"] == 1


def test_all_projects_are_asked_for_by_name_but_for_providers(karbor, home, run):
    run("report", "--json", "--all-projects")
    asked = {kind: query.get("all_tenants") for kind, query in karbor.queries}
    assert asked.pop("providers") is None
    assert asked.pop("shares") == "1"
    assert asked.keys() >= {"plans", "checkpoints", "operation_logs", "verifications", "triggers"}
    assert set(asked.values()) == {"True"}
    karbor.queries.clear()
    run("report", "--json")
    assert not any("all_tenants" in query for _kind, query in karbor.queries)


def test_manila_being_away_is_said_and_the_rest_is_shown(karbor, home, run, tmp_path):
    karbor.failures[("GET", "/shares/detail")] = [requests.exceptions.ConnectionError("x")] * 4
    page = tmp_path / "report.html"
    code, _out, err = run("report", "--output", page)
    assert code == 3
    assert "Manila could not be asked to list the shares" in err
    assert "Something is missing here." in page.read_text()
    assert "of 1 share that plans have; Manila was not asked" in " ".join(page.read_text().split())


def test_manila_is_not_asked_when_nobody_wants_it(karbor, home, run):
    assert run("report", "--json", "--without-manila")[0] == 0
    assert not [kind for kind, _query in karbor.queries if kind == "shares"]


def test_one_list_that_is_refused_does_not_hide_the_others(karbor, home, run):
    karbor.failures[("GET", "/triggers")] = [(403, "no")]
    code, out, err = run("report", "--json")
    assert (code, json.loads(out)["totals"]["protected"]) == (3, 1)
    assert "Karbor refused to list the triggers" in err


def test_without_the_plans_there_is_no_page(karbor, run, tmp_path):
    karbor.failures[("GET", "/plans")] = [(403, "no")]
    page = tmp_path / "report.html"
    page.write_text("old")
    code, _out, err = run("report", "--output", page)
    assert (code, page.read_text()) == (1, "old")
    assert "Karbor refused to list the plans" in err


def test_what_an_audit_printed_is_on_the_page(karbor, home, run, tmp_path):
    found = tmp_path / "audit.json"
    row = dict.fromkeys(("Snapshot", "Share", "Checkpoint", "Project"), "x")
    row |= {"Finding": "orphan", "Why": "No record.", "Action": "remove the snapshot"}
    found.write_text(json.dumps([row]))
    assert "Found by the audit: 1" in run("report", "--audit", found)[1]
    for text, said in (("[{}]", "is not what"), ("{", "is no JSON")):
        found.write_text(text)
        code, _out, err = run("report", "--audit", found)
        assert code == 2
        assert said in err
    assert "cannot be read" in run("report", "--audit", tmp_path / "none")[2]


def test_what_is_kept_of_drills_is_on_the_page(karbor, home, run, tmp_path):
    found = tmp_path / "drills.json"
    found.write_text("[]")
    assert "Kept in the bank of drills: 0" in run("report", "--drills", found)[1]
    found.write_text("[{}]")
    code, _out, err = run("report", "--drills", found)
    assert (code, "is not what" in err) == (2, True)
    code, _out, err = run("report", "--drills", "-", "--audit", "-")
    assert (code, "Only one" in err) == (2, True)


def test_a_file_that_cannot_be_written_is_wrong_usage_before_karbor_is_asked(
    run, tmp_path, requests_mock
):
    code, _out, err = run("report", "--output", tmp_path / "none" / "report.html")
    assert (code, err.count("\n")) == (2, 1)
    assert "there is no folder" in err
    assert not requests_mock.called


def test_a_page_that_cannot_be_put_into_its_file_is_one_line(
    karbor, home, run, tmp_path, monkeypatch
):
    monkeypatch.setattr("os.fsync", _full)
    page = tmp_path / "report.html"
    page.write_text("old")
    code, _out, err = run("report", "--output", page)
    assert (code, err) == (1, f"The page could not be put at {page}: No space left on device.\n")
    assert ([*tmp_path.iterdir()], page.read_text()) == ([page], "old")


def _full(_file):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("days", ["0", "367", "x"])
def test_days_are_from_one_to_a_year(run, days):
    assert run("report", "--days", days)[0] == 2


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("report 1b2c", "outcome 1b2c"),
        ("report 1b2c -f json", "outcome 1b2c -f json"),
        ("-v report --config-file karbor.conf 1b2c", "-v outcome --config-file karbor.conf 1b2c"),
        ("report --noindent -f json 1b2c", "outcome --noindent -f json 1b2c"),
        ("report --output x --json --os-project-id 1b2c", None),
        ("report --output=x --serve 8080", None),
        ("report --serve --all-projects --os-cloud mine", None),
        ("report --audit - --days 7", None),
        ("report --drills - --days 7", None),
        ("report", None),
        ("show report 1b2c", None),
    ],
)
def test_the_operators_report_of_an_id_is_found_by_its_id(given, expected):
    assert as_now(given.split()) == (expected or given).split()

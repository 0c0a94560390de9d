# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila doctor tenant``: nothing is wrong in a project that is well, and each planted
fault is found."""

import copy
import datetime
import email.utils

import pytest
import requests

from karbor_manila.cli.tenant.checks import CHECKS
from tests.fakes import karbor as fake
from tests.fakes.karbor import AUTH_URL, KARBOR_URL, PASSWORD, PROJECT, SHARE
from tests.unit.cli.tenant.saying import NOW

MANILA = "http://manila.example"


def now(seconds=0):
    moment = NOW + datetime.timedelta(seconds=seconds)
    return {"Date": email.utils.format_datetime(moment)}


def service(kind, url):
    place = {"interface": "public", "region": "RegionOne", "region_id": "RegionOne", "url": url}
    return {"type": kind, "name": kind, "id": kind, "endpoints": [{**place, "id": f"e-{kind}"}]}


@pytest.fixture
def cloud(karbor, requests_mock):
    """A project that is well: a plan with a schedule, two shares, room for snapshots."""
    plan = karbor.plan("home", (SHARE, "s1"))
    log_in(requests_mock)
    requests_mock.get(AUTH_URL, json={"version": fake._VERSION}, headers=now())
    speaks(requests_mock, "2.98")
    shares(requests_mock, s1="available", s2="available")
    limits(requests_mock, maxTotalShareSnapshots=10, totalShareSnapshotsUsed=9)
    scheduled(requests_mock, plan["id"])
    return requests_mock


def log_in(mocker, lacking=(), **changes):
    body = copy.deepcopy(fake._TOKEN_BODY)
    catalogue = [each for each in body["token"]["catalog"] if each["type"] != "sharev2"]
    catalogue += [service("sharev2", f"{MANILA}/v2/p1"), service("identity", AUTH_URL)]
    body["token"]["catalog"] = [each for each in catalogue if each["type"] not in lacking]
    for name, value in changes.items():
        body["token"].pop(name)
        if value is not None:
            body["token"][name] = value
    mocker.post(f"{AUTH_URL}/auth/tokens", json=body, headers={"X-Subject-Token": fake.TOKEN})


def speaks(mocker, newest, seconds=0):
    links = [{"rel": "self", "href": f"{MANILA}/v2/"}]
    versions = [
        {"id": "v1.0", "status": "DEPRECATED", "min_version": "", "version": "", "links": links},
        {
            "id": "v2.0",
            "status": "CURRENT",
            "min_version": "2.0",
            "version": newest,
            "links": links,
        },
    ]
    mocker.get(f"{MANILA}/", status_code=300, json={"versions": versions})
    mocker.get(f"{MANILA}/v2/p1", json={}, headers=now(seconds))


def shares(mocker, **statuses):
    views = [{"id": name, "status": status, "size": 2} for name, status in statuses.items()]
    mocker.get(f"{MANILA}/v2/shares/detail", json={"shares": views})


def limits(mocker, **absolute):
    mocker.get(f"{MANILA}/v2/limits", json={"limits": {"absolute": absolute}})


def scheduled(mocker, *plan_ids):
    found = [
        {"id": f"op-{plan_id}", "operation_definition": {"plan_id": plan_id}}
        for plan_id in plan_ids
    ]
    mocker.get(f"{KARBOR_URL}/scheduled_operations", json={"operations": found})


@pytest.fixture
def look(cloud, rows):
    """Exit code, and the lines that are not good, as (check, state, what was seen)."""

    def look(*checks, argv=()):
        named = [word for name in checks for word in ("--check", name)]
        code, found = rows("doctor", "tenant", *named, *argv)
        wrong = [row for row in found if row["State"] != "good"]
        assert all(row["To Do"] for row in wrong)
        return code, [(row["Check"], row["State"], row["Seen"]) for row in wrong]

    return look


def test_in_a_project_that_is_well_nothing_is_wrong(cloud, rows):
    code, found = rows("doctor", "tenant")
    assert [row for row in found if row["State"] != "good"] == []
    assert code == 0
    assert {row["Check"] for row in found} == {check.name for check in CHECKS}


def test_a_login_that_is_refused_is_bad_and_the_rest_is_not_looked_at(look, cloud):
    cloud.post(f"{AUTH_URL}/auth/tokens", status_code=401, json={"error": {"code": 401}})
    code, wrong = look()
    assert code == 3
    assert [(check, state) for check, state, _seen in wrong if state == "bad"] == [("login", "bad")]
    assert {check for check, state, _seen in wrong if state == "doubtful"} == {
        "catalogue",
        "karbor",
        "manila",
        "shares",
        "quota",
        "schedules",
        "clocks",
    }


def test_clocks_that_nobody_could_read_are_not_good(look, cloud, run):
    log_in(cloud, lacking=["sharev2"])
    code, ((check, state, seen),) = look("clocks")
    assert (code, check, state) == (0, "clocks", "doubtful")
    assert "not looked at: the catalogue has no Manila" in seen
    cloud.post(f"{AUTH_URL}/auth/tokens", status_code=401, json={"error": {"code": 401}})
    assert look("clocks")[0] == 3
    assert "nothing to look at" not in run("doctor", "tenant")[1]


@pytest.fixture
def no_login(cloud, monkeypatch):
    for name in fake.ENVIRONMENT:
        monkeypatch.delenv(name)


def test_without_a_login_that_is_the_bad_line_and_says_what_to_name(look, no_login):
    code, wrong = look()
    assert (code, [check for check, state, _seen in wrong if state == "bad"]) == (3, ["login"])
    assert "Name a cloud of clouds.yaml" in wrong[0][2]
    assert len(wrong) == len(CHECKS)


def test_a_cloud_that_is_not_there_is_an_error_in_one_line(run, no_login, monkeypatch):
    monkeypatch.setenv("OS_CLOUD", "nosuch")
    code, out, err = run("doctor", "tenant")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "nosuch was not found" in err


def test_the_checks_are_listed_and_wrong_usage_is_told_without_a_login(run, rows, no_login):
    code, found = rows("doctor", "tenant", "--list-checks")
    assert (code, len(found)) == (0, len(CHECKS))
    code, _out, err = run("doctor", "tenant", "--check", "nothing")
    assert (code, "There is no check nothing" in err) == (2, True)
    for wrong in (("hold", "cp", "--why", ""), ("verify", "cp", "--set", "depth=drill")):
        assert run(*wrong)[0] == 2


def test_a_token_for_no_project_is_bad(look, cloud):
    log_in(cloud, project=None)
    assert look("login") == (3, [("login", "bad", "The token is for no project")])


def test_a_reader_is_doubtful(look, cloud):
    log_in(cloud, roles=[{"id": "r", "name": "reader"}])
    code, ((_check, state, seen),) = look("login")
    assert (code, state, "no more than reader" in seen) == (0, "doubtful", True)
    assert look("login", argv=("--strict",))[0] == 3


def test_what_the_catalogue_lacks_is_bad(look, cloud):
    log_in(cloud, lacking=["sharev2"])
    code, wrong = look("catalogue", "manila")
    assert (code, [(check, state) for check, state, _seen in wrong]) == (
        3,
        [("catalogue", "bad"), ("manila", "doubtful")],
    )


def test_karbor_being_away_is_bad_once(look, karbor):
    away = requests.exceptions.ConnectionError("down")
    karbor.failures[("GET", "/providers")] = [away] * 9
    karbor.failures[("GET", "/plans")] = [away] * 9
    code, wrong = look("karbor", "shares", "quota")
    assert (code, [(check, state) for check, state, _seen in wrong]) == (
        3,
        [("karbor", "bad"), ("shares", "bad"), ("quota", "doubtful")],
    )


def test_a_plan_whose_provider_is_gone_is_bad(look, karbor):
    karbor.plan("old", (SHARE, "s1"), provider="gone")
    code, ((_check, state, seen),) = look("karbor")
    assert (code, state, "Karbor has no provider gone" in seen) == (3, "bad", True)
    karbor.providers.clear()
    assert look("karbor")[1] == [
        ("karbor", "bad", "Karbor has no provider: nothing can be protected")
    ]


@pytest.mark.parametrize(("newest", "state"), [("2.36", "bad"), ("2.72", "doubtful")])
def test_an_old_manila_is_named(look, cloud, newest, state):
    speaks(cloud, newest)
    _code, ((_check, found, seen),) = look("manila")
    assert (found, newest in seen) == (state, True)


def test_manila_being_away_is_bad_once(look, cloud):
    cloud.get(f"{MANILA}/", exc=requests.exceptions.ConnectionError("down"))
    code, wrong = look("manila", "shares", "quota")
    assert code == 3
    assert [state for _check, state, _seen in wrong] == ["bad", "doubtful", "doubtful"]


def test_a_share_that_is_gone_or_in_an_error_is_bad(look, cloud, karbor):
    karbor.plan("other", (SHARE, "s2"))
    shares(cloud, s2="error")
    code, wrong = look("shares")
    assert code == 3
    assert [seen for _check, _state, seen in wrong] == [
        "Share s1 (s1) is not in Manila (any more): each run fails",
        "Share s2 (s2) is error",
    ]


def test_a_plan_that_does_not_fit_into_the_quota_is_bad(look, cloud, karbor):
    karbor.plan("all", (PROJECT, "p1"))
    code, ((_check, state, seen),) = look("quota")
    assert (code, state) == (3, "bad")
    assert seen.endswith("needs 2 snapshots, and 1 of 10 are left")
    limits(cloud, maxTotalSnapshotGigabytes=3, totalSnapshotGigabytesUsed=0)
    ((_check, _state, seen),) = look("quota")[1]
    assert seen.endswith("needs 4 GiB of snapshots, and 3 of 3 are left")


def test_a_plan_without_a_schedule_is_doubtful(look, cloud):
    scheduled(cloud)
    code, ((_check, state, seen),) = look("schedules")
    assert (code, state, "it has no schedule" in seen) == (0, "doubtful", True)


def test_a_clock_that_goes_wrong_is_named(look, cloud):
    speaks(cloud, "2.98", seconds=-300)
    code, ((check, state, seen),) = look("clocks")
    assert (code, check, state) == (3, "clocks", "bad")
    assert "behind this host's by 299 s" in seen


def test_a_check_that_there_is_not_is_wrong_usage(cloud, run):
    code, _out, err = run("doctor", "tenant", "--check", "nothing")
    assert (code, "There is no check nothing" in err) == (2, True)


def test_the_checks_are_listed(cloud, rows):
    code, found = rows("doctor", "tenant", "--list-checks")
    assert (code, [row["Check"] for row in found]) == (0, [check.name for check in CHECKS])


def test_no_secret_is_shown(cloud, run):
    _code, out, err = run("doctor", "tenant", "-f", "json")
    assert not [secret for secret in (PASSWORD, fake.TOKEN) if secret in out + err]

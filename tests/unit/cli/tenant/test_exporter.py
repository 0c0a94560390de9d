# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila exporter``: what it looks at, what it serves, and how it ends."""

import contextlib
import io
import json
import os
import re
import signal
import socket
import types
from wsgiref.simple_server import WSGIRequestHandler

import pytest

from karbor_manila.cli.tenant import exporter
from tests.fakes.karbor import AUTH_URL, KARBOR_URL, SHARE

FOUND = {
    "Finding": "orphan",
    "Snapshot": "snap-9",
    "Share": "s1",
    "Checkpoint": "cp-9",
    "Project": "p1",
    "Why": "no checkpoint has it",
    "Action": "remove",
}


@pytest.fixture
def served(monkeypatch):
    """What is served, and where, without a port; the loop ends after one look."""
    got = {"looks": []}
    monkeypatch.setattr(
        exporter,
        "serve",
        lambda registry, address, port: got.update(registry=registry, at=(address, port)),
    )
    monkeypatch.setattr(
        exporter,
        "run",
        lambda looking, interval: (looking.look(), got["looks"].append(interval)),
    )
    return got


@pytest.fixture
def karbor(karbor, requests_mock):
    """Karbor, with lists of schedules that are empty."""
    for path, key in (("scheduled_operations", "operations"), ("triggers", "triggers")):
        requests_mock.get(f"{KARBOR_URL}/{path}", json={key: []})
    return karbor


@pytest.fixture
def home(karbor):
    """A plan with a good checkpoint."""
    plan = karbor.plan("home", (SHARE, "s1"))
    karbor.checkpoint(plan, started_at="2026-11-20T11:00:00.000000")
    return plan


def value(text, name):
    """The one value of a metric."""
    (found,) = re.findall(rf"^karbor_manila_{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE)
    return float(found)


def test_once_prints_what_prometheus_reads(home, run):
    code, out, err = run("exporter", "--once")
    assert (code, err) == (0, "")
    assert value(out, "plan_has_good_checkpoint") == 1
    # 2026-11-20 11:00 UTC
    assert value(out, "plan_newest_good_timestamp_seconds") == 1795172400.0
    assert f'plan="home",plan_id="{home["id"]}"' in out
    assert value(out, "exporter_last_look_good") == 1


def test_once_fails_when_karbor_does_not_answer(karbor, run):
    karbor.failures["GET", "/plans"] = [(503, "no")] * 9
    code, out, err = run("exporter", "--once")
    assert (code, out) == (1, "")
    assert "list the plans" in err


def test_once_without_a_part_of_it_prints_the_rest_and_says_so(home, karbor, run):
    karbor.failures["GET", "/operation_logs"] = [(403, "no")] * 9
    code, out, err = run("exporter", "--once")
    assert code == 0
    assert value(out, "exporter_last_look_good") == 0
    assert value(out, "plan_has_good_checkpoint") == 1
    assert "list operation logs" in err


def test_it_serves_on_loopback_and_looks_every_five_minutes(home, run, served):
    code, _out, err = run("exporter")
    assert code == 0
    assert (served["at"], served["looks"]) == (("127.0.0.1", 9753), [300.0])
    assert "http://127.0.0.1:9753/metrics" in err
    shown = {each.name: each.samples for each in served["registry"].collect()}
    (sample,) = shown["karbor_manila_plan_has_good_checkpoint"]
    assert sample.labels["plan"] == "home"
    assert sample.value == 1


def test_a_scrape_asks_karbor_for_nothing(home, run, served, requests_mock):
    run("exporter")
    before = requests_mock.call_count
    for _scrape in range(3):
        list(served["registry"].collect())
    assert requests_mock.call_count == before


def test_nothing_is_asked_but_karbor_and_keystone_and_nothing_is_changed(home, run, requests_mock):
    run("exporter", "--once")
    asked = [(each.method, each.url) for each in requests_mock.request_history]
    assert all(url.startswith((KARBOR_URL, AUTH_URL)) for _method, url in asked)
    assert {url for method, url in asked if method != "GET"} == {f"{AUTH_URL}/auth/tokens"}


def test_all_projects_are_asked_for_when_that_is_wanted(home, run, requests_mock):
    run("exporter", "--once")
    assert not any("all_tenants" in each.qs for each in requests_mock.request_history)
    run("exporter", "--once", "--all-projects")
    assert any("all_tenants" in each.qs for each in requests_mock.request_history)


def test_an_audit_is_read_from_its_file_at_each_look(home, run, tmp_path):
    path = tmp_path / "audit.json"
    path.write_text(json.dumps([FOUND]))
    os.utime(path, (1795100000, 1795100000))
    code, out, _err = run("exporter", "--once", "--audit", path)
    assert code == 0
    assert 'audit_open_findings{finding="orphan"} 1.0' in out
    assert value(out, "audit_timestamp_seconds") == 1795100000.0


#: JSON that its reader would need a stack of its own for.
DEEP = "[" * 100_000


@pytest.mark.parametrize(
    "content", [None, "", "{", '[{"Finding": "orphan"}]', '{"a": 1}', "7", "{}", '""', DEEP]
)
def test_a_file_that_is_no_audit_is_said_at_once(home, run, served, tmp_path, content):
    path = tmp_path / "audit.json"
    if content is not None:
        path.write_text(content)
    code, _out, err = run("exporter", "--audit", path)
    assert (code, err.count("\n")) == (2, 1)
    assert "audit" in err
    assert served["looks"] == []


def test_an_audit_that_goes_away_later_takes_only_its_own_numbers_with_it(
    home, run, served, tmp_path, monkeypatch
):
    path = tmp_path / "audit.json"
    path.write_text("[]")

    def look_without(looking, _interval):
        path.unlink()
        looking.look()
        served["known"] = looking.known

    monkeypatch.setattr(exporter, "run", look_without)
    run("exporter", "--audit", path)
    known = served["known"]
    assert (known.result, known.audited_at, len(known.face.plans)) == ("partial", None, 1)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--port", "0"), "no whole number from 1 to 65535"),
        (("--port", "65536"), "no whole number from 1 to 65535"),
        (("--port", "http"), "no whole number"),
        (("--interval", "1"), "no number from 10 to"),
        (("--interval", "nan"), "no number from 10 to"),
        (("--plans", "-1"), "no whole number from 0 to"),
        (("--days", "0"), "no whole number from 1 to 3660"),
        (("--days", "999999999"), "no whole number from 1 to 3660"),
    ],
)
def test_a_number_that_cannot_be_meant_is_refused(karbor, run, served, argv, said):
    code, _out, err = run("exporter", *argv)
    assert code == 2
    assert said in err
    assert "at" not in served


def test_a_port_that_is_taken_is_said_in_one_line(home, run, monkeypatch):
    monkeypatch.setattr(exporter, "run", lambda *_: pytest.fail("it has no port"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _out, err = run("exporter", "--port", port)
    assert code == 1
    assert f"127.0.0.1 port {port} cannot be listened on" in err
    assert "Traceback" not in err


def test_who_connects_and_says_nothing_keeps_no_thread(monkeypatch):
    def start(*_where):
        server = types.SimpleNamespace(RequestHandlerClass=WSGIRequestHandler, server_port=1)
        started.append(server)
        return server, None

    started, said = [], io.StringIO()
    monkeypatch.setattr("prometheus_client.start_http_server", start)
    monkeypatch.setattr(exporter, "_SILENT", 0.01)
    exporter.serve(None, "127.0.0.1", 1)
    ours, theirs = socket.socketpair()
    with ours, theirs, contextlib.redirect_stderr(said):
        theirs.send(b"GET /metr")
        started[0].RequestHandlerClass(ours, ("127.0.0.1", 2), started[0])
    assert said.getvalue() == ""


def test_a_sigterm_ends_it_as_ctrl_c_does(monkeypatch):
    class Waiting:
        def run(self, _interval, _stopped):
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()

    before = signal.getsignal(signal.SIGTERM)
    try:
        exporter.run(Waiting(), 300.0)
    finally:
        signal.signal(signal.SIGTERM, before)

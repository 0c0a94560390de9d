# SPDX-License-Identifier: Apache-2.0
"""Every command of a tenant's: outages, credentials, secrets, and what it need not load."""

import argparse
import json
import os
import subprocess
import sys
from importlib.metadata import entry_points
from typing import Any

import pytest
import requests

from karbor_manila.cli.app import NAMESPACE, cloud_options_last
from karbor_manila.cli.tenant import cloud_options
from karbor_manila.cli.tenant.cloud import Cloud
from tests.fakes.karbor import ENVIRONMENT, PASSWORD, TOKEN


def test_a_question_is_repeated_while_karbor_is_away_for_a_moment(karbor, rows):
    karbor.failures[("GET", "/plans")] = [(503, "busy"), requests.exceptions.ConnectionError("x")]
    assert rows("status") == (0, [])


def test_karbor_being_down_is_one_line(karbor, run):
    karbor.failures[("GET", "/plans")] = [requests.exceptions.ConnectionError("down")] * 9
    code, out, err = run("status")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1


def test_missing_credentials_are_one_line(run, monkeypatch):
    for name in ENVIRONMENT:
        monkeypatch.delenv(name)
    code, _out, err = run("status")
    assert (code, err.count("\n")) == (1, 1)
    assert "--os-cloud" in err


def test_clouds_yaml_is_read_with_the_option_before_and_after_the_command(
    karbor, rows, monkeypatch, tmp_path
):
    names = ("auth_url", "username", "password", "project_name", "user_domain_id")
    auth = {name: ENVIRONMENT[f"OS_{name.upper()}"] for name in names}
    cloud = {"auth": {**auth, "project_domain_id": "default"}, "region_name": "RegionOne"}
    clouds = tmp_path / "clouds.yaml"
    clouds.write_text(json.dumps({"clouds": {"mine": cloud}}))
    for name in ENVIRONMENT:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds))
    assert rows("--os-cloud", "mine", "status") == (0, [])
    assert rows("status", "--os-cloud=mine") == (0, [])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--os-cloud", "a", "status"], ["status", "--os-cloud", "a"]),
        (["-v", "--os-cloud=a", "show", "x"], ["-v", "show", "x", "--os-cloud=a"]),
        (["--log-file", "f", "--os-cloud", "a", "s"], ["--log-file", "f", "s", "--os-cloud", "a"]),
        (["audit", "--fix"], ["audit", "--fix"]),
    ],
)
def test_options_of_the_cloud_may_stand_first(given, expected):
    assert cloud_options_last(given) == expected


@pytest.mark.parametrize("verbosity", ["-v", "-vv", "--debug"])
def test_neither_password_nor_token_is_ever_printed(karbor, run, two, verbosity):
    for argv in (("status",), ("restore", two["id"], "--wait"), ("show", "nosuch")):
        _code, out, err = run(verbosity, *argv)
        assert TOKEN not in out + err
        assert PASSWORD not in out + err
    assert PASSWORD not in run("help", "status")[1]


#: What takes long to load.
SLOW = (
    "karbor", "eventlet", "openstack", "keystoneauth1", "manilaclient", "karborclient", "requests",
    "oslo_log", "oslo_config", "oslo_utils", "sqlalchemy", "taskflow", "jsonschema", "yaml",
)  # fmt: skip


def test_a_tenants_command_loads_neither_karbor_nor_eventlet():
    code = (
        "import sys\n"
        "from karbor_manila.cli import app, columns\n"
        "from karbor_manila.cli.operator import commands\n"
        "from karbor_manila.cli.tenant import api, asking, base, cloud, drill, following\n"
        "from karbor_manila.cli.tenant import overview, reading, restore, show, status, verify\n"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('karbor', 'eventlet')))\n"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout == "[]\n"


COMMANDS = [entry.name.replace("_", " ") for entry in entry_points(group=NAMESPACE)]
#: What a shell or a person asks for before anything is done.
BEFOREHAND = [
    ["--help"],
    ["help"],
    ["complete"],
    *([*command.split(), "--help"] for command in COMMANDS),
    ["help", "status"],
]
_ASK_ALL = """
import contextlib, io, json, sys
from karbor_manila.cli.app import main
asked, slow = json.loads(sys.argv[1]), set(json.loads(sys.argv[2]))
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
seen = {}
for argv in asked:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        main(argv)
    seen[" ".join(argv)] = {
        "said": said.getvalue(),
        "loaded": sorted({m.split(".")[0] for m in sys.modules} & slow),
        "opened": [name for name in opened if "clouds" in name or "secure" in name],
    }
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def asked_beforehand(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What each of them says, loads and opens, one after the other in a process of its own: what
    one of them loads is seen at it and all that follow."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _ASK_ALL, json.dumps(BEFOREHAND), json.dumps(SLOW)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path_factory.mktemp("beforehand"),
        env={**os.environ, "OS_CLOUD": "mine"},
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("argv", BEFOREHAND, ids=" ".join)
def test_help_and_completion_load_nothing_that_takes_long_and_read_nothing(argv, asked_beforehand):
    """Not by the clock: by what is loaded, and by which files are opened."""
    seen = asked_beforehand[" ".join(argv)]
    assert "usage: " in seen["said"] or "complete" in argv
    assert (seen["loaded"], seen["opened"]) == ([], [])


def test_help_shows_the_options_of_the_cloud_as_their_libraries_do(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith("OS_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    theirs, ours = (argparse.ArgumentParser(prog="x", add_help=False) for _ in range(2))
    Cloud(theirs, [])
    cloud_options.show(ours)
    assert ours.format_help() == theirs.format_help()


@pytest.mark.parametrize("argv", [["status"], ["status", "--plan", "help"], ["show", "complete"]])
def test_a_command_that_is_to_run_has_the_options_of_the_libraries(argv):
    assert not cloud_options.are_enough(argv)

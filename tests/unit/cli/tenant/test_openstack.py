# SPDX-License-Identifier: Apache-2.0
"""``openstack share protection``: openstackclient itself runs our commands."""

import argparse
import json
import logging
import subprocess
import sys
import warnings
from importlib.metadata import entry_points

import pytest
from cliff.command import Command

from karbor_manila.cli.app import NAMESPACE
from karbor_manila.cli.tenant import cloud, plugin
from karbor_manila.cli.tenant.base import IN_OPENSTACK
from tests.fakes.karbor import PASSWORD, SHARE, TOKEN
from tests.unit.cli.tenant.saying import ends, key

GROUP = "openstack.share_protection.v1"
TENANTS = {
    entry.name: entry.value
    for entry in entry_points(group=NAMESPACE)
    if entry.value.startswith("karbor_manila.cli.tenant.")
}
#: What runs on for ever is started by an operator, and not by hand.
SERVICES = {"exporter"}
COMMANDS = [name.replace("_", " ") for name in TENANTS if name not in SERVICES]


@pytest.fixture
def shell():
    """The OpenStack client, as its console script makes it."""
    noisy = [logging.getLogger(name) for name in ("requests", "cliff", "stevedore", "iso8601")]
    levels = [(logger, logger.level) for logger in noisy]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from openstackclient.shell import OpenStackShell  # noqa: PLC0415 - it takes a second

        yield OpenStackShell
    del Command.auth_required  # osc-lib leaves it on the class that ours have too
    for logger, level in levels:
        logger.setLevel(level)


@pytest.fixture
def openstack(karbor, shell, capsys):
    """Run a command line behind ``openstack share protection``: exit code, stdout, stderr."""

    def run(*argv, first=()):
        capsys.readouterr()
        logging.getLogger().handlers.clear()  # a command is a process of its own
        try:
            code = shell().run([*first, "share", "protection", *map(str, argv)])
        except SystemExit as end:
            code = end.code
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_each_command_of_a_tenant_is_there_under_its_name_with_the_same_class():
    """One that is added to setup.cfg has its second line there."""
    there = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    for name, value in there.items():
        assert TENANTS[name.removeprefix("share_protection_")] == value
    missing = TENANTS.keys() - SERVICES - {n.removeprefix("share_protection_") for n in there}
    assert not missing, f"add share_protection_<name> of {missing} to {GROUP} in setup.cfg"


@pytest.mark.parametrize("form", ["json", "yaml", "csv", "value", "table"])
def test_it_prints_what_karbor_manila_prints(karbor, run, openstack, two, form):
    for argv in (("status",), ("show", two["id"])):
        if (argv[0], form) == ("show", "csv"):
            continue  # cliff has none for one thing alone
        ours, theirs = run(*argv, "-f", form), openstack(*argv, "-f", form)
        assert theirs == ours
        assert ours[1]


def test_a_restore_is_ordered_and_waited_for(karbor, openstack, two):
    told = json.dumps({"restored_from": {"share_id": "s1"}, "export_locations": ["10.0.0.1:/x"]})
    karbor.scripts["restore"] = ends("success", {key("new"): "available"}, {key("new"): told})
    code, out, err = openstack(
        "restore", two["id"], "--share", "home", "--name", "again", "--wait", "--timeout", "60",
        "-f", "json",
    )  # fmt: skip
    (row,) = json.loads(out)
    assert (code, err) == (0, "")
    assert (row["Share"], row["New Share"]) == ("home", "new")
    ((kind, asked),) = karbor.asked
    assert kind == "restore"
    assert asked["parameters"][SHARE]["restore_name"] == "again"


def test_the_exit_codes_are_ours(karbor, openstack, two):
    assert openstack("status")[0] == 0
    assert openstack("status", "--max-age", "0.1")[0] == 3
    assert openstack("status", "--plan", "nosuch")[0] == 2
    assert openstack("show", "nosuch")[0] == 1
    assert openstack("show")[0] == 2


def test_a_hint_names_the_command_of_the_program_that_was_called(karbor, run, openstack, two):
    for call, program in ((run, "karbor-manila"), (openstack, IN_OPENSTACK)):
        _code, _out, err = call("restore", two["id"])
        assert err.endswith(f"Look at it with: {program} show {two['id']}\n")
        karbor.scripts["verification"] = lambda _record: [{}] * 99
        code, _out, err = call("verify", two["id"], "--timeout", "5")
        assert code == 1
        assert f"Look again with: {program} show {two['id']}" in err


def test_karbor_being_away_for_a_moment_is_not_seen(karbor, openstack):
    karbor.failures[("GET", "/plans")] = [(503, "busy")]
    assert openstack("status", "-f", "json") == (0, "[]\n", "")


def test_karbor_refusing_is_one_line(karbor, openstack, two):
    karbor.failures[("GET", "/plans")] = [(403, "Policy\x1b[2J")]
    code, out, err = openstack("status")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "HTTP 403" in err
    assert "\x1b" not in err


@pytest.mark.parametrize("verbosity", ["-v", "--debug"])
def test_neither_password_nor_token_is_ever_printed(karbor, openstack, two, verbosity):
    for argv in (("status",), ("restore", two["id"]), ("show", "nosuch")):
        _code, out, err = openstack(*argv, first=[verbosity])
        assert TOKEN not in out + err
        assert PASSWORD not in out + err


def test_a_request_to_karbor_has_a_timeout_and_what_clouds_yaml_says_of_the_service():
    class Region:
        get_interface = staticmethod("interface of {}".format)
        get_region_name = staticmethod("region of {}".format)
        get_endpoint = staticmethod("endpoint of {}".format)

    class Manager:
        _cli_options = Region
        session = argparse.Namespace(timeout=None)

    adapter = plugin.make_client(Manager)
    assert adapter.session.timeout == cloud.REQUEST_SECONDS
    assert adapter.interface == "interface of data-protect"
    assert adapter.region_name == "region of data-protect"
    assert adapter.endpoint_override == "endpoint of data-protect"


def test_no_option_of_ours_is_one_of_all_of_openstacks(shell):
    """Those are taken out of the line wherever they stand, by a beginning of their name too."""
    app = shell()
    theirs = [flag for action in app.parser._actions for flag in action.option_strings]
    app.client_manager = None
    for entry in entry_points(group=GROUP):
        parser = entry.load()(app, None).get_parser(entry.name)
        for flag in (flag for action in parser._actions for flag in action.option_strings):
            taken = {each for each in theirs if each.startswith(flag)} - {"-h", "--help"}
            assert not taken or len(flag) == 2, f"{entry.name}: {flag} is taken for {taken}"


@pytest.mark.parametrize("words", COMMANDS)
def test_a_parser_is_built_without_reading_or_asking_anything(shell, words, monkeypatch):
    app = shell()
    app.client_manager = None
    monkeypatch.setattr(cloud.config, "OpenStackConfig", None)
    monkeypatch.setattr("socket.socket.connect", None)
    monkeypatch.setattr("builtins.open", None)
    (entry,) = entry_points(group=GROUP, name=f"share_protection_{words.replace(' ', '_')}")
    assert entry.load()(app, None).get_parser(words).format_help()


def test_completion_knows_our_commands_and_options(shell, capsys, karbor):
    assert shell().run(["complete"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (commands,) = (line for line in lines if line.startswith("  cmds_share_protection="))
    assert {*commands.partition("'")[2].strip("'").split()} == {w.split()[0] for w in COMMANDS}
    (options,) = (line for line in lines if line.startswith("  cmds_share_protection_restore="))
    assert {"--in-place", "--dry-run", "--format"} <= {*options.partition("'")[2].split()}


def test_the_openstack_client_loads_no_more_than_a_page_of_ours_at_its_start():
    """It imports the plugin whatever it was called for; not by the clock, but by the modules."""
    code = (
        "import sys\n"
        "import argparse, typing\n"
        "before = set(sys.modules)\n"
        "import karbor_manila.cli.tenant.plugin\n"
        "print(sorted(set(sys.modules) - before))\n"
    )
    seen = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    ours = ["karbor_manila", "karbor_manila.cli", "karbor_manila.cli.tenant"]
    assert seen.stdout == f"{[*ours, 'karbor_manila.cli.tenant.plugin']}\n"

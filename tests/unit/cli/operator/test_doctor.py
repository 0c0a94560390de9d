# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila doctor``: nothing is wrong in a cloud that is well, and each planted fault of
Karbor's files is found."""

import importlib.metadata
from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg

from karbor_manila.cli.operator.checks import provider_files, releases, settings
from karbor_manila.cli.operator.checks.catalogue import CHECKS
from karbor_manila.cli.operator.checks.facts import HostFacts
from karbor_manila.opts import register_service_opts
from tests.unit.cli.operator.acts import SECOND
from tests.unit.cli.operator.doctoring import KEYSTONE, Look, doctor, write_conf
from tests.unit.karbor_stage import KARBORS, NOOP, OUR_PROJECT, OURS, Service, provider_file


def test_in_a_cloud_that_is_well_nothing_is_wrong(look: Look) -> None:
    found = look()
    assert found.wrong() == []
    assert (found.code, found.err) == (0, "")
    assert {row["Check"] for row in found.rows} == {check.name for check in CHECKS}
    assert not any(row["To Do"] for row in found.rows)


def test_the_checks_are_listed_and_one_that_there_is_not_is_wrong_usage(look: Look) -> None:
    assert [row["Check"] for row in look(argv=("--list-checks",)).rows] == [
        check.name for check in CHECKS
    ]
    found = look("no-such-check")
    assert found.code == 2
    assert "There is no check no-such-check. There are: settings, " in found.err


def test_only_what_is_asked_for_is_looked_at_and_what_is_good_can_be_left_out(
    look: Look, service: Service
) -> None:
    service.cloud.share_types.add("gold")
    provider_file(
        service.folder,
        service.provider.id,
        (OURS, OUR_PROJECT),
        options=("share_type_drivers = tin:snapshot",),
    )
    found = look("share-types", argv=("--only-wrong",))
    assert found.code == 3
    (row,) = found.rows
    assert row["About"].endswith("tin")
    assert "Manila has no such share type" in row["Seen"]


def test_what_is_doubtful_counts_when_it_is_asked_for(look: Look) -> None:
    doubt = {"manila_share_protection__listing_timeout": "60"}
    assert look("settings", **doubt).wrong() == [("settings", "doubtful")]
    assert look("settings", **doubt).code == 0
    assert look("settings", argv=("--strict",), **doubt).code == 3


# -- karbor.conf ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"DEFAULT__protection_manager": ""}, "is not ours: nothing is reconciled"),
        ({"DEFAULT__protection_manager": "no.such.Manager"}, "cannot be loaded"),
        ({"manila_share_protection__lease_timeout": "20"}, "must be at least three times"),
        ({"manila_share_protection__gc_interval": "-7"}, "karbor-protection does not start"),
        ({"manila_share_protection__event_listeners": "nosuch"}, "there is no such listener"),
        ({"trustee__auth_type": ""}, "[trustee] has no login"),
        ({"trustee__project_name": "service"}, "a trust brings its own"),
        ({"keystone_authtoken__www_authenticate_uri": KEYSTONE}, "has no slash at its end"),
    ],
)
def test_what_is_wrong_in_karbor_conf_is_bad_and_ends_no_other_check(
    look: Look, options: dict[str, str], said: str
) -> None:
    found = look(**options)
    assert found.code == 3
    (row,) = found.of("settings", "bad")
    assert said in row["Seen"]
    assert row["To Do"]
    assert {row["Check"] for row in found.rows} == {check.name for check in CHECKS}


def test_what_stands_in_a_folder_of_the_configuration_counts(look: Look, service: Service) -> None:
    folder = service.folder / "karbor.conf.d"
    folder.mkdir()
    (folder / "trustee.conf").write_text("[trustee]\nauth_type = password\n")
    assert look("settings", trustee__auth_type="").code == 3
    main = write_conf(service, trustee__auth_type="")
    cfg.CONF(["--config-file", str(main), "--config-dir", str(folder)], project="karbor")
    facts = HostFacts([], 1.0)
    facts.asked("karbor.conf", lambda: register_service_opts(cfg.CONF))
    assert {each.level.value for each in settings.settings(facts)} == {"good"}


def test_a_configuration_that_is_not_there_is_one_bad_line(
    service: Service, capsys: Any, keystone: Any
) -> None:
    found = doctor(capsys, "doctor", "--config-file", str(service.folder / "no.conf"))
    assert found.code == 3
    assert [row["Check"] for row in found.rows if row["State"] == "bad"] == ["settings"]
    assert "no.conf" in found.of("settings")[0]["Seen"]
    # What needs no configuration is looked at all the same.
    assert found.of("versions", "good")


def test_an_option_that_nobody_reads_is_named_with_the_nearest_one(
    look: Look, service: Service
) -> None:
    options = ("defualt_driver = snapshot", "lease_timeout = 60")
    provider_file(service.folder, service.provider.id, (OURS, OUR_PROJECT), options=options)
    found = look("options", manila_share_protection__drill_command="/bin/true")
    said = {row["Seen"].rpartition("] ")[2]: row["To Do"] for row in found.of("options")}
    assert said == {
        "drill_command": "It belongs into the provider's file.",
        "defualt_driver": "Did you mean default_driver?",
        "lease_timeout": "It belongs into karbor.conf.",
    }
    assert (found.code, {row["State"] for row in found.rows}) == (0, {"doubtful"})


def test_options_of_drivers_hooks_and_banks_are_read(look: Look, service: Service) -> None:
    options = (
        "hook_drivers = command",
        "command_hook_pre = /bin/true",
        "[karbor_manila_driver_backup]",
        "[file_system_bank_plugin]",
        "bank_object_container = karbor",
    )
    provider_file(service.folder, service.provider.id, (OURS, OUR_PROJECT), options=options)
    assert look("options").wrong() == []


# -- the providers' files -------------------------------------------------------------------------


def test_a_plugin_that_does_not_load_is_named_with_its_line(look: Look, service: Service) -> None:
    provider_file(service.folder, SECOND, ("karbor-manila-share-protection-plugni",))
    found = look("providers")
    (row,) = found.of("providers", "bad")
    assert found.code == 3
    assert row["About"] == SECOND
    assert "plugin = karbor-manila-share-protection-plugni: no plugin of this name" in row["Seen"]
    assert f"did you mean {OURS}?" in row["Seen"]
    assert len(found.of("providers", "good")) == 1


def test_a_class_that_does_not_load_says_why(look: Look, service: Service) -> None:
    provider_file(service.folder, SECOND, ("no.such.Plugin",))
    (row,) = look("providers").of("providers", "bad")
    assert "plugin = no.such.Plugin: ModuleNotFoundError: No module named" in row["Seen"]


def test_a_file_that_cannot_be_read_and_one_id_in_two_files_are_bad(
    look: Look, service: Service
) -> None:
    folder = service.folder / "providers.d"
    (folder / "broken.conf").write_text("name = of no section\n")
    copy = folder / f"{service.provider.id}.conf"
    (folder / "copy.conf").write_text(copy.read_text())
    found = look("providers").of("providers", "bad")
    assert [row["About"] for row in found if "cannot be read" in row["Seen"]] == ["broken.conf"]
    assert len([row for row in found if "2 files have the id" in row["Seen"]]) == 2


def test_a_provider_that_is_not_enabled_is_doubtful(look: Look, service: Service) -> None:
    provider_file(service.folder, SECOND, (OURS,))
    path = service.folder / "providers.d" / f"{SECOND}.conf"
    path.write_text(path.read_text().replace("enabled = True", "enabled = False"))
    (row,) = look("providers").of("providers", "doubtful")
    assert "is not enabled" in row["Seen"]


@pytest.mark.parametrize("later", [NOOP, KARBORS])
def test_a_later_plugin_that_takes_ours_over_is_bad(
    look: Look, service: Service, later: str
) -> None:
    provider_file(service.folder, SECOND, (OURS, OUR_PROJECT, later))
    found = look("plugins")
    (row,) = found.of("plugins", "bad")
    assert (found.code, row["About"]) == (3, SECOND)
    assert f"plugin = {later}" in row["Seen"]
    assert "it takes ours over" in row["Seen"]


def test_without_a_plugin_for_projects_a_plan_on_one_is_refused(
    look: Look, service: Service
) -> None:
    provider_file(service.folder, service.provider.id, (OURS,))
    (row,) = look("plugins").of("plugins", "doubtful")
    assert "A plan on a whole project is refused" in row["Seen"]


def test_with_no_provider_of_ours_that_is_bad_and_the_rest_is_not_looked_at(
    look: Look, service: Service
) -> None:
    provider_file(service.folder, service.provider.id, (NOOP,))
    found = look("plugins", "drivers", "hooks")
    (row,) = found.of("plugins", "bad")
    assert "protects the shares of no provider" in row["Seen"]
    for check in ("drivers", "hooks"):
        (row,) = found.of(check)
        assert (row["State"], row["Seen"].partition(":")[0]) == (
            "doubtful",
            "This was not looked at",
        )


def test_one_name_of_two_packages_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    group = provider_files.PROTECTION_NAMESPACE
    (ours,) = importlib.metadata.entry_points(group=group, name=OURS)
    theirs = importlib.metadata.EntryPoint(OURS, "other.module:Plugin", group)
    package = importlib.metadata.distribution("karbor")
    twice = [ours, theirs._for(package)]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_kwargs: twice)
    (row,) = provider_files._twice_installed()
    assert row.seen == f"{OURS} is registered by karbor, karbor-manila: it cannot be loaded"


# -- versions -------------------------------------------------------------------------------------


def test_a_package_that_is_too_new_is_bad(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(releases.PINS, "oslo.db", "<1")
    (row,) = look("versions").of("versions", "bad")
    assert (row["About"], "is installed, and" in row["Seen"]) == ("oslo.db", True)


def test_newer_releases_are_looked_for_when_that_is_asked(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = {"karbor": "1.6.0", "SQLAlchemy": "2.0.99", "openstacksdk": "99.0", "packaging": ""}
    monkeypatch.setattr(releases, "WATCHED", (*newest, "keystoneauth1"))
    monkeypatch.setattr(releases, "newest_of", newest.get)
    said = {row["About"]: row for row in look("releases", argv=("--releases",)).rows}
    assert "is the newest release" in said["karbor"]["Seen"]
    assert said["SQLAlchemy"]["State"] == "good"
    assert "is what Karbor needs" in said["SQLAlchemy"]["Seen"]
    assert said["openstacksdk"]["State"] == "doubtful"
    assert "99.0 is the newest release" in said["openstacksdk"]["Seen"]
    assert "does not say" in said["keystoneauth1"]["Seen"]
    assert said["packaging"]["State"] == "good"


def test_without_that_no_index_is_asked(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases, "newest_of", lambda _name: pytest.fail("it was asked"))
    assert [row["State"] for row in look("releases").rows] == ["good"]


def test_what_pip_says_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ended:
        returncode, stderr = 0, "ERROR: a proxy is away"
        stdout = "karbor (1.6.0)\nAvailable versions: 1.6.0, 1.5.0\n"

    monkeypatch.setattr(releases.subprocess, "run", lambda *_args, **_kwargs: Ended)
    assert releases.newest_of("karbor") == "1.6.0"
    monkeypatch.setattr(Ended, "returncode", 1)
    assert releases.newest_of("karbor") is None
    monkeypatch.setattr(Ended, "stderr", "ERROR: No matching distribution found for karbor")
    assert releases.newest_of("karbor") == ""


def test_tables_of_a_later_release_are_bad(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases.schema, "version", lambda _engine: "9999")
    (row,) = look("database").of("database", "bad")
    assert "of a later release" in row["Seen"]
    monkeypatch.setattr(releases.schema, "version", lambda _engine: None)
    assert look("database").of("database", "doubtful")


def test_no_secret_is_shown(look: Look, service: Service, tmp_path: Path) -> None:
    found = look(argv=("-v",), trustee__auth_section="nowhere")
    assert "the-password-of-karbor" not in found.out + found.err
    assert settings.CHECKS[0].name in found.out

# SPDX-License-Identifier: Apache-2.0
"""Swift's configuration in the sandbox, and where everybody finds it."""

import configparser
from pathlib import Path

import pytest

from sandbox import paths
from sandbox.keystone import content
from sandbox.services import PORTS, PORTS_OF
from sandbox.state import BANK_PROXY, SWIFT, Settings
from sandbox.swift import config


@pytest.fixture
def chosen() -> dict[str, int]:
    return {name: 20000 + number for number, name in enumerate(config.PORTS)}


def read(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(path)
    return parser


def written(folder: Path, chosen: dict[str, int]) -> Path:
    return config.write(
        folder, chosen=chosen, keystone_url="http://k/v3", password="p", debug=False
    )


def test_each_server_listens_on_loopback_alone(tmp_path: Path, chosen: dict[str, int]) -> None:
    written(tmp_path, chosen)
    found = {path.name: read(path)["DEFAULT"] for path in tmp_path.glob("*-server.conf")}
    assert {each["bind_ip"] for each in found.values()} == {"127.0.0.1"}
    assert sorted(int(each["bind_port"]) for each in found.values()) == sorted(chosen.values())


def test_objects_are_found_again_after_a_restart_on_other_ports(
    tmp_path: Path, chosen: dict[str, int]
) -> None:
    written(tmp_path, chosen)
    first = read(tmp_path / "swift.conf")["swift-hash"]["swift_hash_path_suffix"]
    written(tmp_path, {name: port + 100 for name, port in chosen.items()})
    assert read(tmp_path / "swift.conf")["swift-hash"]["swift_hash_path_suffix"] == first
    assert read(tmp_path / "proxy-server.conf")["DEFAULT"]["bind_port"] == str(chosen[SWIFT] + 100)


def test_the_catalog_leads_through_the_proxy_and_only_with_swift() -> None:
    urls = {name: f"http://{name}" for name in ("identity", "manila", "proxy", "karbor")}
    passwords = dict.fromkeys(content.USERS, "p")
    without = content.content(urls, passwords)
    assert "object-store" not in {each["type"] for each in without["services"]}
    assert SWIFT not in {each["name"] for each in without["users"]}
    found = content.content({**urls, SWIFT: f"http://{BANK_PROXY}"}, passwords)
    (service,) = [each for each in found["services"] if each["type"] == "object-store"]
    assert service["endpoints"]["public"] == f"http://{BANK_PROXY}/v1/AUTH_$(project_id)s"
    assert SWIFT in {each["name"] for each in found["users"]}


def test_karbors_options_name_the_bank_in_its_own_project() -> None:
    client = config.sections("http://k/v3", "p")["swift_client"]
    assert (client["swift_user"], client["swift_key"]) == ("karbor", "p")
    assert client["swift_tenant_name"] == content.SERVICE_PROJECT


def test_it_is_started_when_the_bank_is_in_it() -> None:
    services = Settings(bank=SWIFT).services()
    assert {SWIFT, BANK_PROXY} <= set(services)
    assert SWIFT not in Settings().services()
    assert set(PORTS_OF[SWIFT]) <= set(PORTS)
    assert Settings(bank=SWIFT).venvs() == (SWIFT,)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_it_is_pinned_for_each_python(python: str) -> None:
    assert "swift==" in (paths.CONSTRAINTS / f"swift-py{python}.txt").read_text()

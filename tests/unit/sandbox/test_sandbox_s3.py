# SPDX-License-Identifier: Apache-2.0
"""The profile with a bank in S3: the server's command, its credentials, and who gets them."""

import configparser
from pathlib import Path

import pytest

from sandbox import errors, paths, stack
from sandbox.karbor import providers
from sandbox.s3 import config
from sandbox.services import PORTS, Services
from sandbox.state import BANK_PROXY, EVERY_SERVICE, S3, SERVICES, Settings, State


def read(path):
    conf = configparser.RawConfigParser(default_section="", strict=False)
    conf.read(path)
    return conf


@pytest.fixture
def made(tmp_path):
    def make(**settings):
        state = State(tmp_path / "state")
        state.ensure()
        numbers = {name: 20000 + index for index, name in enumerate(PORTS)}
        return Services(paths.Home(tmp_path), state, Settings().changed(**settings), numbers)

    return make


def test_the_server_has_a_port_of_its_own_for_each_thing_on_loopback_alone(tmp_path):
    chosen = {name: 21000 + index for index, name in enumerate(config.PORTS)}
    argv = config.command(tmp_path / "weed", tmp_path, chosen)
    given = [arg.partition("=")[2] for arg in argv if ".port" in arg]
    assert sorted(given) == ["0", "0", *map(str, sorted(chosen.values()))]
    assert "-ip.bind=127.0.0.1" in argv
    assert "-master.telemetry=false" in argv


def test_credentials_are_made_once_and_only_the_owner_can_read_them(tmp_path):
    first = config.access(tmp_path, "http://127.0.0.1:1")
    assert config.access(tmp_path, "http://127.0.0.1:1") == first
    assert len(first.secret_key) >= 32
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o077 == 0


def test_the_server_is_started_before_karbor_and_only_where_it_is_chosen():
    assert Settings().services() == SERVICES
    assert set(Settings(bank=S3).services()) == {*SERVICES, S3, BANK_PROXY}
    assert EVERY_SERVICE.index(S3) < EVERY_SERVICE.index("karbor")
    assert Settings(bank=S3).venvs() == (S3,)


def test_karbors_own_bank_is_there_only_where_it_is_asked_for(made):
    """It cannot be opened a second time on this server, and makes the log long."""
    services = made(bank=S3)
    access = services.s3_access()
    folder = Path(read(services._karbor()[1])["DEFAULT"]["provider_config_dir"])
    (path,) = folder.iterdir()
    conf = read(path)
    assert path.stem == providers.OURS
    assert conf["provider"]["bank"] == "karbor-manila-s3-bank-plugin"
    assert conf["s3_client"]["s3_endpoint"] == services.url(BANK_PROXY) == access.endpoint
    assert conf["s3_client"]["s3_secret_key"] == access.secret_key
    assert "file_system_bank_plugin" not in conf


def test_both_providers_can_have_it_in_one_bucket(made):
    services = made(bank=S3, stock_bank=True)
    folder = Path(read(services._karbor()[1])["DEFAULT"]["provider_config_dir"])
    confs = [read(folder / f"{name}.conf") for name in (providers.OURS, providers.STOCK)]
    assert {conf["provider"]["bank"] for conf in confs} == {"karbor-s3-bank-plugin"}
    assert len({conf["s3_client"]["s3_endpoint"] for conf in confs}) == 1


def test_a_store_that_was_not_chosen_is_not_started(tmp_path, made):
    made().state.save_ports({"identity": 1})
    with pytest.raises(errors.NotChosen, match="--bank s3"):
        stack.Stack(tmp_path / "state", home=tmp_path).start_service(S3)

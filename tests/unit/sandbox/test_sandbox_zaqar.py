# SPDX-License-Identifier: Apache-2.0
"""The profile with Zaqar and its Redis: configuration, catalog, order, and what it leaves alone."""

import configparser
import subprocess

import pytest

from sandbox import errors, files, install, paths, stack
from sandbox.keystone import content
from sandbox.services import PORTS, Services
from sandbox.state import MESSAGING, REDIS, SERVICES, ZAQAR, Settings, State
from sandbox.zaqar import config, redis

URLS = dict.fromkeys(("identity", "manila", "proxy", "karbor"), "http://127.0.0.1:20000")
PASSWORDS = {user: f"secret of {user}" for user in content.USERS}


def test_redis_listens_on_loopback_keeps_nothing_and_says_when_it_listens(tmp_path):
    ready = tmp_path / 'a "folder"' / "redis.ready"
    path = redis.write(tmp_path / "redis", port=20001, ready=ready)
    lines = path.read_text().splitlines()
    assert {"bind 127.0.0.1", "port 20001", 'save ""', "appendonly no"} <= set(lines)
    quoted = str(ready).replace('"', '\\"')
    assert f'pidfile "{quoted}"' in lines


def test_a_missing_redis_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    made = stack.Stack(tmp_path / "state", home=tmp_path / "home", zaqar=True)
    with pytest.raises(errors.ProgramMissing, match="apt-get install -y redis-server") as caught:
        made.start()
    assert caught.value.program == "redis-server"
    assert not (tmp_path / "home").exists()  # nothing was installed, nothing begun
    assert not (tmp_path / "state").exists()


def test_zaqar_asks_keystone_who_posts_and_has_all_of_its_data_in_redis(tmp_path):
    path = config.write(
        tmp_path, keystone_url="http://k/v3", password="pa$$", redis_port=20001, debug=False
    )
    conf = configparser.RawConfigParser(default_section="")
    conf.read(path)
    assert conf["DEFAULT"]["auth_strategy"] == "keystone"
    assert conf["keystone_authtoken"]["auth_url"] == "http://k/v3"
    for store in ("message_store", "management_store"):
        assert conf["drivers"][store] == "redis"
        assert conf[f"drivers:{store}:redis"]["uri"] == "redis://127.0.0.1:20001"
        assert conf[f"drivers:{store}:redis"]["max_reconnect_attempts"] == "1"


def test_the_catalog_and_the_users_have_zaqar_only_when_there_is_one():
    without = content.content(URLS, PASSWORDS)
    chosen = content.content({**URLS, ZAQAR: "http://127.0.0.1:20009"}, PASSWORDS)
    assert "messaging" not in {each["type"] for each in without["services"]}
    assert ZAQAR not in {each["name"] for each in without["users"]}
    (found,) = [each for each in chosen["services"] if each["type"] == "messaging"]
    assert found["endpoints"]["public"] == "http://127.0.0.1:20009"
    (user,) = [each for each in chosen["users"] if each["name"] == ZAQAR]
    assert user["roles"] == ["admin", "service"]


def test_redis_runs_as_itself_so_that_a_kill_reaches_it(tmp_path, monkeypatch):
    monkeypatch.setattr(redis, "program", lambda: "/usr/bin/redis-server")
    state = State(tmp_path / "state")
    state.ensure()
    made = Services(paths.Home(tmp_path), state, Settings(zaqar=True), dict.fromkeys(PORTS, 1))
    assert made._redis(state.ready(REDIS)) == [
        "/usr/bin/redis-server",
        str(state.directory(REDIS) / "redis.conf"),
    ]
    module = made._python(ZAQAR, state.ready(ZAQAR))
    assert module[:4] == [str(paths.Home(tmp_path).python(ZAQAR)), "-P", "-m", "sandbox.zaqar"]


def test_settings_say_which_services_are_started():
    assert Settings().services() == SERVICES
    assert Settings(zaqar=True).services() == (*MESSAGING, *SERVICES)
    assert Settings(second_karbor=True).services() == (*SERVICES, "karbor2")


def test_a_service_of_the_profile_is_not_started_in_a_sandbox_without_it(tmp_path):
    made = stack.Stack(tmp_path / "state", home=tmp_path / "home")
    made.state.ensure()
    made.state.save_ports(dict.fromkeys(PORTS, 1))
    for name in MESSAGING:
        with pytest.raises(errors.NotChosen, match="--zaqar"):
            made.start_service(name)


def test_a_folder_of_an_earlier_version_gets_the_passwords_that_it_lacks(tmp_path):
    state = State(tmp_path / "state")
    state.ensure()
    before = state.passwords()
    files.write_json(
        state.root / "passwords.json", {name: before[name] for name in before if name != ZAQAR}
    )
    state.ensure()
    after = state.passwords()
    assert after.pop(ZAQAR) != before.pop(ZAQAR)
    assert after == before


@pytest.fixture
def pips(tmp_path, monkeypatch):
    """The venvs into which something was installed."""
    monkeypatch.setattr(paths, "REPO", tmp_path)
    asked = []

    def run(argv, **options):
        asked.append(argv)
        return subprocess.CompletedProcess(argv, 0)

    monkeypatch.setattr(install, "_run", lambda service, argv, log: run([service, *argv]))
    home = paths.Home(tmp_path / "home")
    monkeypatch.setattr(install.files, "write", lambda path, text: None)
    return lambda *more: (
        install.install(home, lambda line: None, *more),
        sorted({argv[0] for argv in asked}),
    )[1]


def test_the_venv_of_zaqar_is_made_when_it_is_asked_for_and_not_before(pips):
    assert pips() == ["karbor", "keystone", "manila"]
    assert pips(ZAQAR) == ["karbor", "keystone", "manila", ZAQAR]

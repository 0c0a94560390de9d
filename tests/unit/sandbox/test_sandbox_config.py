# SPDX-License-Identifier: Apache-2.0
"""What the services are configured with, and the files for people."""

import configparser
import json
import shlex
import subprocess

import pytest

from sandbox import credentials, errors, paths
from sandbox.info import Credentials, StackInfo
from sandbox.karbor import config as karbor
from sandbox.karbor import providers
from sandbox.keystone import config as keystone
from sandbox.keystone import content
from sandbox.services import PORTS, Services
from sandbox.state import Settings, State

URLS = {
    name: f"http://127.0.0.1:2000{number}"
    for number, name in enumerate(("identity", "manila", "proxy", "karbor"))
}
PASSWORDS = {user: f"secret of {user}" for user in content.USERS}


def read(path):
    parser = configparser.RawConfigParser(strict=False, default_section="")
    parser.read(path)
    return parser


def user(name="alpha", password='it\'s $a "secret"'):
    return Credentials(
        username=name,
        user_id=f"{name}-user",
        password=password,
        project=name,
        project_id=f"{name}-project",
        domain="default",
        auth_url="http://127.0.0.1:20000/v3",
        region="RegionOne",
    )


def test_tenants_are_plain_members_of_their_own_project():
    users = {item["name"]: item for item in content.content(URLS, PASSWORDS)["users"]}
    for name in ("alpha", "beta"):
        assert (users[name]["project"], users[name]["roles"]) == (name, ["member"])
    # A trustee without a default project gets tokens that may do nothing.
    assert users["karbor"] == {
        "name": "karbor",
        "password": PASSWORDS["karbor"],
        "project": "service",
        "roles": ["admin", "service"],
    }


def test_karbor_reaches_manila_through_the_proxy_and_others_may_go_straight():
    services = {item["type"]: item for item in content.content(URLS, PASSWORDS)["services"]}
    shares = services["sharev2"]["endpoints"]
    assert shares["public"] == f"{URLS['proxy']}/v2"
    assert shares["internal"] == f"{URLS['manila']}/v2"
    assert services["data-protect"]["endpoints"]["public"] == (
        f"{URLS['karbor']}/v1/$(project_id)s"
    )


def test_both_providers_use_one_folder_each_by_its_own_bank_plugin(tmp_path):
    folder = providers.write(tmp_path / "d", tmp_path / "bank", options={})
    ours, stock = (read(folder / f"{name}.conf") for name in (providers.OURS, providers.STOCK))
    banks = [it["file_system_bank_plugin"]["file_system_bank_path"] for it in (ours, stock)]
    assert banks == [str(tmp_path / "bank")] * 2
    assert ours["provider"]["bank"] == "karbor-manila-fs-bank-plugin"
    assert stock["provider"]["bank"] == "karbor-fs-bank-plugin"
    assert ours["provider"]["id"] != stock["provider"]["id"]
    assert stock["manila_snapshot_plugin"]["poll_interval"] == "1"
    lines = (folder / "karbor-stock.conf").read_text().splitlines()
    plugins = [line for line in lines if line.startswith("plugin")]
    # The later one has the shares.
    assert plugins[-1] == "plugin = karbor-share-protection-plugin"


def test_only_the_wanted_providers_are_written_and_one_polls_as_karbor_does_by_default(tmp_path):
    names = (providers.STOCK, providers.STOCK_DEFAULT)
    folder = providers.write(tmp_path, tmp_path / "bank", options={}, names=names)
    assert sorted(path.stem for path in folder.glob("*.conf")) == sorted(names)
    stock, default = (read(folder / f"{name}.conf") for name in names)
    assert "poll_interval" not in default["manila_snapshot_plugin"]
    assert default["provider"]["id"] == providers.STOCK_DEFAULT_ID != stock["provider"]["id"]
    assert default["provider"]["bank"] == stock["provider"]["bank"]


def test_two_karbors_that_are_apart_have_nothing_in_common(tmp_path):
    settings = Settings(second_karbor=True, apart=True)
    state = State(tmp_path / "state")
    state.ensure()
    made = Services(paths.Home(tmp_path), state, settings, dict.fromkeys(PORTS, 1))
    confs, folders = [], []
    for _, path, *rest in (made._karbor(), made._karbor2()):
        confs.append(read(path))
        folders.append(path.parent / "providers.d")
        assert rest == []  # both fire schedules, each its own
    ours, stock = confs
    assert ours["database"]["connection"] != stock["database"]["connection"]
    assert stock["DEFAULT"]["protection_manager"] == karbor.STOCK_MANAGER
    assert ours["DEFAULT"]["protection_manager"] == karbor.OUR_MANAGER
    assert [path.stem for path in folders[0].iterdir()] == [providers.OURS]
    names = {path.stem for path in folders[1].iterdir()}
    assert names == {providers.STOCK, providers.STOCK_DEFAULT}
    banks = {
        read(path)["file_system_bank_plugin"]["file_system_bank_path"]
        for folder in folders
        for path in folder.iterdir()
    }
    assert banks == {str(state.bank), str(state.second_bank)}


@pytest.mark.parametrize("chosen", [None, ""])
def test_karbor_reads_what_the_hook_in_every_backend_of_manila_writes(tmp_path, chosen):
    option = "manila_share_protection/watch_spool"
    settings = Settings(karbor_options={} if chosen is None else {option: chosen})
    state = State(tmp_path / "state")
    state.ensure()
    made = Services(paths.Home(tmp_path), state, settings, dict.fromkeys(PORTS, 1))
    conf = read(made._manila()[1])
    backends = conf["DEFAULT"]["enabled_share_backends"].split(",")
    written = {conf[backend]["karbor_watch_spool"] for backend in backends}
    hooks = {conf[backend]["hook_drivers"] for backend in backends}
    assert hooks == {"karbor_manila.hooks.watch.CheckpointWatchHook"}
    spool = read(made._karbor()[1])["manila_share_protection"]["watch_spool"]
    assert written == ({spool} if chosen is None else {str(state.directory("manila") / "watch")})
    assert chosen is None or spool == chosen


def test_options_of_our_provider_go_to_our_group_unless_they_name_another(tmp_path):
    options = {"poll_interval": 0.1, "provider/bank": "another-bank"}
    ours = read(providers.write(tmp_path, tmp_path, options=options) / "karbor-manila.conf")
    assert ours["manila_share_protection"]["poll_interval"] == "0.1"
    assert ours["provider"]["bank"] == "another-bank"


def test_a_mortal_bank_stands_around_the_bank_of_either_provider(tmp_path):
    options = {"provider/bank": "another-bank"}
    folder = providers.write(tmp_path / "d", tmp_path, options=options, mortal=tmp_path / "m")
    ours, stock = (read(folder / f"{name}.conf") for name in (providers.OURS, providers.STOCK))
    assert [it["provider"]["bank"] for it in (ours, stock)] == [providers.MORTAL_BANK] * 2
    assert [it["mortal_bank"]["within"] for it in (ours, stock)] == [
        "another-bank",
        "karbor-fs-bank-plugin",
    ]
    assert ours["mortal_bank"]["folder"] == str(tmp_path / "m")


def test_karbor_conf_has_what_karbor_insists_on(tmp_path):
    path = karbor.write(
        tmp_path,
        port=1,
        identity=URLS["identity"],
        password="pw",
        manager=karbor.OUR_MANAGER,
        paste=tmp_path / "api-paste.ini",
        providers=tmp_path,
        debug=True,
        options={"quota_plans": 7, "trustee/username": "somebody"},
    )
    conf = read(path)
    assert conf["keystone_authtoken"]["www_authenticate_uri"].endswith("/v3/")
    assert "project_name" not in conf["trustee"]
    assert conf["DEFAULT"]["protection_manager"] == "karbor_manila.manager.ProtectionManager"
    assert conf["DEFAULT"]["quota_checkpoints"] == "-1"
    assert conf["DEFAULT"]["quota_plans"] == "7"
    assert conf["trustee"]["username"] == "somebody"


def test_a_second_karbor_has_the_database_of_the_first_and_a_host_of_its_own(tmp_path):
    path = karbor.write(
        tmp_path / "karbor2",
        port=2,
        identity=URLS["identity"],
        password="pw",
        manager=karbor.OUR_MANAGER,
        paste=tmp_path / "api-paste.ini",
        providers=tmp_path,
        debug=True,
        options={},
        host="sandbox2",
        database=tmp_path / "karbor" / karbor.DATABASE,
    )
    conf = read(path)
    assert conf["database"]["connection"] == f"sqlite:///{tmp_path}/karbor/karbor.sqlite"
    assert conf["DEFAULT"]["host"] == "sandbox2"
    assert conf["DEFAULT"]["state_path"] == str(tmp_path / "karbor2")


def test_keystone_conf_takes_options(tmp_path):
    conf = read(keystone.write(tmp_path, debug=False, options={"token/expiration": 60}))
    assert conf["token"]["expiration"] == "60"
    assert conf["database"]["connection"] == f"sqlite:///{tmp_path}/keystone.sqlite"


def test_a_shell_reads_openrc_as_it_was_meant(tmp_path):
    path = credentials.openrc(tmp_path / "openrc", user())
    script = f'. {shlex.quote(str(path))}; printf %s "$OS_PASSWORD"'
    output = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert output.stdout == user().password


def test_clouds_has_one_cloud_per_user(tmp_path):
    path = credentials.clouds(tmp_path / "clouds.yaml", {"alpha": user(), "beta": user("beta")})
    found = json.loads(path.read_text())["clouds"]
    assert found["beta"]["auth"]["project_name"] == "beta"
    assert found["alpha"]["auth"]["password"] == user().password


def test_another_cloud_s_credentials_and_proxies_do_not_get_in():
    env = {"OS_CLOUD": "production", "https_proxy": "x", "NO_PROXY": "y", "HOME": "/home/me"}
    assert credentials.without_openstack(env) == {"HOME": "/home/me"}


def stack_info(tmp_path):
    return StackInfo(
        state=tmp_path,
        auth_url="http://127.0.0.1:1/v3",
        karbor_url="http://127.0.0.1:2",
        manila_url="http://127.0.0.1:3/v2",
        proxy_url="http://127.0.0.1:4/v2",
        proxy_control_url="http://127.0.0.1:5",
        users={"alpha": user()},
        providers={"karbor-manila": "id"},
        bank=tmp_path / "bank",
        shares=tmp_path / "shares",
        logs={"karbor": tmp_path / "karbor.log"},
        bin=tmp_path / "bin",
        openrc=tmp_path / "openrc",
        clouds=tmp_path / "clouds.yaml",
    )


def test_stack_json_comes_back_as_it_was(tmp_path):
    info = stack_info(tmp_path)
    info.save()
    assert StackInfo.load(tmp_path) == info
    assert info.karbor_endpoint("alpha") == "http://127.0.0.1:2/v1/alpha-project"


def test_a_folder_without_a_stack_says_so(tmp_path):
    with pytest.raises(errors.NotStarted):
        StackInfo.load(tmp_path)


def test_commands_run_as_alpha_and_can_choose_another_user(tmp_path, monkeypatch):
    monkeypatch.setenv("OS_USERNAME", "operator-of-production")
    env = credentials.for_commands(stack_info(tmp_path))
    assert env["OS_CLOUD"] == "alpha"
    assert "OS_USERNAME" not in env
    assert env["PATH"].startswith(str(tmp_path / "bin"))

# SPDX-License-Identifier: Apache-2.0
"""The layout with several workers: order, configuration, commands, and what it refuses."""

import configparser
import signal
import subprocess

import pytest

from sandbox import cli, errors, install, paths, process, stack
from sandbox.cluster import faketime, mariadb, processes, rabbitmq
from sandbox.cluster.layout import API, ENGINE, EPMD, INFRASTRUCTURE, MARIADB, RABBITMQ
from sandbox.services import PORTS, Services
from sandbox.state import EVERY_SERVICE, SERVICES, Settings, State

NAMES = (*INFRASTRUCTURE, "keystone", "manila", "proxy", API, ENGINE, "worker1", "worker2")


@pytest.fixture
def cluster(tmp_path, story):
    made = stack.Stack(tmp_path / "state", home=tmp_path / "home", layout="cluster", workers=2)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def services(tmp_path, monkeypatch):
    """What starting a service needs to know; MariaDB's data are not made."""
    monkeypatch.setattr(mariadb, "prepare", lambda directory, passwords, admin_password: None)
    state = State(tmp_path / "state")
    state.ensure()
    settings = Settings(layout="cluster", clock_offsets={"2": 120})
    numbers = {name: 20000 + number for number, name in enumerate(PORTS)}
    return Services(paths.Home(tmp_path), state, settings, numbers)


def conf(path):
    read = configparser.RawConfigParser(default_section="", strict=False)
    read.read(path)
    return read


def test_each_service_starts_when_those_serve_that_it_needs_and_all_end(cluster, story):
    told = story.tell()
    assert sorted(told) == sorted(f"start {name}" for name in NAMES)
    at = {line.removeprefix("start "): number for number, line in enumerate(told)}
    assert at[MARIADB] < at["manila"]
    assert at[EPMD] < at[RABBITMQ]
    assert max(at[MARIADB], at[RABBITMQ], at["keystone"]) < at[API]
    assert at[API] < min(at[ENGINE], at["worker1"], at["worker2"])
    assert list(cluster.status()) == list(NAMES)
    cluster.stop()
    assert sorted(story.tell()[len(NAMES) :]) == sorted(f"end {name}" for name in NAMES)


def test_a_layout_is_chosen_once_for_a_folder(cluster, tmp_path, story):
    other = stack.Stack(tmp_path / "state", home=tmp_path / "home", layout="one")
    with pytest.raises(errors.OtherLayout, match="--layout cluster, not one"):
        other.start()
    assert cluster.running("worker1")
    assert cluster.state.settings().is_cluster
    again = stack.Stack(tmp_path / "state", home=tmp_path / "home")
    assert again.start() == cluster.info


def test_the_layout_is_one_unless_another_is_chosen():
    assert Settings().services() == SERVICES
    assert not Settings().is_cluster


def test_a_worker_is_killed_paused_resumed_stopped_and_started(cluster):
    assert cluster.workers() == [1, 2]
    before = cluster.status()
    cluster.pause_worker(1)
    paused = process.Process.load(cluster.state.pid("worker1"))
    assert paused.stopped()
    cluster.resume_worker(1)
    assert not paused.stopped()
    cluster.kill_worker(1)
    assert cluster.status() == {**before, "worker1": None}
    cluster.start_worker(1)
    assert cluster.running("worker1")
    assert cluster.stop_worker(2)
    assert cluster.status()["worker2"] is None
    cluster.restart_worker(2)
    assert cluster.running("worker2")


def test_a_worker_that_does_not_end_in_time_is_killed_and_that_is_told(cluster):
    cluster.kill_worker(1)
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stubborn = subprocess.Popen(["sleep", "60"])  # which inherits that
    signal.signal(signal.SIGTERM, before)
    started = process._stat(stubborn.pid)[1]
    process.Process("worker1", stubborn.pid, started).save(cluster.state.pid("worker1"))
    try:
        assert not cluster.stop_worker(1, seconds=0.2)
    finally:
        stubborn.kill()
        stubborn.wait()


@pytest.mark.parametrize("number", [0, 3])
def test_a_worker_that_is_not_there_is_named(cluster, number):
    with pytest.raises(errors.NoSuchWorker, match=f"no worker {number}.*workers 1 to 2"):
        cluster.kill_worker(number)


def test_a_sandbox_of_one_process_has_no_workers(made):
    made.start()
    assert made.workers() == []
    with pytest.raises(errors.NoSuchWorker, match="--layout cluster"):
        made.pause_worker(1)
    for name in (MARIADB, API, "worker1"):
        with pytest.raises(errors.NotChosen, match="--layout cluster"):
            made.start_service(name)


def test_karbor_is_all_that_it_consists_of(cluster):
    before = cluster.status()
    karbor = (API, ENGINE, "worker1", "worker2")
    assert cluster.running("karbor")
    cluster.kill_worker(1)
    assert not cluster.running("karbor")
    cluster.start_service("karbor")
    after = cluster.status()
    assert {**after, "worker1": 0} == {**before, "worker1": 0}
    cluster.kill("karbor")
    assert cluster.status() == {**before, **dict.fromkeys(karbor)}
    cluster.restart("karbor")
    assert cluster.running("karbor")
    cluster.stop_service("karbor")
    assert [name for name, pid in cluster.status().items() if not pid] == list(karbor)


def test_a_worker_that_was_not_chosen_is_not_started(cluster):
    with pytest.raises(errors.NotChosen):
        cluster.start_service("worker3")


def test_karbors_services_have_one_file_in_common_and_a_host_each(services, tmp_path):
    argv = services._argv("worker2", services.state.ready("worker2"))
    assert argv[1:5] == ["-P", "-m", "sandbox.cluster", "protection"]
    shared, own = (conf(argv[n + 1]) for n, word in enumerate(argv) if word == "--config-file")
    passwords = services.state.passwords()
    assert shared["database"]["connection"] == mariadb.url(
        "karbor", passwords["karbor"], services.ports[MARIADB]
    )
    assert shared["DEFAULT"]["transport_url"] == (
        f"rabbit://karbor:{passwords['rabbitmq']}@127.0.0.1:{services.ports[RABBITMQ]}/"
    )
    directory = services.state.directory("worker2")
    assert dict(own["DEFAULT"]) == {"host": "worker2", "state_path": str(directory)}
    assert own["oslo_concurrency"]["lock_path"] == str(directory / "locks")
    assert services._argv(API, services.state.ready(API))[4] == "api"
    assert services._argv(ENGINE, services.state.ready(ENGINE))[4] == "operationengine"


def test_manilas_tables_are_in_mariadb_and_its_notifications_go_to_the_broker(services):
    read = conf(services._manila()[1])
    wanted = mariadb.url("manila", services.state.passwords()["manila"], services.ports[MARIADB])
    assert read["database"]["connection"] == wanted
    assert read["database"]["slave_connection"] == wanted
    assert read["oslo_messaging_notifications"]["transport_url"].startswith("rabbit://karbor:")


def test_each_worker_of_a_mortal_cluster_is_told_for_itself(services, tmp_path):
    mortal = Services(
        services.home, services.state, services.settings.changed(mortal_bank=True), services.ports
    )
    folders = set()
    for name in ("worker1", "worker2"):
        argv = mortal._argv(name, mortal.state.ready(name))
        providers = paths.Path(conf(argv[8])["DEFAULT"]["provider_config_dir"])
        folders.add(conf(providers / "karbor-manila.conf")["mortal_bank"]["folder"])
    assert folders == {str(mortal.state.mortal / name) for name in ("worker1", "worker2")}


def test_the_clock_of_one_worker_is_fast(services, monkeypatch):
    monkeypatch.setattr(faketime, "library", lambda: "/lib/libfaketime.so.1")
    environment = services._environment("worker2")
    assert environment["FAKETIME"] == "+120"
    assert environment["LD_PRELOAD"] == "/lib/libfaketime.so.1"
    assert "LD_PRELOAD" not in services._environment("worker1")
    assert Settings().changed(clock_offsets={1: -3}).clock_offset("worker1") == -3


def test_rabbitmq_listens_on_loopback_and_has_all_of_its_state_in_its_folder(services):
    directory = services.state.directory(RABBITMQ)
    processes.argv(services, RABBITMQ, services.state.ready(RABBITMQ))
    lines = (directory / "rabbitmq.conf").read_text().splitlines()
    assert f"listeners.tcp.1 = 127.0.0.1:{services.ports[RABBITMQ]}" in lines
    environment = services._environment(RABBITMQ)
    assert environment["ERL_EPMD_PORT"] == str(services.ports[EPMD])
    assert (
        "inet_dist_use_interface {127,0,0,1}"
        in (environment["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"])
    )
    for name in ("HOME", "RABBITMQ_MNESIA_BASE", "RABBITMQ_LOG_BASE", "RABBITMQ_PID_FILE"):
        assert environment[name].startswith(str(directory))


def test_a_missing_program_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setattr(mariadb, "program", lambda: "/usr/sbin/mariadbd")
    monkeypatch.setattr(rabbitmq, "PROGRAM", str(tmp_path / "rabbitmq-server"))
    made = stack.Stack(tmp_path / "state", home=tmp_path / "home", layout="cluster")
    with pytest.raises(errors.ProgramMissing, match="apt-get install .* rabbitmq-server"):
        made.start()
    assert not (tmp_path / "home").exists()  # nothing was installed, nothing begun
    assert not (tmp_path / "state").exists()


def test_a_missing_faketime_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setattr(faketime, "_PLACES", (str(tmp_path),))
    with pytest.raises(errors.ProgramMissing, match="apt-get install .* faketime"):
        faketime.library()
    folder = tmp_path / "x86_64-linux-gnu" / "faketime"
    folder.mkdir(parents=True)
    (folder / "libfaketime.so.1").touch()
    assert faketime.library() == folder / "libfaketime.so.1"


def test_what_the_cluster_needs_besides_is_added_once_and_to_no_other_layout(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "REPO", tmp_path)
    ran = []
    monkeypatch.setattr(install, "_run", lambda service, argv, log: ran.append(argv))
    home = paths.Home(tmp_path / "home")
    say = [].append

    def added():
        ran.clear()
        install.install(home, say, layout="cluster")
        return sum("PyMySQL" in argv for argv in ran)

    for service in install.REQUIREMENTS:
        home.venv(service).mkdir(parents=True)
    install.install(home, say)
    assert not any("PyMySQL" in argv for argv in ran)
    assert added() == 2
    assert added() == 0


def test_cli_disturbs_a_worker(tmp_path, story, capsys):
    where = ["--state", str(tmp_path / "state"), "--home", str(tmp_path / "home")]
    more = ["--layout", "cluster", "--workers", "1", "--clock-offset", "1=120"]
    assert cli.main(["start", *more, *where]) == 0
    state = State(tmp_path / "state")
    assert state.settings().clock_offset("worker1") == 120
    for act in ("pause", "resume", "kill", "restart", "stop"):
        assert cli.main(["worker", act, "1", *where]) == 0
    assert cli.main(["worker", "kill", "2", *where]) == 1
    assert "no worker 2" in capsys.readouterr().err
    assert cli.main(["status", *where]) == 3
    assert cli.main(["destroy", *where]) == 0


@pytest.mark.parametrize("wrong", [["--workers", "0"], ["--workers", "10"], ["--layout", "two"]])
def test_cli_refuses_what_is_no_layout(wrong):
    with pytest.raises(SystemExit) as caught:
        cli.main(["start", *wrong])
    assert caught.value.code == 2


def test_every_service_has_a_log_of_its_own_name(cluster):
    assert set(cluster.info.logs) == set(EVERY_SERVICE)

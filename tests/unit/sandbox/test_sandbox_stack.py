# SPDX-License-Identifier: Apache-2.0
"""Starting, stopping and disturbing, with dummies in the place of the services."""

import signal
import socket

import pytest

from sandbox import cli, errors, ports, stack
from sandbox.state import MESSAGING, SERVICES, Settings


def test_karbor_starts_when_keystone_serves_and_all_end_in_reverse(made, story):
    made.start()
    told = story.tell()
    assert sorted(told) == [f"start {name}" for name in sorted(SERVICES)]
    assert told.index("start keystone") < told.index("start karbor")
    made.stop()
    assert story.tell()[4:] == ["end karbor", "end proxy", "end manila", "end keystone"]
    assert set(made.status().values()) == {None}


def test_a_second_start_goes_on_with_ports_and_passwords(made):
    first = made.start()
    assert made.start() == first
    made.stop()
    assert made.start() == first


def test_a_start_mends_what_is_missing_and_leaves_the_rest_alone(made):
    made.start()
    before = made.status()
    made.kill("manila")
    assert made.status() == {**before, "manila": None}
    made.start()
    after = made.status()
    assert after.pop("manila") not in (None, before.pop("manila"))
    assert after == before


def test_when_somebody_has_taken_a_port_everything_starts_anew(made):
    first = made.start()
    made.stop()
    old = made.state.ports()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((ports.HOST, old["manila"]))
        other.listen()
        second = made.start()
    assert second.manila_url != first.manila_url
    assert second.karbor_url == first.karbor_url


def test_kill_and_start_one_service(made):
    info = made.start()
    before = made.status()
    made.kill("karbor", signal.SIGKILL)
    assert not made.running("karbor")
    made.start_service("karbor")
    assert made.running("karbor")
    assert made.info == info
    assert {**made.status(), "karbor": 0} == {**before, "karbor": 0}


def test_the_second_karbor_is_started_on_demand_and_stops_first(made, story):
    info = made.start()
    assert "karbor2" not in made.status()
    assert info.karbor2_url not in ("", info.karbor_url)
    made.start_service("karbor2")
    assert made.running("karbor2")
    made.stop()
    assert story.tell()[5:] == [
        f"end {name}" for name in ("karbor2", "karbor", "proxy", "manila", "keystone")
    ]
    assert "karbor2" not in made.status()


def test_the_second_karbor_is_started_with_the_others_when_it_is_chosen(tmp_path, story):
    with stack.Stack(tmp_path / "state", home=tmp_path / "home", second_karbor=True) as made:
        assert made.running("karbor2")
        assert story.tell().index("start karbor") < story.tell().index("start karbor2")


def test_zaqar_starts_when_its_redis_serves_and_they_end_last(tmp_path, story):
    with stack.Stack(tmp_path / "state", home=tmp_path / "home", zaqar=True) as made:
        told = story.tell()
        assert sorted(told) == sorted(f"start {name}" for name in (*MESSAGING, *SERVICES))
        assert told.index("start redis") < told.index("start zaqar")
        assert made.info.zaqar_url
        made.kill("redis")
        assert "redis" not in made.status()
        made.start_service("redis")
        assert made.running("redis")
    assert story.tell()[-2:] == ["end zaqar", "end redis"]


def test_without_the_profile_there_is_no_zaqar(made, story):
    assert made.start().zaqar_url == ""
    assert not set(MESSAGING) & set(made.status())
    assert not any(name in line for line in story.tell() for name in MESSAGING)


def test_a_sandbox_that_runs_gets_zaqar_and_a_catalog_that_names_it(made, story, tmp_path):
    made.start()
    before = made.status()
    info = stack.Stack(tmp_path / "state", home=tmp_path / "home", zaqar=True).start()
    after = made.status()
    assert set(MESSAGING) <= set(after)
    assert after.pop("keystone") != before.pop("keystone")
    assert {name: after[name] for name in before} == before
    assert made.info == info


def test_restart_takes_changed_settings(made):
    made.start()
    made.restart("karbor", share_options={"deadline": 5})
    assert made.state.settings().share_options == {"deadline": 5}


def test_a_failed_start_says_why_and_leaves_nothing_running(made, story):
    story.break_("manila")
    with pytest.raises(errors.ServiceFailed, match="it is broken") as caught:
        made.start()
    assert caught.value.service == "manila"
    assert set(made.status().values()) == {None}


def test_options_of_a_failed_start_are_forgotten(made, story, tmp_path):
    story.break_("karbor")
    other = stack.Stack(tmp_path / "state", home=tmp_path / "home", debug=True)
    with pytest.raises(errors.ServiceFailed):
        other.start()
    assert not made.state.settings().debug


def test_options_of_a_failed_restart_are_forgotten(made, story):
    made.start()
    story.break_("karbor")
    with pytest.raises(errors.ServiceFailed):
        made.restart("karbor", share_options={"deadline": 5})
    assert made.state.settings().share_options == {}


def test_one_service_of_a_sandbox_that_was_never_started(made):
    with pytest.raises(errors.NotStarted):
        made.start_service("karbor")


def test_destroy_leaves_nothing(made):
    made.start()
    made.destroy()
    assert not made.state.root.exists()
    made.destroy()


def test_cli_starts_says_where_things_are_and_stops(tmp_path, story, capsys):
    where = ["--state", str(tmp_path / "state"), "--home", str(tmp_path / "home")]
    assert cli.main(["status", *where]) == 3
    assert cli.main(["start", "--share-option", "deadline=5", *where]) == 0
    said = capsys.readouterr().out
    assert str(tmp_path / "state" / "clouds.yaml") in said
    assert "Ready in" in said
    assert cli.main(["status", *where]) == 0
    assert cli.main(["destroy", *where]) == 0
    assert not (tmp_path / "state").exists()


def test_cli_keeps_options_until_the_defaults_are_asked_for(tmp_path, story):
    where = ["--state", str(tmp_path / "state"), "--home", str(tmp_path / "home")]
    state = stack.Stack(tmp_path / "state").state
    assert cli.main(["start", "--debug", "--karbor-option", "quota_plans=3", *where]) == 0
    assert cli.main(["restart", "karbor", *where]) == 0
    assert cli.main(["start", *where]) == 0
    assert (state.settings().debug, state.settings().karbor_options) == (True, {"quota_plans": "3"})
    assert cli.main(["start", "--defaults", "--stock-manager", *where]) == 0
    assert state.settings() == Settings(stock_manager=True)
    assert cli.main(["destroy", *where]) == 0


def test_cli_run_answers_what_the_command_answers_and_stops(tmp_path, story):
    where = ["--state", str(tmp_path / "state"), "--home", str(tmp_path / "home")]
    test = '[ "$OS_CLOUD" = alpha ] && exit 7'
    assert cli.main(["run", *where, "--", "sh", "-c", test]) == 7
    assert cli.main(["status", *where]) == 3
    assert cli.main(["run", *where, "--", str(tmp_path / "no such command")]) == 127


def test_cli_failure_is_one_and_goes_to_stderr(tmp_path, story, capsys):
    story.break_("karbor")
    where = ["--state", str(tmp_path / "state"), "--home", str(tmp_path / "home")]
    assert cli.main(["start", *where]) == 1
    captured = capsys.readouterr()
    assert "karbor ended at start" in captured.err
    assert "it is broken" in captured.err


def test_cli_refuses_an_option_without_a_value(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["start", "--karbor-option", "debug"])
    assert caught.value.code == 2

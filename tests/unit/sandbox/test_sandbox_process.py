# SPDX-License-Identifier: Apache-2.0
"""Detached processes."""

import dataclasses
import os
import signal
import sys

import pytest

from sandbox import errors, process

SLEEP = "import signal; signal.pause()"
STUBBORN = """
import pathlib, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).touch()
signal.pause()
"""
READY = "import pathlib, signal, sys; pathlib.Path(sys.argv[1]).touch(); signal.pause()"


@pytest.fixture
def spawn(tmp_path):
    started = []

    def start(code, *arguments):
        argv = [sys.executable, "-c", code, *map(str, arguments)]
        started.append(process.spawn("dummy", argv, dict(os.environ), tmp_path / "log", tmp_path))
        return started[-1]

    yield start
    for item in started:
        item.stop(0.1)


def test_a_process_is_known_again_from_its_record(spawn, tmp_path):
    started = spawn(SLEEP)
    started.save(tmp_path / "record.json")
    found = process.Process.load(tmp_path / "record.json")
    assert found == started
    assert found.alive()
    assert found.stop()
    assert not started.alive()


def test_no_record_is_no_process(tmp_path):
    assert process.Process.load(tmp_path / "absent.json") is None


def test_a_process_that_has_the_pid_by_now_is_left_alone(spawn):
    started = spawn(SLEEP)
    earlier = dataclasses.replace(started, started=started.started - 1)
    assert not earlier.alive()
    assert not earlier.send(9)
    assert earlier.stop()
    assert started.alive()


def test_a_stopped_process_is_alive_and_ends_cleanly_all_the_same(spawn):
    started = spawn(SLEEP)
    assert not started.stopped()
    started.send(signal.SIGSTOP)
    while not started.stopped():
        pass
    assert started.alive()
    assert started.stop()
    assert not started.stopped()


def test_a_process_that_ended_leaves_no_zombie(spawn):
    started = spawn("pass")
    assert started.wait(60)
    with pytest.raises(ChildProcessError):
        os.waitpid(started.pid, os.WNOHANG)


def test_what_ignores_sigterm_is_killed(spawn, tmp_path):
    started = spawn(STUBBORN, tmp_path / "ready")
    process.wait_ready(started, tmp_path / "ready", tmp_path / "log", 0, 60)
    assert not started.stop(0.2)
    assert not started.alive()


def test_wait_ready_returns_when_the_file_is_there(spawn, tmp_path):
    started = spawn(READY, tmp_path / "ready")
    process.wait_ready(started, tmp_path / "ready", tmp_path / "log", 0, 60)
    assert started.alive()


def test_an_early_end_shows_the_end_of_this_start_s_log(spawn, tmp_path):
    log = tmp_path / "log"
    log.write_text("an older start\n")
    offset = log.stat().st_size
    started = spawn('raise SystemExit("no such option: frobnicate")')
    with pytest.raises(errors.ServiceFailed) as caught:
        process.wait_ready(started, tmp_path / "ready", log, offset, 60)
    assert "dummy ended at start" in str(caught.value)
    assert "no such option: frobnicate" in str(caught.value)
    assert "an older start" not in str(caught.value)


def test_what_is_never_ready_fails_in_time(spawn, tmp_path):
    started = spawn(SLEEP)
    with pytest.raises(errors.ServiceFailed, match="not ready after 0 s"):
        process.wait_ready(started, tmp_path / "ready", tmp_path / "log", 0, 0.1)

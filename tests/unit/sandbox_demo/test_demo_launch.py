# SPDX-License-Identifier: Apache-2.0
"""Whatever becomes of the demonstration, nothing that it started goes on running."""

import os
import select
import signal
import sys
import threading
from pathlib import Path

import psutil
import pytest

from sandbox import errors, paths
from sandbox.demo import claim, installing, launch, signals
from sandbox.state import State


class FakeStack:
    """A sandbox of which only the state folder is real."""

    broken = False

    def __init__(self, state, home=None, say=None):
        self.home = paths.Home.find(home)
        self.state = State(Path(state))
        self.story = []

    def start(self):
        self.story.append("start")
        if self.broken:
            raise errors.ServiceFailed("karbor", "ended at start", self.state.log("karbor"))
        log = self.state.log("karbor")
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()

    def stop(self):
        self.story.append("stop")

    def destroy(self):
        self.story.append("destroy")
        self.state.remove()


class Stage:
    """Runs demonstrations in one folder; their child is a line of Python."""

    def __init__(self, root, monkeypatch):
        self.root, self.lines, self.stacks = root, [], []
        self.patch = monkeypatch
        monkeypatch.setattr(launch, "Stack", self.stack)
        monkeypatch.setattr(installing, "ensure", lambda home, say: None)

    def stack(self, *args, **kwargs):
        self.stacks.append(FakeStack(*args, **kwargs))
        return self.stacks[-1]

    def run(self, child="pass", keep=False):
        self.patch.setattr(launch, "_argv", lambda stack, keep: [sys.executable, "-c", child])
        return launch.demo(str(self.root), str(self.root.parent), keep=keep, say=self.say)

    def say(self, line, stream=None):
        self.lines.append(line)

    @property
    def story(self):
        return self.stacks[-1].story

    @property
    def said(self):
        return "\n".join(self.lines)


@pytest.fixture
def stage(tmp_path, monkeypatch):
    return Stage(tmp_path / "demo", monkeypatch)


def test_after_a_good_end_all_is_stopped_and_removed(stage):
    assert stage.run() == 0
    assert stage.story == ["start", "stop", "destroy"]
    assert not stage.root.exists()


def test_kept_it_goes_on_running_and_the_next_run_removes_it(stage):
    assert stage.run(keep=True) == 0
    assert stage.story == ["start"]
    (stage.root / "file").touch()
    assert stage.run(keep=True) == 0
    assert stage.story == ["destroy", "start"]
    assert not (stage.root / "file").exists()


def test_after_a_failure_all_is_stopped_and_kept_and_the_logs_are_named(stage):
    assert stage.run("raise SystemExit(1)", keep=True) == 1
    assert stage.story == ["start", "stop"]
    assert str(stage.root / "logs" / "karbor.log") in stage.said


def test_a_sandbox_that_does_not_start_is_a_failure_with_its_reason(stage, monkeypatch):
    monkeypatch.setattr(FakeStack, "broken", True)
    assert stage.run() == 1
    assert "karbor ended at start" in stage.said


def test_a_child_that_was_killed_is_a_failure_that_is_told(stage):
    assert stage.run("import os; os.kill(os.getpid(), 9)") == 1
    assert "ended by SIGKILL" in stage.said


@pytest.fixture
def listening(number):
    """The signal as a program in the foreground finds it; under nohup some are ignored."""
    before = signal.signal(number, signal.SIG_DFL)
    yield signal.SIG_DFL
    signal.signal(number, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_child_and_stops_all(stage, listening, number, tmp_path):
    began = tmp_path / "began"
    os.mkfifo(began)
    child = (
        "import os, pathlib, signal\n"
        f"pathlib.Path({str(began)!r}).write_text(str(os.getpid()))\n"
        "signal.pause()\n"
    )
    children = []

    def send():
        children.append(int(began.read_text()))  # as soon as the child has written it
        os.kill(os.getpid(), number)

    threading.Thread(target=send, daemon=True).start()
    assert stage.run(child) == 128 + number
    assert stage.story == ["start", "stop"]
    assert not psutil.pid_exists(children[0])
    assert signal.getsignal(number) == listening


def test_a_folder_that_it_did_not_make_is_never_removed(stage):
    stage.root.mkdir()
    (stage.root / "precious").touch()
    with pytest.raises(errors.NotAState):
        stage.run()
    (stage.root / "precious").unlink()
    State(stage.root).ensure()
    with pytest.raises(claim.NotADemonstration):
        stage.run()
    assert State(stage.root).exists()


def test_two_demonstrations_do_not_share_a_folder(stage):
    assert stage.run(keep=True) == 0
    with (
        claim.locked(stage.root / claim.MARK, stage.root),
        pytest.raises(claim.Busy),
    ):
        stage.run()
    assert stage.story == []


def test_nobody_listening_does_not_keep_it_from_stopping(stage):
    def say(line, stream=None):
        raise BrokenPipeError

    stage.say = say
    assert stage.run("raise SystemExit(1)") == 1
    assert stage.story == ["start", "stop"]


def test_a_signal_while_installing_ends_every_process_that_installs(tmp_path, monkeypatch):
    code = (
        "import subprocess, sys\n"
        "pip = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
        "print(pip.pid, flush=True)\n"
        "pip.wait()\n"
    )
    monkeypatch.setattr(installing, "_argv", lambda home: [sys.executable, "-c", code])
    pids = []

    def say(line):
        pids.append(int(line))
        raise signals.Ended(signal.SIGINT)

    with pytest.raises(signals.Ended):
        installing.ensure(paths.Home(tmp_path), say)
    assert ends(pids[0]), "the grandchild goes on"


def test_what_cannot_be_installed_says_why_and_is_a_failure(tmp_path, monkeypatch):
    code = "print('no such package'); raise SystemExit(1)"
    monkeypatch.setattr(installing, "_argv", lambda home: [sys.executable, "-c", code])
    said = []
    with pytest.raises(installing.NotInstalled):
        installing.ensure(paths.Home(tmp_path), said.append)
    assert said == ["no such package"]


def ends(pid):
    """Whether a process, no child of ours, comes to its end."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 60)[0])
    finally:
        os.close(process)

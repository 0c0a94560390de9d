# SPDX-License-Identifier: Apache-2.0
"""The operator's command: its exit code decides, its deadline holds, its output's end is told."""

import os
import shlex
import subprocess
from pathlib import Path
from typing import IO

import psutil
import pytest

from karbor_manila.common import command
from karbor_manila.common.errors import CheckFailed


def test_it_gets_the_environment_and_no_shell(tmp_path: Path) -> None:
    written = tmp_path / "written"
    command.run(f"sh -c 'echo $WHERE > {written}'", {"WHERE": "here; there"}, 60)
    assert written.read_text() == "here; there\n"


def test_the_end_of_its_output_is_told() -> None:
    with pytest.raises(CheckFailed) as caught:
        command.run("sh -c 'seq 1 5000; echo the last word >&2; exit 9'", {}, 60)
    assert "exit code 9" in str(caught.value)
    assert "the last word" in str(caught.value)
    assert len(caught.value.output) <= command.TAIL


@pytest.mark.parametrize("text", ["", "'unfinished", "/no/such/program"])
def test_what_cannot_be_run_is_told(text: str) -> None:
    with pytest.raises(CheckFailed, match="could not be run"):
        command.run(text or "''", {}, 60)


def test_at_its_deadline_it_is_killed_with_what_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    # A busy machine may not get as far as the child before the first deadline.
    for deadline in (1.0, 5.0, 25.0):
        with pytest.raises(CheckFailed, match="did not end within"):
            command.run(f"sh -c 'sleep 600 & echo $! > {pid}; wait'", {}, deadline)
        if pid.exists() and pid.read_text().endswith("\n"):
            break
    child = int(pid.read_text())
    try:
        left = psutil.Process(child)
    except psutil.NoSuchProcess:
        return
    # The kernel takes a moment to end it; whoever adopts it may leave it a zombie.
    _gone, alive = psutil.wait_procs([left], timeout=60)
    lives = [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
    for one in lives:
        one.kill()
    assert lives == [], "what the command had started lives on"


def test_what_it_leaves_in_the_background_does_not_hold_us_up() -> None:
    command.run("sh -c 'sleep 5 & exit 0'", {}, 60)


@pytest.mark.parametrize(
    "said",
    [
        "password=hunter2",
        "postgres://app:hunter2@db/x",
        "X-Auth-Token: hunter2",
        "Authorization: Bearer hunter2",
        "Authorization: hunter2",
        "AWS_SECRET_ACCESS_KEY=hunter2",
        "api-key: hunter2",
        "gAAAAABhunter2",
        '{"access_token": "hunter2"}',
    ],
)
def test_a_secret_in_its_output_is_masked(said: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        text = f"echo {shlex.quote(said)} was refused; exit 1"
        command.run(f"sh -c {shlex.quote(text)}", {}, 60)
    assert "hunter2" not in str(caught.value)
    assert "was refused" in str(caught.value)


def test_a_flood_of_output_fills_no_disk_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sizes: list[int] = []
    shorten = command._shorten

    def look(output: IO[bytes]) -> None:
        shorten(output)
        sizes.append(os.fstat(output.fileno()).st_size)

    monkeypatch.setattr(command, "_shorten", look)
    monkeypatch.setattr(command, "MOST_OUTPUT", 10_000)
    text = "i=0; while [ $i -lt 40 ]; do seq 1 5000; sleep 0.02; i=$((i+1)); done; echo the end"
    ended = command.execute(f"sh -c '{text}'", {"PATH": os.environ["PATH"]}, 60)
    assert (ended.code, ended.output[-7:]) == (0, "the end")
    assert len(ended.output) == command.TAIL
    assert min(sizes) <= 10_000


@pytest.mark.parametrize("outlived", [True, False])
def test_what_runs_as_another_user_is_not_said_to_be_killed(
    monkeypatch: pytest.MonkeyPatch, *, outlived: bool
) -> None:
    """As sudo does: a signal is refused, and the command goes on."""

    def refuse(_group: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "killpg", refuse)
    ended = command.execute(
        "sh -c 'sleep 1; echo frozen'", {"PATH": os.environ["PATH"]}, 0.0, outlived=outlived
    )
    assert "cannot be killed" in ended.said
    assert ended.output == ("" if outlived else "frozen")


def test_what_hangs_in_the_kernel_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a mount does whose server is gone: it is killed, and stays."""
    started: list[subprocess.Popen[bytes]] = []

    def never(process: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        assert timeout is not None, "this waits for ever"
        started.append(process)
        raise subprocess.TimeoutExpired("mount", timeout)

    with monkeypatch.context() as patched:
        patched.setattr(subprocess.Popen, "wait", never)
        ended = command.execute("sleep 600", {"PATH": os.environ["PATH"]}, 0.0)
    assert ended.code is None
    assert "cannot be killed" in ended.said
    started[0].wait()

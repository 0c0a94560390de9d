# SPDX-License-Identifier: Apache-2.0
"""Detached processes: started, recognised again by another program, ended by their own pid."""

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from sandbox import errors, files

POLL = 0.02


class Sign(Protocol):
    """What says that a service serves: a file that it writes, or whoever knocks at its port."""

    def exists(self) -> bool:
        """Return whether it serves."""


@dataclass(frozen=True)
class Process:
    """One process that the sandbox started.

    The pid alone could be somebody else's by now; together with the start time (clock ticks since
    boot, from ``/proc``) it names one process.
    """

    name: str
    pid: int
    started: int

    def alive(self) -> bool:
        """Return whether this very process still runs; a zombie does not."""
        found = _stat(self.pid)
        if found is None or found[1] != self.started:
            return False
        if found[0] in "ZX":
            # When it is our own child, collect its status: else it stays a zombie.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)
            return False
        return True

    def stopped(self) -> bool:
        """Return whether SIGSTOP has reached all of it: not one of its threads runs any more."""
        return self.alive() and is_stopped(self.pid)

    def send(self, number: int) -> bool:
        """Send a signal; False when the process is gone."""
        if not self.alive():
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the process; False when it still runs after so many seconds."""
        deadline = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL)
        return True

    def wait_stopped(self, seconds: float) -> bool:
        """Wait until SIGSTOP has reached all of it; False when it has not in so many seconds."""
        deadline = time.monotonic() + seconds
        while not self.stopped():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL)
        return True

    def stop(self, seconds: float = 15) -> bool:
        """End the process: SIGTERM, and SIGKILL when that did not do it in time.

        :returns: True when it ended by itself (or was gone already).
        """
        self.ask_to_end()
        return self.await_end(seconds)

    def ask_to_end(self) -> None:
        """Send SIGTERM; who was stopped hears of it, too."""
        self.send(signal.SIGTERM)
        self.send(signal.SIGCONT)

    def await_end(self, seconds: float) -> bool:
        """The rest of ``stop``, for who was asked."""
        if self.wait(seconds):
            return True
        self.send(signal.SIGKILL)
        self.wait(seconds)
        return False

    def save(self, path: Path) -> None:
        """Write the record that ``load`` reads."""
        files.write_json(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> "Process | None":
        """Return the process that was recorded there, running or not; None without a record."""
        values = files.read_json(path)
        return cls(**values) if values else None


def spawn(name: str, argv: list[str], env: dict[str, str], log: Path, cwd: Path) -> Process:
    """Start a process in a session of its own, with both outputs appended to ``log``."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        child = subprocess.Popen(  # noqa: S603
            argv,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # Nobody has waited for the child yet, so at worst this is the entry of a zombie.
    _, started = _stat(child.pid) or ("", 0)
    process = Process(name, child.pid, started)
    # It may outlive us, and is known by its record from here on: Popen must not warn about it.
    child.returncode = 0
    return process


def wait_ready(process: Process, ready: Sign, log: Path, offset: int, seconds: float) -> None:
    """Wait until the process serves.

    :param ready: the file that it writes then, or another sign.
    :param offset: size of the log, in bytes, when the process was started.
    :raises errors.ServiceFailed: it ended first, or the seconds have passed.
    """
    deadline = time.monotonic() + seconds
    while not ready.exists():
        if not process.alive():
            raise errors.ServiceFailed(process.name, "ended at start", log, offset)
        if time.monotonic() > deadline:
            raise errors.ServiceFailed(
                process.name, f"was not ready after {seconds:.0f} s", log, offset
            )
        time.sleep(POLL)


def is_stopped(pid: int) -> bool:
    """Return whether no thread of a process runs, because it is stopped or gone."""
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if stat.read_text().rpartition(")")[2].split()[0] not in "TtZX":
                return False
    return True


def _stat(pid: int) -> tuple[str, int] | None:
    """Return the state letter and the start time (clock ticks) of a process, None without one."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may hold anything, so count from the last closing one.
    fields = stat.rpartition(")")[2].split()
    return fields[0], int(fields[19])

# SPDX-License-Identifier: Apache-2.0
"""The Redis that holds Zaqar's messages: its program and configuration. Standard library only."""

import shutil
from pathlib import Path

from sandbox import errors, files, ports

PROGRAM = "redis-server"
INSTALL = "apt-get install -y redis-server"


def program() -> str:
    """The path of Redis.

    :raises errors.ProgramMissing: with the command that installs it.
    """
    found = shutil.which(PROGRAM)
    if found is None:
        raise errors.ProgramMissing(PROGRAM, INSTALL)
    return found


def write(directory: Path, *, port: int, ready: Path) -> Path:
    """Write redis.conf below a directory and return its path.

    Nothing is kept over a restart.

    :param port: TCP port on 127.0.0.1.
    :param ready: the file that says that Redis listens. It is its pid file: Redis writes it after
        it has bound its port (server.c, main) and removes it at a clean end.
    """
    lines = [
        f"bind {ports.HOST}",
        f"port {port}",
        "daemonize no",
        f"dir {_quoted(directory)}",
        f"pidfile {_quoted(ready)}",
        'save ""',
        "appendonly no",
    ]
    return files.write(directory / "redis.conf", "\n".join(lines) + "\n")


def _quoted(path: Path) -> str:
    """As redis.conf reads a word that may have spaces."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'

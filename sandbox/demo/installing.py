# SPDX-License-Identifier: Apache-2.0
"""Installs in a process group of its own, so that a signal ends every pip. Standard library only.

``sandbox.install`` runs pip in threads, and a thread cannot be told to stop waiting for it.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from sandbox import errors, install, paths


class NotInstalled(errors.SandboxError):
    """Installing failed, and has said why."""

    def __init__(self) -> None:
        super().__init__("what it needs could not be installed; the reason stands above.")


def ensure(home: paths.Home, say: install.Say) -> None:
    """Install what is missing or has changed; whatever ends us ends all that this started.

    :param say: takes one line of progress.
    :raises NotInstalled: the reason has been said.
    """
    child = subprocess.Popen(  # noqa: S603
        _argv(home),
        cwd=paths.REPO,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        for line in child.stdout or ():
            say(line.rstrip("\n"))
        if child.wait():
            raise NotInstalled
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait()


def _argv(home: paths.Home) -> list[str]:
    return [sys.executable, "-m", "sandbox.demo.installing", str(home.root)]


def main() -> int:
    """Be the child: install into the home that is named."""
    try:
        install.install(paths.Home(Path(sys.argv[1])), _say)
    except errors.SandboxError as error:
        _say(str(error))
        return 1
    return 0


def _say(line: str) -> None:
    # In one piece: two installations speak at once.
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

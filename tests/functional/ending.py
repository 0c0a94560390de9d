# SPDX-License-Identifier: Apache-2.0
"""Ends the services of a run of tests, in whatever way the run ends; a SIGKILL is one.

    python -m tests.functional.ending FOLDER

A process of its own that reads its standard input, of which a worker has the other end. When the
worker has ended, the kernel closes it, and every sandbox in FOLDER is stopped. After a good run
there is none.
"""

import subprocess
import sys
from pathlib import Path

from sandbox.paths import REPO
from sandbox.stack import Stack
from sandbox.state import MARKER

STOP_SECONDS = 240


class Ending:
    """The worker's end of it.

    :param folder: in which the worker makes its sandboxes
    """

    def __init__(self, folder: Path) -> None:
        self._watcher = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", __name__, str(folder)],
            cwd=REPO,
            stdin=subprocess.PIPE,
            # No signal for the run is one for it.
            start_new_session=True,
        )

    def begin(self) -> None:
        """Have all sandboxes stopped, and wait for that.

        :raises subprocess.TimeoutExpired: some live longer than ``STOP_SECONDS``
        """
        assert self._watcher.stdin
        self._watcher.stdin.close()
        self._watcher.wait(STOP_SECONDS)


def main(folder: Path) -> None:
    """Wait for the end of standard input, then stop what is there."""
    sys.stdin.read()
    for marker in folder.rglob(MARKER):
        Stack(marker.parent).stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

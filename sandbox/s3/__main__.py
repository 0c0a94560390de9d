# SPDX-License-Identifier: Apache-2.0
"""Runs the S3 server until SIGTERM, and says when it serves.

Run in the venv of the server as ``python -m sandbox.s3 --directory ... --ports ... --ready-file
...``. At SIGTERM SeaweedFS 4.48 tries for minutes to write a log into volumes that are closed
already. What it has confirmed is in its files; so it is killed.
"""

import argparse
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from sandbox import files, ports
from sandbox.s3 import config

POLL = 0.05
_PR_SET_PDEATHSIG = 1  # prctl(2)


def main() -> None:
    """Returns when the server has ended."""
    parser = argparse.ArgumentParser(prog="sandbox.s3")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--ports", type=json.loads, required=True, help="JSON: port by its name")
    parser.add_argument("--ready-file", type=Path, required=True)
    given = parser.parse_args()

    # Beside the interpreter, wherever that leads to.
    program = Path(sys.executable).parent / "weed"
    with subprocess.Popen(  # noqa: S603
        config.command(program, given.directory, given.ports),
        cwd=given.directory,
        # It looks for its configuration in the home and the current folder.
        env={**os.environ, "HOME": str(given.directory)},
        preexec_fn=_end_with_us,  # noqa: PLW1509 - there are no threads here
    ) as server:

        def leave(_number: int, _frame: FrameType | None) -> None:
            server.kill()

        signal.signal(signal.SIGTERM, leave)
        while server.poll() is None and not _listens(given.ports["s3"]):
            time.sleep(POLL)
        if server.poll() is None:
            files.write(given.ready_file, "READY\n")


def _end_with_us() -> None:
    """Have the kernel end the server when this process is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((ports.HOST, port)) == 0


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""A run of tests that is killed leaves no service behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from sandbox import process
from sandbox.paths import REPO
from sandbox.state import State

RUN = """
import signal, sys
from pathlib import Path
from tests.functional.ending import Ending
ending = Ending(Path(sys.argv[1]))
print("has one", flush=True)
signal.pause()
"""
LONG = 60  # seconds; a process that lives so long was not stopped


def test_what_a_killed_run_had_started_is_stopped(tmp_path: Path) -> None:
    state = State(tmp_path / "test_0" / "state")
    state.ensure()
    service = process.spawn("manila", ["sleep", "600"], dict(os.environ), state.log("manila"), REPO)
    service.save(state.pid("manila"))
    with subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path)], cwd=REPO, stdout=subprocess.PIPE
    ) as run:
        assert run.stdout
        assert run.stdout.readline() == b"has one\n"
        assert service.alive()
        run.send_signal(signal.SIGKILL)
    assert service.wait(LONG)

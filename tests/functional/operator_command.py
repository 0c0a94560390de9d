# SPDX-License-Identifier: Apache-2.0
"""karbor-manila as an operator runs it on Karbor's host."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from sandbox.stack import Stack

#: The fixture ``command``: arguments in, the process that has ended out.
Command = Callable[..., subprocess.CompletedProcess[str]]


def run_command(
    stack: Stack, config: Path, *argv: str, pythonpath: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run it with this configuration, and nothing of ours in its environment.

    :param pythonpath: where it finds plugins, as if they were installed
    """
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    if pythonpath:
        env["PYTHONPATH"] = str(pythonpath)
    return subprocess.run(
        [stack.info.bin / "karbor-manila", *argv, "--config-file", config],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=env,
    )

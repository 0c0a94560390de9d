# SPDX-License-Identifier: Apache-2.0
"""The installed command, as a tenant's shell runs it."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

from sandbox import credentials
from sandbox.info import StackInfo

#: Runs a command line: exit code, JSON (None if there is none), stderr.
Run = Callable[..., tuple[int, Any, str]]


def environment(info: StackInfo, user: str, how: str) -> dict[str, str]:
    """That of a user's shell, with clouds.yaml or with variables."""
    clouds = credentials.for_commands(info) | {"OS_CLOUD": user}
    if how == "clouds.yaml":
        return clouds
    plain = credentials.without_openstack(clouds)
    return plain | credentials.environment(info.users[user])


def command(
    info: StackInfo,
    user: str,
    how: str = "clouds.yaml",
    program: tuple[str, ...] = ("karbor-manila",),
) -> Run:
    """Runs a command line without a terminal: exit code, JSON (None if there is none), stderr.

    :param program: what stands before the name of the command
    """

    def run(*argv: str) -> tuple[int, Any, str]:
        ended = subprocess.run(
            [str(info.bin / program[0]), *program[1:], *argv, "-f", "json"],
            env=environment(info, user, how),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        return ended.returncode, json.loads(ended.stdout or "null"), ended.stderr

    return run

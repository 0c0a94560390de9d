# SPDX-License-Identifier: Apache-2.0
"""Runs an operator's command with a deadline; its exit code decides."""

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

from oslo_log import log as logging

from karbor_manila.common.errors import CheckFailed
from karbor_manila.common.masking import masked
from karbor_manila.common.visible import visible

LOG = logging.getLogger(__name__)

#: So much of the end of its output stands in the reason of a failure.
TAIL = 1000


@dataclass(frozen=True)
class Ended:
    """What became of a command.

    :ivar said: how it ended, as the predicate of a sentence
    :ivar code: its exit code; None if it could not be run, or was killed at its deadline
    :ivar output: the end of what it wrote, with passwords masked
    """

    said: str
    code: int | None = None
    output: str = ""


def run(command: str, environment: Mapping[str, str], timeout: float) -> None:
    """Let the check of a drill decide: it has to end with 0.

    :param command: program and arguments, quoted as for a shell
    :param environment: added to that of this process
    :param timeout: seconds; then the command and what it has started are killed
    :raises CheckFailed: it could not be run, took too long or did not end with 0
    """
    ended = execute(command, os.environ | environment, timeout)
    if ended.code != 0:
        raise CheckFailed(command, ended.said, ended.output)
    LOG.info("The check %s passed: %s", shlex.split(command)[0], visible(ended.output))


def execute(
    command: str, environment: Mapping[str, str], timeout: float, given: bytes = b""
) -> Ended:
    """Run a command, without a shell, in a session of its own.

    :param command: program and arguments, quoted as for a shell
    :param environment: all that it gets
    :param timeout: seconds; then the command and what it has started are killed
    :param given: what it reads from its standard input
    """
    # Files and not pipes: neither what the command leaves running in the background nor one that
    # does not read must hold us up.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as source:
        source.write(given)
        source.seek(0)
        try:
            process = subprocess.Popen(  # noqa: S603 - the operator's own configuration
                shlex.split(command),
                env=environment,
                stdin=source,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return Ended(f"could not be run ({error})")
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            return Ended(f"did not end within {timeout:.0f} seconds", None, _kill(process, output))
        except BaseException:  # nothing is swallowed: a killed green thread ends its command, too
            _kill(process, output)
            raise
        return Ended(f"ended with exit code {code}", code, _tail(output))


def _kill(process: subprocess.Popen[bytes], output: IO[bytes]) -> str:
    """End the command and what it has started; returns the end of its output."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return _tail(output)


def _tail(output: IO[bytes]) -> str:
    output.seek(0, os.SEEK_END)
    output.seek(max(0, output.tell() - 4 * TAIL))
    text = output.read().decode(errors="replace").strip()
    return masked(text)[-TAIL:]

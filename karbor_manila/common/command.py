# SPDX-License-Identifier: Apache-2.0
"""Runs an operator's command with a deadline; its exit code decides."""

import fcntl
import math
import os
import shlex
import signal
import subprocess
import tempfile
import time
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

#: Bytes of output for which there is room; what is older than its end goes then.
MOST_OUTPUT = 16 * 2**20

# Bytes in which the end of the output is.
_END = 4 * TAIL
# Seconds between two looks at how much there is.
_LOOK = 0.1
# Seconds that a killed command may take to be gone. In a call of the kernel that no signal ends it
# stays for as long as a file server does not answer.
_DEATH = 10.0


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
    command: str,
    environment: Mapping[str, str],
    timeout: float,
    given: bytes = b"",
    *,
    outlived: bool = True,
) -> Ended:
    """Run a command, without a shell, in a session of its own.

    :param command: program and arguments, quoted as for a shell
    :param environment: all that it gets
    :param timeout: seconds; then the command and what it has started are killed
    :param given: what it reads from its standard input
    :param outlived: whether this returns at the deadline although the command cannot be killed,
        because it runs as another user (``sudo``) or hangs in the kernel (a mount whose server is
        gone); else once it has ended by itself
    """
    # Files and not pipes: neither what the command leaves running in the background nor one that
    # does not read must hold us up.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as source:
        source.write(given)
        source.seek(0)
        # It is written at its end, wherever that is after _shorten.
        flags = fcntl.fcntl(output, fcntl.F_GETFL)
        fcntl.fcntl(output, fcntl.F_SETFL, flags | os.O_APPEND)
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
            code = _wait(process, output, timeout)
            if code is not None:
                return Ended(f"ended with exit code {code}", code, _tail(output))
            said = f"did not end within {timeout:.0f} seconds"
            if _kill(process):
                return Ended(said, None, _tail(output))
            LOG.warning("Command %s cannot be killed: another user's, or a hang", process.pid)
            if not outlived:
                _wait(process, output, math.inf)
            said += " and cannot be killed: it is another user's, or hangs on a file server"
            return Ended(said, None, _tail(output))
        except BaseException:  # nothing is swallowed: a killed green thread ends its command, too
            _kill(process)
            raise


def _wait(process: subprocess.Popen[bytes], output: IO[bytes], timeout: float) -> int | None:
    """Its exit code; None if it has not ended by then."""
    until = time.monotonic() + timeout
    while True:
        left = until - time.monotonic()
        try:
            return process.wait(max(0.0, min(left, _LOOK)))
        except subprocess.TimeoutExpired:
            _shorten(output)
            if left <= 0:
                return None


def _shorten(output: IO[bytes]) -> None:
    """A command that floods fills no disk, and is not stopped for it either: it may be one that
    lets an application go on."""
    file, size = output.fileno(), os.fstat(output.fileno()).st_size
    if size > MOST_OUTPUT:
        end = os.pread(file, _END, size - _END)
        os.ftruncate(file, 0)
        os.write(file, end)


def _kill(process: subprocess.Popen[bytes]) -> bool:
    """End the command and what it has started; whether that is so."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except PermissionError:
        return process.poll() is not None
    except ProcessLookupError:
        pass  # it has ended, and nothing of it is left
    try:
        process.wait(_DEATH)
    except subprocess.TimeoutExpired:
        return False
    return True


def _tail(output: IO[bytes]) -> str:
    file, size = output.fileno(), os.fstat(output.fileno()).st_size
    text = os.pread(file, _END, max(0, size - _END)).decode(errors="replace").strip()
    return masked(text)[-TAIL:]

# SPDX-License-Identifier: Apache-2.0
"""Runs an operator's command with a deadline; its exit code decides."""

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from typing import IO

from oslo_log import log as logging
from oslo_utils import strutils

from karbor_manila.common.errors import CheckFailed
from karbor_manila.common.visible import visible

LOG = logging.getLogger(__name__)

#: So much of the end of its output stands in the reason of a failure.
TAIL = 1000


def run(command: str, environment: Mapping[str, str], timeout: float) -> None:
    """Run a command, without a shell, in a session of its own.

    :param command: program and arguments, quoted as for a shell
    :param environment: added to that of this process
    :param timeout: seconds; then the command and what it has started are killed
    :raises CheckFailed: it could not be run, took too long or did not end with 0
    """
    # A file and not a pipe: what the command leaves running in the background must not hold us up.
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(  # noqa: S603 - the operator's own configuration
                shlex.split(command),
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise CheckFailed(command, f"could not be run ({error})", "") from error
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired as late:
            ended = f"did not end within {timeout:.0f} seconds"
            raise CheckFailed(command, ended, _kill(process, output)) from late
        except BaseException:  # nothing is swallowed: a killed green thread ends its command, too
            _kill(process, output)
            raise
        tail = _tail(output)
    if code:
        raise CheckFailed(command, f"ended with exit code {code}", tail)
    LOG.info("The check %s passed: %s", shlex.split(command)[0], visible(tail))


def _kill(process: subprocess.Popen[bytes], output: IO[bytes]) -> str:
    """End the command and what it has started; returns the end of its output."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return _tail(output)


def _tail(output: IO[bytes]) -> str:
    output.seek(0, os.SEEK_END)
    output.seek(max(0, output.tell() - 4 * TAIL))
    text = output.read().decode(errors="replace").strip()
    return str(strutils.mask_password(text))[-TAIL:]

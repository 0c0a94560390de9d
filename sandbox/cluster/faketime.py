# SPDX-License-Identifier: Apache-2.0
"""A clock of its own for one process, by libfaketime. Standard library only."""

import os
import select
import time
from pathlib import Path
from typing import Any

from sandbox import errors

INSTALL = "apt-get install -y --no-install-recommends faketime"
_PLACES = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
_LIBRARY = "faketime/libfaketime.so.1"


def library() -> Path:
    """The library that a process is started with.

    :raises errors.ProgramMissing: with the command that installs it.
    """
    for place in _PLACES:
        for pattern in (_LIBRARY, f"*/{_LIBRARY}"):
            for found in Path(place).glob(pattern):
                return found
    raise errors.ProgramMissing("faketime", INSTALL)


def environment(seconds: int) -> dict[str, str]:
    """What a process has in its environment whose wall clock is fast by so many seconds.

    Nothing for 0. Its monotonic clock runs on as it is, as with a machine whose clock is set
    wrongly; so do the times of files, which are those of the file system.
    """
    if not seconds:
        return {}
    return {
        "LD_PRELOAD": str(library()),
        "FAKETIME": f"{seconds:+d}",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


def mend_sleep(*modules: Any) -> None:
    """Let a process of ``environment`` sleep; nothing happens in any other one.

    In libfaketime 0.9.10 ``clock_nanosleep``, by which Python 3.11 sleeps, answers EINVAL when the
    monotonic clock is left alone; when it is not, whoever waits for a lock waits for ever.

    :param modules: other copies of ``time``, such as eventlet's own.
    """
    if "FAKETIME" in os.environ:
        for module in (time, *modules):
            module.sleep = _sleep


def _sleep(seconds: float, _select: Any = select.select) -> None:
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    _select([], [], [], seconds)

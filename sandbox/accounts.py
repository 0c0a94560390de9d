# SPDX-License-Identifier: Apache-2.0
"""What a process has used so far, read from ``/proc``. Standard library only.

See proc(5) for the fields of ``stat`` and ``status`` and for ``clear_refs``.
"""

import contextlib
import os
from pathlib import Path

PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


def session_and_ticks(stat: str) -> tuple[int, int]:
    """Return the session of a process and its clock ticks on a processor, from its ``stat``.

    The ticks are utime, stime and those of the children that it has waited for.
    """
    # The name in parentheses may hold anything, so count from the last closing one.
    fields = stat.rpartition(")")[2].split()
    return int(fields[3]), sum(map(int, fields[11:15]))


def kibibytes(status: str, field: str) -> int:
    """Return a size that ``status`` gives in kB, such as ``VmHWM``.

    :raises KeyError: there is no such field: a zombie has none.
    """
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0])
    raise KeyError(field)


def cpu_seconds(pid: int, proc: Path = PROC) -> float:
    """Return the seconds on a processor of a service and of every process below it, so far.

    The sandbox starts each service in a session of its own, and that session's id is the pid.
    """
    total = 0
    for path in proc.glob("[0-9]*/stat"):
        # A process may end while we look; its parent has its ticks by then.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            session, ticks = session_and_ticks(path.read_text())
            total += ticks if session == pid else 0
    return total / _TICKS


def reset_peak(pid: int, proc: Path = PROC) -> None:
    """Let the peak of a process's resident memory be what it has now."""
    (proc / str(pid) / "clear_refs").write_text("5")


def peak_memory(pid: int, proc: Path = PROC) -> float:
    """Return the most resident memory since ``reset_peak``, in MiB."""
    return kibibytes((proc / str(pid) / "status").read_text(), "VmHWM") / 1024

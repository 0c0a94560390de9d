# SPDX-License-Identifier: Apache-2.0
"""What a process uses, from ``/proc``: CPU seconds and resident memory."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """One process, by its pid."""

    pid: int

    def cpu(self) -> float:
        """CPU seconds so far, of all its threads."""
        stat = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / _TICKS

    def resident(self) -> int:
        """Resident memory now, in KiB."""
        return self._status("VmRSS")

    def peak(self) -> int:
        """The most resident memory since the last :meth:`forget_peak`, in KiB."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        """The peak is what is resident now (proc(5), clear_refs)."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _status(self, name: str) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
        raise ProcessLookupError(self.pid)

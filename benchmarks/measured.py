# SPDX-License-Identifier: Apache-2.0
"""One measurement, and the file that a run is kept in."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sandbox import files


@dataclass(frozen=True)
class Measured:
    """One work of one contender in one round.

    :ivar seconds: from the first request to the end of the work.
    :ivar answered: from the first request until all was taken on: the answer to Karbor's POST, or
        the last of a script's answers.
    :ivar requests: to Manila, by method and route template, ``POST /v2/snapshots``.
    :ivar cpu: seconds on a processor: ``karbor`` (for a script there is none), ``manila``,
        ``keystone``, ``proxy``.
    :ivar memory: Karbor's resident memory at its highest, MiB.
    :ivar memory_before: the same at the beginning.
    :ivar error: why it failed; the figures are then those until it did.
    """

    who: str
    work: str
    shares: int
    round: int
    seconds: float
    answered: float | None = None
    requests: dict[str, int] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    memory: float | None = None
    memory_before: float | None = None
    error: str | None = None

    @property
    def requests_a_share(self) -> float:
        """All requests by the number of shares."""
        return sum(self.requests.values()) / self.shares

    @property
    def karbor_ms_a_share(self) -> float | None:
        """Milliseconds on a processor that Karbor spent for each share; None for a script."""
        karbor = self.cpu.get("karbor")
        return None if karbor is None else karbor * 1000 / self.shares

    @property
    def manila_ms_a_share(self) -> float | None:
        """The same of Manila."""
        manila = self.cpu.get("manila")
        return None if manila is None else manila * 1000 / self.shares


@dataclass(frozen=True)
class Run:
    """All measurements of one run.

    :ivar about: commit, date, versions, cores and the like; see ``benchmarks.site``.
    """

    about: dict[str, Any]
    measured: tuple[Measured, ...]

    def plus(self, lines: Iterable[Measured]) -> "Run":
        """Return a run with these measurements behind the others."""
        return Run(self.about, (*self.measured, *lines))

    def save(self, path: Path) -> None:
        """Write what ``load`` reads; a reader sees the old file or the new one."""
        files.write_json(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> "Run":
        """Read a run.

        :raises FileNotFoundError: there is none.
        """
        values = files.read_json(path)
        if values is None:
            raise FileNotFoundError(path)
        return cls(values["about"], tuple(Measured(**line) for line in values["measured"]))

# SPDX-License-Identifier: Apache-2.0
"""What the scale run is to show, and whether it does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.scale.measured import Measured

FROM = 100
"""Below it what a flow costs once outweighs what a share costs."""
FLAT = 1.2
MOST_MEMORY = 50.0
MOST_ANSWER = 60.0
MOST_STANDSTILL = 1.0


@dataclass(frozen=True)
class Goal:
    """A figure beside what it is to be at most."""

    what: str
    found: float
    at_most: float

    @property
    def met(self) -> bool:
        """Whether it is."""
        return self.found <= self.at_most


def goals(measured: Sequence[Measured]) -> Iterator[Goal]:
    """The goals of each work, from its sizes from :data:`FROM` up."""
    for work in dict.fromkeys(line.work for line in measured):
        lines = [line for line in measured if line.work == work and line.shares >= FROM]
        good = sorted((line for line in lines if not line.failed), key=lambda line: line.shares)
        if not good:
            continue
        least = good[0]
        for line in good[1:]:
            what = f"{work}: CPU a share at {line.shares} to that at {least.shares}"
            yield Goal(what, line.cpu_share / least.cpu_share, FLAT)
        for line in good:
            yield Goal(f"{work}: KiB a share at {line.shares}", line.memory_share, MOST_MEMORY)
        worst = max(line.answer for line in good)
        yield Goal(f"{work}: seconds to the answer (the RPC's timeout)", worst, MOST_ANSWER)
        still = max(line.standstill for line in good)
        yield Goal(f"{work}: seconds of the longest standstill", still, MOST_STANDSTILL)

# SPDX-License-Identifier: Apache-2.0
"""The goals that karbor-manila is held to, and whether a run meets them. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import ratios
from benchmarks.contenders import BARE, DELETE, OURS, PROTECT, RESTORE, SAME, STOCK, WORKS
from benchmarks.ratios import Figures, Spread

AT_SCALE = 100
LARGE = (100, 500)
CPU_TO_STOCK = 0.6
WALL_TO_SAME = 1.15
WALL_TO_BARE = 1.25
WALL_TO_STOCK = 1.0
SECONDS_OVER_BARE = 0.3
REQUESTS = {PROTECT: 2.05, RESTORE: 1.1, DELETE: 1.1}
REQUESTS_WITHOUT_RULES = 1.05
RULES = "record_access_rules"
"""The option of a provider that says whether a protection records access rules."""


@dataclass(frozen=True)
class Goal:
    """One goal and what was measured of it; its median decides.

    :ivar found: None when the run did not measure it.
    """

    what: str
    work: str
    shares: int
    at_most: float
    found: Spread | None

    @property
    def met(self) -> bool | None:
        """Whether it is met; None when nobody knows."""
        return None if self.found is None else self.found.median <= self.at_most


def goals(figures: Figures, options: dict[str, str]) -> list[Goal]:
    """Return every goal for the sizes that a run has.

    :param options: of our provider in this run.
    """
    return [
        goal
        for size in figures.sizes()
        for work in WORKS
        if work in figures.works()
        for goal in _of(figures, work, size, options)
    ]


def _of(figures: Figures, work: str, size: int, options: dict[str, str]) -> Iterator[Goal]:
    def ratio(base: str, figure: ratios.Figure) -> Spread | None:
        return figures.ratio(OURS, base, work, size, figure)

    if size == AT_SCALE:
        cpu = ratio(STOCK, ratios.karbor)
        yield Goal("Karbor's CPU, to its own plugin at 1 s", work, size, CPU_TO_STOCK, cpu)
    if size in LARGE:
        same, bare = ratio(SAME, ratios.seconds), ratio(BARE, ratios.seconds)
        yield Goal("time, to the same work without Karbor", work, size, WALL_TO_SAME, same)
        yield Goal("time, to the bare client", work, size, WALL_TO_BARE, bare)
    if size == 1:
        over = figures.difference(OURS, BARE, work, size, ratios.seconds)
        yield Goal("seconds over the bare client", work, size, SECONDS_OVER_BARE, over)
    stock = ratio(STOCK, ratios.seconds)
    yield Goal("time, to Karbor's own plugin at 1 s", work, size, WALL_TO_STOCK, stock)
    if size == AT_SCALE:
        asked = figures.spread(OURS, work, size, ratios.requests)
        without = work == PROTECT and options.get(RULES, "").lower() in ("false", "0", "no", "off")
        most = REQUESTS_WITHOUT_RULES if without else REQUESTS[work]
        yield Goal("requests a share", work, size, most, asked)

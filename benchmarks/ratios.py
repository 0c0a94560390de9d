# SPDX-License-Identifier: Apache-2.0
"""Ratios within a round, and their median over the rounds. Pure.

A round's contenders are measured within minutes of each other, so a busy machine hits both sides
of its ratio; a ratio of two best rounds would compare two moods of the machine.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from benchmarks.measured import Measured

Figure = Callable[[Measured], float | None]
"""What is looked at: seconds, requests a share and so on; None where there is no such figure."""


@dataclass(frozen=True)
class Spread:
    """One figure of several rounds: the median, the lowest and the highest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float | None]) -> "Spread | None":
        """Return the spread of those that are not None; None without any."""
        found = [value for value in values if value is not None]
        return cls(median(found), min(found), max(found)) if found else None

    def text(self, digits: int = 2) -> str:
        """Return ``1.20 (1.10..1.30)``; without the brackets when there is nothing to tell."""
        middle, low, high = (f"{it:.{digits}f}" for it in (self.median, self.low, self.high))
        return middle if low == high else f"{middle} ({low}..{high})"


class Figures:
    """The measurements of a run that came to a good end, by what they are of."""

    def __init__(self, measured: Iterable[Measured]) -> None:
        self._by = {(it.who, it.work, it.shares, it.round): it for it in measured if not it.error}

    def sizes(self) -> list[int]:
        """Return the numbers of shares, the smallest first."""
        return sorted({shares for _, _, shares, _ in self._by})

    def who(self) -> list[str]:
        """Return the contenders in the order of a round."""
        return list(dict.fromkeys(who for who, _, _, _ in self._by))

    def works(self) -> list[str]:
        """Return the works in their order."""
        return list(dict.fromkeys(work for _, work, _, _ in self._by))

    def spread(self, who: str, work: str, shares: int, figure: Figure) -> Spread | None:
        """Return a figure of one contender over the rounds."""
        return Spread.of(figure(it) for it in self._rounds(who, work, shares).values())

    def ratio(self, who: str, base: str, work: str, shares: int, figure: Figure) -> Spread | None:
        """Return how many times a figure is that of ``base`` in the same round."""

        def divided(one: float, other: float) -> float | None:
            return one / other if other else None

        return self._paired(who, base, work, shares, figure, divided)

    def difference(
        self, who: str, base: str, work: str, shares: int, figure: Figure
    ) -> Spread | None:
        """Return by how much a figure is above that of ``base`` in the same round."""
        return self._paired(who, base, work, shares, figure, lambda one, other: one - other)

    def _paired(
        self,
        who: str,
        base: str,
        work: str,
        shares: int,
        figure: Figure,
        together: Callable[[float, float], float | None],
    ) -> Spread | None:
        others = self._rounds(base, work, shares)
        values = []
        for number, one in self._rounds(who, work, shares).items():
            mine, theirs = figure(one), figure(others[number]) if number in others else None
            if mine is not None and theirs is not None:
                values.append(together(mine, theirs))
        return Spread.of(values)

    def _rounds(self, who: str, work: str, shares: int) -> dict[int, Measured]:
        return {key[3]: it for key, it in self._by.items() if key[:3] == (who, work, shares)}


def seconds(line: Measured) -> float:
    """The whole of a work."""
    return line.seconds


def answered(line: Measured) -> float | None:
    """Until all was taken on."""
    return line.answered


def requests(line: Measured) -> float:
    """Requests to Manila, a share."""
    return line.requests_a_share


def karbor(line: Measured) -> float | None:
    """Karbor's processor time, ms a share."""
    return line.karbor_ms_a_share


def manila(line: Measured) -> float | None:
    """Manila's processor time, ms a share."""
    return line.manila_ms_a_share


def memory(line: Measured) -> float | None:
    """Karbor's memory at its highest, MiB."""
    return line.memory

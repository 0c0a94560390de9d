# SPDX-License-Identifier: Apache-2.0
"""One figure line of the scale run, and what is derived from it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Measured:
    """One work on so many shares.

    Times are in seconds, memory in KiB. ``baseline`` is Karbor's resident memory right before,
    ``peak`` the most during it; ``answer`` until the POST or DELETE was answered; ``standstill``
    the longest in which Karbor answered nobody. ``failed`` says why there was no good end.
    """

    work: str
    shares: int
    wall: float
    answer: float
    cpu: float
    baseline: int
    peak: int
    standstill: float
    requests: dict[str, int] = field(default_factory=dict)
    failed: str = ""

    @property
    def cpu_share(self) -> float:
        """Karbor's CPU a share, in ms."""
        return self.cpu * 1000 / self.shares

    @property
    def memory_share(self) -> float:
        """KiB a share in flight."""
        return (self.peak - self.baseline) / self.shares

    @property
    def requests_share(self) -> float:
        """Requests to Manila a share."""
        return sum(self.requests.values()) / self.shares


@dataclass(frozen=True)
class Pages:
    """A list of checkpoints read in pages; times in seconds, memory in KiB."""

    checkpoints: int
    limit: int
    filtered: str
    pages: list[float]
    cpu: float
    baseline: int
    peak: int
    failed: str = ""

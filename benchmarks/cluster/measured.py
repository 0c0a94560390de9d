# SPDX-License-Identifier: Apache-2.0
"""One run on a cluster, and the table of all of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.table import Table

_COLUMNS = (
    "workers",
    "plans",
    "shares each",
    "wall s",
    "longest answer s",
    "CPU s, all workers",
    "CPU s, the busiest",
    "CPU s, the rest",
    "plans of each",
    "idle s",
    "failed",
)


@dataclass(frozen=True)
class Measured:
    """One run.

    :ivar seconds: from the first request until the last plan is protected
    :ivar answer: the longest that a POST waited for its answer, in seconds
    :ivar cpu: CPU seconds by the worker's name
    :ivar others: CPU seconds of karbor-api, the broker, the database and Manila together
    :ivar taken: how many plans each worker took, by its name
    :ivar idle: seconds in which a worker had nothing to do while another had ten plans or more
    :ivar failed: what failed
    """

    workers: int
    plans: int
    shares: int
    seconds: float
    answer: float
    cpu: dict[str, float]
    others: float
    taken: dict[str, int]
    idle: float
    failed: list[str] = field(default_factory=list)


def table(measured: Sequence[Measured]) -> Table:
    """A line for each run."""
    found = Table(*_COLUMNS, title="Karbor on RabbitMQ and MariaDB, simulated Manila")
    for each in measured:
        found.add_row(
            str(each.workers),
            str(each.plans),
            str(each.shares),
            f"{each.seconds:.1f}",
            f"{each.answer:.1f}",
            f"{sum(each.cpu.values()):.1f}",
            f"{max(each.cpu.values()):.1f}",
            f"{each.others:.1f}",
            ", ".join(str(each.taken[worker]) for worker in sorted(each.taken)),
            f"{each.idle:.1f}",
            str(len(each.failed)),
        )
    return found

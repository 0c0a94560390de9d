# SPDX-License-Identifier: Apache-2.0
"""What one line of the table is."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.world import World

#: Plants a fault when it is entered, lifts it when it is left, and insists that it was hit.
Plant = Callable[["World"], AbstractContextManager[object]]

SUCCESS = {
    "protect": "available",
    "restore": "success",
    "verify": "success",
    "delete": "deleted",
}
FAILURE = {
    "protect": "error",
    "restore": "fail",
    "verify": "fail",
    "delete": "error-deleting",
}


def nothing(_world: "World") -> None:
    """Nothing happens meanwhile, and there is nothing more to say."""


@dataclass(frozen=True)
class Case:
    """A fault, what is done under it, and how that has to end.

    :param name: unique in the table
    :param operations: what is begun under the fault, all at once: ``protect``, ``restore``,
        ``verify``, ``delete``; each on shares of its own
    :param plant: the fault
    :param fails: whether the operations have to end as failed; otherwise they must succeed
    :param says: words that the reason of a failure has to have, for us
    :param shares: how many shares each operation is about
    :param options: a key of ``OPTIONS``: what the provider is configured with
    :param fresh: whether Karbor has to be started anew before
    :param meanwhile: called as soon as the operations have begun
    :param then: called when they have ended and the fault is lifted, before the final DELETE;
        raises AssertionError
    :param ours_only: whether it is about what Karbor's own plugin does not have or cannot be asked
    """

    name: str
    operations: tuple[str, ...]
    plant: Plant
    fails: bool = False
    says: tuple[str, ...] = ()
    shares: int = 1
    options: str = "patient"
    fresh: bool = False
    meanwhile: Callable[["World"], None] = nothing
    then: Callable[["World"], None] = nothing
    ours_only: bool = False

    def expected(self, operation: str) -> str:
        """The status that the operation has to end in."""
        return (FAILURE if self.fails else SUCCESS)[operation]


#: Options of our provider: as they are by default, but for what only costs time here; and with
#: timeouts that are over soon, for what never ends.
OPTIONS: dict[str, dict[str, object]] = {
    "patient": {"undo_timeout": 30, "request_settle_time": 3},
    "hasty": {
        "outage_timeout": 3,
        "share_busy_timeout": 2,
        "protect_timeout": 2,
        "restore_timeout": 2,
        "delete_timeout": 2,
        "undo_timeout": 2,
        "request_settle_time": 3,
    },
}

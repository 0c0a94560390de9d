# SPDX-License-Identifier: Apache-2.0
"""Who is measured: what all of them can do, and what they are called."""

import abc
from collections.abc import Callable
from typing import Any

BARE = "bare client"
SAME = "same work"
STOCK = "Karbor's own, 1 s"
STOCK_DEFAULT = "Karbor's own, default"
OURS = "karbor-manila"
#: As the command line names them, in the order of a round.
NAMES = {
    "bare": BARE,
    "same": SAME,
    "stock": STOCK,
    "stock-default": STOCK_DEFAULT,
    "ours": OURS,
}
#: Those whose time is a floor: no Karbor in between.
FLOORS = (BARE, SAME)

PROTECT, RESTORE, DELETE = "protect", "restore", "delete"
WORKS = (PROTECT, RESTORE, DELETE)

Answered = Callable[[], None]
"""Called once, when all that was asked for has been taken on, and before any of it is awaited."""


class Contender(abc.ABC):
    """Protects shares, restores and deletes what it protected; each returns when all is done.

    :ivar name: one of ``NAMES``.
    :ivar karbor: the sandbox's service that does the work, None for a script.
    """

    name: str
    karbor: str | None = None

    def prepare(self, shares: list[Any]) -> Any:
        """Return what ``protect`` takes; not measured."""
        return shares

    @abc.abstractmethod
    def protect(self, prepared: Any, answered: Answered) -> Any:
        """Protect, and return what the other two take."""

    @abc.abstractmethod
    def restore(self, held: Any, answered: Answered) -> None:
        """Make a new share of each that was protected."""

    @abc.abstractmethod
    def delete(self, held: Any, answered: Answered) -> None:
        """Delete what ``protect`` made."""

    def tidy(self, prepared: Any) -> None:  # noqa: B027 - a script has nothing to take back
        """Take back what ``prepare`` made; not measured."""

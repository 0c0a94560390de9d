# SPDX-License-Identifier: Apache-2.0
"""The reconciliation: its turns find what dead processes left unfinished and settle it.

Karbor recovers nothing itself: a checkpoint stays ``protecting``, a restore ``in_progress``. A turn
searches for what is abandoned (:mod:`.search`) and has each item claimed and settled
(:mod:`.settle`), side by side. What a living process works on is never touched.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

import futurist
import futurist.waiters
from karbor.common import constants

from karbor_manila.common.clock import Clock
from karbor_manila.recovery import settle
from karbor_manila.recovery.claims import Claims
from karbor_manila.recovery.search import Search
from karbor_manila.recovery.searched import Look, Memory
from karbor_manila.recovery.shared_manila import SharedManila
from karbor_manila.recovery.slots import SideBySide, Slots
from karbor_manila.recovery.unfinished import Unfinished

#: So much is settled at a time; what only waits does not count.
MOST = 200

# So much may be under way, with what waits. The executor has no thread for what is not there.
_UNDER_WAY = 1_000_000


def one_by_one(_count: int) -> Any:
    """An executor that does each task when it is submitted."""
    return futurist.SynchronousExecutor()


class Reconciliation:
    """The turns over the banks of some providers.

    :param providers: gives Karbor's providers
    :param held: the claims of this process
    :param grace: seconds for which what is not claimed is left alone: the request for it may
        still be on its way
    :param executor: makes an executor for at most so many tasks, which are run side by side: one of
        them may have to wait for Manila, for hours. So are the shares of a checkpoint.
    :param most: so many of the tasks, and of the shares, do something at a time; the others wait
    """

    def __init__(
        self,
        providers: Callable[[], Iterable[Any]],
        held: Claims,
        *,
        grace: float,
        executor: Callable[[int], Any] = one_by_one,
        most: int = MOST,
        clock: Clock | None = None,
    ) -> None:
        self._providers = providers
        self._claims = held
        self._grace = grace
        self._executor = executor
        self._clock = clock or Clock()
        self._pool: Any = None
        self._slots = Slots(most)
        self._memory = Memory()
        self._clients: dict[str, SharedManila] = {}
        self._under_way: dict[str, tuple[Unfinished, Any]] = {}
        #: Why the last search did not see everything: the error of a bank or of the database.
        self.away: Exception | None = None
        #: Whether the last search saw what may be abandoned, and is not known to be yet: it is
        #: worth another look before long.
        self.unsure = False
        #: Whether the look at a whole bank goes on with the next turn.
        self.more = False

    def run(
        self, *, where: Look = Look.BANKS, timeout: float | None = None
    ) -> dict[Unfinished, str]:
        """One turn: settle everything that is unfinished.

        What takes longer than ``timeout`` goes on beside what is found later, and is in the result
        of a later turn.

        :param timeout: seconds to wait for what was begun; None waits for the end of everything
        :returns: what was settled, each with the status that it has now; empty for what has to be
            tried again later. :attr:`away` says whether all was searched.
        """
        settled = self._collect()
        self._clients = {}  # what goes on keeps those it has
        for item in sorted(self.find(where), key=_may_wait):
            if item.id not in self._under_way and item not in settled:
                self._begin(item)
        if self._under_way:
            futures = [future for _item, future in self._under_way.values()]
            futurist.waiters.wait_for_all(futures, timeout=timeout)
        return settled | self._collect()

    def find(self, where: Look = Look.BANKS) -> list[Unfinished]:
        """What is unfinished in the banks that are at hand; none of it is changed."""
        search = Search(self._claims, self._memory, grace=self._grace, clock=self._clock)
        found = search.find(self._providers(), where)
        self.away, self.unsure, self.more = search.away, search.unsure, search.more
        return found

    def settle(self, item: Unfinished) -> str:
        """Settle one of them; empty when that has to be tried again later, else its status now."""

        def work(side_by_side: SideBySide) -> str:
            provider = {each.id: each for each in self._providers()}[item.provider_id]
            return settle.settle(item, provider, self._claims, side_by_side)

        return self.alongside(work)

    def alongside(self, work: Callable[[SideBySide], str]) -> str:
        """Do something in a slot of the reconciliation, with what its tasks have in common."""
        with self._slots.one():
            return work(SideBySide(self._executor, self._slots, self._clients))

    def making(self) -> AbstractContextManager[None]:
        """While this process makes checkpoints that it has not claimed yet, however long that
        takes: none of them is taken for abandoned."""
        return self._memory.is_making()

    def _begin(self, item: Unfinished) -> None:
        self._pool = self._pool or self._executor(_UNDER_WAY)
        self._under_way[item.id] = (item, self._pool.submit(self.settle, item))

    def _collect(self) -> dict[Unfinished, str]:
        """What is under way no more, with its status."""
        done = [key for key, (_item, future) in self._under_way.items() if future.done()]
        over = [self._under_way.pop(key) for key in done]
        return {item: future.result() for item, future in over}


def _may_wait(item: Unfinished) -> bool:
    """Whether it may have to be waited for for days. Where the executor has fewer threads than
    there are restores these wait for one another, and come last."""
    return item.operation == constants.OPERATION_RESTORE

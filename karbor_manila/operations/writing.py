# SPDX-License-Identifier: Apache-2.0
"""One write at a time into what the resources of a flow have in common, for all who come by then.

Each of them writes into the same record, log or checkpoint, which is saved whole: of N resources,
N saves of N entries each. So a save takes along what others have brought until it begins.
"""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from karbor_manila.common import turns


@dataclass(eq=False, slots=True)
class _Brought:
    """A value that is to be saved, and what became of that."""

    value: Any
    is_over: bool = False
    error: Exception | None = None


class Writing:
    """The lock of a flow's common writes; a context manager for one who changes by himself.

    There is no thread of its own and no delay: the first to come saves, and who comes meanwhile is
    saved by the next one, with all who came.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._brought: dict[Hashable, list[_Brought]] = {}

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()

    def together(self, what: Hashable, value: Any, save: Callable[[list[Any]], None]) -> None:
        """Have a value saved, in a save of one's own or of another.

        :param what: names what is written into; all who bring a value for it pass the same ``save``
        :param save: takes the values of all who came, in their order
        :raises Exception: what the save raised that this value was in
        """
        mine = _Brought(value)
        self._brought.setdefault(what, []).append(mine)
        try:
            with self:
                if not mine.is_over:
                    turns.pause()  # who is as far as this brings his value, too
                    self._save_all(what, save)
        finally:
            self._brought[what].remove(mine)
        if mine.error:
            raise mine.error

    def _save_all(self, what: Hashable, save: Callable[[list[Any]], None]) -> None:
        # Each takes out his own when he leaves. Others come meanwhile, and who is killed goes; who
        # saves may be killed, too, and then the values of the others are saved by the next one.
        batch = [each for each in list(self._brought[what]) if not each.is_over]
        failure: Exception | None = None
        try:
            save([each.value for each in batch])
        except Exception as error:  # noqa: BLE001 - raised to all whose value was in it
            failure = error
        for each in batch:
            each.error, each.is_over = failure, True

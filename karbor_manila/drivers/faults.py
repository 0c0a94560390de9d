# SPDX-License-Identifier: Apache-2.0
"""What goes wrong in the methods of the faulty driver, planned by a test or by an operator."""

import threading
from collections.abc import Collection
from dataclasses import dataclass

#: It is refused, and nothing was done.
FAIL = "fail"
#: It is done, and the reply is lost.
LOSE = "lose"
#: It takes ``hang_seconds`` longer.
HANG = "hang"
#: It says that there is nothing, or does nothing and says that it was done.
FORGET = "forget"

_KINDS = (FAIL, LOSE, HANG, FORGET)


@dataclass
class Fault:
    """What goes wrong in a method of the contract; ``times`` is how often, None for always."""

    method: str
    kind: str
    times: int | None = None


class Faults:
    """Which faults are planned. A test plans them in :data:`PLANNED`, an operator in the option."""

    def __init__(self, planned: Collection[str] = ()) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        for text in planned:
            method, _, kind = text.partition(":")
            self.plan(method, kind)

    def plan(self, method: str, kind: str, times: int | None = None) -> None:
        """From now on this method has this fault."""
        if kind not in _KINDS:
            raise ValueError(f"{method}:{kind} is no fault; there are {', '.join(_KINDS)}")
        with self._lock:
            self._faults.append(Fault(method, kind, times))

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._faults.clear()

    def take(self, method: str) -> str | None:
        """The fault of a call that is made now."""
        with self._lock:
            for fault in self._faults:
                if fault.method == method and fault.times != 0:
                    fault.times = None if fault.times is None else fault.times - 1
                    return fault.kind
        return None


#: What tests plan, for all drivers of this process.
PLANNED = Faults()

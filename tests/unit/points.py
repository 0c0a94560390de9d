# SPDX-License-Identifier: Apache-2.0
"""The points at which a process of Karbor can die, or find one of its services away.

They are counted and not written down: every call to Manila, every access to the bank, every write
to Karbor's database and every transaction of the claims.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor import objects
from karbor.services.protection.bank_plugins.file_system_bank_plugin import FileSystemBankPlugin
from oslo_db import exception as db_exception

from karbor_manila.recovery.claim_table import ClaimTable
from sandbox.faults import AFTER, BANK, BEFORE, DATABASE, MANILA
from tests.fakes.manila import Died, FakeClock, FakeManila, transient

#: What a call raises during an outage of its place.
ERRORS: dict[str, Callable[[], Exception]] = {
    MANILA: transient,
    BANK: lambda: karbor_exception.BankGetObjectFailed(reason="503", key="any"),
    DATABASE: db_exception.DBConnectionError,
}

_OUTAGE = 1000.0  # seconds


class Points:
    """Counts the points that are passed while it is on, and makes one of them the last.

    Whoever is dead does nothing any more: every later point kills him, too, until ``off``.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        self.on = False
        self.reads = False
        self._dies: tuple[int, str] | None = None
        self._dead = False
        self._outage: tuple[str, int] | None = None
        self._clock = FakeClock()
        self._back: float | None = None
        for place, owner, methods in (
            (MANILA, FakeManila, ["_call"]),
            (BANK, FileSystemBankPlugin, ["update_object", "delete_object"]),
            (BANK, FileSystemBankPlugin, ["get_object", "list_objects"]),
            (DATABASE, objects.OperationLog, ["create", "save"]),
            (DATABASE, objects.Restore, ["save"]),
            (DATABASE, objects.Verification, ["save"]),
            (DATABASE, ClaimTable, ["_begin"]),
        ):
            for method in methods:
                monkeypatch.setattr(owner, method, self._watched(place, owner, method))

    def count(self, work: Callable[[], Any]) -> int:
        """How many points a piece of work passes."""
        self._begin()
        work()
        self.off()
        return len(self.names)

    def kill(self, work: Callable[[], Any], nth: int, side: str = AFTER) -> bool:
        """Do the work, and die on one side of its n-th point; False when it has ended before.

        How many points there are is not the same each time: who polls may poll once more. So who
        wants all of them goes on until one is not reached.
        """
        self._begin()
        self._dies = (nth, side)
        try:
            work()
        except Died:
            return True
        finally:
            self.off()
        return False

    def outage(self, work: Callable[[], Any], place: str, nth: int, clock: FakeClock) -> Any:
        """Do the work with an outage of a place from the n-th point on, for longer than anybody
        repeats a request; the error or the outcome."""
        self._begin()
        self._clock, self._back = clock, None
        self._outage = (place, nth)
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - whoever calls looks at it
            return error
        finally:
            self.off()

    @property
    def last(self) -> str:
        """The last point that was passed, for whoever asks why a test fails."""
        return f"{len(self.names)}: {self.names[-1]}"

    def off(self) -> None:
        self.on, self._dies, self._dead, self._outage = False, None, False, None

    def _begin(self) -> None:
        self.on = True
        self.names.clear()

    def _watched(self, place: str, owner: Any, method: str) -> Any:
        original = getattr(owner, method)
        reads = method in ("get_object", "list_objects")

        def watched(this: Any, *args: Any, **kwargs: Any) -> Any:
            if not self.on or (reads and not self.reads):
                return original(this, *args, **kwargs)
            self.names.append(f"{place} {args[0] if method == '_call' else method}")
            here = len(self.names)
            if self._dead or self._dies == (here, BEFORE):
                self._dead = True
                raise Died
            if self._is_out(place, here):
                raise ERRORS[place]()
            try:
                result = original(this, *args, **kwargs)
            except Exception:
                if self._dies == (here, AFTER):  # a refusal is an answer, too
                    self._dead = True
                    raise Died from None
                raise
            if self._dies == (here, AFTER):
                if method == "_begin":
                    return self._last(result)
                self._dead = True
                raise Died
            return result

        return watched

    def _is_out(self, place: str, here: int) -> bool:
        if self._outage is None or self._outage[0] != place or here < self._outage[1]:
            return False
        self._back = self._back or self._clock.now() + _OUTAGE
        return self._clock.now() < self._back

    @contextlib.contextmanager
    def _last(self, transaction: Any) -> Iterator[Any]:
        """It is carried out, and nobody lives to see it."""
        try:
            with transaction as connection:
                yield connection
        finally:
            self._dead = True
            raise Died

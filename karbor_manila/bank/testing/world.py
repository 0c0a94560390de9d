# SPDX-License-Identifier: Apache-2.0
"""The stage of the contract suite: a store, banks that speak to it, and what can befall it."""

import abc
import contextlib
import enum
import uuid
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest


class Fault(enum.Enum):
    """What a store does instead of what it is asked for."""

    ERROR = "it answers 500"
    BUSY = "it answers 503"
    SLOW = "it answers late"
    SILENT = "it takes the request and never answers"
    GONE = "it refuses connections, or is not there"
    LOST_REPLY = "it does what it is asked for and the answer is lost"
    FULL = "it takes no write"
    DENIED = "it refuses the credentials"


class BankWorld(abc.ABC):
    """A store, real or not, and the bank that is held to the contract on it.

    Each test gets a new one, with nothing in it.
    """

    #: What the store can be made to do; tests of others are left out.
    faults: ClassVar[frozenset[Fault]] = frozenset()

    #: Whether it can be made to do it with so many requests alone.
    counts: ClassVar[bool] = True

    #: How many keys one answer of the store holds; a longer list takes several.
    page: ClassVar[int] = 100

    #: Seconds, for a call that would never end otherwise: a limit, and no measure.
    deadline: ClassVar[float] = 120.0

    #: What the bank logs in with: no log and no error may have it.
    secrets: tuple[str, ...] = ()

    @abc.abstractmethod
    def open(self) -> Any:
        """Karbor's Bank (karbor/services/protection/bank_plugin.py) on the store, as a process that
        starts anew opens it. It has patience with a store on a busy machine."""

    def open_impatient(self) -> Any:
        """The same, but it gives a store that says nothing up after a second or so, if its class
        knows of such a time: for tests of :attr:`Fault.SILENT`."""
        return self.open()

    @abc.abstractmethod
    def spoil(self, key: str) -> None:
        """Put something under the key that is no value of the bank, behind its back: what is cut
        short, or nothing at all."""

    def trouble(self, fault: Fault, times: int | None = None) -> contextlib.AbstractContextManager:
        """The store does that, in the block.

        :param fault: one of :attr:`faults`
        :param times: only with so many requests; by default with each one
        """
        raise NotImplementedError(fault)

    @contextlib.contextmanager
    def befalling(self, fault: Fault, bank: Any) -> Iterator[Any]:
        """The fault is there, in the block.

        :param bank: opened before
        :returns: the bank to ask in the block: that one, or another one on the same store that does
            not wait so long
        """
        self.requires(fault)
        asked = self.open_impatient() if fault is Fault.SILENT else bank
        with self.trouble(fault):
            yield asked

    def requires(self, *faults: Fault) -> None:
        """Leave a test out that is about what cannot befall this store."""
        for fault in faults:
            if fault not in self.faults:
                pytest.skip(f"this store cannot be made to: {fault.value}")


def listed(bank: Any, key: str) -> list[str]:
    """What is in the folder of a key."""
    return [*bank.list_objects(key.rpartition("/")[0] + "/")]


def some_key() -> str:
    """A key as Karbor makes them for checkpoints."""
    return f"/checkpoints/{uuid.uuid4()}/index.json"


def fill(bank: Any, *keys: str) -> None:
    """Each of these keys, with itself as its value."""
    for key in keys:
        bank.update_object(key, key)


def same(one: Any, other: Any) -> bool:
    """Equal, and of equal types all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)

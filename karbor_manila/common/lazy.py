# SPDX-License-Identifier: Apache-2.0
"""Values that are made when they are first asked for, once for all who share them.

:class:`Once` is the engine, :class:`Lazy` the attribute. ``functools.cached_property`` makes a
value twice when two ask at the same time, and ``threading.Lock`` around it blocks all other values
while one is made; both matter here, where the maker asks Manila for minutes.
"""

import contextvars
import threading
from collections.abc import Callable, Hashable
from typing import Any, Generic, Protocol, TypeVar, overload

from oslo_log import log as logging

from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import CircularNeed

LOG = logging.getLogger(__name__)

T = TypeVar("T")


class _Making:
    """One attempt to make a value; ``awaits`` is the attempt that it waits for itself, if it does.

    Compared by identity: there may be a later one for the same key.
    """

    def __init__(self) -> None:
        self.awaits: _Making | None = None


# What the (green) thread that reads it is making, the outermost first: each has a context of its
# own, which no other one shares, whether or not eventlet has patched the threads.
_MAKING: contextvars.ContextVar[tuple[_Making, ...]] = contextvars.ContextVar("making", default=())

# So long does one who waits for a value sleep before it looks around again, in seconds.
_LOOK_AROUND = 5.0

# So many seconds longer than an outage may take another thread that makes the value is waited for.
_GIVEN_UP = 3600.0


class Once:
    """What the resources of one flow share: the first to arrive does it, the others wait for it.

    There is no barrier between the resources of a Karbor flow, so each asks for what it needs. An
    error is shared like a result; otherwise a hundred shares would wait for the end of the same
    outage one after the other. What ends the one who makes it (a killed green thread, a timeout of
    eventlet's) is his alone: the next one makes it.

    No lock is held while a value is made, only a note that a thread makes it. Nobody waits for
    ever: not for himself, however many others are between, and not for one who was stopped.

    :param outage: seconds for which a value may be asked for while Manila is away
    """

    def __init__(self, clock: Clock | None = None, outage: float = 120.0) -> None:
        self._clock = clock or Clock()
        # Who does not come back with a value is given up by those who wait, and one makes it.
        self._timeout = 2 * outage + _GIVEN_UP
        self._news = threading.Condition()
        self._making: dict[Hashable, _Making] = {}
        self._results: dict[Hashable, tuple[Any, Exception | None]] = {}

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        """The result of ``make`` for ``key``, made at most once; raises what ``make`` raised.

        :raises CircularNeed: the value is needed to make itself
        """
        if key not in self._results:  # what is there stays there
            mine = self._await_turn(key)
            if mine:
                self._make(key, make, mine)
        result, failure = self._results[key]
        if failure:
            raise failure
        kept: T = result
        return kept

    def _await_turn(self, key: Hashable) -> _Making | None:
        """Wait until the value is there (None), or until it is the caller's to make."""
        waited_for: _Making | None = None
        waited = 0.0
        while True:
            with self._news:
                if key in self._results:
                    return None
                other = self._making.get(key)
                if other is not waited_for:
                    waited_for, waited = other, 0.0
                if other is None or waited >= self._timeout:
                    if other:
                        LOG.warning("%r has not come about in %.0f seconds", key, waited)
                    mine = self._making[key] = _Making()
                    return mine
                waited += self._wait(key, other)

    def _wait(self, key: Hashable, other: _Making) -> float:
        """Wait for news for a moment; the seconds that this took in a process that runs."""
        stack = _MAKING.get()
        for own in stack:
            own.awaits = other
        try:
            link: _Making | None = other
            seen: set[int] = set()
            while link and id(link) not in seen:
                if link in stack:
                    raise CircularNeed(key)
                seen.add(id(link))
                link = link.awaits
            began = self._clock.now()
            self._clock.wait(self._news, _LOOK_AROUND)
            return min(_LOOK_AROUND, self._clock.now() - began)
        finally:
            for own in stack:
                own.awaits = None

    def _make(self, key: Hashable, make: Callable[[], T], mine: _Making) -> None:
        outcome: tuple[Any, Exception | None] | None = None
        stack = _MAKING.set((*_MAKING.get(), mine))
        try:
            outcome = (make(), None)
        except Exception as error:  # noqa: BLE001 - raised to everybody who asks
            outcome = (None, error)
        finally:
            with self._news:
                if outcome:
                    self._results.setdefault(key, outcome)
                if self._making.get(key) is mine:
                    del self._making[key]
                self._news.notify_all()
            _MAKING.reset(stack)


class Sharing(Protocol):
    """Has lazily made attributes; ``once`` makes them."""

    once: Once


class Lazy(Generic[T]):
    """An attribute that the first who reads it makes; a decorator like ``cached_property``.

    Others who read it meanwhile wait. An error is raised to everybody who reads it, and stays; see
    :class:`Once` for the rest. Its owner needs an attribute ``once`` (:class:`Sharing`), and gets a
    plain attribute of the same name once the value is made.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._name = make.__name__
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "Lazy[T]": ...

    @overload
    def __get__(self, instance: Sharing, owner: type) -> T: ...

    def __get__(self, instance: Sharing | None, owner: type) -> "Lazy[T] | T":
        if instance is None:
            return self
        sharing = instance
        made = sharing.once(self._name, lambda: self._make(sharing))
        # Python looks here first, because this descriptor has no __set__.
        vars(sharing)[self._name] = made
        return made

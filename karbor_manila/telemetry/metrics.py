# SPDX-License-Identifier: Apache-2.0
"""Counters of events in this process, for who exports them. It asks nobody and sends nothing."""

import bisect
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from karbor_manila.telemetry.dispatch import Counts, Delivery, Listener
from karbor_manila.telemetry.events import ERROR, START, Event

#: The upper ends of the buckets of durations, in minutes; above the last one is one more.
BUCKETS = (1, 2, 5, 10, 30, 60, 120, 360, 720, 1440)

#: What became of something. ``followed``: it failed, and the reconciliation goes on with it.
BEGUN, DONE, FAILED, LEFT_OUT, FOLLOWED = "begun", "done", "failed", "left_out", "followed"


class Kind(NamedTuple):
    """Of what an event is.

    :ivar operation: the second part of its type
    :ivar of: what it is about: Karbor's word of a flow or of an unfinished item, an audit's finding
    """

    operation: str
    of: str


@dataclass(frozen=True)
class Durations:
    """How long something of one kind took.

    :ivar up_to: for each of :data:`BUCKETS` how many took at most so long
    :ivar number: of all
    :ivar seconds: of all together
    """

    up_to: tuple[int, ...]
    number: int
    seconds: float


@dataclass(frozen=True)
class Figures:
    """All counters at one moment.

    :ivar events: how many, by their kind and result
    :ivar durations: by their kind
    :ivar listeners: what became of the events for each listener
    """

    events: Mapping[tuple[Kind, str], int]
    durations: Mapping[Kind, Durations]
    listeners: Mapping[str, Counts] = field(default_factory=dict)


class Metrics:
    """The counters; many threads may count and read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: Counter[tuple[Kind, str]] = Counter()
        self._buckets: dict[Kind, list[int]] = {}
        self._seconds: Counter[Kind] = Counter()
        self._listeners: Callable[[], Mapping[str, Counts]] = dict

    def watch(self, listeners: Callable[[], Mapping[str, Counts]]) -> None:
        """Have :meth:`read` tell of these listeners, too."""
        self._listeners = listeners

    def note(self, event: Event) -> None:
        """Count an event."""
        kind, seconds = kind_of(event), getattr(event, "seconds", None)
        with self._lock:
            self._events[kind, result_of(event)] += 1
            if seconds is not None:
                buckets = self._buckets.setdefault(kind, [0] * (len(BUCKETS) + 1))
                buckets[bisect.bisect_left(BUCKETS, seconds / 60)] += 1
                self._seconds[kind] += seconds

    def read(self) -> Figures:
        """All counters now."""
        with self._lock:
            durations = {
                kind: Durations(
                    tuple(itertools.accumulate(buckets[:-1])), sum(buckets), self._seconds[kind]
                )
                for kind, buckets in self._buckets.items()
            }
            counted = dict(self._events)
        return Figures(counted, durations, dict(self._listeners()))


def kind_of(event: Event) -> Kind:
    """Of what an event is."""
    about = (getattr(event, name, "") for name in ("flow", "item", "finding"))
    return Kind(event.operation, next(filter(None, about), ""))


def result_of(event: Event) -> str:
    """What became of what an event is about."""
    if event.phase == START:
        return BEGUN
    if event.phase == ERROR:
        return FOLLOWED if getattr(event, "followed", False) else FAILED
    return LEFT_OUT if getattr(event, "left_out", False) is True else DONE


#: Those of this process.
METRICS = Metrics()

#: The name of the listener that counts.
NAME = "metrics"


class MetricsListener(Listener):
    """Counts all events in :data:`METRICS`."""

    most = 100

    def __init__(self, *, name: str, settings: Any, metrics: Metrics = METRICS) -> None:
        super().__init__(name=name, settings=settings)
        self._metrics = metrics

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Count them."""
        for delivery in deliveries:
            self._metrics.note(delivery.event)

# SPDX-License-Identifier: Apache-2.0
"""What a karbor-protection shows of itself as metrics, for a registry of prometheus_client.

No scrape asks anybody: the values are those of this process, in its memory. Which there are is in
:mod:`.metric_names`.
"""

import datetime
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from karbor_manila.common.metric import Distribution
from karbor_manila.telemetry import metric_names as names
from karbor_manila.telemetry import metrics
from karbor_manila.telemetry.events import ShareEvent
from karbor_manila.telemetry.metrics import Durations, Figures, Kind, Metrics

_ENDED = (metrics.DONE, metrics.FAILED)
_RESULTS = (metrics.BEGUN, *_ENDED, metrics.FOLLOWED)


@dataclass(frozen=True)
class Lease:
    """The lease of this process in one bank.

    :ivar age: seconds since it was renewed; None before the first time
    :ivar lapses: how often it had run out
    """

    is_fresh: bool
    age: float | None
    lapses: int


#: Gives what this process has claimed: the operation, and since when, each.
Held = Callable[[], Iterable[tuple[str, datetime.datetime]]]


class Collector:
    """Gives the values of all of them, for a registry of prometheus_client.

    :param leases: gives the lease for each provider's id
    """

    def __init__(
        self, counted: Metrics, *, held: Held, leases: Callable[[], Mapping[str, Lease]]
    ) -> None:
        self._counted = counted
        self._held = held
        self._leases = leases

    def collect(self) -> Iterator[Any]:
        """Called by a registry at each scrape."""
        return itertools.chain(_events(self._counted.read()), self._claims(), self._of_leases())

    def _claims(self) -> Iterator[Any]:
        since: dict[str, list[datetime.datetime]] = {
            work: [] for work in (*names.WORK, names.OTHER)
        }
        for operation, began in self._held():
            since[_known(operation, names.WORK)].append(began)
        yield names.CLAIMS.family(((work,), len(began)) for work, began in since.items())
        yield names.OLDEST_CLAIM.family(
            ((work,), min(began).timestamp()) for work, began in since.items() if began
        )

    def _of_leases(self) -> Iterator[Any]:
        leases = self._leases()
        yield names.LEASE_FRESH.family(((name,), lease.is_fresh) for name, lease in leases.items())
        yield names.LEASE_AGE.family(
            ((name,), lease.age) for name, lease in leases.items() if lease.age is not None
        )
        yield names.LEASE_LAPSES.family(((name,), lease.lapses) for name, lease in leases.items())


#: The word of a kind in one family; None when it is of another one.
_Word = Callable[[Kind], str | None]


def _of(operation: str) -> _Word:
    """Those of one operation, by what they are about."""
    return lambda kind: kind.of if kind.operation == operation else None


def _operation(kind: Kind) -> str | None:
    """Those of single shares."""
    return kind.operation if kind.operation in names.OPERATIONS else None


def _events(figures: Figures) -> Iterator[Any]:
    """What was counted; what never happened is 0, so that its first time is an increase."""
    yield names.OPERATIONS_TOTAL.family(
        _counts(figures, names.OPERATIONS, _operation, (*_RESULTS, metrics.LEFT_OUT))
    )
    yield names.OPERATION_SECONDS.family(_spreads(figures, ShareEvent.OPERATIONS, _operation))
    yield names.FLOWS_TOTAL.family(_counts(figures, names.FLOWS, _of("checkpoint"), _RESULTS))
    yield names.FLOW_SECONDS.family(_spreads(figures, names.FLOWS, _of("checkpoint")))
    yield names.RECONCILED_TOTAL.family(_counts(figures, names.WORK, _of("reconcile"), _ENDED))
    found = (metrics.BEGUN, *_ENDED)
    yield names.FINDINGS_TOTAL.family(_counts(figures, names.FINDINGS, _of("audit"), found))
    listeners = figures.listeners.items()
    yield names.EVENTS_DELIVERED.family(((name,), each.delivered) for name, each in listeners)
    yield names.EVENTS_DROPPED.family(((name,), each.dropped) for name, each in listeners)
    yield names.EVENTS_FAILED.family(((name,), each.failed) for name, each in listeners)
    yield names.EVENTS_WAITING.family(((name,), each.waiting) for name, each in listeners)


def _counts(
    figures: Figures, words: tuple[str, ...], word_of: _Word, results: tuple[str, ...]
) -> Iterator[tuple[tuple[str, str], int]]:
    counted = {(word, result): 0 for word in words for result in results}
    for (kind, result), number in figures.events.items():
        if (about := word_of(kind)) is not None:
            word = _known(about, words)
            counted[word, result] = counted.get((word, result), 0) + number
    yield from counted.items()


def _spreads(
    figures: Figures, words: tuple[str, ...], word_of: _Word
) -> Iterator[tuple[tuple[str], Distribution]]:
    none = Durations((0,) * len(metrics.BUCKETS), 0, 0.0)
    found = dict.fromkeys(words, none)
    for kind, durations in figures.durations.items():
        if (word := word_of(kind)) in found:
            found[word] = durations
    for word, durations in found.items():
        ends = [minutes * 60.0 for minutes in metrics.BUCKETS]
        up_to = dict(zip(ends, durations.up_to, strict=True))
        yield (word,), Distribution(up_to, durations.number, durations.seconds)


def _known(word: str, words: tuple[str, ...]) -> str:
    """One of few, whatever it is."""
    return word if word in words else names.OTHER

# SPDX-License-Identifier: Apache-2.0
"""A metric as Prometheus shows it: its name, what it means, and its values at one moment.

Names are as Prometheus has them (https://prometheus.io/docs/practices/naming/): base units in the
name, counters end in ``_total``. prometheus_client is imported when values are shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from karbor_manila.common.visible import visible

#: What the names of all metrics begin with.
PREFIX = "karbor_manila_"

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"

#: So many characters the value of a label may have; a name in Karbor has no more.
LABEL_SIZE = 255


class Distribution(NamedTuple):
    """The value of a histogram.

    :ivar up_to: how many were at most so much, by the upper end, rising
    :ivar number: of all
    :ivar total: of all together
    """

    up_to: Mapping[float, int]
    number: int
    total: float


@dataclass(frozen=True)
class Metric:
    """What is shown under one name.

    :ivar short: its name without :data:`PREFIX`, and of a counter without ``_total``
    :ivar kind: :data:`COUNTER`, :data:`GAUGE` or :data:`HISTOGRAM`
    :ivar meaning: a phrase, for Prometheus and for the reference
    :ivar labels: what tells its values apart
    """

    short: str
    kind: str
    meaning: str
    labels: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As queries have it."""
        return f"{PREFIX}{self.short}" + ("_total" if self.kind == COUNTER else "")

    def family(self, values: Iterable[tuple[Sequence[str], Any]]) -> Any:
        """The metric with its values, for a registry of prometheus_client.

        :param values: the labels' values in the order of :attr:`labels`, with a number each, or
            with a :class:`Distribution`
        """
        from prometheus_client import core  # noqa: PLC0415 - who shows no metrics does not load it

        if self.kind == HISTOGRAM:
            histogram = core.HistogramMetricFamily(
                PREFIX + self.short, self.meaning, labels=self.labels
            )
            for labels, spread in values:
                buckets = [(f"{end:g}", count) for end, count in spread.up_to.items()]
                buckets.append(("+Inf", spread.number))
                histogram.add_metric(_harmless(labels), buckets, spread.total)
            return histogram
        family = core.CounterMetricFamily if self.kind == COUNTER else core.GaugeMetricFamily
        made = family(PREFIX + self.short, self.meaning, labels=self.labels)
        for labels, value in values:
            made.add_metric(_harmless(labels), float(value))
        return made


def _harmless(labels: Sequence[str]) -> list[str]:
    """Names are a tenant's choice, and are printed by who reads the metrics."""
    return [visible(label)[:LABEL_SIZE] for label in labels]

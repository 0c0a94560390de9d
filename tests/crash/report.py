# SPDX-License-Identifier: Apache-2.0
"""The outcomes of a run for people and for programs."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.table import Table

from tests.crash.promise import ACCESS, BOTH, CHANGED, FROZEN, GROUP, KINDS, UNNAMED
from tests.crash.scenario import FAILED, NEVER, Outcome

_RARE = (GROUP, ACCESS, FROZEN, CHANGED, UNNAMED, BOTH)
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32}")


def line(outcome: Outcome) -> str:
    """One line on one point."""
    found = "; ".join(_told(outcome)) or "kept"
    return f"{outcome.point}: {found} ({outcome.seconds:.1f} s)"


def table(outcomes: Iterable[Outcome]) -> Table:
    """How many points an operation has, how many kept the promise, what the others left.

    What not everybody can leave has a column when it was left.
    """
    by_operation: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_operation[outcome.point.operation].append(outcome)
    seen = {
        finding.kind for some in by_operation.values() for it in some for finding in it.findings
    }
    columns = [*KINDS, *(kind for kind in _RARE if kind in seen)]
    made = Table("operation", "points", "kept", *columns, "never killed", "harness failed")
    for name, some in by_operation.items():
        kinds = [finding.kind for outcome in some for finding in outcome.findings]
        kept = sum(not outcome.findings for outcome in some)
        cells = [len(some), kept, *(kinds.count(kind) for kind in (*columns, NEVER, FAILED))]
        made.add_row(name, *map(str, cells))
    return made


def groups(outcomes: Iterable[Outcome]) -> list[str]:
    """The points that broke the promise, by what was found."""
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.findings:
            alike[_told(outcome)].append(str(outcome.point))
    return [
        "\n".join([f"{len(named)} points: {'; '.join(told)}", *(f"    {name}" for name in named)])
        for told, named in sorted(alike.items(), key=lambda item: -len(item[1]))
    ]


def _told(outcome: Outcome) -> tuple[str, ...]:
    """What was found, the same for what differs in nothing but ids."""
    return tuple(sorted({_UUID.sub("{id}", str(finding)) for finding in outcome.findings}))


def figures(
    provider: str, driver: str, seconds: float, outcomes: Iterable[Outcome]
) -> dict[str, Any]:
    """All of it as plain values."""
    return {
        "provider": provider,
        "driver": driver,
        "seconds": round(seconds, 1),
        "points": [asdict(outcome) for outcome in outcomes],
    }

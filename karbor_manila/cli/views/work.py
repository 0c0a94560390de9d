# SPDX-License-Identifier: Apache-2.0
"""What was done and what is being done: runs by kind and state, by age, and by why they failed."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from karbor_manila.cli.views.listed import Limits, Listed
from karbor_manila.cli.views.runs import FAILED, GOOD, KINDS, MISSED, PARTIAL, RUNNING, Run

#: In the order in which people want them.
STATES = (RUNNING, GOOD, PARTIAL, FAILED, MISSED)

#: A reason is the same for another share: names of things are not what it is about.
_ID = re.compile(r"\b[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\b|\b\d+(\.\d+)?\b")


@dataclass(frozen=True)
class Group:
    """Runs of one kind in one state, the newest first."""

    kind: str
    state: str
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Reason:
    """Runs that failed for the same, the newest first; ``sentence`` is that of the newest."""

    sentence: str
    runs: tuple[Run, ...]


def groups(found: Iterable[Run]) -> list[Group]:
    """Every kind with every state that occurs, in the order of both."""
    by: dict[tuple[str, str], list[Run]] = {}
    for run in found:
        by.setdefault((run.kind, run.state), []).append(run)
    kinds = (*KINDS, *sorted({kind for kind, _state in by} - set(KINDS)))
    return [
        Group(kind, state, tuple(by[kind, state]))
        for kind in kinds
        for state in STATES
        if (kind, state) in by
    ]


def running(found: Iterable[Run]) -> list[Run]:
    """What goes on, the oldest first."""
    return [run for run in found if run.state == RUNNING][::-1]


def stuck(listed: Listed, limits: Limits, going: Iterable[Run]) -> list[Run]:
    """What has gone on for so long that it will not end by itself."""
    longest = limits.stuck_after * 3600.0
    return [run for run in going if (run.seconds(listed.at) or 0.0) > longest]


def reasons(found: Iterable[Run]) -> list[Reason]:
    """Why runs failed, the most frequent first."""
    by: dict[str, list[Run]] = {}
    for run in found:
        if run.state not in (FAILED, MISSED):
            continue
        by.setdefault(_ID.sub("#", run.reason), []).append(run)
    made = [Reason(runs[0].reason, tuple(runs)) for runs in by.values()]
    return sorted(made, key=lambda reason: (-len(reason.runs), reason.sentence))


def within(found: Sequence[Run], listed: Listed, limits: Limits) -> list[Run]:
    """Those that began within the days that are looked at, and what still goes on."""
    oldest = listed.at.timestamp() - limits.days * 86400.0
    return [
        run
        for run in found
        if run.state == RUNNING or (run.began and run.began.timestamp() >= oldest)
    ]

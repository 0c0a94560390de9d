# SPDX-License-Identifier: Apache-2.0
"""Transient errors on any call of any operation: it is repeated, and succeeds."""

from typing import Any

from sandbox.karbor.providers import OURS
from sandbox.proxy.rules import Rule
from tests.faults import calls, plants
from tests.faults.calls import CALLS, ONCE, Calls
from tests.faults.case import Case
from tests.faults.cases import rules
from tests.faults.cases.rules import transient


def retried(of: Calls, *, fresh: bool = False) -> list[Case]:
    """Each kind of transient error, once on the first of each call that the operation makes."""
    return [
        Case(
            name=f"{of.name}: {kind} on {call}",
            operations=(of.operation,),
            plant=_with_failing_backend(of, plants.on_the_way(transient(kind, call, nth=nth))),
            fails=bool(of.undone),
            says=of.says if of.undone else (),
            fresh=fresh,
        )
        for call, nth in of.targets
        for kind in _kinds(of, call)
    ]


def _kinds(of: Calls, call: str) -> tuple[str, ...]:
    if of.undone:
        # The ways to answer are the same as in doing: one in which nothing was done, one in which
        # everything was.
        return ("503", "lost")
    throttled = call in (calls.MAKE_SNAPSHOT, calls.MAKE_SHARE, calls.DROP_SNAPSHOT, calls.SNAPSHOT)
    return ("500", "503", "reset", "lost", *(("429",) if throttled else ()))


def _with_failing_backend(of: Calls, plant: Any) -> Any:
    failing = plants.backend(of.undone, anything=True) if of.undone else None
    return plants.all_of(failing, plant) if failing else plant


def in_a_row(operation: str, call: str, kind: str, slow: dict[str, float]) -> Case:
    """One call fails four times in a row."""
    return Case(
        name=f"{operation}: {kind} on {call}, four times in a row",
        operations=(operation,),
        plant=plants.all_of(plants.slow(**slow), plants.on_the_way(transient(kind, call, times=4))),
    )


def cases(provider: str) -> list[Case]:
    """Transient errors on any call of any operation."""
    found = [case for of in CALLS[provider] for case in retried(of)]
    found += retried(ONCE, fresh=True) if provider == OURS else []
    polls = {"protect": calls.SNAPSHOT, "restore": calls.SHARE, "delete": calls.SNAPSHOT}
    found += [
        in_a_row(operation, call, kind, {})
        for operation, call in polls.items()
        for kind in ("500", "reset")
    ]
    return [
        *found,
        Case(
            name="protect: lost replies to two POSTs, one after the other",
            operations=("protect",),
            plant=plants.on_the_way(Rule.lose_reply(*rules.MAKE_SNAPSHOT, times=2)),
            shares=2,
        ),
        Case(
            name="protect of three: 503 on the list of their shares",
            operations=("protect",),
            plant=plants.on_the_way(transient("503", calls.SHARES)),
            shares=3,
            ours_only=True,
        ),
        Case(
            name="protect of three: 503 on the list that polls their snapshots",
            operations=("protect",),
            plant=plants.all_of(
                plants.slow(create_snapshot=1),
                plants.on_the_way(transient("503", calls.SNAPSHOTS, nth=2, times=2)),
            ),
            shares=3,
            ours_only=True,
        ),
        Case(
            name="protect: the reply to the POST is lost and the next look for it fails",
            operations=("protect",),
            plant=plants.on_the_way(
                Rule.lose_reply(*rules.MAKE_SNAPSHOT),
                *([transient("503", calls.SNAPSHOTS, nth=2)] if provider == OURS else []),
            ),
        ),
        Case(
            name="restore: a POST fails twice, once with and once without a share made",
            operations=("restore",),
            plant=plants.on_the_way(
                Rule.answer(*rules.MAKE_SHARE, 500), Rule.lose_reply(*rules.MAKE_SHARE, nth=2)
            ),
            ours_only=True,
        ),
    ]

# SPDX-License-Identifier: Apache-2.0
"""Runs one case of the table and says what became of it."""

import time
from dataclasses import dataclass, field

from sandbox.proxy.control import NeverHit
from tests.faults.case import FAILURE, Case
from tests.faults.site import Site
from tests.faults.world import REFUSED, STUCK, ShareJob, World

#: How often a DELETE that timed out is asked for again.
TRIES = 5


@dataclass
class Result:
    """What became of a case.

    :ivar hit: whether the planned fault was met at all; the rest says nothing otherwise
    :ivar outcomes: the end of each operation
    :ivar reasons: what a user can read of why, of each operation
    :ivar unaccounted: what the operations left in Manila that no checkpoint or restore names
    :ivar undeletable: what the DELETE of each checkpoint that could not be deleted ended in
    :ivar left: what was left after the DELETE
    :ivar complaints: what the case itself says against the end
    :ivar seconds: how long it took
    """

    case: Case
    hit: bool = True
    outcomes: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    unaccounted: list[str] = field(default_factory=list)
    undeletable: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def stuck(self) -> bool:
        """Whether an operation did not end."""
        return STUCK in self.outcomes.values()

    @property
    def ended_otherwise(self) -> list[str]:
        """The operations that did not end as they have to."""
        return [
            f"{operation} ended {outcome} instead of {self.case.expected(operation)}: "
            f"{self.reasons[operation]}"
            for operation, outcome in self.outcomes.items()
            if outcome != self.case.expected(operation)
        ]

    @property
    def unsaid(self) -> list[str]:
        """The words that the user should have been able to read, and could not."""
        said = " ".join(self.reasons.values())
        return [words for words in self.case.says if words not in said]

    @property
    def silent(self) -> bool:
        """Whether something failed and Karbor's API has no word of why."""
        return any(
            outcome in FAILURE.values() and not self.reasons[operation]
            for operation, outcome in self.outcomes.items()
        )

    @property
    def broken(self) -> list[str]:
        """Every way in which the promise was not kept."""
        return [
            *([] if self.hit else ["the planned fault was never hit"]),
            *self.ended_otherwise,
            *(f"the reason does not say {words!r}: {self.reasons}" for words in self.unsaid),
            *(f"not accounted for: {thing}" for thing in self.unaccounted),
            *(f"the DELETE ended {end}" for end in self.undeletable),
            *(f"left after the DELETE: {thing}" for thing in self.left),
            *self.complaints,
        ]


def run(case: Case, site: Site) -> Result:
    """Run a case. What it leaves behind is removed by force, and a stuck Karbor started anew."""
    began = time.monotonic()
    site.configure(case.options)
    if case.fresh:
        site.restart_karbor()
    result = Result(case)
    world = World(site, case.operations, case.shares)
    try:
        _try(case, world, result)
        _end(world, result)
    finally:
        if result.stuck or STUCK in result.undeletable:
            site.restart_karbor()
        world.sweep()
    result.seconds = time.monotonic() - began
    return result


def _try(case: Case, world: World, result: Result) -> None:
    try:
        with case.plant(world):
            world.begin()
            case.meanwhile(world)
            world.finish()
            result.unaccounted = world.unaccounted()
    except NeverHit:
        result.hit = False
    result.outcomes = {job.operation: job.outcome for job in world.jobs}
    result.reasons = {job.operation: job.reason for job in world.jobs}
    try:
        case.then(world)
    except AssertionError as complaint:
        result.complaints.append(str(complaint))


def _deleted(world: World, job: ShareJob, case: Case) -> str:
    """What the DELETE ended in. On a busy machine Manila needs longer than the timeouts of the
    cases that never end: what a user does then, who reads it, is done here, too."""
    end = world.delete(job)
    for _ in range(TRIES if case.options == "hasty" else 0):
        if end != FAILURE["delete"]:
            break
        end = world.delete(job)
    return end


def _end(world: World, result: Result) -> None:
    for job in world.jobs:
        if job.outcome == "deleted":
            continue
        if job.operation == "protect" and job.outcome == REFUSED:
            continue
        end = _deleted(world, job, result.case)
        if end != "deleted":
            result.undeletable.append(end)
    result.left = world.left()

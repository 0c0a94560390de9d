# SPDX-License-Identifier: Apache-2.0
"""Ask one operation of ten plans, let something happen to the cluster, and judge."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox import errors
from sandbox.manila import knobs
from sandbox.stack import Stack
from tests.crash import promise, told
from tests.crash.cluster import plans, troubles
from tests.crash.cluster.plans import Asked, Cluster
from tests.crash.cluster.troubles import Trouble
from tests.crash.more_operations import EVERY_OPERATION
from tests.crash.promise import DEAD_END, UNTRUE, Finding
from tests.crash.scenario import FAILED
from tests.crash.told import Told
from tests.crash.world import CLIENT_ERRORS, Stage, Unfinished, wait

SETTLE_SECONDS = 180
#: The plans of which all is at work when something happens.
_BEGUN_SECONDS = 2.5
_ANSWER_SECONDS = 150
_POLL = 1.0
_ATTEMPTS = 3


@dataclass(frozen=True)
class Outcome:
    """What came of ten plans.

    :ivar well: how many got what was asked for
    :ivar refused: how many requests Karbor's API did not take
    :ivar settled: seconds from the end of the trouble until nothing was in work any more
    """

    trouble: str
    operation: str
    well: int = 0
    refused: int = 0
    settled: float = 0.0
    findings: list[Finding] = field(default_factory=list)

    def __str__(self) -> str:
        found = "; ".join(map(str, self.findings)) or "kept"
        return (
            f"{self.operation}, {self.trouble}: {self.well} of {plans.PLANS} done, "
            f"{self.refused} refused, at rest after {self.settled:.0f} s: {found}"
        )


class Harness:
    """Runs scenarios on one started cluster."""

    def __init__(self, stack: Stack, seconds: float = SETTLE_SECONDS) -> None:
        self.stack = stack
        self.world = Cluster(stack)
        self._seconds = seconds

    def run(self, trouble: Trouble, operation: str) -> Outcome:
        """One scenario, from nothing to nothing."""
        try:
            self._configure(trouble.settings)
            return self._run(trouble, operation)
        except (AssertionError, Unfinished, errors.SandboxError, *CLIENT_ERRORS) as error:
            failed = Finding(FAILED, f"{type(error).__name__}: {error}")
            return Outcome(trouble.name, operation, findings=[failed])
        finally:
            self._mend()
            self._configure(dict.fromkeys(trouble.settings, {}))

    def _run(self, trouble: Trouble, name: str) -> Outcome:
        world, operation = self.world, EVERY_OPERATION[name]
        world.empty()
        stages = world.stages(world.shares_of_all(), checkpoint=operation.needs_checkpoint)
        for stage in stages:
            operation.ready(world, stage)
        old = {known for stage in stages for known in stage.seen}
        if name == "delete":
            old = set()
        asked = Asked(self.stack, operation, stages)
        sizes = troubles.log_sizes(self.stack)
        with self._slow():
            asked.begin()
            time.sleep(_BEGUN_SECONDS)
            before: list[tuple[bool, Told]] = []
            victim = troubles.busiest(self.stack, sizes)
            trouble.happen(
                self.stack,
                victim,
                lambda: before.append((asked.is_answered, self._look(stages))),
            )
            began = time.monotonic()
            asked.end(_ANSWER_SECONDS)
        findings = self._settled(stages)
        settled = time.monotonic() - began
        for answered, seen in before:
            findings += told.changes(seen, self._as_far(seen, stages, whole=answered))
        well = plans.well(world, operation, stages, old)
        findings += self._untrue(name, stages, old)
        findings += self._removed(stages)
        return Outcome(trouble.name, name, well, len(asked.refused), settled, findings)

    def _configure(self, settings: Mapping[int, Mapping[str, Any]]) -> None:
        """Start some workers again with settings of their own; those of the others stay."""
        usual = self.stack.state.settings()
        same = {"clock_offsets": usual.clock_offsets, "pythonpath": usual.pythonpath}
        for number, changes in settings.items():
            self.stack.restart_worker(number, **same | dict(changes))
        self.stack.configure(**same)

    @contextlib.contextmanager
    def _slow(self) -> Iterator[None]:
        path = self.stack.state.directory("manila") / "delays.json"
        knobs.write(path, plans.DELAYS)
        try:
            yield
        finally:
            path.unlink()

    def _mend(self) -> None:
        """Whatever a scenario that failed has left: all services run."""
        self.stack.start()

    def _settled(self, stages: list[Stage]) -> list[Finding]:
        """Wait until nothing is in work; what still is, or belongs to nobody."""
        found: list[Finding] = []

        def look() -> list[Finding]:
            found[:] = self._inspect(stages)
            return found

        with contextlib.suppress(Unfinished):
            wait("the promise", look, lambda findings: not findings, self._seconds, _POLL)
        return found

    def _look(self, stages: list[Stage]) -> Told:
        """A request that a paused worker has taken is answered by nobody, and asked again."""
        for _attempt in range(_ATTEMPTS):
            with contextlib.suppress(*CLIENT_ERRORS):
                return told.look(self.world, plans.together(stages))
        return told.look(self.world, plans.together(stages))

    def _as_far(self, before: Told, stages: list[Stage], *, whole: bool) -> Told:
        """What is told now; without what is new, where a request may have been carried out late."""
        now = self._look(stages)
        if whole:
            return now
        return Told({what: seen for what, seen in now.seen.items() if what in before.seen})

    def _inspect(self, stages: list[Stage]) -> list[Finding]:
        return promise.inspect(self.world, plans.together(stages), stages)

    def _untrue(self, name: str, stages: list[Stage], old: set[str]) -> list[Finding]:
        """Bytes that are not what is told of them; what came twice."""
        found = []
        for stage in stages:
            found += list(_bytes(self.world, stage))
            made = [it for it in self.world.checkpoints(stage) if it.id not in old]
            if name in ("protect", "copy") and len(made) > 1:
                found.append(Finding(UNTRUE, f"{len(made)} checkpoints of one request"))
        return found

    def _removed(self, stages: list[Stage]) -> list[Finding]:
        """A user goes on: a checkpoint that is available is restored, then all are deleted."""
        for stage in stages[:2]:
            good = [it for it in self.world.checkpoints(stage) if it.status == "available"]
            for checkpoint in good[:1]:
                try:
                    self.world.tenant.verify(checkpoint)
                except (AssertionError, *CLIENT_ERRORS) as error:
                    return [Finding(DEAD_END, f"verify afterwards: {error}")]
        return promise.remove(self.world, plans.together(stages))


def _bytes(world: Cluster, stage: Stage) -> Iterator[Finding]:
    there = {share.id: share for share in world.tenant.shares()}
    for restore in world.restores(stage):
        given: dict[str, Any] = restore.resources_status or {}
        for key, status in given.items():
            share_id = key.partition("#")[2]
            if status == "available" and share_id in there:
                (kept,) = stage.contents.values()
                if world.contents(share_id) != kept:
                    yield Finding(UNTRUE, f"{restore.status} with other bytes")

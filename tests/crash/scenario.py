# SPDX-License-Identifier: Apache-2.0
"""Record operations to find the points; kill Karbor at one, start it again, and judge."""

import contextlib
import json
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from sandbox import errors
from sandbox.karbor import mortal_bank
from sandbox.proxy.rules import Rule
from sandbox.state import SECOND_KARBOR
from tests.crash import points, promise
from tests.crash.more_operations import EVERY_OPERATION
from tests.crash.operations import Operation
from tests.crash.points import BANK, Call, Point
from tests.crash.promise import Finding
from tests.crash.world import CLIENT_ERRORS, Cut, Stage, World, wait

NEVER = "a planned kill never happened"
FAILED = "the harness failed"
_END_SECONDS = 60
#: Each look at what is unfinished is four requests to the Karbor that is to do the work.
_LOOK_EVERY = 0.4
_ATTEMPTS = 3
_LOCKED = "database is locked"


@dataclass(frozen=True)
class Outcome:
    """What came of a kill: nothing found is a kept promise. ``seconds`` it took in all."""

    point: Point
    seconds: float
    findings: list[Finding] = field(default_factory=list)


class Harness:
    """Runs scenarios on one started sandbox whose bank is mortal.

    :param deadline: seconds for Karbor to settle what the kill has left.
    """

    def __init__(self, world: World, deadline: float) -> None:
        self.world = world
        self.deadline = deadline

    @property
    def operations(self) -> Collection[str]:
        """What is recorded when nobody says what."""
        return self.world.way.usual

    def discover(self, names: Collection[str]) -> list[Point]:
        """The points of these operations, from recordings of all on one checkpoint."""
        self._forget()
        self.world.clean()
        self.world.stack.restart("karbor")
        cold, warm = (self._record(names) for _ in range(2))
        return [
            point
            for name in EVERY_OPERATION
            if name in names
            # What a warm process does a cold one does, too: that is the second word on how often.
            for point in points.find(name, cold[name], [warm[name], cold[name]])
        ]

    def run(self, point: Point) -> Outcome:
        """Kill at the point, start Karbor again, and judge. Everything is removed in the end.

        What is polled is a matter of time, so a point that was not reached is tried again.
        """
        began = time.monotonic()
        findings = None
        for attempt in range(1, _ATTEMPTS + 1):
            locked = self._refusals_of_sqlite()
            try:
                findings = self._attempt(point)
            except (AssertionError, errors.SandboxError, *CLIENT_ERRORS) as error:
                # One scenario that cannot be played must not end a run of a hundred.
                findings = [Finding(FAILED, f"{type(error).__name__}: {error}")]
                if attempt < _ATTEMPTS and self._refusals_of_sqlite() > locked:
                    findings = None  # a limit of the sandbox: SQLite is made for one process
            if findings is not None:
                break
        else:
            findings = [Finding(NEVER, str(point))]
        return Outcome(point, time.monotonic() - began, findings)

    def _refusals_of_sqlite(self) -> int:
        """How often SQLite has refused to write because another process was at it for too long."""
        logs = (self.world.stack.state.log(name) for name in ("karbor", SECOND_KARBOR))
        return sum(log.read_text().count(_LOCKED) for log in logs if log.exists())

    def _attempt(self, point: Point) -> list[Finding] | None:
        """What the kill has broken; None when it never happened."""
        world, operation = self.world, EVERY_OPERATION[point.operation]
        world.stack.start_service("karbor")  # which an attempt that failed may have left dead
        if point.cold:
            world.stack.restart("karbor")
        world.clean()
        stage = world.prepare(checkpoint=operation.needs_checkpoint)
        operation.ready(world, stage)
        try:
            with self._planned(point):
                killed = self._killed(operation, stage)
            if not killed:
                return None
            world.stack.start_service("karbor")
            findings = self._settled(stage)
            if world.ours:
                findings += promise.act(world, stage, operation)
            return findings
        finally:
            world.clean()

    def _settled(self, stage: Stage) -> list[Finding]:
        """What still breaks the promise once Karbor had its time."""
        return promise.settled(self.world, stage, self.deadline)

    def _killed(self, operation: Operation, stage: Stage) -> bool:
        """Whether Karbor dies of the operation; False when it came to its end first."""
        victim = self.world.karbor()
        with contextlib.suppress(Cut):
            operation.begin(self.world, stage)

        def over() -> bool:
            return not any(f.kind in (promise.STUCK, promise.LOG) for f in self._look(stage))

        wait(
            f"{operation.name} or Karbor",
            lambda: not victim.alive() or over(),
            bool,
            _END_SECONDS,
            _LOOK_EVERY,
        )
        return not victim.alive()

    def _look(self, stage: Stage) -> list[Finding]:
        """What is unfinished; something, when Karbor dies while it is asked."""
        try:
            return list(promise.unfinished(self.world, stage))
        except CLIENT_ERRORS as error:
            return [Finding(promise.STUCK, str(error))]

    def _record(self, names: Collection[str]) -> dict[str, list[Call]]:
        world = self.world
        first, *others = EVERY_OPERATION.values()  # the first makes the checkpoint of the others
        stage = world.prepare(checkpoint=False)
        recorded = {}
        for operation in [first, *(it for it in others if it.name in names)]:
            operation.ready(world, stage)
            self._forget()
            operation.begin(world, stage)
            wait(
                f"{operation.name}",
                lambda: list(promise.unfinished(world, stage)),
                lambda findings: not findings,
                _END_SECONDS,
                _LOOK_EVERY,
            )
            recorded[operation.name] = self._calls()
            if stage.checkpoint is None:
                (stage.checkpoint,) = world.checkpoints(stage)
        world.clean()
        return recorded

    def _calls(self) -> list[Call]:
        requests = [points.of_request(line) for line in self.world.stack.proxy.requests()]
        lines = mortal_bank.log_of(self.world.stack.state.mortal).read_text().splitlines()
        return requests + [points.of_write(it["op"], it["key"]) for it in map(json.loads, lines)]

    def _forget(self) -> None:
        """Nothing was recorded, and nothing is planned."""
        self._lift()

    def _lift(self) -> None:
        self.world.stack.proxy.reset()
        mortal_bank.lift(self.world.stack.state.mortal)
        mortal_bank.log_of(self.world.stack.state.mortal).write_text("")

    @contextlib.contextmanager
    def _planned(self, point: Point) -> Iterator[None]:
        """While the kill is due; lifted before Karbor starts again, or it would die once more."""
        call = point.call
        if call.kind == BANK:
            folder = self.world.stack.state.mortal
            mortal_bank.plan(folder, call.method, call.pattern, point.nth, point.side)
        else:
            pid = self.world.karbor().pid
            rule = Rule.kill(call.method, call.pattern, pid, point.side, nth=point.nth)
            self.world.stack.proxy.add(rule)
        try:
            yield
        finally:
            self._lift()

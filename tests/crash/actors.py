# SPDX-License-Identifier: Apache-2.0
"""Hold one call of an operation up, and let somebody else act meanwhile through another Karbor."""

import contextlib
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from karborclient.common.apiclient import exceptions as karbor_errors

from sandbox import faults
from sandbox.karbor import mortal_bank
from sandbox.proxy.rules import Rule
from tests.crash import promise, second, told
from tests.crash.more_operations import EVERY_OPERATION
from tests.crash.operations import Operation
from tests.crash.pauses import Pauses
from tests.crash.points import BANK, Point
from tests.crash.promise import BOTH, UNNAMED, Finding
from tests.crash.scenario import Harness
from tests.crash.second import HARMLESS, Answer
from tests.crash.world import CLIENT_ERRORS, Stage, wait

#: How long the call is held up: an answer, and a few requests of the second one's.
HELD_SECONDS = 6.0
_SECONDS = 90


@dataclass(frozen=True)
class Pair:
    """A point of an operation at which a call is held up, and what the second one does there."""

    point: Point
    second: str

    def __str__(self) -> str:
        return f"{self.point}; {self.second}"

    @property
    def operation(self) -> str:
        """The operation's name."""
        return self.point.operation

    @property
    def side(self) -> str:
        """Of the call: before it, or between it and its reply."""
        return self.point.side


@dataclass
class First:
    """The operation that is in work: what it is of, what was there before, how it was refused."""

    operation: Operation
    stage: Stage
    before: set[str]
    refusal: str = ""
    thread: threading.Thread = field(init=False)


class Actors(Pauses):
    """Runs pairs on a sandbox like that of the pauses; nobody dies, and nobody is stopped."""

    @property
    def operations(self) -> Collection[str]:
        """All that the driver can do."""
        return self.world.way.operations

    def discover(self, names: Collection[str]) -> list[Pair]:  # type: ignore[override]
        """Every call of these operations, with each thing that a second one may do there."""
        found = Harness.discover(self, names)
        acts = second.acts(self.world.way)
        return [Pair(point, name) for point in found for name in acts]

    def _attempt(self, pair: Pair) -> list[Finding] | None:  # type: ignore[override]
        """What is not as it was told; None when the call did not come."""
        operation = EVERY_OPERATION[pair.operation]
        self._start(pair.point)
        stage = self.world.prepare(checkpoint=True)
        operation.ready(self.world, stage)
        first = First(operation, stage, self._ids(stage))
        first.thread = threading.Thread(target=self._begin, args=(first,), daemon=True)
        try:
            with self._held(pair.point) as reached:
                first.thread.start()
                if not self._reaches(first, reached):
                    return None
                answer = second.act(pair.second, self.other, stage)
            return self._weigh(pair, first, answer)
        finally:
            first.thread.join(_SECONDS)
            self.world.clean()

    def _weigh(self, pair: Pair, first: First, answer: Answer) -> list[Finding]:
        """Judge: what was told is true, and who was refused can read why."""
        world, stage = self.other, first.stage
        first.thread.join(_SECONDS)
        findings = promise.settled(world, stage, self.deadline)
        if findings:
            return findings
        told.look(world, stage)  # at rest
        findings += told.untrue(world, stage)
        answer = second.ended(world, stage, answer)
        before = first.before | {answer.record}
        well, why = first.operation.ended(world, stage, before)
        why = first.refusal or why
        findings += _refusals(pair, well, why, answer)
        findings += second.broken_word(world, stage, answer)
        return findings + promise.remove(self.world, stage)

    def _begin(self, first: First) -> None:
        try:
            first.operation.begin(self.world, first.stage)
        except karbor_errors.BadRequest as error:
            first.refusal = str(error)
        except (AssertionError, *CLIENT_ERRORS) as error:
            first.refusal = f"{type(error).__name__}: {error}"

    def _ids(self, stage: Stage) -> set[str]:
        world = self.other
        records = [*world.restores(stage), *world.verifications(stage)]
        return {it.id for it in [*world.checkpoints(stage), *records]}

    def _reaches(self, first: First, reached: Callable[[], bool]) -> bool:
        """Whether the call is there; False when the operation came to its end without it."""

        def over() -> bool:
            found = promise.unfinished(self.other, first.stage)
            return not first.thread.is_alive() and not list(found)

        wait("the call, or the end", lambda: reached() or over(), bool, _SECONDS)
        return reached()

    @contextlib.contextmanager
    def _held(self, point: Point) -> Iterator[Callable[[], bool]]:
        """While the call is to be held up; gives whether it is, or was."""
        call, folder, proxy = point.call, self.world.stack.state.mortal, self.world.stack.proxy
        if call.kind == BANK:
            plan = (call.method, call.pattern, point.nth, point.side)
            mortal_bank.plan(folder, *plan, faults.DELAY, HELD_SECONDS)
        else:
            more = {"nth": point.nth, "side": point.side}
            proxy.add(Rule.delay(call.method, call.pattern, HELD_SECONDS, **more))

        def reached() -> bool:
            return mortal_bank.reached(folder) or any(rule["hits"] for rule in proxy.rules())

        try:
            yield reached
        finally:
            self._forget()


def _refusals(pair: Pair, well: bool, why: str, answer: Answer) -> Iterator[Finding]:
    """Who was refused can read who is at work; one of the two is not refused."""
    if not well and (pair.second in HARMLESS or answer.refusal):
        yield Finding(BOTH, f"{pair.operation}: {why}; {pair.second}: {answer.refusal or 'done'}")
    elif not well and not second.names_who(why):
        yield Finding(UNNAMED, f"{pair.operation}: {why}")
    if answer.refusal and not second.names_who(answer.refusal):
        yield Finding(UNNAMED, f"{pair.second}: {answer.refusal}")

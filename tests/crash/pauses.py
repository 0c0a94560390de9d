# SPDX-License-Identifier: Apache-2.0
"""Stop Karbor at a point by SIGSTOP, let another one take over and the user go on, then let it wake
up: what was told stays true.
"""

import contextlib
import signal
import sqlite3
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import replace

from sandbox import faults
from sandbox.karbor import config, mortal_bank, providers
from sandbox.process import Process
from sandbox.proxy.rules import AFTER, BEFORE, Rule
from sandbox.stack import Stack
from sandbox.state import SECOND_KARBOR
from tests.crash import promise, told, user
from tests.crash.more_operations import EVERY_OPERATION
from tests.crash.operations import Operation
from tests.crash.points import BANK, MANILA, Point
from tests.crash.promise import DEAD_END, Finding
from tests.crash.scenario import Harness
from tests.crash.ways import WAYS
from tests.crash.world import CLIENT_ERRORS, Stage, World, wait

#: Options of Karbor and of our provider with which a takeover takes seconds.
LEASE_TIMEOUT = 6
KARBOR_OPTIONS = {
    "manila_share_protection/lease_timeout": LEASE_TIMEOUT,
    "manila_share_protection/lease_interval": 1,
    "manila_share_protection/reconcile_interval": 1,
}
SHARE_OPTIONS = {"undo_timeout": 30, "request_settle_time": 10}
#: When a request that was under way is carried out after all: seconds, within the settle time.
LATE_SECONDS = 8
LATE = "late"
_REACH_SECONDS = 60
_WAKE_SECONDS = 90
_QUIET_SECONDS = 4


class Pauses(Harness):
    """Runs scenarios on one started sandbox with a mortal bank and a second Karbor.

    :param other: the same tenant, as it asks the second Karbor
    """

    def __init__(self, world: World, other: World, deadline: float) -> None:
        super().__init__(world, deadline)
        self.other = other

    @classmethod
    def on(cls, stack: Stack, deadline: float, driver: str = "snapshot") -> "Pauses":
        """On a sandbox that has the options of this module, and those of the driver.

        Its scenarios have as few shares as the driver needs to show what it does.
        """
        few = WAYS[driver].few
        one, other = (
            World(stack, providers.OURS, karbor=karbor, shares=few, driver=driver)
            for karbor in ("karbor", SECOND_KARBOR)
        )
        return cls(one, other, deadline)

    @property
    def operations(self) -> Collection[str]:
        """A verification only reads."""
        return [name for name in self.world.way.operations if name != "verify"]

    def discover(self, names: Collection[str]) -> list[Point]:
        """The points of these operations; a request that is under way may also be late."""
        found = super().discover(names)
        late = [
            replace(point, side=LATE)
            for point in found
            if point.side == BEFORE and point.call.kind == MANILA and point.call.method != "GET"
        ]
        return found + late

    def _attempt(self, point: Point) -> list[Finding] | None:
        """What was not true any more once Karbor had gone on; None when it was never stopped."""
        world, operation = self.world, EVERY_OPERATION[point.operation]
        self._start(point)
        stage = world.prepare(checkpoint=operation.needs_checkpoint)
        operation.ready(world, stage)
        victim = world.karbor()
        asked = threading.Thread(target=self._ask, args=(operation, stage), daemon=True)
        try:
            with self._planned(point):
                asked.start()
                stopped = self._stopped(victim, asked, stage)
            if not stopped or self._is_locked():
                return None
            return self._judge(point, operation, stage, victim, asked)
        finally:
            victim.send(signal.SIGCONT)
            asked.join(_WAKE_SECONDS)
            world.clean()

    def _start(self, point: Point) -> None:
        """Both run, and nothing is in Manila."""
        stack = self.world.stack
        for name in ("karbor", SECOND_KARBOR):
            stack.start_service(name)
        if point.cold:
            stack.restart("karbor")
        self.world.clean()

    def _judge(
        self,
        point: Point,
        operation: Operation,
        stage: Stage,
        victim: Process,
        asked: threading.Thread,
    ) -> list[Finding]:
        other = self.other
        time.sleep(LEASE_TIMEOUT + 1)
        findings = promise.settled(other, stage, self.deadline)
        if findings:
            return findings  # nothing has come to an end that could stay true
        findings += told.untrue(other, stage)
        try:
            user.go_on(other, stage, operation, boldly=point.nth % 2 == (point.side == AFTER))
        except (AssertionError, *CLIENT_ERRORS) as error:
            findings.append(Finding(DEAD_END, f"the user cannot go on: {error}"))
        before = told.look(other, stage)
        self._wake(victim)
        asked.join(_WAKE_SECONDS)
        self._await_quiet()
        findings += told.changes(before, told.look(other, stage))
        findings += promise.inspect(other, stage)
        return findings + promise.remove(self.world, stage)

    def _wake(self, victim: Process) -> None:
        """Let it go on, and wait until it has renewed its lease."""
        lease = self.world.pages.lease(victim.pid)
        victim.send(signal.SIGCONT)
        wait(
            "the lease of the process that woke up",
            lambda: self.world.pages.lease(victim.pid),
            lambda seen: seen != lease,
            _WAKE_SECONDS,
        )

    def _ask(self, operation: Operation, stage: Stage) -> None:
        # What is answered, and whether, is told by the records and checkpoints themselves.
        with contextlib.suppress(AssertionError, *CLIENT_ERRORS):
            operation.begin(self.world, stage)

    def _stopped(self, victim: Process, asked: threading.Thread, stage: Stage) -> bool:
        """Whether Karbor is stopped; False when the operation came to its end first."""

        def over() -> bool:
            found = promise.unfinished(self.other, stage)
            return not asked.is_alive() and not list(found)

        wait("a stop, or the end", lambda: victim.stopped() or over(), bool, _REACH_SECONDS)
        return victim.stopped()

    def _is_locked(self) -> bool:
        """Whether Karbor was stopped within a transaction, which SQLite lets nobody pass."""
        file = self.world.stack.state.directory("karbor") / config.DATABASE
        with contextlib.closing(sqlite3.connect(file, timeout=0.5)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
            connection.rollback()
            return False

    def _await_quiet(self) -> None:
        """Wait until for some seconds nobody has asked Manila or written into the bank."""
        last: list[int] = []

        def look() -> bool:
            log = mortal_bank.log_of(self.world.stack.state.mortal)
            last.append(len(self.world.stack.proxy.requests()) + log.stat().st_size)
            recent = last[-_QUIET_SECONDS - 1 :]
            return len(recent) > _QUIET_SECONDS and len(set(recent)) == 1

        wait("nothing more being done", look, bool, _WAKE_SECONDS, 1.0)

    @contextlib.contextmanager
    def _planned(self, point: Point) -> Iterator[None]:
        """While the stop is due."""
        call = point.call
        if call.kind == BANK:
            folder = self.world.stack.state.mortal
            mortal_bank.plan(folder, call.method, call.pattern, point.nth, point.side, faults.PAUSE)
        else:
            pid = self.world.karbor().pid
            side, seconds = (BEFORE, LATE_SECONDS) if point.side == LATE else (point.side, 0)
            rule = Rule.pause(call.method, call.pattern, pid, side, nth=point.nth, seconds=seconds)
            self.world.stack.proxy.add(rule)
        try:
            yield
        finally:
            self._forget()

# SPDX-License-Identifier: Apache-2.0
"""Hooks that write down when they are called, and the time in which they are."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import greenlet

from karbor_manila.common.errors import ClaimLost
from karbor_manila.hooks.base import POINTS, SHARE, Call, Hook, Outcome
from karbor_manila.hooks.terms import Begun, Time
from tests.fakes.cloud import FakeClock
from tests.unit.stage import Stage

#: What a pre or a post of a :class:`Witness` does: it gets all that the hook gets.
Does = Callable[..., Mapping[str, Any] | None]


class AlarmClock(FakeClock):
    """As the other one; what is due rings while somebody sleeps or waits."""

    def __init__(self) -> None:
        super().__init__()
        self.alarms: list[tuple[float, Callable[[], None]]] = []

    def sleep(self, seconds: float) -> None:
        self._pass(seconds)

    def wait(self, condition: Any, seconds: float) -> None:
        self._pass(max(seconds, 0.001))

    def _pass(self, seconds: float) -> None:
        end = self.seconds + seconds
        while due := [each for each in self.alarms if each[0] <= end]:
            first = min(due, key=lambda each: each[0])
            self.alarms.remove(first)
            self.seconds = max(self.seconds, first[0])
            first[1]()
        self.seconds = max(self.seconds, end)


class HookTime(Time):
    """Each call is a greenlet, which may hang until it is told to go on."""

    def __init__(self, clock: AlarmClock) -> None:
        super().__init__(clock, self._spawn, self._after)
        self.hanging: list[greenlet.greenlet] = []

    def __setattr__(self, name: str, value: Any) -> None:  # the other one is frozen
        self.__dict__[name] = value

    @staticmethod
    def _spawn(work: Callable[[], None]) -> None:
        greenlet.greenlet(work).switch()

    def hang(self, **_call: Any) -> None:
        """Do not come back until :meth:`go_on`."""
        self.hanging.append(greenlet.getcurrent())
        greenlet.getcurrent().parent.switch()

    def go_on(self) -> None:
        """The call that hangs longest comes to its end."""
        late = self.hanging.pop(0)
        late.parent = greenlet.getcurrent()
        late.switch()

    def _after(self, seconds: float, work: Callable[[], None]) -> Callable[[], None]:
        clock: Any = self.clock
        alarm = (clock.now() + seconds, work)
        clock.alarms.append(alarm)
        return lambda: clock.alarms.remove(alarm) if alarm in clock.alarms else None


class Witness(Hook):
    """Writes into ``log`` what is called, and does what it is given.

    :param does: by ``pre`` and ``post``
    """

    def __init__(
        self,
        name: str,
        log: list[Any],
        *,
        scope: str = SHARE,
        points: Sequence[str] = tuple(POINTS),
        needs_post: bool = False,
        **does: Does,
    ) -> None:
        super().__init__(name=name, options=None)
        self.log = log
        self.does = does
        self.needs_post = needs_post  # type: ignore[misc]
        self._scope = scope
        self._points = frozenset(points)
        self.calls: list[Call] = []
        self.told: list[tuple[Any, Outcome]] = []

    @property
    def scope(self) -> str:
        return self._scope

    @property
    def points(self) -> frozenset[str]:
        return self._points

    def pre(self, *, call: Call) -> Mapping[str, Any] | None:
        self.calls.append(call)
        self.log.append(f"{self.name} pre")
        return self.does["pre"](call=call) if "pre" in self.does else None

    def post(
        self, *, call: Call, data: Mapping[str, Any] | None, outcome: Outcome
    ) -> Mapping[str, Any] | None:
        self.log.append(f"{self.name} post {outcome.status}")
        self.told.append((data, outcome))
        if "post" in self.does:
            return self.does["post"](call=call, data=data, outcome=outcome)
        return None


def failing(why: str = "no") -> Does:
    """A call that ends in an error of somebody else's."""

    def fail(**_call: Any) -> None:
        raise RuntimeError(why)

    return fail


def giving(value: Any) -> Does:
    """A call that gives this."""
    return lambda **_call: value


class Kept:
    """Where the state of a round is kept: what was put, and what is there now."""

    def __init__(self, log: list[Any] | None = None) -> None:
        self.now: list[Begun] | None = None
        self.puts: list[list[Begun]] = []
        self.log = log if log is not None else []
        self.is_lost = False
        self.handed_over: list[list[Begun]] = []
        self.released: list[list[Begun]] = []

    def keep(self, begun: Callable[[], Sequence[Begun]]) -> None:
        self.confirm()
        self.now = list(begun()) or None
        self.puts.append(list(begun()))

    def confirm(self) -> None:
        if self.is_lost:
            raise ClaimLost("checkpoint", "another process has taken it over")

    def release(self, begun: Sequence[Begun]) -> None:
        self.released.append(list(begun))

    def hand_over(self, begun: Sequence[Begun]) -> None:
        self.handed_over.append(list(begun))


ALL_ON = {"enable_pre_hooks": True, "enable_post_hooks": True}


class HookStage(Stage):
    """A stage whose operations have hooks; what they do stands among the requests in ``log``."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, **{**ALL_ON, **settings})
        clock = AlarmClock()
        self.cloud.clock = clock
        self.hook_time = self.time = HookTime(clock)

    @property
    def log(self) -> list[Any]:
        """The requests to Manila by their names, and the calls of hooks."""
        return self.cloud.calls

    def witness(self, name: str, **fields: Any) -> Witness:
        """One more hook."""
        hook = Witness(name, self.log, **fields)
        self.hooks = (*self.hooks, hook)
        return hook

    def order(self, *requests: str) -> list[str]:
        """The calls of hooks, and these requests among them."""
        words = ("pre", "post")
        return [
            str(each)
            for each in self.log
            if each in requests or str(each).split(" ", 2)[1:2] and each.split(" ")[1] in words
        ]

    def runs(self) -> list[str]:
        """The keys of runs of hooks in the bank."""
        return [key for key in self.bank.list_objects("/") if "/hook-runs/" in key]

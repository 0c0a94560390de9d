# SPDX-License-Identifier: Apache-2.0
"""Kill Karbor at every point of what it does between hooks; afterwards nothing may stay frozen.

Two hooks are configured: a command that puts down each of its calls (:mod:`.witness`), and
``quiesce``, which makes the shares read-only around a protection. Karbor dies in the command's
calls, too.
"""

import contextlib
import shlex
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from sandbox.stack import Stack
from sandbox.tenant import Tenant
from tests.crash import witness
from tests.crash.points import HOOK, Call, Point
from tests.crash.promise import FROZEN, Finding
from tests.crash.scenario import Harness
from tests.crash.ways import Way
from tests.crash.world import Stage, Unfinished, World, wait

_HOST = "10.0.0.0/24"
_SECONDS = 30


class HookedWay(Way):
    """By snapshots, of shares that somebody may write to.

    :param folder: where the command puts down its calls
    """

    usual = ("protect",)

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def share_options(self) -> dict[str, Any]:
        """For the provider's file."""
        return {**super().share_options(), **options(self.folder)}

    def make(self, tenant: Tenant, names: list[str]) -> list[Any]:
        """With one rule each, which is in force."""
        made = super().make(tenant, names)
        for share in made:
            tenant.manila.shares.allow(share.id, "ip", _HOST, "rw")
        for share in made:
            wait(
                f"the rule of share {share.id}",
                lambda share=share: levels(tenant, share.id),
                lambda found: found == ["rw active"],
                _SECONDS,
            )
        return made


def options(folder: Path) -> dict[str, Any]:
    """Of the provider: both hooks around what a protection, a restore and a deletion do."""
    folder.mkdir(parents=True, exist_ok=True)
    command = f"{shlex.quote(sys.executable)} {shlex.quote(witness.__file__)}"
    return {
        "hook_drivers": "command,quiesce",
        "enable_pre_hooks": True,
        "enable_post_hooks": True,
        "hook_timeout": 20,
        "command_hook_pre": f"{command} pre {shlex.quote(str(folder))}",
        "command_hook_post": f"{command} post {shlex.quote(str(folder))}",
        "command_hook_points": "protect,restore,delete",
    }


class Hooked(Harness):
    """Kills at the calls of the command, too, and judges by what it has put down."""

    def __init__(self, world: World, deadline: float) -> None:
        super().__init__(world, deadline)
        # Of whoever had the sandbox before.
        self._foreign = frozenset(world.pages.hooks_left())

    @classmethod
    def on(cls, stack: Stack, deadline: float, provider: str, folder: Path) -> "Hooked":
        """On a sandbox whose provider has :func:`options` of this folder."""
        world = World(stack, provider)
        world.way = HookedWay(folder)
        return cls(world, deadline)

    @property
    def folder(self) -> Path:
        """Where the command puts down its calls."""
        way = self.world.way
        assert isinstance(way, HookedWay)
        return way.folder

    @property
    def operations(self) -> Collection[str]:
        """A protection, unless others are named."""
        return self.world.way.usual

    def _attempt(self, point: Point) -> list[Finding] | None:
        found = super()._attempt(point)
        # What its user has done since has hooks, too, and all of its checkpoints are deleted.
        return found if found is None else found + self._wait(self._open)

    def _settled(self, stage: Stage) -> list[Finding]:
        found = super()._settled(stage)
        return found + self._wait(lambda: [*self._open(), *self._frozen(stage)])

    def _wait(self, look: Callable[[], list[Finding]]) -> list[Finding]:
        """What is still there once Karbor had its time."""
        with contextlib.suppress(Unfinished):
            wait("the thaw", look, lambda found: not found, self.deadline, 0.5)
        return look()

    def _open(self) -> list[Finding]:
        """Calls that are not through at this moment, by the command itself and by the bank."""
        left = [
            f"no post follows the pre of {line['point']}, share {line['share']}"
            for line in witness.open_calls(self.folder)
        ]
        ours = (key for key in self.world.pages.hooks_left() if key not in self._foreign)
        left += [f"in the bank: {key}" for key in ours]
        return [Finding(FROZEN, each) for each in left]

    def _frozen(self, stage: Stage) -> Iterator[Finding]:
        """Shares that are still read-only."""
        for share_id in stage.contents:
            found = levels(self.world.tenant, share_id)
            if found != ["rw active"]:
                yield Finding(FROZEN, f"share {share_id} has the rules {found}")

    def _calls(self) -> list[Call]:
        lines = witness.lines(self.folder)
        return super()._calls() + [Call(HOOK, line["phase"], line["point"]) for line in lines]

    def _forget(self) -> None:
        super()._forget()
        witness.forget(self.folder)

    @contextlib.contextmanager
    def _planned(self, point: Point) -> Iterator[None]:
        witness.forget(self.folder)
        if point.call.kind != HOOK:
            with super()._planned(point):
                yield
            return
        pid = self.world.karbor().pid
        witness.plan(self.folder, point.call.method, point.nth, point.side, pid)
        try:
            yield
        finally:
            (self.folder / "kill.json").unlink(missing_ok=True)


def levels(tenant: Tenant, share_id: str) -> list[str]:
    """The levels and states of a share's access rules."""
    rules = tenant.manila.share_access_rules.access_list(share_id)
    return sorted(f"{rule.access_level} {rule.state}" for rule in rules)

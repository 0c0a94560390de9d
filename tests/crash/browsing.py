# SPDX-License-Identifier: Apache-2.0
"""What can be killed of the access to a snapshot: given, taken back, over, gone with its
checkpoint.
"""

from typing import Any

from sandbox.tenant import SHARE, wait
from tests.crash.operations import Delete, Operation
from tests.crash.world import Stage, World

TO = "10.9.8.7"
_LONG, _SHORT = 3600, 10  # seconds
_SECONDS = 60


def verify(world: World, stage: Stage, **more: Any) -> None:
    """Ask for it and wait until it is done, or told."""
    world.tenant.verify(stage.checkpoint, _parameters(**more), seconds=_SECONDS)


def _parameters(**more: Any) -> dict[str, Any]:
    return {SHARE: {"depth": "browse", **more}}


class _Asked(Operation):
    """A verification that gives access or takes it back."""

    def _ask_for(self, world: World, stage: Stage, **more: Any) -> None:
        world.tenant.karbor.verifications.create(
            world.provider_id, stage.checkpoint.id, _parameters(**more)
        )


class Browse(_Asked):
    """Gives access to all snapshots of a checkpoint."""

    name = "browse"

    def _ask(self, world: World, stage: Stage) -> None:
        self._ask_for(world, stage, browse_to=TO, browse_for=_LONG)

    def again(self, world: World, stage: Stage) -> None:
        """Once more makes it longer, and there is one rule; then it is taken back."""
        verify(world, stage, browse_to=TO, browse_for=_LONG)
        rules = [rule.snapshot_id for rule in world.rules()]
        assert len(rules) == len(set(rules)) == len(stage.contents), f"rules: {world.rules()}"
        verify(world, stage, browse_end=True)
        assert not world.rules(), f"rules that were taken back: {world.rules()}"


class BrowseEnd(_Asked):
    """Takes access back on request."""

    name = "browse, taken back"

    def ready(self, world: World, stage: Stage) -> None:
        verify(world, stage, browse_to=TO, browse_for=_LONG)

    def _ask(self, world: World, stage: Stage) -> None:
        self._ask_for(world, stage, browse_end=True)

    def again(self, world: World, stage: Stage) -> None:
        """Nothing is left when it is asked for again."""
        verify(world, stage, browse_end=True)
        assert not world.rules(), f"rules that were taken back: {world.rules()}"


class BrowseOver(Operation):
    """The time of access is over, and the reconciliation takes it back."""

    name = "browse, over"

    def ready(self, world: World, stage: Stage) -> None:
        verify(world, stage, browse_to=TO, browse_for=_SHORT)

    def _ask(self, world: World, stage: Stage) -> None:
        victim = world.karbor()
        wait(
            "the end of access",
            lambda: not victim.alive() or victim.stopped() or not world.rules(),
            bool,
            _SECONDS,
        )

    def ended(self, world: World, stage: Stage, before: set[str]) -> tuple[bool, str]:
        """Well when there is none any more."""
        return not world.rules(), f"rules: {world.rules()}"

    def again(self, world: World, stage: Stage) -> None:
        """Whoever lives takes it back."""
        wait("the end of access", world.rules, lambda left: not left, _SECONDS)


class BrowseDeleted(Delete):
    """Deletes a checkpoint to whose snapshots there is access."""

    name = "browse, deleted"

    def ready(self, world: World, stage: Stage) -> None:
        verify(world, stage, browse_to=TO, browse_for=_LONG)

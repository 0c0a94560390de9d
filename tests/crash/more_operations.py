# SPDX-License-Identifier: Apache-2.0
"""The operations with more than one end: copies, drills, and restores in place."""

from typing import Any, ClassVar

from sandbox.tenant import SHARE
from tests.crash.browsing import Browse, BrowseDeleted, BrowseEnd, BrowseOver
from tests.crash.operations import OPERATIONS, Delete, Operation, Protect, Restore, Verify
from tests.crash.world import Stage, World, read

_SECONDS = 120


class Copy(Protect):
    """Makes a checkpoint of its own of each one."""

    name = "copy"
    needs_checkpoint = True

    def _ask(self, world: World, stage: Stage) -> None:
        world.tenant.copy(stage.plan)

    def again(self, world: World, stage: Stage) -> None:
        """What has no copy gets one."""
        for copied in world.tenant.copy(stage.plan).values():
            world.tenant.wait_checkpoint(world.provider_id, copied)


class Drill(Operation):
    """Restores for a while, and removes it again."""

    name = "drill"

    def _ask(self, world: World, stage: Stage) -> None:
        world.tenant.karbor.verifications.create(
            world.provider_id, stage.checkpoint.id, {SHARE: {"depth": "drill"}}
        )

    def again(self, world: World, stage: Stage) -> None:
        """It can be asked for again."""
        world.tenant.verify(stage.checkpoint, {SHARE: {"depth": "drill"}}, seconds=_SECONDS)


class InPlace(Operation):
    """Puts the shares themselves back, in which there is new work."""

    name = "in place"
    options: ClassVar[dict[str, Any]] = {}

    def ready(self, world: World, stage: Stage) -> None:
        for share_id in stage.contents:
            write(world, stage, share_id, "present work")

    def parameters(self, stage: Stage) -> dict[str, Any]:
        """What Karbor's API is given."""
        return {
            f"{SHARE}#{share_id}": {"share_id": share_id, **self.options}
            for share_id in stage.contents
        }

    def _ask(self, world: World, stage: Stage) -> None:
        world.tenant.karbor.restores.create(
            world.provider_id, stage.checkpoint.id, None, self.parameters(stage), None
        )

    def again(self, world: World, stage: Stage) -> None:
        """It gives the bytes back."""
        world.tenant.restore(stage.checkpoint, self.parameters(stage))
        for share_id, files in stage.contents.items():
            assert world.contents(share_id) == files, "the bytes are not those that were protected"


class SafeInPlace(InPlace):
    """Keeps a copy of what was there."""

    name = "in place with safety copy"
    options: ClassVar[dict[str, Any]] = {"safety_copy": True}


class RemovingInPlace(InPlace):
    """Removes the newer snapshots that are in the way."""

    name = "in place past a newer one"
    options: ClassVar[dict[str, Any]] = {"remove_newer": True}

    def ready(self, world: World, stage: Stage) -> None:
        stage.seen.add(world.tenant.protect(stage.plan).id)
        super().ready(world, stage)


class IntoAnother(InPlace):
    """Puts what the shares held into other shares of the user's, in which there is other work."""

    name = "into another share"

    def ready(self, world: World, stage: Stage) -> None:
        for number, share_id in enumerate(stage.contents):
            other = world.tenant.make_share(f"other{number}").id
            write(world, stage, other, "other work")
            stage.others[share_id] = other

    def parameters(self, stage: Stage) -> dict[str, Any]:
        return {
            f"{SHARE}#{share_id}": {"share_id": other} for share_id, other in stage.others.items()
        }

    def again(self, world: World, stage: Stage) -> None:
        """It gives the bytes to the others."""
        world.tenant.restore(stage.checkpoint, self.parameters(stage))
        for share_id, files in stage.contents.items():
            there = world.contents(stage.others[share_id])
            assert there == files, "the bytes are not those that were protected"


class RestoreOne(Restore):
    """Makes a new share of one of those that are kept together."""

    name = "restore of one"

    def parameters(self, stage: Stage) -> dict[str, Any]:
        _one, *others = stage.contents
        return {f"{SHARE}#{share_id}": {"include": False} for share_id in others}


class RestoreGroup(Restore):
    """Makes a new group of all that are kept together."""

    name = "restore as a group"

    def parameters(self, stage: Stage) -> dict[str, Any]:
        return {SHARE: {"as_group": True}}

    def again(self, world: World, stage: Stage) -> None:
        """They come back in one group."""
        super().again(world, stage)
        groups = {share.share_group_id for share in world.tenant.shares()}
        assert None not in groups, "a share came back alone"


def write(world: World, stage: Stage, share_id: str, text: str) -> None:
    """New work in a share."""
    folder = world.tenant.folder(share_id)
    (folder / "file").write_bytes(text.encode() * 1000)
    if share_id in stage.contents:
        stage.now[share_id] = read(folder)


# In an order in which they can be recorded one after the other on one checkpoint.
EVERY_OPERATION: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        Protect(),
        Verify(),
        Restore(),
        RestoreOne(),
        RestoreGroup(),
        Drill(),
        InPlace(),
        SafeInPlace(),
        IntoAnother(),
        Browse(),
        BrowseEnd(),
        BrowseOver(),
        Copy(),
        RemovingInPlace(),
        BrowseDeleted(),
        Delete(),
    )
}
assert set(OPERATIONS) <= set(EVERY_OPERATION)

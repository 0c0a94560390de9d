# SPDX-License-Identifier: Apache-2.0
"""What can be killed: how it is begun, and what a user must be able to do when it was."""

import abc
from typing import Any

from tests.crash.world import CLIENT_ERRORS, Cut, Stage, World


class Operation(abc.ABC):
    """One of Karbor's operations, as a user asks for it through Karbor's API."""

    name: str
    needs_checkpoint = True

    def ended(self, world: World, stage: Stage, before: set[str]) -> tuple[bool, str]:
        """Whether it has ended well, and what is told of it.

        :param before: the ids of the checkpoints, restores and verifications that were there
            before it, or are not its own
        """
        made = [*world.restores(stage), *world.verifications(stage)]
        own = [record for record in made if record.id not in before]
        told = "; ".join(f"{record.status} {record.resources_reason}" for record in own)
        return bool(own) and all(record.status == "success" for record in own), told

    def begin(self, world: World, stage: Stage) -> None:
        """Ask for it.

        :raises Cut: Karbor died before it had answered.
        """
        try:
            self._ask(world, stage)
        except CLIENT_ERRORS as error:
            if world.karbor().wait(1):
                raise Cut from error
            raise

    def ready(self, world: World, stage: Stage) -> None:  # noqa: B027 - most need nothing
        """What has to be there before it begins."""

    @abc.abstractmethod
    def _ask(self, world: World, stage: Stage) -> None: ...

    @abc.abstractmethod
    def again(self, world: World, stage: Stage) -> None:
        """What a user does next, short of deleting the checkpoint. AssertionError: it failed."""


class Protect(Operation):
    """Makes a checkpoint."""

    name = "protect"
    needs_checkpoint = False

    def _ask(self, world: World, stage: Stage) -> None:
        world.tenant.karbor.checkpoints.create(world.provider_id, stage.plan.id)

    def ended(self, world: World, stage: Stage, before: set[str]) -> tuple[bool, str]:
        """Well when its checkpoints are available."""
        own = [it for it in world.checkpoints(stage) if it.id not in before]
        told = "; ".join(f"{it.status} {it.extra_info}" for it in own)
        return bool(own) and all(it.status == "available" for it in own), told

    def again(self, world: World, stage: Stage) -> None:
        """A checkpoint that says it is available can be verified."""
        for checkpoint in world.checkpoints(stage):
            if checkpoint.status == "available":
                world.tenant.verify(checkpoint)


class Verify(Operation):
    """Verifies a checkpoint."""

    name = "verify"

    def _ask(self, world: World, stage: Stage) -> None:
        world.tenant.karbor.verifications.create(world.provider_id, stage.checkpoint.id, {})

    def again(self, world: World, stage: Stage) -> None:
        """It can be asked for again."""
        world.tenant.verify(stage.checkpoint)


class Restore(Operation):
    """Makes new shares of a checkpoint."""

    name = "restore"

    def _ask(self, world: World, stage: Stage) -> None:
        world.tenant.karbor.restores.create(
            world.provider_id, stage.checkpoint.id, None, self.parameters(stage), None
        )

    def parameters(self, stage: Stage) -> dict[str, Any]:  # noqa: ARG002 - others read it
        """What Karbor's API is given."""
        return {}

    def again(self, world: World, stage: Stage) -> None:
        """A second restore gives all bytes back."""
        parameters = self.parameters(stage)
        restore = world.tenant.restore(stage.checkpoint, parameters)
        left_out = {key.partition("#")[2] for key in parameters}
        new = [key.partition("#")[2] for key in restore.resources_status]
        found = sorted(
            sorted(world.contents(share_id).items()) for share_id in new if share_id not in left_out
        )
        kept = sorted(
            sorted(files.items())
            for share_id, files in stage.contents.items()
            if share_id not in left_out
        )
        assert found == kept, "the restored bytes are not those that were protected"


class Delete(Operation):
    """Deletes a checkpoint."""

    name = "delete"

    def _ask(self, world: World, stage: Stage) -> None:
        world.tenant.karbor.checkpoints.delete(world.provider_id, stage.checkpoint.id)

    def ended(self, world: World, stage: Stage, before: set[str]) -> tuple[bool, str]:
        """Well when the checkpoint is in no list any more."""
        left = [it for it in world.checkpoints(stage) if it.id == stage.checkpoint.id]
        return not left, "; ".join(f"{it.status} {it.extra_info}" for it in left)

    def again(self, world: World, stage: Stage) -> None:
        """Deleting what is left is all there is to do."""


# In an order in which they can be recorded one after the other on one checkpoint. A copy comes
# before the deletion, once there is one.
OPERATIONS: dict[str, Operation] = {
    operation.name: operation for operation in (Protect(), Verify(), Restore(), Delete())
}

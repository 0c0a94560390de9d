# SPDX-License-Identifier: Apache-2.0
"""What can be killed: how it is begun, and what a user must be able to do when it was."""

import abc

from tests.crash.world import CLIENT_ERRORS, Cut, Stage, World


class Operation(abc.ABC):
    """One of Karbor's operations, as a user asks for it through Karbor's API."""

    name: str
    needs_checkpoint = True

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
        world.tenant.karbor.restores.create(world.provider_id, stage.checkpoint.id, None, {}, None)

    def again(self, world: World, stage: Stage) -> None:
        """A second restore gives all bytes back."""
        restore = world.tenant.restore(stage.checkpoint)
        new = [key.partition("#")[2] for key in restore.resources_status]
        found = sorted(sorted(world.contents(share_id).items()) for share_id in new)
        kept = sorted(sorted(files.items()) for files in stage.contents.values())
        assert found == kept, "the restored bytes are not those that were protected"


class Delete(Operation):
    """Deletes a checkpoint."""

    name = "delete"

    def _ask(self, world: World, stage: Stage) -> None:
        world.tenant.karbor.checkpoints.delete(world.provider_id, stage.checkpoint.id)

    def again(self, world: World, stage: Stage) -> None:
        """Deleting what is left is all there is to do."""


# In an order in which they can be recorded one after the other on one checkpoint. A copy comes
# before the deletion, once there is one.
OPERATIONS: dict[str, Operation] = {
    operation.name: operation for operation in (Protect(), Verify(), Restore(), Delete())
}

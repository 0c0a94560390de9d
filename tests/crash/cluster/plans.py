# SPDX-License-Identifier: Apache-2.0
"""Ten plans of a share each, and what is asked of all of them at once."""

import threading
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from sandbox.karbor import providers
from sandbox.stack import Stack
from tests.crash.more_operations import EVERY_OPERATION
from tests.crash.operations import Operation
from tests.crash.world import CLIENT_ERRORS, Stage, World, read

PLANS = 10


@dataclass
class Together(Stage):
    """All stages of a scenario as one: what is in Manila has to be of one of them."""

    plans: set[str] = field(default_factory=set)


class Cluster(World):
    """The sandbox's cluster as one tenant sees it."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack, providers.OURS)

    def checkpoints(self, stage: Stage) -> list[Any]:
        """The checkpoints of a plan, or of all plans."""
        plans = getattr(stage, "plans", None) or {stage.plan.id}
        listed = self.tenant.karbor.checkpoints.list(self.provider_id)
        mine = [it for it in listed if it.protection_plan["id"] in plans]
        stage.seen |= {it.id for it in mine}
        return [it for it in mine if it.status != "deleted"]

    def shares_of_all(self) -> list[Any]:
        """The shares of the plans, made once: bytes of their own in each."""
        made = self.way.make(self.tenant, [f"s{number}" for number in range(PLANS)])
        for number, share in enumerate(made):
            path = self.tenant.folder(share.id) / "file"
            path.write_bytes(f"share {number}".encode() * 1000)
        return made

    def stages(self, shares: Collection[Any], *, checkpoint: bool) -> list[Stage]:
        """A plan for each share, and its checkpoint if that is asked for."""
        stages = []
        for share in shares:
            plan = self.tenant.plan_of_shares([share], provider=self.provider_id)
            contents = read(self.tenant.folder(share.id))
            stages.append(Stage(plan, {share.id: contents}))
        if checkpoint:
            for stage in stages:
                begun = self.tenant.karbor.checkpoints.create(self.provider_id, stage.plan.id)
                stage.seen.add(begun.id)
                stage.checkpoint = begun
            for stage in stages:
                begun = stage.checkpoint
                stage.checkpoint = self.tenant.wait_checkpoint(self.provider_id, begun.id)
        return stages

    def empty(self) -> None:
        """Remove what scenarios have made, checkpoints and shares."""
        self.tenant.delete_checkpoints()
        self.clean()


@dataclass
class Asked:
    """One operation, asked for all plans at once, each by a client of its own.

    :ivar refused: what Karbor's API answered when it did not take a request
    """

    stack: Stack
    operation: Operation
    stages: list[Stage]
    refused: list[str] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> None:
        """Send all requests; their answers are not waited for."""
        for stage in self.stages:
            thread = threading.Thread(target=self._ask, args=(stage,), daemon=True)
            thread.start()
            self.threads.append(thread)

    @property
    def is_answered(self) -> bool:
        """Whether no request is under way any more."""
        return not any(thread.is_alive() for thread in self.threads)

    def end(self, seconds: float) -> None:
        """Wait for the answers."""
        for thread in self.threads:
            thread.join(seconds)

    def _ask(self, stage: Stage) -> None:
        try:
            self.operation._ask(Cluster(self.stack), stage)
        except (AssertionError, *CLIENT_ERRORS) as error:
            self.refused.append(str(error)[:200])


def together(stages: Collection[Stage]) -> Together:
    """The stages as one."""
    first = next(iter(stages))
    made = Together(first.plan, {}, plans={stage.plan.id for stage in stages})
    for stage in stages:
        made.contents |= stage.contents
        made.now |= stage.now
        made.seen |= stage.seen
    return made


def well(world: World, operation: Operation, stages: Collection[Stage], old: set[str]) -> int:
    """How many of the plans got what they had asked for.

    :param old: the ids of the checkpoints that were there before
    """
    return sum(operation.ended(world, stage, old)[0] for stage in stages)


OPERATIONS = ("protect", "restore", "in place", "delete", "verify", "copy", "drill")
assert set(OPERATIONS) <= set(EVERY_OPERATION)

#: How slow Manila's backend is meanwhile, so that all are at work when something happens.
DELAYS = {
    "create_snapshot": 4,
    "create_share_from_snapshot": 4,
    "revert_to_snapshot": 4,
    "delete_snapshot": 3,
}

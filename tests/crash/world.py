# SPDX-License-Identifier: Apache-2.0
"""The sandbox as a scenario sees it: its tenant, and the shares, plan and checkpoint of one run."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from karborclient.common.apiclient import exceptions as karbor_errors
from keystoneauth1 import exceptions as connection_errors

from sandbox.karbor import providers
from sandbox.process import Process
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from sandbox.waiting import Unfinished
from tests.crash import ways
from tests.crash.pages import Pages
from tests.crash.ways import IN_PASSING, Kept, Rule, Way

SHARES = 2
CLEAN_SECONDS = 120
# What a client raises when Karbor refuses, or is not there any more.
CLIENT_ERRORS = (karbor_errors.ClientException, connection_errors.ClientException)


class Cut(Exception):
    """Karbor died before it had answered."""


@dataclass
class Stage:
    """What one scenario works on.

    :ivar contents: of each source share, by its id.
    :ivar checkpoint: that was there before the operation, if it needs one.
    :ivar now: of each source share, what was written into it since, if anything was.
    :ivar others: other shares of the user's, by the source shares that are restored into them.
    :ivar seen: the ids of all checkpoints of the plan that were ever seen.
    :ivar reset: the ids of those whose state somebody has set, which needs no reason.
    """

    plan: Any
    contents: dict[str, dict[str, bytes]]
    checkpoint: Any = None
    now: dict[str, dict[str, bytes]] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    reset: set[str] = field(default_factory=set)


class World:
    """One sandbox, one tenant, one provider.

    :param karbor: whose API the tenant asks
    :param shares: how many a scenario has
    :param driver: which keeps them
    """

    def __init__(
        self,
        stack: Stack,
        provider: str,
        user: str = "alpha",
        *,
        karbor: str = "karbor",
        shares: int = SHARES,
        driver: str = "snapshot",
    ) -> None:
        self.stack = stack
        self.shares = shares
        self.way: Way = ways.WAYS[driver]
        self.tenant = Tenant(stack.info, user, karbor)
        self.admin = Tenant(stack.info, "admin", karbor)
        self.provider = provider
        self.provider_id = stack.info.providers[provider]

    @cached_property
    def pages(self) -> Pages:
        """The provider's bank, as Karbor was last told of it."""
        return Pages(self.stack, self.provider)

    @property
    def ours(self) -> bool:
        """Whether the promise is ours."""
        return self.provider == providers.OURS

    def karbor(self) -> Process:
        """Karbor's process."""
        found = Process.load(self.stack.state.pid("karbor"))
        if found is None:
            raise RuntimeError("Karbor was never started")
        return found

    def prepare(self, *, checkpoint: bool) -> Stage:
        """Two shares with different bytes in them, a plan, and a checkpoint if it is asked for."""
        made = self.way.make(self.tenant, [f"s{n}" for n in range(self.shares)])
        contents = {}
        for number, share in enumerate(made):
            folder = self.tenant.folder(share.id)
            (folder / "file").write_bytes(f"share {number}".encode() * 1000)
            contents[share.id] = read(folder)
        plan = self.tenant.plan_of_shares(made, provider=self.provider_id)
        stage = Stage(plan, contents)
        if checkpoint:
            stage.checkpoint = self.tenant.protect(plan)
            stage.seen.add(stage.checkpoint.id)
        return stage

    def clean(self) -> None:
        """Remove all that the tenant has in Manila; a server at work is let finish first."""
        wait(
            "everything in Manila coming to rest",
            self.things,
            lambda things: all(thing.status not in IN_PASSING for thing in things),
            CLEAN_SECONDS,
        )
        ways.clean(self.tenant, self.admin)

    def kept(self) -> list[Kept]:
        """All in Manila that keeps the tenant's shares."""
        return ways.kept(self.tenant)

    def rules(self) -> list[Rule]:
        """All access to the tenant's snapshots."""
        return ways.rules(self.tenant)

    def groups(self) -> list[Any]:
        """The tenant's share groups."""
        return ways.groups(self.tenant)

    def things(self) -> list[Any]:
        """All that the tenant has in Manila; each has a status."""
        return [*self.kept(), *self.groups(), *self.tenant.shares()]

    def checkpoints(self, stage: Stage) -> list[Any]:
        """The checkpoints of the plan that a user can find and that are not deleted.

        Listed by provider: a process may die before the checkpoint is in the index by plan.
        """
        listed = self.tenant.karbor.checkpoints.list(self.provider_id)
        mine = [it for it in listed if it.protection_plan["id"] == stage.plan.id]
        stage.seen |= {it.id for it in mine}
        return [it for it in mine if it.status != "deleted"]

    def restores(self, stage: Stage) -> list[Any]:
        """The restores of the scenario's checkpoints."""
        return self._of(stage, self.tenant.karbor.restores.list())

    def verifications(self, stage: Stage) -> list[Any]:
        """The verifications of the scenario's checkpoints."""
        return self._of(stage, self.tenant.karbor.verifications.list())

    def operation_logs(self, checkpoint_id: str) -> list[Any]:
        """Karbor's logs of all that was done with a checkpoint."""
        found: list[Any] = self.tenant.karbor.operation_logs.list(
            search_opts={"checkpoint_id": checkpoint_id}
        )
        return found

    def contents(self, share_id: str) -> dict[str, bytes]:
        """The files of a share."""
        return read(self.tenant.folder(share_id))

    @staticmethod
    def _of(stage: Stage, things: list[Any]) -> list[Any]:
        return [thing for thing in things if thing.checkpoint_id in stage.seen]


def read(folder: Path) -> dict[str, bytes]:
    """The files below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


__all__ = ["CLIENT_ERRORS", "Cut", "Stage", "Unfinished", "World", "wait"]

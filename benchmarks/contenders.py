# SPDX-License-Identifier: Apache-2.0
"""Those that are measured: the same work on the same shares."""

import abc
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sandbox.proxy.control import Proxy
from sandbox.tenant import Tenant, wait

BARE = "bare client"
_THREADS = 16


@dataclass(frozen=True)
class Measured:
    """One piece of work. ``requests`` is what Karbor asked Manila; None for the bare client."""

    who: str
    work: str
    shares: int
    seconds: float
    requests: int | None


class Contender(abc.ABC):
    """Protects, restores and deletes shares, and leaves nothing."""

    name: str

    @abc.abstractmethod
    def run(self, shares: list[Any], proxy: Proxy) -> list[Measured]:
        """The three works, one after the other."""


class Provider(Contender):
    """A provider of the sandbox's Karbor, through its REST API."""

    def __init__(self, tenant: Tenant, name: str) -> None:
        self.name = name
        self._tenant = tenant
        self._provider = tenant.info.providers[name]

    def run(self, shares: list[Any], proxy: Proxy) -> list[Measured]:
        """See Contender. A restore's shares are removed outside the measurement."""
        tenant, measured = self._tenant, []

        def timed(work: str, do: Any) -> Any:
            proxy.clear_counts()
            begun = time.monotonic()
            result = do()
            seconds = time.monotonic() - begun
            measured.append(Measured(self.name, work, len(shares), seconds, proxy.total()))
            return result

        plan = tenant.plan_of_shares(shares, provider=self._provider)
        checkpoint = timed("protect", lambda: tenant.protect(plan, seconds=600))
        restore = timed("restore", lambda: tenant.restore(checkpoint, seconds=600))
        _remove(tenant, [key.partition("#")[2] for key in restore.resources_status])
        timed("delete", lambda: tenant.delete(checkpoint, seconds=600))
        tenant.karbor.plans.delete(plan.id)
        return measured


class Bare(Contender):
    """What a script would do: sixteen threads that ask, one list that looks."""

    name = BARE

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def run(self, shares: list[Any], proxy: Proxy) -> list[Measured]:
        """See Contender."""
        manila, measured = self._tenant.manila, []
        look = 0.1 if len(shares) < 10 else 1.0

        def timed(work: str, do: Any, done: Any) -> list[Any]:
            begun = time.monotonic()
            with ThreadPoolExecutor(_THREADS) as pool:
                made = list(pool.map(do[0], do[1]))
            wait(work, lambda: done(made), bool, 600, look)
            measured.append(Measured(self.name, work, len(shares), time.monotonic() - begun, None))
            return made

        def available(listed: list[Any], made: list[Any]) -> bool:
            ready = {thing.id for thing in listed if thing.status == "available"}
            return {thing.id for thing in made} <= ready

        snapshots = timed(
            "protect",
            (lambda share: manila.share_snapshots.create(share.id), shares),
            lambda made: available(manila.share_snapshots.list(), made),
        )
        clones = timed(
            "restore",
            (lambda snapshot: manila.shares.create("NFS", 1, snapshot_id=snapshot.id), snapshots),
            lambda made: available(manila.shares.list(), made),
        )
        _remove(self._tenant, [clone.id for clone in clones])
        timed(
            "delete",
            (lambda snapshot: manila.share_snapshots.delete(snapshot.id), snapshots),
            lambda _made: not manila.share_snapshots.list(),
        )
        return measured


def _remove(tenant: Tenant, share_ids: list[str]) -> None:
    for share_id in share_ids:
        tenant.wait_share(share_id)
        tenant.manila.shares.delete(share_id)
    wait(
        "the end of the restored shares",
        tenant.shares,
        lambda left: not {share.id for share in left} & set(share_ids),
        600,
        1.0,
    )

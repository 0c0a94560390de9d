# SPDX-License-Identifier: Apache-2.0
"""The floors: what a script does that asks Manila for the same, without Karbor.

Sixteen threads ask, one list a second looks how far it is. Their requests go through the proxy,
as Karbor's do: the way is the same, and they are counted.
"""

import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from keystoneauth1 import session as keystone_session
from manilaclient import client as manilaclient

from benchmarks.contenders import BARE, SAME, Answered, Contender
from sandbox.tenant import Tenant, wait

THREADS = 16
LOOK_SECONDS = 1.0
LOOK_AT_FEW_SECONDS = 0.1
FEW = 10
DEADLINE = 3600.0


class Bare(Contender):
    """Snapshots, shares from them, and their deletion; nothing else is asked."""

    name = BARE

    def __init__(self, tenant: Tenant) -> None:
        self._manila = client(tenant)

    def protect(self, prepared: Any, answered: Answered) -> Any:
        """See Contender. Returns the snapshots."""
        manila = self._manila
        made = each(lambda share: manila.share_snapshots.create(share.id), prepared)
        answered()
        _await_available("snapshots", manila.share_snapshots.list, made)
        return made

    def restore(self, held: Any, answered: Answered) -> None:
        """See Contender."""
        self.restored(held, answered)

    def restored(self, held: Any, answered: Answered) -> list[Any]:
        """Return the new shares, once all of them are available."""
        manila = self._manila
        made = each(lambda it: manila.shares.create("NFS", it.size, snapshot_id=it.id), held)
        answered()
        _await_available("shares", manila.shares.list, made)
        return made

    def delete(self, held: Any, answered: Answered) -> None:
        """See Contender. A snapshot is gone when the list has it no more."""
        manila = self._manila
        each(lambda snapshot: manila.share_snapshots.delete(snapshot.id), held)
        answered()
        ids = {snapshot.id for snapshot in held}
        _await(
            "the end of the snapshots",
            lambda: not ids & {it.id for it in manila.share_snapshots.list()},
            len(held),
        )


class SameWork(Bare):
    """What karbor-manila records as well: access rules, and export locations of new shares."""

    name = SAME

    def protect(self, prepared: Any, answered: Answered) -> Any:
        """See Contender. Manila lists access rules for one share at a time."""
        each(lambda share: self._manila.share_access_rules.access_list(share.id), prepared)
        return super().protect(prepared, answered)

    def restore(self, held: Any, answered: Answered) -> None:
        """See Contender."""
        made = self.restored(held, answered)
        each(lambda share: self._manila.share_export_locations.list(share.id), made)


def client(tenant: Tenant) -> Any:
    """Return a client of Manila through the proxy, with a connection for each thread."""
    pool = requests.Session()
    pool.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=THREADS))
    session = keystone_session.Session(auth=tenant.session.auth, session=pool)
    return for_threads(
        manilaclient.Client(
            tenant.info.manila_microversion,
            session=session,
            service_catalog_url=tenant.info.proxy_url,
        )
    )


def for_threads(manila: Any) -> Any:
    """Return the client without the files of names that it keeps for a shell's completion: two
    threads that create something take them from each other (manilaclient/base.py)."""
    for manager in vars(manila).values():
        if hasattr(manager, "completion_cache"):
            manager.completion_cache = lambda *_args, **_kwargs: contextlib.nullcontext()
            manager.write_to_completion_cache = lambda *_args: None
    return manila


def each(do: Callable[[Any], Any], things: Iterable[Any]) -> list[Any]:
    """Do it to each of them, sixteen at a time; the first error is raised."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(do, things))


def _await_available(what: str, listing: Callable[[], list[Any]], made: list[Any]) -> None:
    ids = {thing.id for thing in made}

    def done() -> bool:
        status = {it.id: it.status for it in listing() if it.id in ids}
        failed = sum(one.startswith("error") for one in status.values())
        if failed:
            raise AssertionError(f"{failed} of {len(ids)} {what} ended in an error")
        return sum(one == "available" for one in status.values()) == len(ids)

    _await(what, done, len(made))


def _await(what: str, done: Callable[[], bool], count: int) -> None:
    look = LOOK_AT_FEW_SECONDS if count < FEW else LOOK_SECONDS
    wait(what, done, bool, DEADLINE, look)

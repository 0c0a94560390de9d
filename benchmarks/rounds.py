# SPDX-License-Identifier: Apache-2.0
"""Takes the measurements, in an order in which a drift of the machine hits every contender.

For each number of shares: every contender in turn, then every contender again, and so on.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from benchmarks.contenders import DELETE, PROTECT, RESTORE, Contender
from benchmarks.measured import Measured
from benchmarks.scripts import each
from benchmarks.site import Site
from sandbox import accounts
from sandbox.install import Say
from sandbox.tenant import wait

SETTLE_SECONDS = 1.0
"""How long after a work its process is still charged: what is put off is not free."""


def measure(
    site: Site,
    names: Sequence[str],
    sizes: Sequence[int],
    rounds: int,
    works: Collection[str],
    say: Say,
) -> Iterator[Measured]:
    """Give each measurement as soon as it is taken.

    :param names: of the contenders, in the order of a round.
    :param sizes: numbers of shares.
    :param works: those to measure; what they need is done in any case.
    """
    contenders = [site.contender(name) for name in names]
    # The first work of a process imports modules and opens connections.
    shares = site.make_shares(1)
    for contender in {it.karbor or it.name: it for it in reversed(contenders)}.values():
        say(f"warming up: {contender.name}")
        list(_run(site, contender, shares, 0, works, say))
    site.tenant.clean()
    for size in sizes:
        say(f"making {size} shares")
        shares = site.make_shares(size)
        for number in range(1, rounds + 1):
            for contender in contenders:
                say(f"{size} shares, round {number} of {rounds}: {contender.name}")
                yield from _run(site, contender, shares, number, works, say)
        clean(site, [])


def _run(
    site: Site,
    contender: Contender,
    shares: list[Any],
    number: int,
    works: Collection[str],
    say: Say,
) -> Iterator[Measured]:
    prepared = contender.prepare(shares)
    held: list[Any] = []
    todo: list[tuple[str, Callable[[Callable[[], None]], Any]]] = [
        (PROTECT, lambda answered: held.append(contender.protect(prepared, answered))),
        (RESTORE, lambda answered: contender.restore(held[0], answered)),
        (DELETE, lambda answered: contender.delete(held[0], answered)),
    ]
    for work, do in todo:
        if work == RESTORE and work not in works:
            continue
        line = take(site, contender, work, do, len(shares), number)
        if work in works:
            yield line
        if line.error:
            say(f"{contender.name}, {work}: {line.error}")
            break
        if work == RESTORE:
            remove_restored(site, shares)
    else:
        contender.tidy(prepared)
        return
    clean(site, shares)


def take(
    site: Site,
    contender: Contender,
    work: str,
    do: Callable[[Callable[[], None]], Any],
    count: int,
    number: int,
) -> Measured:
    """Do one work and return what it took."""
    proxy = site.stack.proxy
    karbor = site.pid(contender.karbor) if contender.karbor else None
    if karbor:
        accounts.reset_peak(karbor)
    memory_before = accounts.peak_memory(karbor) if karbor else None
    proxy.clear_counts()
    before = site.cpu(contender.karbor)
    error, answered = None, []
    begun = time.monotonic()
    try:
        do(lambda: answered.append(time.monotonic() - begun))
    except Exception as failure:  # noqa: BLE001 - a run of hours goes on, and the table says so
        error = f"{type(failure).__name__}: {failure}"[:300]
    seconds = time.monotonic() - begun
    requests = proxy.counts()
    time.sleep(SETTLE_SECONDS)
    after = site.cpu(contender.karbor)
    return Measured(
        who=contender.name,
        work=work,
        shares=count,
        round=number,
        seconds=seconds,
        answered=answered[0] if answered else None,
        requests=requests,
        cpu={name: after[name] - before[name] for name in after},
        memory=accounts.peak_memory(karbor) if karbor else None,
        memory_before=memory_before,
        error=error,
    )


def remove_restored(site: Site, shares: list[Any]) -> None:
    """Remove every share of the project but these, and wait until they are gone."""
    kept = {share.id for share in shares}

    def others() -> list[Any]:
        return [share for share in site.tenant.shares() if share.id not in kept]

    each(lambda share: site.tenant.manila.shares.delete(share.id), others())
    wait("the end of the restored shares", others, lambda left: not left, 3600, 1.0)


def clean(site: Site, shares: list[Any]) -> None:
    """Remove every snapshot, and every share but these; what is in work is waited for."""
    tenant = site.tenant

    def gone() -> bool:
        left = tenant.snapshots()
        ended = [it for it in left if it.status in ("available", "error")]
        each(lambda it: tenant.manila.share_snapshots.delete(it.id), ended)
        return not left

    wait("the end of all snapshots", gone, bool, 3600, 1.0)
    remove_restored(site, shares)

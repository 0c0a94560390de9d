# SPDX-License-Identifier: Apache-2.0
"""A second process in a walk: it acts in the middle of what the first one does, or takes it over.

Both are services of Karbor's with a bank, a lease and claims of their own, on one database. What
the second one does is done while the first stands at a call: at the same moment, for the first.
With a pause the first one stands there for so long that the others call it dead; then it wakes up.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from karbor import exception as karbor_exception
from karbor import objects

from karbor_manila.common.errors import KarborManilaError
from karbor_manila.recovery import lease, watching
from karbor_manila.recovery.audit import Audit
from tests.unit.karbor_stage import Service

if TYPE_CHECKING:
    from tests.walk.world import World

#: What a second actor may do, or a user through it.
ACTS = (
    "delete",
    "delete the newest",
    "restore",
    "restore in place",
    "reset",
    "reconcile",
    "audit",
    "write",
)

LEASE_SECONDS = 60.0

# How Karbor's API and the commands refuse.
_REFUSALS = (karbor_exception.KarborException, KarborManilaError)


class Keeper:
    """The lease of a process, as its claims ask for it; a walk renews it by hand."""

    def __init__(self, service: Service) -> None:
        self._bank = service.provider.bank
        self._key = lease.key_of(self._bank.get_owner_id())
        self._count = 0
        self.is_fresh = True
        self.lapses = 0
        self.trouble: Exception | None = None
        self.elapsed = service.cloud.clock.now
        service.manager.claims.keep(service.provider.id, self)

    def renew(self) -> None:
        """It lives."""
        self._count += 1
        self._write(lease.of_this_process(self._count))

    def wake(self) -> None:
        """It was suspended, and its thread renews the lease before anything else."""
        self.lapses += 1
        self.renew()

    def _write(self, what: lease.Lease) -> None:
        self._bank.update_object(self._key, vars(what))


class Second:
    """The other process, and the users who speak to it."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.service = Service(world.service.folder, world.cloud, type(world.service.manager))
        world.tame(self.service)
        self._keeper = Keeper(self.service)
        self.renew()

    def renew(self) -> None:
        """It lives."""
        self._keeper.renew()

    def act(self, what: str, pick: int) -> None:
        """Do one of ``ACTS``; a refusal is one of its ends."""
        world = self._world
        self.renew()
        world.keeper.renew()
        began = world.cloud.clock.now()
        try:
            self._act(what, pick)
        except _REFUSALS:
            world.fate.tally["second refused"] += 1
            self.service.spawned.clear()
        world.stood += world.cloud.clock.now() - began

    def take_over(self, what: str, pick: int) -> None:
        """The first one is suspended, taken over, and wakes up when a user has gone on."""
        world = self._world
        self.renew()
        claims = self.service.manager.claims
        watching.watch(claims, {self.service.provider.id: self.service.provider.bank})
        world.cloud.clock.sleep(2 * LEASE_SECONDS)
        self.service.manager.reconciliation.run()
        self.service.run()
        world.look()
        try:
            self._act(what, pick)
        except _REFUSALS:
            world.fate.tally["second refused"] += 1
            self.service.spawned.clear()
        world.fate.tally["taken over"] += 1
        world.keeper.wake()

    def _act(self, what: str, pick: int) -> None:
        acts: dict[str, Callable[[int], None]] = {
            "delete": self._delete,
            "delete the newest": lambda _pick: self._delete(-1),
            "restore": lambda pick: self._restore(pick, in_place=False),
            "restore in place": lambda pick: self._restore(pick, in_place=True),
            "reset": self._reset,
            "reconcile": lambda _pick: self._reconcile(),
            "audit": lambda _pick: self._audit(),
            "write": self._write,
        }
        acts[what](pick)
        self.service.run()
        self._world.look()

    def _checkpoint(self, pick: int) -> str | None:
        """Often that which the first one is at work on."""
        alive = self._world.alive()
        if pick % 2 == 0 and self._world.at_work in alive:
            return self._world.at_work
        return alive[pick % len(alive)] if alive else None

    def _delete(self, pick: int) -> None:
        checkpoint = self._checkpoint(pick)
        if checkpoint:
            self.service.call("delete", self.service.provider.id, checkpoint)
            self._world.doomed.add(checkpoint)

    def _reset(self, pick: int) -> None:
        checkpoint = self._checkpoint(pick)
        if checkpoint:
            self.service.call("reset_state", self.service.provider.id, checkpoint, "error")
            self._world.reset.add(checkpoint)

    def _restore(self, pick: int, *, in_place: bool) -> None:
        checkpoint = self._checkpoint(pick)
        if checkpoint is None or len(self._world.cloud.shares) > 12:
            return
        given = self._world.in_place(checkpoint) if in_place else {}
        record = self.service.record(objects.Restore, checkpoint, given)
        if in_place:
            self._world.put_back(record, given)
        self.service.call("restore", record, None)

    def _reconcile(self) -> None:
        self.service.manager.reconciliation.run()

    def _audit(self) -> None:
        clock = self._world.cloud.clock
        audit = Audit(self.service.provider, self.service.manager.claims, grace=0, clock=clock)
        for finding in audit.find():
            audit.fix(finding)

    def _write(self, pick: int) -> None:
        shares = sorted(self._world.texts)
        if shares:
            self._world.write(shares[pick % len(shares)])

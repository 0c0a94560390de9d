# SPDX-License-Identifier: Apache-2.0
"""What works with shares of one driver: each operation is tried, with bytes compared.

An operation that Manila is too old for has to say so, and to have made nothing.
"""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sandbox.tenant import SHARE, Tenant, listed, wait
from tests.functional.folders import contents, fill

YES = "yes"
HOST = "10.0.0.7"
#: What a table names the drivers, and which share type of the sandbox is theirs.
KINDS = {"snapshot": "sandbox", "backup": "backed"}
OPERATIONS = (
    "protect",
    "verify",
    "restore into a new share",
    "drill",
    "copy",
    "browse",
    "restore in place",
    "delete",
)
_NEEDS = re.compile(r"needs microversion (\d+\.\d+)")
#: Of a driver that has nothing to mount.
NEVER = "never"
_NEVER = re.compile(r"Restore the share into a new one and mount that")


class Trial:
    """One small share, and what can be done with it.

    :param kind: one of KINDS
    """

    def __init__(self, tenant: Tenant, kind: str) -> None:
        self.tenant = tenant
        self.share = tenant.make_share(f"by {kind}", share_type=KINDS[kind])
        tenant.manila.shares.allow(self.share.id, "ip", "10.0.0.0/8", "rw")
        tenant.wait_share(self.share.id)
        self.folder = tenant.folder(self.share.id)
        fill(self.folder, "then")
        self.then = contents(self.folder)
        self.plan = tenant.plan_of_shares([self.share])
        self.before = self._things()
        self.checkpoint: Any = None
        self.copied: Any = None

    def results(self) -> dict[str, str]:
        """By operation YES, or the microversion that it needs."""
        found = {"protect": self._try(self.protect)}
        if found["protect"] != YES:
            # Without a checkpoint there is nothing that the others could be tried with.
            assert not self._made()
            return dict.fromkeys(OPERATIONS, found["protect"])
        aside = {
            "verify": self.verify,
            "restore into a new share": self.restore,
            "drill": self.drill,
            "copy": self.copy,
            "browse": self.browse,
        }
        with ThreadPoolExecutor(len(aside)) as pool:
            jobs = {name: pool.submit(self._try, work) for name, work in aside.items()}
        found |= {name: job.result() for name, job in jobs.items()}
        found["restore in place"] = self._try(self.revert)
        found["delete"] = self._try(self.delete)
        return found

    def protect(self) -> None:
        self.checkpoint = self.tenant.protect(self.plan)
        fill(self.folder, "now")

    def verify(self) -> None:
        self.tenant.verify(self.checkpoint, {SHARE: {"depth": "plan"}})

    def restore(self) -> None:
        restore = self.tenant.restore(self.checkpoint, {SHARE: {"access_rules": True}})
        new = self.tenant.restored_share(restore)
        assert contents(self.tenant.folder(new.id)) == self.then
        rules = self.tenant.manila.share_access_rules.access_list(new)
        assert [rule.access_to for rule in rules] == ["10.0.0.0/8"]
        self.tenant.manila.shares.delete(new.id)

    def drill(self) -> None:
        self.tenant.verify(self.checkpoint, {SHARE: {"depth": "drill"}})

    def copy(self) -> None:
        (copy_id,) = self.tenant.copy(self.plan).values()
        self.copied = self.tenant.wait_checkpoint(self.plan.provider_id, copy_id)

    def browse(self) -> None:
        given = {SHARE: {"depth": "browse", "browse_to": HOST}}
        self.tenant.verify(self.checkpoint, given)
        (snapshot,) = self.tenant.snapshots(self.share.id)
        manila = self.tenant.manila
        (rule,) = manila.share_snapshots.access_list(snapshot)
        assert (rule.access_to, rule.state) == (HOST, "active")
        (place,) = manila.share_snapshot_export_locations.list(snapshot)
        assert contents(Path(place.path.partition(":")[2])) == self.then

    def revert(self) -> None:
        self.tenant.restore(self.checkpoint, {SHARE: {"share_id": self.share.id}})
        assert contents(self.folder) == self.then

    def delete(self) -> None:
        for checkpoint in filter(None, (self.copied, self.checkpoint)):
            self.tenant.delete(checkpoint)
        wait("the end of all else", self._made, lambda left: not left, 60)

    def _try(self, work: Callable[[], None]) -> str:
        try:
            work()
        except AssertionError as error:
            if needs := _NEEDS.search(str(error)):
                return needs[1]
            if _NEVER.search(str(error)):
                return NEVER
            raise
        return YES

    def _made(self) -> set[str]:
        """The ids of what is there now and was not at first."""
        return self._things() - self.before

    def _things(self) -> set[str]:
        """The ids of all that the project has."""
        backups = listed(self.tenant.manila.share_backups)
        found = [*self.tenant.shares(), *self.tenant.snapshots(), *backups]
        return {each.id for each in found}

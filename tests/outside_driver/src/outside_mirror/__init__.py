# SPDX-License-Identifier: Apache-2.0
"""Keeps a share by a snapshot, and what it needs to find it again in data of its own.

It cannot restore in place, and needs its data to restore: a record must hold them whole.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import ClassVar

from oslo_config import cfg

from karbor_manila.drivers.base import Driver, Environment, Kept, Preflight, ProtectOptions, Target
from karbor_manila.manila import cloning
from karbor_manila.manila.errors import ManilaRefused, ShareNotProtectable, SnapshotDoubtful
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.snapshots import Snapshots
from karbor_manila.manila.views import NewShare, Placement, View


class MirrorDriver(Driver):
    """See the base class for the contract of each method."""

    name = "mirror"
    options: ClassVar[Collection[cfg.Opt]] = (
        cfg.StrOpt("site", default="here", help="The name of the site that the mirror is at."),
    )

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._snapshots = Snapshots(environment.client, environment.shares)

    @classmethod
    def unsupported(cls, share: View) -> ShareNotProtectable | None:
        """By the view of the share alone; what is against every driver is asked by the base."""
        return cloning.refusal(share)

    def preflight(
        self,
        shares: Collection[View],
        options: Mapping[str, ProtectOptions],
        marks: Mapping[str, Mark],
    ) -> Preflight:
        """What a list of Manila can say goes here as well: quotas, versions, what is in error."""
        found = {share["id"]: self.objection(share) for share in shares}
        refused = {share_id: error for share_id, error in found.items() if error}
        only = {
            share["id"]: cloning.ONLY_IN_PLACE
            for share in shares
            if share["id"] not in refused and cloning.only_in_place(share)
        }
        return Preflight(refused, only)

    def protect(
        self,
        shares: Collection[View],
        marks: Mapping[str, Mark],
        options: Mapping[str, ProtectOptions],
    ) -> Iterator[tuple[str, Kept | Exception]]:
        """The mark makes it idempotent: what bears it already is adopted and not made again."""
        for share in shares:
            share_id = share["id"]
            asked = options[share_id]
            try:
                view = self._snapshots.create(
                    share_id,
                    marks[share_id],
                    name=asked.name,
                    description=asked.description,
                    force=asked.force,
                )
            except ManilaRefused as refused:
                yield share_id, refused
            else:
                yield share_id, self._kept(view)  # at once: its id has to get into the bank

    def wait(self, kept: Kept) -> Kept:
        return self._kept(self._snapshots.wait(kept.id))

    def check(self, kept: Kept, *, project_id: str | None = None) -> Kept:
        view = self._snapshots.check(kept.id, kept.share_id, kept.size, project_id)
        return self._kept(view)

    def place(self, kept: Kept, new: NewShare | None = None) -> Placement:
        parent = self.environment.shares.parent(kept.share_id)
        return cloning.check(parent, kept.id, kept.share_id, new.asked if new else {})

    def restore(self, kept: Kept, target: Target) -> str:
        if kept.data.get("of") != kept.id or "site" not in kept.data:
            raise SnapshotDoubtful(kept.id, "the record has lost the data of its driver")
        return self.environment.shares.create(
            target.mark,
            target.new,
            {"share_proto": target.share_proto, "snapshot_id": kept.id},
            lambda view: view.get("snapshot_id") == kept.id,
        )

    def delete(
        self,
        kept: Kept | None = None,
        mark: Mark | None = None,
        *,
        project_id: str,
        undo: bool = False,
    ) -> None:
        timeouts = self.environment.timeouts
        ids = {kept.id} if kept else set()
        if mark:
            ids |= {view["id"] for view in self._snapshots.find(mark, project_id)}
        for snapshot_id in sorted(ids):
            timeout = timeouts.undo if undo else timeouts.delete
            self._snapshots.remove(snapshot_id, timeout, project_id, fresh=True)

    def find(self, mark: Mark, *, project_id: str | None = None) -> list[Kept]:
        return [self._kept(view) for view in self._snapshots.find(mark, project_id)]

    def everything(self) -> list[View]:
        return self._snapshots.everything()

    def show(self, kept_id: str) -> View | None:
        return self._snapshots.show(kept_id)

    def _kept(self, view: View) -> Kept:
        return Kept(
            driver=self.name,
            id=view["id"],
            share_id=view["share_id"],
            size=view["size"],
            status=view["status"],
            created_at=view["created_at"],
            data={"of": view["id"], "site": self.environment.options.site},
        )

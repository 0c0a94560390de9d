# SPDX-License-Identifier: Apache-2.0
"""Protects a share by a Manila snapshot of it; restores by a new share made from the snapshot."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, ClassVar

from karbor_manila.common.errors import InvalidParameter
from karbor_manila.drivers import base
from karbor_manila.drivers.abilities import Browsable, Reverts
from karbor_manila.drivers.copy_preflight import Refused, doubtful_by_list
from karbor_manila.drivers.parallel import as_they_come
from karbor_manila.drivers.values import Preflight, ProtectOptions, Target
from karbor_manila.manila import cloning, quota, revert
from karbor_manila.manila.errors import (
    ManilaRefused,
    ManilaUnavailable,
    ShareNotProtectable,
)
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.snapshot_access import Access, Mountable, SnapshotAccess
from karbor_manila.manila.snapshots import Snapshots
from karbor_manila.manila.views import NewShare, Placement, Revertible, View


class SnapshotDriver(base.Driver, Reverts, Browsable):
    """See :class:`~karbor_manila.drivers.base.Driver` for the contract of each method."""

    name = "snapshot"
    capabilities: ClassVar[frozenset[str]] = base.BASIC | {"browse", "revert"}

    def __init__(self, environment: base.Environment) -> None:
        super().__init__(environment)
        self._client = environment.client
        self._manila = environment.manila
        self._shares = environment.shares
        self._snapshots = Snapshots(environment.client, environment.shares)
        self._access = SnapshotAccess(environment.client, environment.shares)
        self._reverts = revert.Reverts(
            self._manila,
            environment.clock,
            outage=environment.timeouts.outage,
            settle=environment.timeouts.settle,
            request=environment.timeouts.request,
        )

    # -- before anything is made --------------------------------------------------------------

    @classmethod
    def unsupported(cls, share: View) -> ShareNotProtectable | None:
        """A type without snapshots, or whose snapshots could never be given back."""
        return cloning.refusal(share)

    def check_options(self, options: ProtectOptions, mark: Mark) -> None:
        """Without snapshot metadata (2.73) the mark stands in the description, beside the text."""
        text, room = options.description, mark.room()
        if text and len(text) > room and not self._manila.features.snapshot_metadata:
            raise InvalidParameter(
                "description",
                text,
                f"this Manila keeps no metadata of snapshots, so that the checkpoint's mark stands "
                f"in the description too, and leaves {room} characters",
            )

    def preflight(
        self,
        shares: Collection[View],
        options: Mapping[str, ProtectOptions],
        marks: Mapping[str, Mark],
    ) -> Preflight:
        """What each share's type allows, its description, and the quota for all of them."""
        refused: dict[str, Exception] = {}
        for share in shares:
            share_id = str(share["id"])
            try:
                self.check_options(options[share_id], marks[share_id])
            except InvalidParameter as error:
                refused[share_id] = error
            if objection := self.objection(share):
                refused[share_id] = objection
        wanted = [share for share in shares if share["id"] not in refused]
        if wanted:
            quota.check(self._client.retry(self._manila.limits), wanted)
        only = {share["id"] for share in wanted if cloning.only_in_place(share)}
        return Preflight(refused, dict.fromkeys(only, cloning.ONLY_IN_PLACE))

    # -- protect ------------------------------------------------------------------------------

    def protect(
        self,
        shares: Collection[View],
        marks: Mapping[str, Mark],
        options: Mapping[str, ProtectOptions],
    ) -> Iterator[tuple[str, Kept | Exception]]:
        """A snapshot of each, by requests side by side; one list finds what is adopted."""
        share_ids = [str(share["id"]) for share in shares]

        def begin(share_id: str) -> Kept:
            asked = options[share_id]
            view = self._snapshots.create(
                share_id,
                marks[share_id],
                name=asked.name,
                description=asked.description,
                force=asked.force,
            )
            return self._kept(view)

        try:
            self._snapshots.list_marked([marks[share_id] for share_id in share_ids])
        except (ManilaUnavailable, ManilaRefused) as error:
            for share_id in share_ids:
                yield share_id, error
            return
        yield from as_they_come(share_ids, begin, self._manila.parallel)

    def wait(self, kept: Kept) -> Kept:
        """Until the snapshot is available."""
        return self._kept(self._snapshots.wait(kept.id))

    # -- what is kept -------------------------------------------------------------------------

    def check(self, kept: Kept, *, project_id: str | None = None) -> Kept:
        """The snapshot as it is now, when a share can be made from it."""
        if kept.mark:
            self._snapshots.note_marked(kept.id, kept.mark, project_id)
        return self._kept(self._snapshots.check(kept.id, kept.share_id, kept.size, project_id))

    def place(self, kept: Kept, new: NewShare | None = None) -> Placement:
        """Manila's rules for a share from a snapshot, by the snapshot's share."""
        asked = new.asked if new else {}
        parent = self._shares.parent(kept.share_id)
        placed = cloning.check(parent, kept.id, kept.share_id, asked)
        self._shares.check_place(kept.share_id, placed, new)
        return placed

    def restore(self, kept: Kept, target: Target) -> str:
        """A new share from the snapshot."""
        return self._shares.create(
            target.mark,
            target.new,
            {"share_proto": target.share_proto, "snapshot_id": kept.id},
            lambda view: view.get("snapshot_id") == kept.id,
        )

    def _doubtful(self, kept: Collection[Kept]) -> Refused:
        return doubtful_by_list(kept, self.everything, self.show, self._snapshots.usable)

    def _check_quota_of_copies(self, sizes: Collection[int]) -> None:
        quota.check_copies(self._client.retry(self._manila.limits), sizes)

    # -- delete -------------------------------------------------------------------------------

    def delete(
        self,
        kept: Kept | None = None,
        mark: Mark | None = None,
        *,
        project_id: str,
        undo: bool = False,
    ) -> None:
        """The snapshot, and whatever else bears the mark."""
        timeouts = self.environment.timeouts
        timeout = timeouts.undo if undo else timeouts.delete
        ours = {kept.id} if kept else set()
        if mark:
            # An undo looks anew: what it has to find was made after the flow's first list.
            found = self._snapshots.find(mark, project_id, fresh=undo)
            ours |= {str(view["id"]) for view in found}
        for snapshot_id in sorted(ours):
            fresh = undo or mark is None
            self._snapshots.remove(snapshot_id, timeout, project_id, fresh=fresh)

    # -- look ---------------------------------------------------------------------------------

    def find(self, mark: Mark, *, project_id: str | None = None) -> list[Kept]:
        """The snapshots that bear the mark now, the usable first."""
        return [self._kept(view) for view in self._snapshots.find(mark, project_id)]

    def everything(self) -> list[View]:
        """All snapshots."""
        return self._snapshots.everything()

    def show(self, kept_id: str) -> View | None:
        """One snapshot."""
        return self._snapshots.show(kept_id)

    # -- in place -----------------------------------------------------------------------------

    def inspect_revert(self, kept: Kept, *, project_id: str) -> Revertible:
        """Manila's rules, and the newer snapshots."""
        return self._reverts.inspect(kept.id, kept.share_id, project_id)

    def preflight_revert(self, found: Revertible, *, safety_copy: bool) -> None:
        """The quota for a copy, and for a snapshot that is larger than the share is now."""
        self._reverts.preflight(found, safety_copy=safety_copy)

    def revert(self, kept: Kept, *, retry_conflict: bool = False) -> None:
        """Begin to put the share back."""
        self._reverts.begin(kept.id, kept.share_id, retry_conflict=retry_conflict)

    def wait_reverted(self, share_id: str) -> View:
        """Until the share is available again."""
        return self._reverts.wait(
            share_id, self._shares.poller, self.environment.timeouts.restore, self._client.reason
        )

    # -- mounted beside its share --------------------------------------------------------------

    def inspect_access(self, kept: Kept) -> Mountable:
        """By the type of its share, and the export locations of the snapshot."""
        return self._access.inspect(kept.id, kept.share_id)

    def access_rules(self, kept: Kept) -> list[View]:
        """Those of the snapshot."""
        return self._access.rules(kept.id)

    def allow_access(self, kept: Kept, access: Access, before: Collection[str]) -> str | None:
        """A rule of the snapshot."""
        return self._access.allow(kept.id, access, before)

    def wait_access(self, kept: Kept, rule_id: str, access: Access) -> None:
        """Until it is active."""
        self._access.wait(kept.id, rule_id, access)

    def await_denied(self, kept: Kept, rule_id: str) -> None:
        """Until it is gone."""
        self._access.await_denied(kept.id, rule_id)

    def revoke_access(self, kept: Kept, rule_id: str, *, project_id: str) -> None:
        """Until the rule is gone."""
        self._access.revoke(kept.id, rule_id, project_id)

    # -- the driver itself --------------------------------------------------------------------

    def _health(self) -> Mapping[str, Any]:
        return {
            "endpoint": self._manila.endpoint,
            "microversion": self._manila.features.microversion,
            "marks": "metadata" if self._manila.features.snapshot_metadata else "description",
        }

    def _kept(self, view: View) -> Kept:
        return Kept(
            driver=self.name,
            id=str(view["id"]),
            share_id=str(view["share_id"]),
            size=int(view["size"]),
            status=str(view["status"]),
            created_at=view.get("created_at"),
        )

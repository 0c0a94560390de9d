# SPDX-License-Identifier: Apache-2.0
"""Protects a share by a Manila backup of it, which survives the loss of the share on its backend;
restores into a new share that is made first, or into one that is there."""

import functools
import threading
from collections.abc import Collection, Iterator, Mapping
from typing import Any, ClassVar

from oslo_config import cfg

from karbor_manila.drivers import backup_preflight, base
from karbor_manila.drivers.abilities import RestoresInto, Reverts
from karbor_manila.drivers.backup_preflight import OPTIONS
from karbor_manila.drivers.copy_preflight import Refused, doubtful_by_list
from karbor_manila.drivers.parallel import as_they_come
from karbor_manila.drivers.values import Preflight, ProtectOptions, Target
from karbor_manila.manila import backup_targets, quota
from karbor_manila.manila.backup_restores import BackupRestores
from karbor_manila.manila.backups import Backups
from karbor_manila.manila.errors import (
    BackupsUnsupported,
    ManilaRefused,
    ManilaUnavailable,
    ShareNotProtectable,
)
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.views import NewShare, Placement, Revertible, View

_TYPE = "backup_type"


class BackupDriver(base.Driver, Reverts, RestoresInto):
    """See :class:`~karbor_manila.drivers.base.Driver` for the contract of each method."""

    name = "backup"
    options: ClassVar[Collection[cfg.Opt]] = OPTIONS
    capabilities: ClassVar[frozenset[str]] = base.BASIC | {"revert", "into another share"}

    def __init__(self, environment: base.Environment) -> None:
        super().__init__(environment)
        self._client = environment.client
        self._manila = environment.manila
        self._shares = environment.shares
        own = environment.options
        self._type: str = own.backup_type
        self._backups = Backups(
            environment.client,
            environment.shares,
            timeout=own.backup_timeout,
            idle=own.progress_timeout,
        )
        self._restores = BackupRestores(environment.client, idle=own.progress_timeout)
        self._lock = threading.Lock()
        #: Shares that this driver has asked for itself: no other process has asked for more.
        self._made: set[str] = set()
        #: From which backup a share is put back.
        self._reverting: dict[str, str] = {}
        #: Whose a share is that is to be overwritten.
        self._owners: dict[str, str] = {}

    # -- before anything is made --------------------------------------------------------------

    @classmethod
    def unsupported(cls, share: View) -> ShareNotProtectable | None:
        """Manila backs up no share that has replicas."""
        return backup_preflight.unsupported(share)

    def check_options(self, options: ProtectOptions, mark: Mark) -> None:
        """The mark stands in the description, beside the text."""
        backup_preflight.check_description(options.description, mark)

    def preflight(
        self,
        shares: Collection[View],
        options: Mapping[str, ProtectOptions],
        marks: Mapping[str, Mark],
    ) -> Preflight:
        """Manila's age, what each share has besides, and the quota for all of them."""
        return backup_preflight.look(self, self._client, self._backups, shares, options, marks)

    # -- protect ------------------------------------------------------------------------------

    def protect(
        self,
        shares: Collection[View],
        marks: Mapping[str, Mark],
        options: Mapping[str, ProtectOptions],
    ) -> Iterator[tuple[str, Kept | Exception]]:
        """A backup of each, by requests side by side; one list finds what is adopted."""
        share_ids = [str(share["id"]) for share in shares]

        def begin(share_id: str) -> Kept:
            asked = options[share_id]
            view = self._backups.create(
                share_id,
                marks[share_id],
                name=asked.name,
                description=asked.description,
                backup_type=self._type,
            )
            return self._kept(view)

        try:
            self._require_backups()
            self._backups.list_marked([marks[share_id] for share_id in share_ids])
        except (ManilaUnavailable, ManilaRefused, BackupsUnsupported) as error:
            for share_id in share_ids:
                yield share_id, error
            return
        yield from as_they_come(share_ids, begin, self._manila.parallel)

    def wait(self, kept: Kept) -> Kept:
        """Until the backup is available."""
        seen = functools.partial(self.environment.progress, kept.share_id, "backup")
        return self._kept(self._backups.wait(kept.id, seen))

    # -- what is kept -------------------------------------------------------------------------

    def check(self, kept: Kept, *, project_id: str | None = None) -> Kept:
        """The backup as it is now, when it is whole; a restore from it may be under way."""
        return self._kept(self._backups.check(kept.id, kept.share_id, kept.size, project_id))

    def place(self, kept: Kept, new: NewShare | None = None) -> Placement:
        """What the protected share has now, as far as the user asks for nothing else: the share is
        made on its own and may have any type. Manila's data service restores into every backend, a
        backup of a type only into that which made it."""
        self._require_new()
        placed = backup_targets.placement(self._shares.parent(kept.share_id), new)
        self._shares.check_place(kept.share_id, placed, new)
        return placed

    def restore(self, kept: Kept, target: Target) -> str:
        """A new share; :meth:`complete_restore` fills it."""
        adopted: list[str] = []

        def is_ours(view: View) -> bool:
            ours = view.get("source_backup_id") in (None, kept.id) and not view.get("snapshot_id")
            if ours:
                adopted.append(str(view["id"]))
            return ours

        placed = self.place(kept, target.new)
        fields = backup_targets.fields(placed, target.share_proto)
        made = self._shares.create(target.mark, target.new, fields, is_ours)
        if made not in adopted:
            with self._lock:
                self._made.add(made)
        return made

    def complete_restore(self, kept: Kept, target: Target, share_id: str) -> View:
        """Wait for the share, ask for the restore into it if nobody has, wait for that."""
        seen = functools.partial(self.environment.progress, target.mark.resource, "restore")
        doubtful = share_id not in self._made
        view = self._restores.fill(kept.id, share_id, doubtful=doubtful, seen=seen)
        with self._lock:
            self._made.discard(share_id)  # called again, it may have been asked for
        self._shares.wait_restored(share_id)  # removes what a repeated request made besides
        return view

    def _doubtful(self, kept: Collection[Kept]) -> Refused:
        return doubtful_by_list(kept, self.everything, self.show, self._backups.usable)

    def _check_quota_of_copies(self, sizes: Collection[int]) -> None:
        limits = self._client.retry(self._manila.limits)
        quota.check_shares(limits, sizes)
        quota.check_backups(limits, sizes)

    # -- delete -------------------------------------------------------------------------------

    def delete(
        self,
        kept: Kept | None = None,
        mark: Mark | None = None,
        *,
        project_id: str,
        undo: bool = False,
    ) -> None:
        """The backup, and whatever else bears the mark."""
        timeouts = self.environment.timeouts
        timeout = timeouts.undo if undo else timeouts.delete
        ours = {kept.id} if kept else set()
        if mark:
            ours |= {str(view["id"]) for view in self._backups.find(mark, project_id)}
        for backup_id in sorted(ours):
            self._backups.remove(backup_id, timeout, project_id)

    # -- look ---------------------------------------------------------------------------------

    def find(self, mark: Mark, *, project_id: str | None = None) -> list[Kept]:
        """The backups that bear the mark now, the usable first."""
        return [self._kept(view) for view in self._backups.find(mark, project_id)]

    def everything(self) -> list[View]:
        """All backups."""
        return self._backups.everything() if self._manila.features.backups else []

    def show(self, kept_id: str) -> View | None:
        """One backup."""
        return self._backups.show(kept_id)

    # -- into a share that is there -----------------------------------------------------------

    def inspect_revert(self, kept: Kept, *, project_id: str) -> Revertible:
        """Manila's rules; newer backups are no hindrance."""
        return self.inspect_target(kept, kept.share_id, project_id=project_id)

    def inspect_target(self, kept: Kept, share_id: str, *, project_id: str) -> Revertible:
        """Manila's rules for the target, and the backup."""
        if share_id != kept.share_id:
            self._require("Restoring a backup into another share", others=True)
        share = backup_targets.check(self._client, share_id, project_id, needed=kept.size)
        self._owners[share_id] = project_id
        view = self._backups.check(kept.id, kept.share_id, kept.size, project_id)
        return Revertible(share, view, ())

    def preflight_revert(self, found: Revertible, *, safety_copy: bool) -> None:
        """A safety copy is a backup of the present content, restored into a new share."""
        if safety_copy:
            backup_preflight.safety_copy(self, self._client, found.share)

    def revert(self, kept: Kept, *, retry_conflict: bool = False) -> None:
        """Begin to put the share back."""
        self._overwrite(kept, kept.share_id)

    def wait_reverted(self, share_id: str) -> View:
        """Until the share is available again."""
        return self.wait_restored_into(share_id)

    def restore_into(self, kept: Kept, share_id: str) -> None:
        """Begin to replace what another share holds."""
        self._overwrite(kept, share_id)

    def _overwrite(self, kept: Kept, share_id: str) -> None:
        def look() -> None:
            if whose := self._owners.get(share_id):
                backup_targets.check(self._client, share_id, whose, needed=kept.size)

        self._restores.begin(kept.id, share_id, own=share_id == kept.share_id, look=look)
        self._reverting[share_id] = kept.id

    def wait_restored_into(self, share_id: str) -> View:
        """Until the target is available again."""
        backup_id = self._reverting.get(share_id) or self._source_of(share_id)
        seen = functools.partial(self.environment.progress, share_id, "restore")
        return self._restores.wait(share_id, backup_id, seen)

    def _source_of(self, share_id: str) -> str:
        view = self._shares.show(share_id)
        return str((view or {}).get("source_backup_id") or "")

    # -- the driver itself --------------------------------------------------------------------

    def _health(self) -> Mapping[str, Any]:
        features = self._manila.features
        return {
            "endpoint": self._manila.endpoint,
            "microversion": features.microversion,
            "backups": features.backups,
            "into other shares": features.backups_into_other_shares,
            "backup type": self._type or "of Manila's data service",
        }

    def _require_backups(self) -> None:
        self._require("A backup", others=False)

    def _require_new(self) -> None:
        self._require("Restoring a backup into a new share", others=True)

    def _require(self, asked: str, *, others: bool) -> None:
        backup_preflight.require(self._manila, asked, others=others)

    def _kept(self, view: View) -> Kept:
        known = view.get(_TYPE)
        return Kept(
            driver=self.name,
            id=str(view["id"]),
            share_id=str(view["share_id"]),
            size=int(view["size"]),
            status=str(view["status"]),
            created_at=view.get("created_at"),
            data={_TYPE: known} if known else {},
        )

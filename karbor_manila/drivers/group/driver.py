# SPDX-License-Identifier: Apache-2.0
"""Protects the shares of a share group by one group snapshot; see :class:`GroupDriver`."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from oslo_config import cfg

from karbor_manila.common.errors import InvalidParameter
from karbor_manila.drivers import base
from karbor_manila.drivers.abilities import KeepsTogether
from karbor_manila.drivers.copy_preflight import Refused, doubtful_by_list
from karbor_manila.drivers.group import preflight
from karbor_manila.drivers.group.restoring import Restoring
from karbor_manila.drivers.parallel import as_they_come
from karbor_manila.drivers.values import Preflight, ProtectOptions, Target
from karbor_manila.manila import cloning, quota
from karbor_manila.manila.errors import (
    GroupDoubtful,
    ManilaRefused,
    OnlyAsGroup,
    ShareNotProtectable,
)
from karbor_manila.manila.group_snapshots import GroupSnapshots, member_of, shares_in
from karbor_manila.manila.groups import Groups
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.views import NewShare, Placement, View

CAPTURE, REFUSE = "capture", "refuse"


class GroupDriver(base.Driver, KeepsTogether):
    """One group snapshot for all shares of a share group; see
    :class:`~karbor_manila.drivers.base.Driver` for the contract of each method.

    ``Kept.id`` is the group snapshot's, the same for all its shares. ``Kept.data`` has
    ``share_group_id``, ``member_id`` (of the share in the group snapshot), ``members`` (all shares
    in it) and ``consistent``: whether they are kept as they were at one moment. Group snapshots
    have no metadata: the mark stands in the description, with the share group as resource.
    """

    name = "group"
    capabilities: ClassVar[frozenset[str]] = base.BASIC | {"together"}
    copies_by = "snapshot"  # the share of a copy is in no group
    options: ClassVar[Collection[cfg.Opt]] = (
        cfg.StrOpt(
            "other_members",
            default=CAPTURE,
            choices=[
                (CAPTURE, "they are kept as well, and the checkpoint says so"),
                (REFUSE, "the shares of that group are not protected"),
            ],
            help="What becomes of a share group that has shares which are not protected with it: "
            "Manila keeps a whole group or nothing.",
        ),
    )

    def __init__(self, environment: base.Environment) -> None:
        super().__init__(environment)
        self._client = environment.client
        self._manila = environment.manila
        self._shares = environment.shares
        self._groups = Groups(environment.client, environment.shares)
        self._snapshots = GroupSnapshots(environment.client)
        self._restoring = Restoring(environment, self._groups, self._snapshots)

    # -- before anything is made --------------------------------------------------------------

    @classmethod
    def unsupported(cls, share: View) -> ShareNotProtectable | None:
        """A share in no group."""
        return preflight.no_group(share)

    def check_options(self, options: ProtectOptions, mark: Mark) -> None:
        """The mark stands in the description, beside the text."""
        text, room = options.description, mark.room()
        if text and len(text) > room:
            raise InvalidParameter(
                "description",
                text,
                f"Manila keeps no metadata of group snapshots, so that the checkpoint's mark "
                f"stands in the description too, and leaves {room} characters",
            )

    def preflight(
        self,
        shares: Collection[View],
        options: Mapping[str, ProtectOptions],
        marks: Mapping[str, Mark],
    ) -> Preflight:
        """The groups of the shares and what else is in them, the descriptions, and the quota."""
        refused: dict[str, Exception] = {}
        for share in shares:
            share_id = str(share["id"])
            try:
                self.check_options(options[share_id], marks[share_id])
            except InvalidParameter as error:
                refused[share_id] = error
            if objection := self.objection(share):
                refused[share_id] = objection
        grouped = [share for share in shares if share.get("share_group_id")]
        refuse_others = self.environment.options.other_members == REFUSE
        wrong, caveats = preflight.look(self._groups, grouped, refuse_others=refuse_others)
        refused = wrong | refused
        wanted = {s["share_group_id"] for s in grouped if str(s["id"]) not in refused}
        if wanted:
            quota.check_group_snapshots(self._client.retry(self._manila.limits), len(wanted))
        said = {share_id: text for share_id, text in caveats.items() if share_id not in refused}
        return Preflight(refused, said)

    # -- protect ------------------------------------------------------------------------------

    def protect(
        self,
        shares: Collection[View],
        marks: Mapping[str, Mark],
        options: Mapping[str, ProtectOptions],
    ) -> Iterator[tuple[str, Kept | Exception]]:
        """A group snapshot for each group, by requests side by side."""
        together: dict[Mark, list[str]] = defaultdict(list)
        for share in shares:
            share_id, group_id = str(share["id"]), share.get("share_group_id")
            if group_id:
                together[replace(marks[share_id], resource=str(group_id))].append(share_id)
            else:
                yield share_id, ManilaRefused(f"keep share {share_id}", 0, "it is in no group")

        def begin(mark: Mark) -> View:
            asked = options[together[mark][0]]
            return self._snapshots.create(mark, name=asked.name, description=asked.description)

        for mark, made in as_they_come(list(together), begin, self._manila.parallel):
            for share_id in together[mark]:
                yield share_id, made if isinstance(made, Exception) else self._kept(made, share_id)

    def wait(self, kept: Kept) -> Kept:
        """Until the group snapshot is available."""
        return self._kept(self._snapshots.wait(kept.id, kept.share_id), kept.share_id)

    def await_ready(self, share: View, timeout: float) -> bool:
        """Until nothing is done to the share's group or another share in it."""
        group_id = str(share["share_group_id"])
        try:
            return self._groups.await_idle(group_id, timeout)
        except GroupDoubtful as error:
            raise preflight.broken(str(share["id"]), group_id, error.why) from error

    # -- what is kept -------------------------------------------------------------------------

    def check(self, kept: Kept, *, project_id: str | None = None) -> Kept:
        """The group snapshot as it is now, when a group can be made from it."""
        share_id = kept.share_id
        view = self._snapshots.check(kept.id, share_id, kept.size, project_id)
        return self._kept(view, share_id)

    def members(self, kept: Kept) -> Collection[str]:
        """All shares of the group snapshot."""
        return [str(each) for each in kept.data.get("members") or [kept.share_id]]

    def place(self, kept: Kept, new: NewShare | None = None) -> Placement:
        """Manila's rules for a snapshot of a share of the group, and for a share from that."""
        asked = new.asked if new else {}
        parent = self._shares.parent(kept.share_id)
        if parent and not preflight.clonable(parent):
            ways = ("snapshot_support", "create_share_from_snapshot_support")
            lacks = " and ".join(way for way in ways if not parent.get(way))
            raise OnlyAsGroup(kept.share_id, parent.get("share_type_name"), lacks=lacks)
        placed = cloning.check(parent, kept.id, kept.share_id, asked)
        self._shares.check_place(kept.share_id, placed, new)
        return placed

    def place_as_group(self, kept: Kept, new: NewShare) -> Placement:
        """Manila makes each share of a group as it was: nothing can be asked for."""
        if kept.size is not None and new.size != kept.size:
            raise InvalidParameter(
                "size", new.size, f"with its group a share comes back as it was: {kept.size} GiB"
            )
        parent = self._shares.parent(kept.share_id)
        placed = cloning.check(parent, kept.id, kept.share_id, new.asked, in_group=True)
        self._shares.check_place(kept.share_id, placed, new)
        return placed

    def restore(self, kept: Kept, target: Target) -> str:
        """The share with its group, or a new one by a temporary group."""
        if target.as_group:
            return self._restoring.as_group(kept, target)
        return self._restoring.one(kept, target)

    def complete_restore(self, kept: Kept, target: Target, share_id: str) -> View:
        """Until the share is available."""
        return self._restoring.complete(target, share_id)

    def forget_restore(self, mark: Mark, *, project_id: str) -> None:
        """The temporary group with its shares and snapshots; of a group that was to come back, what
        nobody got."""
        self._restoring.forget(mark, project_id, self.environment.timeouts.delete)

    def _doubtful(self, kept: Collection[Kept]) -> Refused:
        of = self._snapshots
        return doubtful_by_list(kept, of.everything, of.show, of.usable)

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
        """The group snapshot, and whatever else of the mark's checkpoint keeps the share."""
        timeouts = self.environment.timeouts
        ours = {kept.id} if kept else set()
        if mark:
            found = self._snapshots.find(mark, project_id, fresh=undo)
            ours |= {str(view["id"]) for view in found}
        for snapshot_id in sorted(ours):
            timeout = timeouts.undo if undo else timeouts.delete
            self._snapshots.remove(snapshot_id, timeout, project_id)

    # -- look ---------------------------------------------------------------------------------

    def find(self, mark: Mark, *, project_id: str | None = None) -> list[Kept]:
        """The group snapshots of the mark's checkpoint that keep its share, the usable first."""
        found = self._snapshots.find(mark, project_id)
        return [self._kept(view, mark.resource) for view in found]

    def everything(self) -> list[View]:
        """All group snapshots; ``share_id`` is the group, ``share_ids`` are the shares in it."""
        return [self._view(view) for view in self._snapshots.everything()]

    def show(self, kept_id: str) -> View | None:
        """One group snapshot."""
        view = self._snapshots.show(kept_id)
        return self._view(view) if view else None

    # -- the driver itself --------------------------------------------------------------------

    def gc(self, is_left: Callable[[View], bool]) -> list[View]:
        """Temporary groups that no restore has ended."""
        timeout = self.environment.timeouts.delete
        return [
            group
            for group, mark in self._restoring.left()
            if is_left(group) and self._restoring.remove_left(group, mark, timeout)
        ]

    def _health(self) -> Mapping[str, Any]:
        return {
            "endpoint": self._manila.endpoint,
            "microversion": self._manila.features.microversion,
            "marks": "description",
        }

    @staticmethod
    def _view(view: View) -> View:
        return view | {"share_id": str(view["share_group_id"]), "share_ids": shares_in(view)}

    def _kept(self, view: View, share_id: str) -> Kept:
        group_id = str(view["share_group_id"])
        member = member_of(view, share_id)
        data: dict[str, Any] = {"share_group_id": group_id}
        if member:
            data |= {
                "member_id": str(member["id"]),
                "members": shares_in(view),
                "consistent": self._groups.is_consistent(group_id),
            }
        return Kept(
            driver=self.name,
            id=str(view["id"]),
            share_id=share_id,
            size=int(member["size"]) if member else None,
            status=str(view["status"]),
            created_at=view.get("created_at"),
            data=data,
        )

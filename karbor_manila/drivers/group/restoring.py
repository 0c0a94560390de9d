# SPDX-License-Identifier: Apache-2.0
"""How shares come back from a group snapshot: Manila makes whole groups of one, and nothing else.

So the whole group comes back as a group; or one share of it does, by a group that is removed again:
a snapshot of the share in there, a new share of that, and both the snapshot and the group go.
"""

import threading
from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from oslo_log import log as logging

from karbor_manila.common.errors import KarborManilaError
from karbor_manila.drivers.environment import Environment
from karbor_manila.drivers.parallel import as_they_come
from karbor_manila.drivers.values import Target
from karbor_manila.manila import marks, quota
from karbor_manila.manila.errors import SnapshotGone
from karbor_manila.manila.group_snapshots import GroupSnapshots, member_of
from karbor_manila.manila.groups import Groups, made_from
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.marks import PURPOSE, RESTORE, Mark
from karbor_manila.manila.ownership import SHARE
from karbor_manila.manila.snapshots import Snapshots
from karbor_manila.manila.views import NewShare, View

LOG = logging.getLogger(__name__)

_TEMPORARY = "Temporary; it is removed by itself"


class Restoring:
    """The restores of one flow.

    What they make besides the shares bears their mark, each time with ``restore``: a temporary
    group in its description, with the group snapshot as resource; a group that comes back the same
    way, with the group that was kept as resource; a temporary snapshot like what keeps a share.
    """

    def __init__(
        self, environment: Environment, groups: Groups, group_snapshots: GroupSnapshots
    ) -> None:
        self._client = environment.client
        self._manila = environment.manila
        self._shares = environment.shares
        self._groups = groups
        self._group_snapshots = group_snapshots
        self._snapshots = Snapshots(environment.client, environment.shares)
        self._locks: dict[Mark, threading.Lock] = defaultdict(threading.Lock)
        #: The groups of this flow that are there, by mark, and the shares that count on each.
        self._made: dict[Mark, str] = {}
        #: The temporary snapshots of this flow, by mark: users may write over a mark.
        self._between: dict[Mark, str] = {}
        self._counting: dict[Mark, set[str]] = defaultdict(set)

    # -- one share ----------------------------------------------------------------------------

    def one(self, kept: Kept, target: Target) -> str:
        """Begin a new share of one member of a group snapshot. Returns its id."""
        client, own = self._client, self._manila.own_project_id
        for view in client.with_mark(SHARE, target.mark, own, fresh=False):
            if view.get("snapshot_id"):
                return str(view["id"])
        mark = replace(target.mark, resource=kept.id)
        inside = self._group(kept, target, mark, own=target.new.size)
        self._groups.wait_made(self._made[mark])
        snapshot = self._snapshots.create(
            inside,
            target.mark,
            name=f"restore-{target.mark.restore}",
            description=_TEMPORARY,
            force=False,
        )
        snapshot_id = self._between[target.mark] = str(snapshot["id"])
        self._snapshots.wait(snapshot_id)
        return self._shares.create(
            target.mark,
            target.new,
            {"share_proto": target.share_proto, "snapshot_id": snapshot_id},
            lambda view: bool(view.get("snapshot_id")),
        )

    # -- the group as a group -----------------------------------------------------------------

    def as_group(self, kept: Kept, target: Target) -> str:
        """The share that comes back with its group. Returns its id.

        It bears the mark before it gets its name: from then on it is its user's.
        """
        client, own = self._client, self._manila.own_project_id
        for view in client.with_mark(SHARE, target.mark, own, fresh=False):
            if made_from(view):
                return self._hand_over(str(view["id"]), target)
        kept_as = self._group_snapshots.show(kept.id)
        if kept_as is None:
            raise SnapshotGone(kept.id, endpoint=self._manila.endpoint)
        mark = replace(target.mark, resource=str(kept_as["share_group_id"]))
        return self._hand_over(self._group(kept, target, mark), target)

    def _hand_over(self, share_id: str, target: Target) -> str:
        mark = target.mark
        metadata = {**target.new.metadata, **mark.metadata()}
        self._client.retry(lambda: self._manila.set_share_metadata(share_id, metadata))
        self._name(share_id, target.new)
        lists = self._client.lists[SHARE]
        lists.note_marked(share_id, mark, self._manila.own_project_id)
        lists.note_to_mount(share_id)
        return share_id

    def complete(self, target: Target, share_id: str) -> View:
        """Wait for a share; who made it may have died before it was named."""
        view = self._shares.wait_restored(share_id)
        if not view.get("name"):
            # A list of 2.8 does not say of which group snapshot it is.
            view = self._shares.show(share_id) or view
            if made_from(view):
                self._name(share_id, target.new)
                view = self._shares.show(share_id) or view
        return view

    def _name(self, share_id: str, new: NewShare) -> None:
        fields: dict[str, Any] = {
            "display_name": new.name,
            "display_description": new.description,
            "is_public": new.is_public,
        }
        self._client.retry(lambda: self._manila.update_share(share_id, **fields))

    # -- both ---------------------------------------------------------------------------------

    def _group(self, kept: Kept, target: Target, mark: Mark, own: int | None = None) -> str:
        """One group for all shares of the flow that come from the same snapshot.

        :param mark: of the group
        :param own: the size in GiB of a share that is made of one in it besides
        :returns: the id of the share in it that was made of what keeps the share
        """
        with self._locks[mark]:
            self._counting[mark].add(target.mark.resource)
            if mark not in self._made:
                self._made[mark] = self._make(kept, mark, own)
            group_id = self._made[mark]
        member = str(kept.data.get("member_id") or self._member_id(kept))
        for when in ("made", "available"):
            if when == "available":
                # Its reply was lost, and Manila may still have been making its shares.
                self._groups.wait_made(group_id)
            for view in self._inside(group_id, when):
                if made_from(view) == member:
                    return str(view["id"])
        raise SnapshotGone(kept.id, endpoint=self._manila.endpoint)

    def _inside(self, group_id: str, when: str) -> list[View]:
        """The shares in a group of ours; one list serves all of the flow who ask at a time."""
        own = self._manila.own_project_id
        key = (self, group_id, when)
        return self._client.once(key, lambda: self._groups.shares_in(group_id, own))

    def _make(self, kept: Kept, mark: Mark, own: int | None) -> str:
        kept_as = self._group_snapshots.show(kept.id) or {}
        sizes = [int(member["size"]) for member in kept_as.get("members") or []]
        quota.check_group_restore(self._client.retry(self._manila.limits), sizes, own)
        described = _TEMPORARY if own else "Restored as a group"
        name = f"restore-{mark.restore}"
        made = self._groups.make(mark, kept.id, name=name, description=described)
        group_id = str(made["id"])
        if own:
            self._say_temporary(group_id)
        return group_id

    def _say_temporary(self, group_id: str) -> None:
        """Keep the shares of a temporary group out of plans and lists of what can be protected."""
        inside = self._groups.shares_in(group_id, self._manila.own_project_id)

        def say(share_id: str) -> None:
            self._client.retry(
                lambda: self._manila.set_share_metadata(share_id, {PURPOSE: RESTORE})
            )

        ids = [str(view["id"]) for view in inside if made_from(view)]
        for share_id, error in as_they_come(ids, say, self._manila.parallel):
            if error:
                LOG.warning("Share %s does not say that it is temporary: %s", share_id, error)

    def _member_id(self, kept: Kept) -> str:
        view = self._group_snapshots.show(kept.id)
        member = member_of(view, kept.share_id) if view else None
        if member is None:
            raise SnapshotGone(kept.id, endpoint=self._manila.endpoint)
        return str(member["id"])

    # -- what is left -------------------------------------------------------------------------

    def forget(self, mark: Mark, project_id: str, timeout: float) -> None:
        """Remove what a restore made besides its share, but for what its other shares count on."""
        ids = {str(view["id"]) for view in self._snapshots.find(mark, project_id)}
        if between := self._between.pop(mark, None):
            ids.add(between)
        for snapshot_id in sorted(ids):
            self._snapshots.remove(snapshot_id, timeout, project_id, fresh=True)
        own = {group_id: made for made, group_id in list(self._made.items())}
        for group in self._groups.everything(project_id):
            known = own.get(str(group["id"])) or marks.read(group)
            if known and replace(known, resource=mark.resource) == mark:
                self._forget_group(group, known, mark, project_id, timeout)

    def _forget_group(
        self, group: View, known: Mark, mark: Mark, project_id: str, timeout: float
    ) -> None:
        group_id, temporary = str(group["id"]), is_temporary(group, known)
        if not temporary:
            self._remove_own(group, mark, project_id, timeout)
        with self._locks[known]:
            self._counting[known].discard(mark.resource)
            if self._counting[known]:
                return
            inside = self._groups.shares_in(group_id, project_id)
            if temporary and self._has_snapshots(inside, project_id):
                return  # of another share of this restore, which ends it
            if not temporary and not all(is_raw(view) for view in inside):
                return  # it is its user's
            self._groups.remove(group_id, timeout, project_id)
            self._made.pop(known, None)

    def _remove_own(self, group: View, mark: Mark, project_id: str, timeout: float) -> None:
        """Remove from a group that came back the mark's own share, if it was not handed over."""
        source = self._group_snapshots.show(str(group["source_share_group_snapshot_id"]))
        member = member_of(source, mark.resource) if source else None
        inside = self._groups.shares_in(str(group["id"]), project_id) if member else []
        own = [
            str(view["id"])
            for view in inside
            if member and is_raw(view) and made_from(view) == str(member["id"])
        ]
        self._shares.remove(own, timeout, project_id)

    def _has_snapshots(self, inside: Collection[View], project_id: str) -> bool:
        ids = {view["id"] for view in inside}
        kept = self._client.retry(lambda: self._manila.snapshots(project_id=project_id))
        return any(view["share_id"] in ids for view in kept)

    def left(self) -> list[tuple[View, Mark]]:
        """The temporary groups of restores, in all projects that the client sees, with their marks.

        A group that came back as one is its user's, whatever he has removed of it since.
        """
        every = ((group, marks.read(group)) for group in self._groups.everything())
        return [
            (group, mark)
            for group, mark in every
            if mark and mark.restore and is_temporary(group, mark)
        ]

    def remove_left(self, group: View, mark: Mark, timeout: float) -> bool:
        """Remove one of :meth:`left` with the snapshots in it. Returns whether it is gone."""
        group_id, project_id = str(group["id"]), str(group["project_id"])
        ids = {view["id"] for view in self._groups.shares_in(group_id, project_id)}
        listed = self._client.retry(lambda: self._manila.snapshots(project_id=project_id))
        for view in [view for view in listed if view["share_id"] in ids]:
            known = marks.read(view)
            if known and known.restore == mark.restore:
                self._snapshots.remove(str(view["id"]), timeout, project_id, fresh=True)
        try:
            return self._groups.remove(group_id, timeout, project_id)
        except KarborManilaError as error:
            LOG.warning("Share group %s, of restore %s, stays: %s", group_id, mark.restore, error)
            return False


def is_temporary(group: View, mark: Mark) -> bool:
    """Whether a group was made for the restore of single shares, and never to stay."""
    return group.get("source_share_group_snapshot_id") == mark.resource


def is_raw(share: View) -> bool:
    """Whether a share that came back with its group is as Manila made it: nobody got it yet."""
    return bool(made_from(share)) and not share.get("name") and marks.read(share) is None

# SPDX-License-Identifier: Apache-2.0
"""The group snapshots of one flow: made once for a group, waited for, looked at, removed."""

import threading
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from karbor_manila.common.polling import PENDING
from karbor_manila.manila import lookup, marks, statuses
from karbor_manila.manila.creating import Creation
from karbor_manila.manila.errors import SnapshotDoubtful
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.ownership import GROUP_SNAPSHOT
from karbor_manila.manila.removal import Removal
from karbor_manila.manila.views import View

_CURE = "manila share-group-snapshot-reset-state {id} and delete it again"


def member_of(view: View, share_id: str) -> View | None:
    """What a group snapshot has of a share: ``id``, ``share_id`` and ``size``."""
    members = view.get("members") or []
    return next((each for each in members if each.get("share_id") == share_id), None)


def shares_in(view: View) -> list[str]:
    """The ids of the shares that a group snapshot keeps."""
    return sorted(str(each["share_id"]) for each in view.get("members") or [])


class GroupSnapshots:
    """Group snapshots as the client of one flow sees them.

    They have no metadata: their mark stands in the description, with the group's id as resource.

    :param client: the flow's client
    """

    def __init__(self, client: FlowClient) -> None:
        self._client = client
        self._manila = client.manila
        self._creation = Creation(client)
        # One waits for many shares: how many is not known before.
        self._poller = client.poller(self._look, expected=1)
        self._locks: dict[object, threading.Lock] = defaultdict(threading.Lock)
        self._made: dict[Mark, str] = {}
        self._gone: set[tuple[str, str]] = set()
        #: Why one could not be removed, and when that was known.
        self._stays: dict[tuple[str, str], tuple[Exception, float]] = {}

    def create(self, mark: Mark, *, name: str, description: str | None) -> View:
        """Begin a snapshot of a group, or adopt the one that bears the mark.

        Who asks for the same one meanwhile gets it, too: there is one request for a group.

        :param mark: its resource is the group
        :param description: for people; the mark stands behind it
        :returns: its view, of any status, without members unless it is adopted
        """
        fields = {"name": name, "description": mark.describe(description)}
        with self._locks[mark]:
            known = self._made.get(mark)
            view = self.show(known) if known else None
            if view and view["status"] not in statuses.GROUP_SNAPSHOT_FINAL:
                return view
            made = self._creation.create(
                GROUP_SNAPSHOT,
                mark,
                fields,
                lambda: self._manila.create_share_group_snapshot(mark.resource, **fields),
                lambda view: (
                    view["status"] not in statuses.GROUP_SNAPSHOT_FINAL
                    and view["share_group_id"] == mark.resource
                ),
            )
            self._made[mark] = str(made["id"])
            return made

    def wait(self, snapshot_id: str, share_id: str) -> View:
        """Wait until what :meth:`create` began is available.

        What a repeated request made besides is removed.

        :raises ResourceFailed, DeadlineExceeded: it is not
        :raises SnapshotDoubtful: the share is not in it
        """
        client = self._client
        view: View = self._poller.wait(
            snapshot_id,
            client.until_available(GROUP_SNAPSHOT, snapshot_id, statuses.GROUP_SNAPSHOT_FINAL),
            client.timeouts.protect,
            f"group snapshot {snapshot_id} to become available",
        )
        own = self._manila.own_project_id
        for double in self._creation.doubles(GROUP_SNAPSHOT, snapshot_id):
            self.remove(double, client.timeouts.undo, own)
        return self._with_member(view, share_id)

    def check(
        self, snapshot_id: str, share_id: str, size: int | None, project_id: str | None
    ) -> View:
        """The view of a group snapshot that can be used now; all who ask at a time look once.

        :param share_id: that has to be in it
        :param size: GiB that it must have of the share; None for any
        :param project_id: whose it must be; None for any
        :raises SnapshotGone, SnapshotDoubtful: it cannot be used
        """

        def judge(view: View | None) -> View:
            return self.usable(view, snapshot_id, share_id, size, project_id)

        awaited = f"a look at group snapshot {snapshot_id}"
        return self._poller.wait(snapshot_id, judge, self._client.timeouts.outage, awaited)

    def usable(
        self,
        view: View | None,
        snapshot_id: str,
        share_id: str,
        size: int | None,
        project_id: str | None,
    ) -> View:
        """The view, when the group snapshot can be used; raises as :meth:`check`."""
        kept = self._client.ownership.check(snapshot_id, view, project_id)
        self._with_member(kept, share_id)
        if kept["status"] != statuses.AVAILABLE:
            why = f"its status is {kept['status']!r}, and only an available one can be used"
            raise SnapshotDoubtful(snapshot_id, why)
        has = int((member_of(kept, share_id) or {})["size"])
        if size is not None and has != size:
            why = f"it has {has} GiB of share {share_id}, and the record says {size}"
            raise SnapshotDoubtful(snapshot_id, why)
        return kept

    @staticmethod
    def _with_member(view: View, share_id: str) -> View:
        if member_of(view, share_id) is None:
            has = ", ".join(shares_in(view)) or "none"
            why = f"it is of share group {view['share_group_id']} ({has}), not of share {share_id}"
            raise SnapshotDoubtful(str(view["id"]), why)
        return view

    # -- looking ------------------------------------------------------------------------------

    def find(self, mark: Mark, project_id: str | None = None, *, fresh: bool = True) -> list[View]:
        """The group snapshots of the mark's checkpoint that have its share, those that may still be
        used first.

        :param mark: its resource is a share
        :param project_id: whose; by default the project that the client works on
        :param fresh: look now; else one list serves all of the flow
        :raises NotAdministrator: the session does not see what that project has
        """
        client = self._client
        whose = project_id or self._manila.project_id
        client.ownership.require(whose)

        def listed() -> list[View]:
            return client.retry(lambda: self._manila.share_group_snapshots(project_id=whose))

        views = listed() if fresh else client.once((GROUP_SNAPSHOT, whose, "first"), listed)
        found = [view for view in views if self._has(view, mark, whose)]
        return sorted(found, key=lambda view: view["status"] in statuses.GROUP_SNAPSHOT_FINAL)

    def _has(self, view: View, mark: Mark, project_id: str) -> bool:
        of_group = replace(mark, resource=str(view["share_group_id"]))
        return (
            member_of(view, mark.resource) is not None
            and marks.read(view) == of_group
            and self._client.ownership.is_of(GROUP_SNAPSHOT, view, project_id)
        )

    def everything(self) -> list[View]:
        """All group snapshots that the client sees, marked or not."""
        return self._client.retry(self._manila.share_group_snapshots)

    def show(self, snapshot_id: str) -> View | None:
        """One group snapshot; None when Manila, asked for this id, has none."""
        return self._client.retry(lambda: self._manila.share_group_snapshot(snapshot_id))

    # -- removing -----------------------------------------------------------------------------

    def remove(self, snapshot_id: str, timeout: float, project_id: str) -> None:
        """Remove a group snapshot until it is gone; groups that are being made of it end first.

        All who want the same one gone meanwhile, for other shares of it, wait for the one request.

        :param timeout: seconds
        :param project_id: whose it is; another project's is left alone
        :raises: as :meth:`.removal.Removal.until_gone`
        """
        clock, asked = self._client.clock, (snapshot_id, project_id)
        began = clock.now()
        with self._locks[snapshot_id]:
            if asked in self._gone:
                return
            error, known = self._stays.get(asked, (None, began))
            if error and known > began:
                raise error  # who has waited has waited for all
            try:
                self._remove(snapshot_id, timeout, project_id)
            except Exception as stays:
                self._stays[asked] = stays, clock.now()
                raise
            self._gone.add(asked)

    def _remove(self, snapshot_id: str, timeout: float, project_id: str) -> None:
        client = self._client
        if client.ownership.show(GROUP_SNAPSHOT, snapshot_id, project_id) is None:
            return
        self._wait_for_groups(snapshot_id, timeout)
        Removal(
            kind=GROUP_SNAPSHOT,
            ownership=client.ownership,
            delete=self._manila.delete_share_group_snapshot,
            poller=self._poller,
            deletable=statuses.GROUP_SNAPSHOT_DELETABLE,
            stuck=statuses.GROUP_SNAPSHOT_STUCK,
            depends=lambda _view: False,
            cure=_CURE,
            outage=min(timeout, client.timeouts.outage),
            attempt_takes=client.timeouts.request,
            clock=client.clock,
        ).until_gone(snapshot_id, timeout, project_id)

    def _wait_for_groups(self, snapshot_id: str, timeout: float) -> None:
        """Let the groups that are being made of this group snapshot end: they fail when it goes."""
        reach = self._manila.reach

        def look(_ids: Collection[str]) -> Mapping[str, Any]:
            listed = self._manila.share_groups(project_id=reach)
            made = [view for view in listed if self._is_made_of(view, snapshot_id)]
            return {snapshot_id: {"status": statuses.CREATING} if made else None}

        def judge(view: View | None) -> Any:
            return PENDING if view else True

        awaited = f"the groups that are made from group snapshot {snapshot_id}"
        self._client.poller(look, expected=1).wait(snapshot_id, judge, timeout, awaited)

    @staticmethod
    def _is_made_of(view: View, snapshot_id: str) -> bool:
        source = view.get("source_share_group_snapshot_id")
        return source == snapshot_id and view["status"] == statuses.CREATING

    def _look(self, ids: Collection[str]) -> Mapping[str, View | None]:
        return lookup.look(
            ids, self._manila.share_group_snapshot, self._manila.share_group_snapshots
        )

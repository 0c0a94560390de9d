# SPDX-License-Identifier: Apache-2.0
"""The snapshots of one flow: made once, waited for, looked at, removed until they are gone."""

import functools
from collections.abc import Collection
from typing import Any

from karbor_manila.manila import statuses
from karbor_manila.manila.creating import Creation
from karbor_manila.manila.errors import SnapshotDoubtful
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.ownership import SNAPSHOT
from karbor_manila.manila.removal import Removal
from karbor_manila.manila.shares import Shares
from karbor_manila.manila.views import View

_CURE = "openstack share snapshot delete --force {id}"


class Snapshots:
    """Snapshots as the client of one flow sees them.

    :param client: the flow's client
    :param shares: the flow's shares: a snapshot that goes concerns those that are made of it
    """

    def __init__(self, client: FlowClient, shares: Shares) -> None:
        self._client = client
        self._shares = shares
        self._manila = client.manila
        self._creation = Creation(client)
        self._lists = client.lists[SNAPSHOT]
        self._poller = client.poller(self._lists.look)

    def list_marked(self, marks: Collection[Mark]) -> None:
        """Look at once for what bears these marks, so that no :meth:`create` has to."""
        own = self._manila.own_project_id
        for mark in {tuple(mark.scope().items()): mark for mark in marks}.values():
            self._client.with_mark(SNAPSHOT, mark, own, fresh=False)

    def create(
        self, share_id: str, mark: Mark, *, name: str, description: str | None, force: bool
    ) -> View:
        """Begin a snapshot of a share, or adopt the one that bears the mark.

        :param description: for people; without snapshot metadata (2.73) the mark stands behind it
        :returns: its view, of any status
        """
        tagged = self._manila.features.snapshot_metadata
        fields: dict[str, Any] = {
            "name": name,
            "description": description if tagged else mark.describe(description),
            "force": force,
            "metadata": mark.metadata() if tagged else None,
        }
        made = self._creation.create(
            SNAPSHOT,
            mark,
            fields,
            lambda: self._manila.create_snapshot(share_id, **fields),
            lambda view: (
                view["status"] not in statuses.SNAPSHOT_FINAL and view["share_id"] == share_id
            ),
        )
        self._lists.note_marked(str(made["id"]), mark, self._manila.own_project_id)
        return made

    def wait(self, snapshot_id: str) -> View:
        """Wait until what :meth:`create` began is available.

        What a repeated request made besides is removed.

        :raises ResourceFailed, DeadlineExceeded: it is not
        """
        view: View = self._poller.wait(
            snapshot_id,
            self._client.until_available(SNAPSHOT, snapshot_id, statuses.SNAPSHOT_FINAL),
            self._client.timeouts.protect,
            f"snapshot {snapshot_id} to become available",
            begun=True,
        )
        own = self._manila.own_project_id
        for double in self._creation.doubles(SNAPSHOT, snapshot_id):
            self.remove(double, self._client.timeouts.undo, own, fresh=True)
        return view

    def note_marked(self, snapshot_id: str, mark: Mark, project_id: str | None) -> None:
        """This snapshot bears a mark: a list of its flow's is short, whatever else there is.

        :param project_id: whose it is; by default of the project that the client works on
        """
        self._lists.note_marked(snapshot_id, mark, project_id or self._manila.project_id)

    def check(
        self, snapshot_id: str, share_id: str, size: int | None, project_id: str | None
    ) -> View:
        """The view of a snapshot that can be used now; all who ask at a time look once.

        :param share_id: that it must belong to
        :param size: GiB that it must have; None for any
        :param project_id: whose it must be; None for any
        :raises SnapshotGone, SnapshotDoubtful: it cannot be used
        """

        def judge(view: View | None) -> View:
            return self.usable(view, snapshot_id, share_id, size, project_id)

        return self._poller.wait(
            snapshot_id, judge, self._client.timeouts.outage, f"a look at snapshot {snapshot_id}"
        )

    def usable(
        self,
        view: View | None,
        snapshot_id: str,
        share_id: str,
        size: int | None,
        project_id: str | None,
    ) -> View:
        """The view, when the snapshot can be used; raises as :meth:`check`."""
        kept = self._client.ownership.check(snapshot_id, view, project_id)
        if kept["share_id"] != share_id:
            why = f"it is of share {kept['share_id']}, not of share {share_id}"
            raise SnapshotDoubtful(snapshot_id, why)
        if kept["status"] != statuses.AVAILABLE:
            why = f"its status is {kept['status']!r}, and only an available one can be used"
            raise SnapshotDoubtful(snapshot_id, why)
        if size is not None and int(kept["size"]) != size:
            why = f"it has {kept['size']} GiB, and the record says {size}"
            raise SnapshotDoubtful(snapshot_id, why)
        return kept

    def find(self, mark: Mark, project_id: str | None = None, *, fresh: bool = True) -> list[View]:
        """What bears exactly this mark, those that may still be used first.

        :param project_id: whose; by default the project that the client works on
        """
        found = self._client.with_mark(SNAPSHOT, mark, project_id, fresh=fresh)
        return sorted(found, key=lambda view: view["status"] in statuses.SNAPSHOT_FINAL)

    def everything(self) -> list[View]:
        """All snapshots that the client sees, marked or not."""
        return self._client.retry(self._manila.snapshots)

    def show(self, snapshot_id: str) -> View | None:
        """One snapshot; None when Manila, asked for this id, has none."""
        return self._client.retry(lambda: self._manila.snapshot(snapshot_id))

    def remove(self, snapshot_id: str, timeout: float, project_id: str, *, fresh: bool) -> bool:
        """Remove a snapshot until it is gone; clones that are being made of it end first.

        :param timeout: seconds
        :param project_id: whose it is; another project's is left alone
        :param fresh: look at everything anew; else the lists of the flow serve (:mod:`.lists`)
        :returns: whether it was there
        :raises: as :meth:`.removal.Removal.until_gone`
        """
        client, lists = self._client, self._lists
        by_id = functools.partial(client.ownership.show, SNAPSHOT)
        look = by_id if fresh else lists.recent
        view = look(snapshot_id, project_id)

        def delete(snapshot_id: str) -> bool:
            accepted = self._manila.delete_snapshot(snapshot_id)
            if accepted and not fresh and project_id == self._manila.own_project_id:
                lists.note_leaving(snapshot_id)
            return accepted

        if view is not None:
            self._wait_for_clones(snapshot_id, timeout, fresh=fresh)
            removal = Removal(
                kind=SNAPSHOT,
                ownership=client.ownership,
                delete=delete,
                first_look=look,
                poller=self._poller,
                deletable=statuses.SNAPSHOT_DELETABLE,
                stuck=statuses.SNAPSHOT_STUCK,
                depends=lambda _view: False,
                cure=_CURE,
                outage=min(timeout, client.timeouts.outage),
                attempt_takes=client.timeouts.request,
                clock=client.clock,
            )
            removal.until_gone(snapshot_id, timeout, project_id)
            self._shares.note_removed_snapshot(str(view["share_id"]))
        self._poller.no_wait(snapshot_id)  # it may have been gone without a wait
        return view is not None

    def _wait_for_clones(self, snapshot_id: str, timeout: float, *, fresh: bool) -> None:
        """Let the clones that are being made of this snapshot end: they fail when it goes."""

        clones = self._list_clones() if fresh else self._client.once("clones", self._list_clones)
        for share_id, source in clones:
            if source == snapshot_id:
                self._shares.wait_made(share_id, snapshot_id, timeout)

    def _list_clones(self) -> list[tuple[str, str]]:
        """The shares that are being made from a snapshot, in whatever project the session sees:
        their ids and the snapshots'."""
        # Most of Manila's drivers leave a clone in the first; only those that go on after they have
        # answered use the second (manila/share/manager.py).
        named = self._manila.features.creating_from_snapshot
        of_clones = statuses.SHARE_CREATING if named else {statuses.CREATING}
        return [
            (view["id"], view["snapshot_id"])
            for status in sorted(of_clones)
            for view in self._list_shares(status)
            if view.get("snapshot_id")
        ]

    def _list_shares(self, status: str) -> list[View]:
        reach = self._manila.reach
        return self._client.retry(lambda: self._manila.shares(status=status, project_id=reach))

# SPDX-License-Identifier: Apache-2.0
"""The backups of one flow: made once, waited for, looked at, removed until they are gone.

Backups have no metadata: the mark stands at the end of the description.
"""

from collections.abc import Collection, Mapping
from typing import Any

from karbor_manila.common.polling import PENDING
from karbor_manila.manila import lookup, statuses
from karbor_manila.manila.backup_ownership import BACKUP, BackupOwnership
from karbor_manila.manila.backup_progress import Moving, percent
from karbor_manila.manila.client import EVERY_PROJECT
from karbor_manila.manila.creating import Creation
from karbor_manila.manila.errors import (
    BackupDoubtful,
    BackupGone,
    ResourceFailed,
)
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.removal import Removal
from karbor_manila.manila.shares import Shares
from karbor_manila.manila.views import View

_CURE = "openstack share backup set --status error {id}; openstack share backup delete {id}"


class Backups:
    """Backups as the client of one flow sees them.

    :param client: the flow's client
    :param shares: the flow's shares
    :param timeout: seconds that a backup may take in all
    :param idle: seconds in which its progress has to change
    """

    def __init__(self, client: FlowClient, shares: Shares, *, timeout: float, idle: float) -> None:
        self._client = client
        self._shares = shares
        self._manila = client.manila
        self._timeout = timeout
        self._idle = idle
        self._creation = Creation(client, self._own_with_mark)
        self._ownership = BackupOwnership(client)
        self._poller = client.poller(self._look)

    # -- making -------------------------------------------------------------------------------

    def list_marked(self, marks: Collection[Mark]) -> None:
        """Look at once for what bears these marks, so that no :meth:`create` has to."""
        for mark in {_text(mark): mark for mark in marks}.values():
            self._own_with_mark(BACKUP, mark, False)  # noqa: FBT003 - the flow's first list

    def create(
        self, share_id: str, mark: Mark, *, name: str, description: str | None, backup_type: str
    ) -> View:
        """Begin a backup of a share, or adopt the one that bears the mark.

        :param description: for people; the mark stands behind it
        :returns: its view, of any status
        """
        fields: dict[str, Any] = {
            "name": name,
            "description": mark.describe(description),
            "backup_type": backup_type,
        }
        return self._creation.create(
            BACKUP,
            mark,
            fields,
            lambda: self._manila.create_backup(share_id, **fields),
            lambda view: (
                view["status"] not in statuses.BACKUP_FINAL and view["share_id"] == share_id
            ),
        )

    def wait(self, backup_id: str, seen: Any = None) -> View:
        """Wait until what :meth:`create` began is available.

        What a repeated request made besides is removed.

        :param seen: called with each new percentage
        :raises ResourceFailed, DeadlineExceeded: it is not
        """
        client = self._client
        moving = Moving(f"backup {backup_id}", self._idle, client.clock, seen)

        def judge(view: View | None) -> Any:
            if view is None:
                raise ResourceFailed(BACKUP, backup_id, "gone", "it was removed meanwhile")
            if view["status"] in statuses.BACKUP_WHOLE:
                return view
            if view["status"] in statuses.BACKUP_FINAL:
                raise ResourceFailed(BACKUP, backup_id, view["status"], client.reason(backup_id))
            moving.look(percent(view, "progress"))
            return PENDING

        awaited = f"backup {backup_id} to become available"
        view: View = self._poller.wait(backup_id, judge, self._timeout, awaited)
        for double in self._creation.doubles(BACKUP, backup_id):
            self.remove(double, client.timeouts.undo, self._manila.own_project_id)
        return view

    # -- looking ------------------------------------------------------------------------------

    def check(
        self, backup_id: str, share_id: str, size: int | None, project_id: str | None
    ) -> View:
        """The view of a backup that can be used; all who ask at a time look once.

        :param share_id: that it must belong to
        :param size: GiB that it must have; None for any
        :param project_id: whose it must be; None for any
        :raises SnapshotGone, SnapshotDoubtful: it cannot be used
        """

        def judge(view: View | None) -> View:
            return self.usable(view, backup_id, share_id, size, project_id)

        return self._poller.wait(
            backup_id, judge, self._client.timeouts.outage, f"a look at backup {backup_id}"
        )

    def usable(
        self,
        view: View | None,
        backup_id: str,
        share_id: str,
        size: int | None,
        project_id: str | None,
    ) -> View:
        """The view, when the backup can be used; raises as :meth:`check`."""
        if view is None or (project_id and not self._ownership.is_of(BACKUP, view, project_id)):
            raise BackupGone(backup_id, endpoint=self._manila.endpoint)
        if view["share_id"] != share_id:
            why = f"it is of share {view['share_id']}, not of share {share_id}"
            raise BackupDoubtful(backup_id, why)
        if view["status"] not in statuses.BACKUP_WHOLE:
            raise BackupDoubtful(backup_id, f"its status is {view['status']!r}{_mend(view)}")
        if size is not None and int(view["size"]) != size:
            raise BackupDoubtful(
                backup_id, f"it has {view['size']} GiB, and the record says {size}"
            )
        return view

    def find(self, mark: Mark, project_id: str | None = None) -> list[View]:
        """What bears exactly this mark now, those that may still be used first.

        :param project_id: whose; by default of the project that the client works on
        :raises NotAdministrator: the session does not see what that project has
        """
        whose = project_id or self._manila.project_id
        self._ownership.require(whose)
        listed = self._list(_text(mark), every=self._ownership.sees_all())
        found = self._ownership.with_mark(BACKUP, mark, listed, whose)
        return sorted(found, key=lambda view: view["status"] in statuses.BACKUP_FINAL)

    def of_shares(self, share_ids: Collection[str]) -> list[View]:
        """The backups that the project has of these shares, whoever made them."""
        return [view for view in self._list("") if view["share_id"] in share_ids]

    def everything(self) -> list[View]:
        """All backups that the client sees, marked or not."""
        whose = self._manila.project_id
        self._ownership.require(whose)
        views = self._ownership.with_projects(self._list("", every=self._ownership.sees_all()))
        return [view for view in views if whose in (EVERY_PROJECT, view["project_id"])]

    def show(self, backup_id: str) -> View | None:
        """One backup; None when Manila, asked for this id, has none."""
        view = self._client.retry(lambda: self._manila.backup(backup_id))
        return self._ownership.with_projects([view])[0] if view else None

    def _own_with_mark(self, _kind: str, mark: Mark, fresh: bool) -> list[View]:  # noqa: FBT001
        text, own = _text(mark), self._manila.own_project_id
        views = (
            self._list(text)
            if fresh
            else self._client.once((BACKUP, text), lambda: self._list(text))
        )
        return self._ownership.with_mark(BACKUP, mark, views, own)

    def _list(self, text: str, *, every: bool = False) -> list[View]:
        """Those that a session's own project has, which say so, or those of all projects."""
        found = self._client.retry(lambda: self._manila.backups(text=text, every_project=every))
        own = {} if every else {"project_id": self._manila.own_project_id}
        return [view | own for view in found]

    def _look(self, ids: Collection[str]) -> Mapping[str, View | None]:
        every = self._manila.reach == EVERY_PROJECT
        return lookup.look(
            ids, self._manila.backup, lambda: self._manila.backups(every_project=every)
        )

    # -- removing -----------------------------------------------------------------------------

    def remove(self, backup_id: str, timeout: float, project_id: str) -> bool:
        """Remove a backup until it is gone; a restore from it ends first, for Manila deletes none
        that is in use.

        :param timeout: seconds
        :param project_id: whose it is; another project's is left alone
        :returns: whether it was there
        :raises: as :meth:`.removal.Removal.until_gone`
        """
        client = self._client
        removal = Removal(
            kind=BACKUP,
            ownership=self._ownership,
            delete=self._manila.delete_backup,
            poller=self._poller,
            deletable=statuses.BACKUP_DELETABLE,
            stuck=statuses.BACKUP_STUCK,
            depends=lambda _view: False,
            cure=_CURE,
            outage=min(timeout, client.timeouts.outage),
            attempt_takes=client.timeouts.request,
            clock=client.clock,
        )
        was_there = removal.until_gone(backup_id, timeout, project_id)
        self._poller.no_wait(backup_id)  # it may have been gone without a wait
        return was_there


def _text(mark: Mark) -> str:
    """What the descriptions of all of a checkpoint's backups have in common."""
    return mark.describe(None).partition(" s=")[0]


def _mend(view: View) -> str:
    if view["status"] != statuses.ERROR:
        return ""
    return (
        f". Manila says so too of a good backup after a restore from it has failed: an "
        f"administrator can look, and make it usable again (openstack share backup set --status "
        f"available {view['id']})"
    )

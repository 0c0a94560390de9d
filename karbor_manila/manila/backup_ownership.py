# SPDX-License-Identifier: Apache-2.0
"""Whose a backup is: its view does not say it.

A tenant is shown his own project's alone. An administrator is shown all, and to him a backup is of
its share's project. A share that is transferred leaves its backups behind in the project that made
them (manila/transfer/api.py): who is no administrator there removes them.
"""

from collections.abc import Collection, Mapping

from karbor_manila.manila import lookup
from karbor_manila.manila.client import EVERY_PROJECT
from karbor_manila.manila.errors import NotAdministrator
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.marks import read as read_mark
from karbor_manila.manila.ownership import Ownership
from karbor_manila.manila.views import View

BACKUP = "backup"


class BackupOwnership(Ownership):
    """As of shares and snapshots.

    :param client: the flow's client
    """

    def __init__(self, client: FlowClient) -> None:
        super().__init__(client.manila, client.retry)
        self._client = client

    def show(self, kind: str, resource_id: str, project_id: str) -> View | None:
        """As :meth:`.ownership.Ownership.show`, of a backup."""
        self.require(project_id)
        view = self._client.retry(lambda: self._client.manila.backup(resource_id))
        return view if view and self.is_of(kind, view, project_id) else None

    def is_of(self, kind: str, view: View, project_id: str) -> bool:
        """As :meth:`.ownership.Ownership.is_of`."""
        return super().is_of(kind, self.with_projects([view])[0], project_id)

    def with_mark(
        self, kind: str, wanted: Mark, views: Collection[View], project_id: str
    ) -> list[View]:
        """As :meth:`.ownership.Ownership.with_mark`."""
        marked = self.with_projects([view for view in views if read_mark(view) == wanted])
        return super().with_mark(kind, wanted, marked, project_id)

    def with_projects(self, views: Collection[View]) -> list[View]:
        """The views, each with ``project_id``; empty when it cannot be known, and then it
        counts as no project's."""
        unknown = {str(view["share_id"]) for view in views if "project_id" not in view}
        if not unknown:
            return list(views)
        if not self.sees_all():
            own = {"project_id": self._client.manila.own_project_id}
            return [own | view for view in views]
        shares = self._client.retry(lambda: self._shares(unknown))

        def whose(view: View) -> View:
            share = shares.get(view["share_id"]) or {}
            return {"project_id": str(share.get("project_id", ""))}

        return [whose(view) | view for view in views]

    def sees_all(self) -> bool:
        """Whether this is an administrator's session; asked once for a flow."""

        def asked() -> bool:
            try:
                self._client.retry(self._client.manila.require_administrator)
            except NotAdministrator:
                return False
            return True

        return self._client.once("administrator", asked)

    def _shares(self, share_ids: set[str]) -> Mapping[str, View | None]:
        manila = self._client.manila
        return lookup.look(share_ids, manila.share, lambda: manila.shares(project_id=EVERY_PROJECT))

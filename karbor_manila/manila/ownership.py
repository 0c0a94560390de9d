# SPDX-License-Identifier: Apache-2.0
"""Whose is it? The one gate before anything in Manila is removed or adopted.

An administrator's session reaches every project, and a share that is transferred to another one
takes its snapshots along (manila/transfer/api.py). So what has an id of ours, or bears a mark of
ours, is looked at first; what belongs to another project than expected is not ours any more: it is
left alone, and for a removal it counts as gone. That something is not there is only
believed of a session that would see it.
"""

from collections.abc import Callable, Collection
from typing import Any, TypeVar

from oslo_log import log as logging

from karbor_manila.manila import responses
from karbor_manila.manila.client import EVERY_PROJECT, Manila
from karbor_manila.manila.errors import SnapshotGone
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.marks import read as read_mark
from karbor_manila.manila.paging import Listing
from karbor_manila.manila.views import View

LOG = logging.getLogger(__name__)

T = TypeVar("T")

SHARE = "share"
SNAPSHOT = "snapshot"
GROUP = "share group"
GROUP_SNAPSHOT = "group snapshot"

# The methods of the client that show one of a kind, and that list many.
_LOOKS = {
    SHARE: ("share", "shares"),
    SNAPSHOT: ("snapshot", "snapshots"),
    GROUP: ("share_group", "share_groups"),
    GROUP_SNAPSHOT: ("share_group_snapshot", "share_group_snapshots"),
}

KINDS = tuple(_LOOKS)


def one_of(manila: Manila, kind: str) -> Callable[[str], View | None]:
    """What shows one of a kind by its id."""
    found: Callable[[str], View | None] = getattr(manila, _LOOKS[kind][0])
    return found


def many_of(manila: Manila, kind: str) -> Callable[..., Listing]:
    """What lists many of a kind, by ``metadata`` and ``project_id``."""
    found: Callable[..., Listing] = getattr(manila, _LOOKS[kind][1])
    return found


class Ownership:
    """What of Manila belongs to which project.

    :param manila: the flow's client
    :param retry: retries transient errors
    """

    def __init__(self, manila: Manila, retry: Callable[[Callable[[], Any]], Any]) -> None:
        self._manila = manila
        self._retry = retry

    def require(self, project_id: str) -> None:
        """Make sure that the session sees what a project has, before its absence is believed.

        :raises NotAdministrator: it does not
        """
        if project_id not in (self._manila.own_project_id, EVERY_PROJECT):
            self._retry(lambda: self._manila.require_administrator(project_id))

    def show(self, kind: str, resource_id: str, project_id: str) -> View | None:
        """One of a kind as it is now; None when it is gone, or is another project's by now.

        :raises NotAdministrator: that cannot be known
        """
        self.require(project_id)
        one = one_of(self._manila, kind)

        def look() -> View | None:
            view: View | None = one(resource_id)
            if view is not None:
                # What does not say whose it is says nothing: least of all that it is another's.
                responses.part(f"show {kind} {resource_id}", view, "project_id")
            return view

        view = self._retry(look)
        return view if view and self.is_of(kind, view, project_id) else None

    def is_of(self, kind: str, view: View, project_id: str) -> bool:
        """Whether it belongs to a project; says in the log when it does not."""
        whose = responses.part(f"show {kind} {view['id']}", view, "project_id")
        if project_id in (EVERY_PROJECT, whose):
            return True
        LOG.warning(
            "%s %s belongs to project %s and not to %s: it is left alone",
            kind.capitalize(),
            view["id"],
            whose,
            project_id,
        )
        return False

    def with_mark(
        self, kind: str, wanted: Mark, views: Collection[View], project_id: str
    ) -> list[View]:
        """Those of these that bear exactly this mark and belong to the project."""
        return [
            view
            for view in views
            if read_mark(view) == wanted and self.is_of(kind, view, project_id)
        ]

    def check(self, snapshot_id: str, view: View | None, project_id: str | None) -> View:
        """The view of a snapshot that is used, when it is there and of the project.

        :param project_id: None for any
        :raises SnapshotGone: it is not
        """
        if view is None or not self.is_of(SNAPSHOT, view, project_id or EVERY_PROJECT):
            raise SnapshotGone(snapshot_id, endpoint=self._manila.endpoint)
        return view

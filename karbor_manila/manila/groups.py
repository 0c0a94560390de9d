# SPDX-License-Identifier: Apache-2.0
"""The share groups of one flow: looked at, waited for, made from a group snapshot, removed."""

from collections.abc import Collection, Mapping
from typing import Any

from oslo_log import log as logging

from karbor_manila.common.polling import PENDING
from karbor_manila.manila import lookup, statuses
from karbor_manila.manila.creating import Creation
from karbor_manila.manila.errors import GroupDoubtful
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.ownership import GROUP
from karbor_manila.manila.paging import Listing
from karbor_manila.manila.removal import Removal
from karbor_manila.manila.shares import Shares
from karbor_manila.manila.views import View

LOG = logging.getLogger(__name__)

_CURE = "manila share-group-reset-state {id} and delete it again"


def made_from(share: View) -> str | None:
    """The member of a group snapshot that a share in a group was made from; None of others."""
    member = share.get("source_share_group_snapshot_member_id")
    return str(member) if member else None


class Groups:
    """Share groups as the client of one flow sees them.

    They have no metadata: the mark of one that we make stands in its description.

    :param client: the flow's client
    :param shares: the flow's shares
    """

    def __init__(self, client: FlowClient, shares: Shares) -> None:
        self._client = client
        self._manila = client.manila
        self._shares = shares
        self._creation = Creation(client)
        # One waits for many shares: how many is not known before.
        self._poller = client.poller(self._look, expected=1)
        self._idle = client.poller(self._look_with_members, expected=1)

    # -- looking ------------------------------------------------------------------------------

    def show(self, group_id: str) -> View | None:
        """A share group; None when Manila, asked for this id, has none."""
        return self._client.retry(lambda: self._manila.share_group(group_id))

    def of_flow(self, group_id: str) -> View | None:
        """As :meth:`show`, asked once for all of the flow."""
        return self._client.once((GROUP, group_id), lambda: self.show(group_id))

    def is_consistent(self, group_id: str) -> bool:
        """Whether a snapshot of the group has all shares as they were at one moment."""
        return bool((self.of_flow(group_id) or {}).get("consistent_snapshot_support"))

    def shares_in(self, group_id: str, project_id: str | None = None) -> list[View]:
        """The shares in a group, as they are now.

        :param project_id: whose; by default of the project that the client works on
        """

        def listed() -> Listing:
            return self._manila.shares_of_group(group_id, project_id=project_id)

        return self._client.retry(listed)

    def everything(self, project_id: str | None = None) -> list[View]:
        """All share groups of a project.

        :param project_id: whose; by default of the project that the client works on
        :raises NotAdministrator: the session does not see what that project has
        """
        if project_id:
            self._client.ownership.require(project_id)
        return self._client.retry(lambda: self._manila.share_groups(project_id=project_id))

    def await_idle(self, group_id: str, timeout: float) -> bool:
        """Wait until nothing is done to a group or a share in it: only then Manila makes a snapshot
        of it (manila/share_group/api.py, create_share_group_snapshot).

        :param timeout: seconds
        :returns: whether there was something to wait for
        :raises GroupDoubtful: an administrator has to mend something first
        """
        waited = False

        def judge(seen: View | None) -> Any:
            nonlocal waited
            group, inside = (seen["group"], seen["shares"]) if seen else (None, [])
            if wrong := what_is_wrong(group_id, group, inside):
                raise GroupDoubtful(group_id, wrong)
            busy = seen is not None and seen["status"] != statuses.AVAILABLE
            waited = waited or busy
            return PENDING if busy else True

        awaited = f"share group {group_id} and all shares in it to become available"
        self._idle.wait(group_id, judge, timeout, awaited)
        return waited

    # -- making and removing ------------------------------------------------------------------

    def make(self, mark: Mark, snapshot_id: str, *, name: str, description: str) -> View:
        """Begin a group from a group snapshot, or adopt the one that bears the mark.

        :returns: its view, of any status; its shares are there
        :raises GroupDoubtful: the group that was kept is not there any more
        """
        snapshot = self._client.retry(lambda: self._manila.share_group_snapshot(snapshot_id))
        source_id = str((snapshot or {}).get("share_group_id"))
        source = self.of_flow(source_id)
        if source is None:
            raise GroupDoubtful(source_id, "it is not there any more, or not in this project")
        fields: dict[str, Any] = {
            "name": name,
            "description": mark.describe(description),
            "source_share_group_snapshot_id": snapshot_id,
            # Else Manila takes its default one, which need not fit (manila/api/v2/share_groups.py).
            "share_group_type_id": source["share_group_type_id"],
        }
        return self._creation.create(
            GROUP,
            mark,
            fields,
            lambda: self._manila.create_share_group(**fields),
            lambda view: (
                view["status"] not in statuses.GROUP_FINAL
                and view["source_share_group_snapshot_id"] == snapshot_id
            ),
        )

    def wait_made(self, group_id: str) -> View:
        """Wait until a group is available; what a repeated request made besides is removed.

        :raises ResourceFailed, DeadlineExceeded: it is not
        """
        client = self._client
        view: View = self._poller.wait(
            group_id,
            client.until_available(GROUP, group_id, statuses.GROUP_FINAL),
            client.timeouts.restore,
            f"share group {group_id} to become available",
        )
        own = self._manila.own_project_id
        for double in self._creation.doubles(GROUP, group_id):
            self.remove(double, client.timeouts.undo, own)
        return view

    def remove(self, group_id: str, timeout: float, project_id: str) -> bool:
        """Remove a group that we made of a group snapshot, with the shares that came with it.

        A share that somebody else has made in it stays, and so does the group then.

        :param timeout: seconds
        :param project_id: whose it is; another project's is left alone
        :returns: whether it is gone
        :raises: as :meth:`.removal.Removal.until_gone`
        """
        client = self._client
        if client.ownership.show(GROUP, group_id, project_id) is None:
            return True
        inside = self.shares_in(group_id, project_id)
        others = [str(view["id"]) for view in inside if made_from(view) is None]
        self._shares.remove(
            [str(view["id"]) for view in inside if made_from(view)], timeout, project_id
        )
        if others:
            LOG.warning("Share group %s stays: others have made shares in it: %s", group_id, others)
            return False
        Removal(
            kind=GROUP,
            ownership=client.ownership,
            delete=self._manila.delete_share_group,
            poller=self._poller,
            deletable=statuses.GROUP_DELETABLE,
            stuck=statuses.GROUP_STUCK,
            depends=lambda _view: False,
            cure=_CURE,
            outage=min(timeout, client.timeouts.outage),
            attempt_takes=client.timeouts.request,
            clock=client.clock,
        ).until_gone(group_id, timeout, project_id)
        return True

    def _look(self, ids: Collection[str]) -> Mapping[str, View | None]:
        return lookup.look(ids, self._manila.share_group, self._manila.share_groups)

    def _look_with_members(self, ids: Collection[str]) -> Mapping[str, View | None]:
        """Each group with its shares, and the status of what is not available of them all."""
        seen: dict[str, View | None] = {}
        for group_id, group in self._look(ids).items():
            inside = list(self._manila.shares_of_group(group_id)) if group else []
            known = [view["status"] for view in (group, *inside) if view]
            busy = [status for status in known if status != statuses.AVAILABLE]
            status = next(iter(busy), statuses.AVAILABLE)
            seen[group_id] = {"group": group, "shares": inside, "status": status} if group else None
        return seen


# -- what a snapshot of a group needs -------------------------------------------------------------


def what_is_wrong(group_id: str, group: View | None, inside: Collection[View]) -> str:
    """What an administrator, or the user, has to mend before Manila makes a snapshot of a group, a
    phrase that begins with the group as "it"; empty when nothing is."""
    if group is None:
        return "it is not in this project"
    if group["status"] in statuses.GROUP_FINAL:
        return f"its status is {group['status']!r}"
    broken = [view for view in inside if view["status"] in statuses.SHARE_FINAL]
    named = ", ".join(f"share {view['id']} is {view['status']!r}" for view in broken)
    return f"of the shares in it {named}, and Manila keeps all of them or none" if broken else ""

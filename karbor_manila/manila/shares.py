# SPDX-License-Identifier: Apache-2.0
"""The shares of one flow, whatever driver protects them: shown, made, mounted, removed."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from oslo_log import log as logging

from karbor_manila.common.polling import PENDING
from karbor_manila.manila import access, lookup, placing, quota, statuses
from karbor_manila.manila.creating import Creation
from karbor_manila.manila.errors import ManilaRefused
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.marks import COPY, PURPOSE, Mark
from karbor_manila.manila.ownership import SHARE
from karbor_manila.manila.share_removal import ShareRemoval
from karbor_manila.manila.views import NewShare, Placement, Rule, View

LOG = logging.getLogger(__name__)


class Shares:
    """Shares as the client of one flow sees them. There is one for each flow.

    Errors of every method: :class:`~karbor_manila.manila.errors.ManilaUnavailable` when transient
    errors went on for too long, :class:`~karbor_manila.manila.errors.ManilaRefused` when Manila
    said no.

    :param client: the flow's client
    """

    def __init__(self, client: FlowClient) -> None:
        self._client = client
        self._manila = client.manila
        self._creation = Creation(client)
        #: Looks at all shares that the flow waits for.
        self.poller = client.poller(self._look)
        self._removal = ShareRemoval(client, self.poller)

    # -- looking ------------------------------------------------------------------------------

    def show(self, share_id: str) -> View | None:
        """A share; None when Manila, asked for this id, has none."""
        return self._client.retry(lambda: self._manila.share(share_id))

    def parent(self, share_id: str) -> View | None:
        """The share that something kept belongs to, as it is now: looked at once in a flow. One
        list serves all of a flow of many."""

        def many() -> dict[str, View]:
            if self._client.expected <= lookup.FEW:
                return {}
            return {view["id"]: view for view in self._client.retry(self._manila.shares)}

        found = self._client.once("parents", many).get(share_id)
        return found or self._client.once(f"parent {share_id}", lambda: self.show(share_id))

    def find(self, mark: Mark, *, project_id: str | None = None) -> list[View]:
        """The shares that bear exactly this mark now, those that may become available first.

        :param project_id: whose; by default the project that the client works on. What an
            administrator makes for another project belongs to his own
        :raises NotAdministrator: the session does not see what that project has
        """
        found = self._client.with_mark(SHARE, mark, project_id, fresh=True)
        return sorted(found, key=lambda view: view["status"] in statuses.SHARE_FINAL)

    # -- making -------------------------------------------------------------------------------

    def check_place(self, share_id: str, placed: Placement, new: NewShare | None) -> None:
        """Whether a new share could be made where its source is; as :func:`.placing.check`."""
        placing.check(self._client, share_id, placed, new)

    def check_quota(self, sizes: Collection[int], replicated: Collection[int] = ()) -> None:
        """Whether the quota suffices for new shares of these sizes (GiB); writes nothing.

        :param replicated: the sizes of those that count as replicas, too
        :raises QuotaTooSmall: not all of them fit
        """
        limits = self._client.retry(self._manila.limits)
        quota.check_shares(limits, sizes, replicated=replicated)

    def create(
        self,
        mark: Mark,
        new: NewShare,
        fields: Mapping[str, Any],
        is_ours: Callable[[View], bool],
    ) -> str:
        """Begin a new share, or adopt the one that bears the mark.

        :param fields: what it is made of: ``share_proto``, and what the driver restores from
        :param is_ours: whether a share that bears the mark was made of that
        :returns: its id, as soon as the server has answered
        :raises KeyUnknown: it is to have a key, of which this Manila knows nothing
        """
        placing.check_key(self._client, mark.resource, new)
        asked: dict[str, Any] = {
            **fields,
            "size": new.size,
            "name": new.name,
            "description": new.description,
            "metadata": {**new.metadata, **mark.metadata()},
            "is_public": new.is_public,
            **new.asked,
        }
        if new.encryption_key_ref:  # not taken over by itself (manila/share/api.py, create)
            asked["encryption_key_ref"] = new.encryption_key_ref
        made = self._creation.create(
            SHARE, mark, asked, lambda: self._manila.create_share(**asked), is_ours
        )
        share_id = str(made["id"])
        lists = self._client.lists[SHARE]
        lists.note_marked(share_id, mark, self._manila.own_project_id)
        if new.metadata.get(PURPOSE) != COPY:  # nobody mounts the share of a copy
            lists.note_to_mount(share_id)
        return share_id

    def wait_restored(self, share_id: str) -> View:
        """Wait until a new share is available.

        What a repeated request made besides is removed.

        :raises ResourceFailed: it failed, with Manila's reason
        :raises DeadlineExceeded: it took too long
        """
        client = self._client
        view: View = self.poller.wait(
            share_id,
            client.until_available(SHARE, share_id, statuses.SHARE_FINAL),
            client.timeouts.restore,
            f"share {share_id} to become available",
            begun=True,
        )
        undo = client.timeouts.undo
        doubles = self._creation.doubles(SHARE, share_id)
        self._removal.until_gone(doubles, undo, undo, self._manila.own_project_id)
        return view

    def wait_made(self, share_id: str, snapshot_id: str, timeout: float) -> None:
        """Wait until a share is not being made any more, whatever became of it.

        :param snapshot_id: of which it is made, for the error
        :param timeout: seconds
        """

        def judge(view: View | None) -> Any:
            return PENDING if view and view["status"] in statuses.SHARE_CREATING else True

        awaited = f"share {share_id} to be made from snapshot {snapshot_id}"
        self.poller.wait(share_id, judge, timeout, awaited)

    # -- mounting -----------------------------------------------------------------------------

    def access_rules(self, share_id: str) -> list[Rule] | None:
        """Who may mount a share: dicts with ``access_type``, ``access_to``, ``access_level`` and
        ``metadata``, never a key. None when Manila does not show it.

        ``access_to`` is :data:`.views.HIDDEN` in a rule that Manila does not show to this user."""
        return access.read(self._manila, share_id, self._client.retry)

    def grant(self, share_id: str, rules: Collection[Rule]) -> list[str]:
        """Give a share these access rules and wait until they are in force.

        :returns: a sentence for each rule that is not
        """
        return access.grant(
            self._manila,
            share_id,
            rules,
            retry=self._client.retry,
            timeout=self._client.timeouts.undo,
            clock=self._client.clock,
        )

    def export_locations(self, share_id: str) -> list[str]:
        """Where a share can be mounted, the preferred first; empty when Manila does not show it.

        The path of a new share that has one alone is known from the lists of those that are waited
        for together.
        """
        path = self._client.lists[SHARE].path(share_id)
        if path:
            return [path]
        try:
            return self._client.retry(lambda: self._manila.export_locations(share_id))
        except ManilaRefused as refused:
            LOG.info("The export locations of share %s are not shown: %s", share_id, refused)
            return []

    # -- removing -----------------------------------------------------------------------------

    def discard(
        self, mark: Mark, share_id: str | None, *, project_id: str, undo: bool = True
    ) -> bool:
        """Remove the new share of a failed restore, by its id and by its mark, until it is gone.
        The protected share is never removed, whatever it bears.

        :param project_id: whose it is: that of the session which made it
        :param undo: within the undo timeout; else within the delete timeout
        :returns: whether anything had to be removed
        :raises NotAdministrator: the session does not see what that project has
        :raises DeadlineExceeded: it is still there
        """
        found = {view["id"] for view in self._client.with_mark(SHARE, mark, project_id, fresh=True)}
        found |= {share_id} if share_id else set()
        found.discard(mark.resource)  # the protected share itself goes for no mark and no intent
        timeout = self._timeout(undo=undo)
        outage = min(timeout, self._client.timeouts.outage)
        return self._removal.until_gone(found, timeout, outage, project_id)

    def delete_clone(
        self, mark: Mark | None, share_id: str | None, *, project_id: str, undo: bool = False
    ) -> None:
        """Remove the share of a copy until it is gone, as a driver's ``delete`` removes what keeps
        a share; what keeps this one has to be gone before.

        :param mark: of the share (:meth:`Mark.of_clone`); None to go by the id alone. By the mark
            only what was made for a copy is removed: it can be forged
        """
        marked = self._client.with_mark(SHARE, mark, project_id, fresh=undo) if mark else []
        found = {view["id"] for view in marked if (view.get("metadata") or {}).get(PURPOSE) == COPY}
        found |= {share_id} if share_id else set()
        timeout = self._timeout(undo=undo)
        outage = min(timeout, self._client.timeouts.outage)
        self._removal.until_gone(found, timeout, outage, project_id)
        for removed in found:
            self.poller.no_wait(removed)

    def note_removed_snapshot(self, share_id: str) -> None:
        """A snapshot of this share was removed: Manila may defer that, and counts it until then."""
        self._removal.cleared.add(share_id)

    def _timeout(self, *, undo: bool) -> float:
        return self._client.timeouts.undo if undo else self._client.timeouts.delete

    def remove(self, shares: Collection[str], timeout: float, project_id: str) -> bool:
        """Remove shares by their ids until they are gone.

        :param timeout: seconds, for each
        :param project_id: whose they are; another project's are left alone
        :returns: whether anything had to be removed
        :raises: as :meth:`.removal.Removal.until_gone`
        """
        outage = min(timeout, self._client.timeouts.outage)
        return self._removal.until_gone(shares, timeout, outage, project_id)

    def _look(self, ids: Collection[str]) -> Mapping[str, View | None]:
        return self._client.lists[SHARE].look(ids)

# SPDX-License-Identifier: Apache-2.0
"""How shares are removed: also one in a group, one with locks, and what a restore has spoilt."""

import functools
from collections.abc import Collection

from oslo_log import log as logging

from karbor_manila.common.polling import Poller
from karbor_manila.manila import backup_targets, statuses
from karbor_manila.manila.errors import ManilaRefused, ManilaUnavailable, ShareLocked
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.ownership import SHARE
from karbor_manila.manila.removal import Removal
from karbor_manila.manila.views import View

LOG = logging.getLogger(__name__)


class ShareRemoval:
    """Removes the shares of one flow.

    :param client: the flow's client
    :param poller: looks at all shares that the flow waits for
    """

    def __init__(self, client: FlowClient, poller: Poller) -> None:
        self._client = client
        self._manila = client.manila
        self._poller = poller
        #: Shares of which this flow has removed snapshots: Manila may still count them.
        self.cleared: set[str] = set()

    def until_gone(
        self, shares: Collection[str], timeout: float, outage: float, project_id: str
    ) -> bool:
        """Remove shares by their ids and wait until they are gone.

        :param timeout: seconds, for each
        :param outage: seconds for the retries of one request
        :param project_id: whose they are; another project's are left alone
        :returns: whether anything had to be removed
        :raises: as :meth:`.removal.Removal.until_gone`
        """
        # Manila wants to be told which group a share is in; none ever leaves its group.
        groups: dict[str, str | None] = {}

        def first_look(share_id: str, project_id: str) -> View | None:
            view = self._client.ownership.show(SHARE, share_id, project_id)
            groups[share_id] = (view or {}).get("share_group_id")
            return view

        def delete(share_id: str) -> bool:
            return backup_targets.delete(self._manila, share_id, groups.get(share_id))

        removal = Removal(
            kind=SHARE,
            ownership=self._client.ownership,
            delete=delete,
            first_look=first_look,
            poller=self._poller,
            deletable=statuses.SHARE_DELETABLE,
            stuck=statuses.SHARE_STUCK,
            cure="openstack share delete --force {id}",
            depends=self._has_dependents,
            locked=self._locked,
            outage=outage,
            attempt_takes=self._client.timeouts.request,
            clock=self._client.clock,
        )
        removed = [removal.until_gone(share, timeout, project_id) for share in sorted(shares)]
        return any(removed)

    def _has_dependents(self, share: View) -> bool:
        """Whether Manila may refuse to delete a share for its snapshots or for a task on it. One
        whose deletion Manila defers is not shown any more and still counts
        (manila/share/api.py, delete)."""
        if share.get("task_state") in statuses.TASK_BUSY or share["id"] in self.cleared:
            return True
        kept = self._client.retry(
            lambda: self._manila.snapshots(share_id=share["id"], project_id=self._manila.reach)
        )
        return any(view["share_id"] == share["id"] for view in kept)

    def _locked(self, refused: ManilaRefused, share_id: str) -> ManilaRefused | None:
        """What a refusal to delete a share means when a lock (2.81) is behind it, which nobody but
        its owner ends: the ids of the locks. None when none is seen."""
        if not self._manila.features.locks:
            return None
        try:
            others = self._manila.reach != self._manila.own_project_id
            look = functools.partial(self._manila.locks, share_id, every_project=others)
            locks = self._client.retry(look)
        except (ManilaRefused, ManilaUnavailable) as error:
            LOG.info("The locks of share %s are not shown: %s", share_id, error)
            return None
        # Unknown filters are ignored without a word.
        ids = tuple(str(lock["id"]) for lock in locks if lock.get("resource_id") == share_id)
        if not ids:
            return None
        return ShareLocked(
            refused.asked,
            refused.status,
            refused.answer,
            refused.request_id,
            endpoint=refused.endpoint,
            share_id=share_id,
            locks=ids,
        )

# SPDX-License-Identifier: Apache-2.0
"""Putting a share back to its newest snapshot: Manila's rules, checked before it is asked.

The rules are those of manila/api/v2/shares.py (_revert). Which snapshot is the newest Manila shows
by ``created_at`` alone, of any status and in any project (manila/db/sqlalchemy/api.py,
share_snapshot_get_latest_for_share).
"""

import datetime
from collections.abc import Callable, Collection
from typing import Any

from oslo_log import log as logging

from karbor_manila.common.clock import Clock
from karbor_manila.common.polling import PENDING, Poller, poll
from karbor_manila.common.retry import retry
from karbor_manila.manila import quota, statuses
from karbor_manila.manila.client import Manila
from karbor_manila.manila.errors import (
    AccessRulesNotActive,
    CopyUnsupported,
    ManilaRefused,
    ManilaTransient,
    ManilaUnavailable,
    ResourceFailed,
    RevertFailed,
    RevertUnsupported,
    SnapshotDoubtful,
    SnapshotGone,
    TargetBusy,
    TargetMissing,
    TargetNotAvailable,
)
from karbor_manila.manila.views import Revertible, View

LOG = logging.getLogger(__name__)

_BETWEEN_LOOKS = 0.5  # seconds


class Reverts:
    """The reverts of one flow.

    :param outage: seconds for which transient errors are retried
    :param settle: seconds in which a request without an answer may still be carried out
    :param request: seconds that one answer may take
    """

    def __init__(
        self,
        manila: Manila,
        clock: Clock,
        *,
        outage: float,
        settle: float,
        request: float = 60.0,
    ) -> None:
        self._manila = manila
        self._clock = clock
        self._outage = outage
        self._settle = settle
        self._request = request

    def inspect(self, snapshot_id: str, share_id: str, project_id: str) -> Revertible:
        """The share, its snapshot and the newer ones, when all else allows a revert.

        :raises RevertRefused: Manila would refuse it, for another reason than a newer snapshot
        """
        share = self._retry(lambda: self._manila.share(share_id))
        if share is None or share.get("project_id") != project_id:
            raise TargetMissing(share_id, endpoint=self._manila.endpoint)
        if share.get("is_soft_deleted"):
            raise TargetNotAvailable(share_id, "in the recycle bin")
        if not share.get("revert_to_snapshot_support"):
            raise RevertUnsupported(share_id, share.get("share_type_name"))
        if share["status"] != statuses.AVAILABLE:
            raise TargetNotAvailable(share_id, share["status"])
        if share.get("task_state") in statuses.TASK_BUSY:
            raise TargetBusy(share_id, share["task_state"])
        if share.get("access_rules_status") != "active":
            raise AccessRulesNotActive(share_id, str(share.get("access_rules_status")))
        snapshots = [
            view
            for view in self._retry(lambda: self._manila.snapshots(share_id=share_id))
            if view["share_id"] == share_id  # unknown filters are ignored without a word
        ]
        (kept, *_) = [view for view in snapshots if view["id"] == snapshot_id] or [
            self._retry(lambda: self._manila.snapshot(snapshot_id))  # a list proves no absence
        ]
        if kept is None or kept.get("project_id") != project_id:
            raise SnapshotGone(snapshot_id, endpoint=self._manila.endpoint)
        if kept["status"] != statuses.AVAILABLE:
            why = f"its status is {kept['status']!r}, and only an available one can be used"
            raise SnapshotDoubtful(snapshot_id, why)
        return Revertible(share, kept, _newer(kept, snapshots))

    def preflight(self, found: Revertible, *, safety_copy: bool) -> None:
        """Whether the type can be copied and the quota suffices; raises CopyUnsupported,
        QuotaTooSmall."""
        if safety_copy and not found.share.get("create_share_from_snapshot_support", True):
            raise CopyUnsupported(str(found.share["id"]), found.share.get("share_type_name"))
        limits = self._retry(self._manila.limits)
        grows = max(0, int(found.snapshot["size"]) - int(found.share["size"]))
        copies = [int(found.share["size"])] if safety_copy else []
        if copies:
            quota.check(limits, [found.share])
        if grows or copies:
            quota.check_shares(limits, copies, more=grows)

    def begin(self, snapshot_id: str, share_id: str, *, retry_conflict: bool) -> None:
        """Ask for the revert, until Manila has taken it.

        A request without an answer may have been carried out, or may still be. So the share is
        looked at first for as long as that can last, which also means that no such request is
        carried out after this restore has ended. Repeating it to the same, still newest snapshot
        gives the same content: who writes to a share while it is being restored has no promise.

        :param retry_conflict: a 409 is asked again, because snapshots have just been removed, and
            Manila counts those whose deletion it defers although no list shows them any more
        """
        unclear = False
        conflict: ManilaRefused | None = None

        def attempt() -> None:
            nonlocal unclear, conflict
            try:
                self._manila.revert_share(share_id, snapshot_id)
            except ManilaTransient:
                unclear = True
                if self._has_begun(share_id):
                    LOG.info("Share %s is reverted, although the reply was lost", share_id)
                    return
                raise
            except ManilaRefused as refused:
                if refused.status == 409 and (unclear or retry_conflict):
                    if unclear and self._is_reverting(share_id):
                        return
                    conflict = refused
                    raise ManilaTransient(refused.asked, str(refused)) from refused
                raise

        try:
            # A turn without an answer takes the settle time itself.
            self._retry(attempt, timeout=self._outage + self._settle)
        except ManilaUnavailable:
            if conflict and not unclear:
                raise conflict from None  # it did answer, and the share is untouched
            raise

    def wait(self, share_id: str, poller: Poller, timeout: float, reason: Any) -> View:
        """Wait until the share is available again.

        :param timeout: seconds
        :param reason: gives Manila's words on what became of a share
        """

        def judge(view: View | None) -> Any:
            if view is None:
                raise ResourceFailed("share", share_id, "gone", "it was removed")
            if view["status"] == statuses.AVAILABLE:
                return view
            if view["status"] == statuses.REVERTING_ERROR:
                raise RevertFailed(share_id, view["status"], reason(share_id))
            if view["status"] in statuses.SHARE_FINAL:
                raise ResourceFailed("share", share_id, view["status"], reason(share_id))
            return PENDING

        return poller.wait(share_id, judge, timeout, f"the revert of share {share_id}")

    def _has_begun(self, share_id: str) -> bool:
        """Whether an unanswered request is seen to be carried out, while it may be."""
        return poll(
            lambda: self._is_reverting(share_id),
            bool,
            timeout=self._settle,
            clock=self._clock,
            shortest=_BETWEEN_LOOKS,
            longest=_BETWEEN_LOOKS,
        )

    def _is_reverting(self, share_id: str) -> bool:
        view = self._retry(lambda: self._manila.share(share_id))
        # Anything but available: the wait for the share finds out what that means.
        return view is None or view["status"] != statuses.AVAILABLE

    def _retry(self, attempt: Callable[[], Any], timeout: float | None = None) -> Any:
        return retry(
            attempt,
            timeout=timeout or self._outage,
            attempt_takes=self._request + self._settle,
            clock=self._clock,
        )


def _newer(kept: View, snapshots: Collection[View]) -> tuple[View, ...]:
    """Those that block, newest first. Of two with the same time Manila may take either for the
    newest (a database may keep whole seconds), so both count."""
    others = [view for view in snapshots if view["id"] != kept["id"]]
    since = _made(kept)
    blocking = [view for view in others if since is None or (_made(view) or since) >= since]
    return tuple(sorted(blocking, key=lambda view: str(view.get("created_at")), reverse=True))


def _made(view: View) -> datetime.datetime | None:
    """UTC, without saying so, as Manila writes it."""
    try:
        made = datetime.datetime.fromisoformat(str(view.get("created_at")))
    except ValueError:
        return None
    return made.replace(tzinfo=None)

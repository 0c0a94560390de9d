# SPDX-License-Identifier: Apache-2.0
"""Restores from backups into shares that are there: asked for once, waited for, never believed
without a look.

Manila notes in the share from which backup it was last asked to restore it (``source_backup_id``,
2.80), together with the status ``backup_restoring`` and before it answers
(manila/share/api.py, restore_share_backup). It has one restore of a backup at a time.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from oslo_log import log as logging

from karbor_manila.common.clock import Deadline
from karbor_manila.common.errors import DeadlineExceeded
from karbor_manila.common.polling import PENDING, poll
from karbor_manila.common.retry import retry
from karbor_manila.manila import lookup, statuses
from karbor_manila.manila.backup_progress import Moving, percent
from karbor_manila.manila.errors import (
    BackupRestoreFailed,
    BackupRestoreRefused,
    ManilaRefused,
    ManilaTransient,
    ResourceFailed,
)
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.ownership import SHARE
from karbor_manila.manila.views import View

LOG = logging.getLogger(__name__)

Seen = Callable[[int], None]

_BETWEEN_LOOKS = 0.5  # seconds

# Of a share that Manila was asked to restore.
_TAKEN = frozenset({statuses.BACKUP_RESTORING, statuses.BACKUP_RESTORING_ERROR})

# Manila says it of what is busy, too (manila/api/v2/share_backups.py, _restore).
_BAD_REQUEST = 400


class BackupRestores:
    """The restores from backups of one flow.

    :param client: the flow's client
    :param idle: seconds in which the progress of a restore has to change
    """

    def __init__(self, client: FlowClient, *, idle: float) -> None:
        self._client = client
        self._manila = client.manila
        self._idle = idle
        #: Which backup a share is restored from, of those that are waited for.
        self._sources: dict[str, str] = {}
        self._poller = client.poller(self._look)

    def fill(
        self, backup_id: str, share_id: str, *, doubtful: bool, seen: Seen | None = None
    ) -> View:
        """Let a share that was made for it be what the backup holds; no user has it yet, so that it
        may be asked for again.

        :param doubtful: whether a process that is dead may have asked for it
        :param seen: called with each new percentage
        :returns: the share's view, when it has its content
        :raises ResourceFailed: it failed
        :raises DeadlineExceeded: it took too long
        """
        view = self._idle_share(backup_id, share_id, seen)
        if doubtful:
            if self._is_filled(view, backup_id):
                return view
            if self._begins(backup_id, share_id):
                view = self._idle_share(backup_id, share_id, seen)
                if self._is_filled(view, backup_id):
                    return view
        try:
            self.begin(backup_id, share_id)
        except ManilaRefused as refused:
            raise BackupRestoreRefused(SHARE, share_id, view["status"], str(refused)) from refused
        view = self._idle_share(backup_id, share_id, seen)
        if view.get("source_backup_id") != backup_id:
            why = f"Manila says that it was restored from {view.get('source_backup_id')}"
            raise ResourceFailed(SHARE, share_id, view["status"], why)
        return view

    def begin(
        self,
        backup_id: str,
        share_id: str,
        *,
        own: bool = False,
        look: Callable[[], object] = lambda: None,
    ) -> None:
        """Ask for the restore, until Manila has taken it.

        A request without an answer may have been carried out, or may still be. So the share is
        looked at first for as long as that can last, which also means that no such request is
        carried out after this restore has ended. That it is busy says nothing: its user may have it
        extended, or backed up, just then.

        :param own: the share is the one that the backup is of
        :param look: looks at the share again after another restore from the backup was waited for,
            which may take hours; raises when it is not for that any more
        """
        timeouts = self._client.timeouts
        lost: ManilaTransient | None = None

        def attempt() -> None:
            nonlocal lost
            try:
                self._manila.restore_backup(backup_id, None if own else share_id)
            except ManilaTransient as error:
                lost = error
                if self._begins(backup_id, share_id):
                    LOG.info("Share %s is restored, although the reply was lost", share_id)
                    return
                raise
            except ManilaRefused as refused:
                if refused.status != _BAD_REQUEST or lost is None or self._is_available(share_id):
                    raise
                if not self._is_taken(backup_id, share_id):
                    raise lost from refused  # busy otherwise: what became of the first is not known
                # The first one was carried out after all.

        waited = self._await_turn(backup_id)
        while True:
            if waited:
                look()
            try:
                retry(
                    attempt,
                    timeout=timeouts.outage + timeouts.settle,
                    attempt_takes=timeouts.request + timeouts.settle,
                    clock=self._client.clock,
                )
            except ManilaRefused as refused:
                waited = refused.status == _BAD_REQUEST and self._await_turn(backup_id)
                if waited:
                    continue  # somebody else was faster
                raise
            return

    def wait(self, share_id: str, backup_id: str, seen: Seen | None = None) -> View:
        """Wait until a share that is restored in place is available again.

        :raises BackupRestoreFailed: only an administrator can mend it
        :raises ResourceFailed, DeadlineExceeded: it is not available
        """
        try:
            return self._idle_share(backup_id, share_id, seen)
        except ResourceFailed as failed:
            if failed.status not in statuses.SHARE_REVERT_FAILED:
                raise
            raise BackupRestoreFailed(
                share_id, failed.status, failed.detail, backup_id=backup_id
            ) from failed

    # -- looking ------------------------------------------------------------------------------

    def _idle_share(self, backup_id: str, share_id: str, seen: Seen | None) -> View:
        """The share, once it is made and nothing is restored into it any more."""
        client = self._client
        available = client.until_available(SHARE, share_id, statuses.SHARE_FINAL)
        moving = Moving(f"the restore of share {share_id}", self._idle, client.clock, seen)

        def judge(view: View | None) -> Any:
            verdict = available(view)
            if view and verdict is PENDING and view["status"] == statuses.BACKUP_RESTORING:
                moving.look(percent(view, _PROGRESS))
            return verdict

        self._sources[share_id] = backup_id
        awaited = f"share {share_id} to have what backup {backup_id} holds"
        deadline = Deadline(client.timeouts.restore, client.clock)
        while True:
            self._poller.wait(share_id, judge, max(0.0, deadline.left), awaited)
            # A list may be older than the last request, and does not say of which backup it is: the
            # one that has the export locations is of 2.8.
            verdict = judge(client.retry(lambda: self._manila.share(share_id)))
            if verdict is not PENDING:
                found: View = verdict
                return found

    def _look(self, ids: Collection[str]) -> Mapping[str, View | None]:
        """The shares, each with the progress of the restore into it."""
        shares = self._client.lists[SHARE].look(ids)
        restoring = {
            each: self._sources[each]
            for each, view in shares.items()
            if view and view["status"] == statuses.BACKUP_RESTORING and each in self._sources
        }
        backups = lookup.look(set(restoring.values()), self._manila.backup, self._manila.backups)
        return {
            each: view and view | _progress(backups.get(restoring.get(each, "")))
            for each, view in shares.items()
        }

    def _is_filled(self, share: View, backup_id: str) -> bool:
        """Whether a share that is available is so after a restore that succeeded. An administrator
        may have reset one that failed; asking once too often does no harm."""
        if share.get("source_backup_id") != backup_id:
            return False
        backup = self._client.retry(lambda: self._manila.backup(backup_id))
        return backup is not None and percent(backup, _PROGRESS) == "100"

    def _begins(self, backup_id: str, share_id: str) -> bool:
        """Whether an unanswered request is seen to be carried out, while it may be."""
        clock, settle = self._client.clock, self._client.timeouts.settle
        return poll(
            lambda: self._is_taken(backup_id, share_id),
            bool,
            timeout=settle,
            clock=clock,
            shortest=_BETWEEN_LOOKS,
            longest=_BETWEEN_LOOKS,
        )

    def _is_taken(self, backup_id: str, share_id: str) -> bool:
        """Whether a share is restored from this backup now, or that has just failed."""
        view = self._client.retry(lambda: self._manila.share(share_id)) or {}
        return view.get("source_backup_id") == backup_id and view["status"] in _TAKEN

    def _is_available(self, share_id: str) -> bool:
        view = self._client.retry(lambda: self._manila.share(share_id))
        return view is not None and view["status"] == statuses.AVAILABLE

    def _await_turn(self, backup_id: str) -> bool:
        """Wait while another share is restored from this backup; whether that was so."""
        waited = False

        def is_free(view: View | None) -> bool:
            nonlocal waited
            busy = view is not None and view["status"] == statuses.RESTORING
            waited = waited or busy
            return not busy

        view = poll(
            lambda: self._client.retry(lambda: self._manila.backup(backup_id)),
            is_free,
            timeout=self._client.timeouts.restore,
            clock=self._client.clock,
            shortest=_BETWEEN_LOOKS,
            longest=self._client.timeouts.poll_max,
        )
        if not is_free(view):
            raise DeadlineExceeded(
                f"another restore from backup {backup_id} to end",
                self._client.timeouts.restore,
                "it is still being restored",
            )
        return waited


_PROGRESS = "restore_progress"


def _progress(backup: View | None) -> View:
    return {_PROGRESS: backup.get(_PROGRESS)} if backup else {}

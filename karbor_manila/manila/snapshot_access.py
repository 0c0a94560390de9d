# SPDX-License-Identifier: Apache-2.0
"""Access to a snapshot that can be mounted: granted, waited for, taken back until it is gone."""

from collections.abc import Collection
from dataclasses import dataclass

from karbor_manila.common.access_to import is_same
from karbor_manila.common.errors import DeadlineExceeded
from karbor_manila.common.polling import poll
from karbor_manila.manila import statuses
from karbor_manila.manila.errors import (
    AccessFailed,
    AccessNotTakenBack,
    ManilaRefused,
    NotMountable,
    ParentMissing,
)
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.ownership import SNAPSHOT
from karbor_manila.manila.shares import Shares
from karbor_manila.manila.views import View

_LONGEST = 5.0  # seconds between two looks at a rule


@dataclass(frozen=True)
class Access:
    """To whom access is given, in Manila's words: ``ip``, ``user`` or ``cert``, and to which."""

    access_type: str
    access_to: str

    def __str__(self) -> str:
        return f"{self.access_type} {self.access_to}"

    def is_of(self, rule: View) -> bool:
        """Whether a rule gives access to just these, however that is written."""
        return self.is_to(rule["access_type"], rule["access_to"])

    def is_to(self, access_type: str | None, access_to: str | None) -> bool:
        """Whether it is given to just these."""
        return access_type == self.access_type and is_same(
            self.access_type, self.access_to, str(access_to)
        )


@dataclass(frozen=True)
class Mountable:
    """Where what was kept is mounted; ``inherits``: by whoever may mount its share, and it has no
    rules of its own."""

    export_locations: tuple[str, ...]
    inherits: bool = False


class SnapshotAccess:
    """The access rules of snapshots, as the client of one flow sees them.

    :param client: the flow's client
    :param shares: the flow's shares
    """

    def __init__(self, client: FlowClient, shares: Shares) -> None:
        self._client = client
        self._manila = client.manila
        self._shares = shares

    def inspect(self, snapshot_id: str, share_id: str) -> Mountable:
        """Whether and where a snapshot is mounted, by its share as it is now; writes nothing.

        :raises NotMountable: the share's type does not allow it
        :raises ParentMissing: there is no such share any more
        """
        share = self._shares.parent(share_id)
        if share is None:
            raise ParentMissing(snapshot_id, share_id)
        if not share.get("mount_snapshot_support"):
            kind = share.get("share_type_name") or share.get("share_type")
            raise NotMountable(snapshot_id, share_id, kind)
        retry = self._client.retry
        inherits = retry(lambda: self._manila.snapshots_inherit_access(share_id))
        places = retry(lambda: self._manila.snapshot_export_locations(snapshot_id))
        return Mountable(tuple(places), inherits)

    def rules(self, snapshot_id: str) -> list[View]:
        """The access rules now; none of a snapshot that is not there."""
        found = self._client.retry(lambda: self._manila.snapshot_access_rules(snapshot_id))
        return list(found or [])

    def allow(self, snapshot_id: str, access: Access, before: Collection[str]) -> str | None:
        """Ask for a rule.

        :param before: the ids of the rules that were there before
        :returns: its id; None when somebody else has asked for the same meanwhile
        :raises ManilaUnavailable: whether there is one now is not known; :meth:`find` tells
        """
        tries = 0

        def ask() -> str | None:
            nonlocal tries
            tries += 1
            try:
                view = self._manila.allow_snapshot_access(
                    snapshot_id, access.access_type, access.access_to
                )
            except ManilaRefused:
                # Manila refuses a rule that is there: after a lost reply it is ours.
                found = self.find(snapshot_id, access, before)
                if not found:
                    raise
                return found[0] if tries > 1 else None
            self._client.note_request(view)
            return str(view["id"])

        return self._client.retry(ask)

    def find(self, snapshot_id: str, access: Access, before: Collection[str]) -> list[str]:
        """The ids of the rules of just this access that were not there before."""
        return [
            str(rule["id"])
            for rule in self.rules(snapshot_id)
            if access.is_of(rule) and rule["id"] not in before
        ]

    def wait(self, snapshot_id: str, rule_id: str, access: Access) -> None:
        """Wait until a rule is in force.

        :raises AccessFailed: it failed, or was taken back meanwhile
        :raises DeadlineExceeded: it took too long
        """
        state = self._poll(snapshot_id, rule_id, {statuses.RULE_ACTIVE, statuses.ERROR, None})
        if state == statuses.RULE_ACTIVE:
            return
        if state in (statuses.ERROR, None):
            detail = self._client.reason(rule_id)
            raise AccessFailed(snapshot_id, str(access), state or "gone", detail)
        raise DeadlineExceeded(f"access rule {access} of snapshot {snapshot_id}", self._long, state)

    def await_denied(self, snapshot_id: str, rule_id: str) -> None:
        """Wait until a rule is gone that somebody is taking back. Raises DeadlineExceeded."""
        state = self._poll(snapshot_id, rule_id, {None})
        if state is not None:
            awaited = f"access rule {rule_id} of snapshot {snapshot_id} to be taken back"
            raise DeadlineExceeded(awaited, self._long, state)

    def revoke(self, snapshot_id: str, rule_id: str, project_id: str) -> None:
        """Take a rule back and wait until it is gone. Nothing to take back is success.

        :param project_id: whose the snapshot is; another project's is left alone
        :raises AccessNotTakenBack: it is still there
        :raises ManilaRefused, ManilaUnavailable, NotAdministrator:
        """
        if self._client.ownership.show(SNAPSHOT, snapshot_id, project_id) is None:
            return
        retry = self._client.retry
        if not retry(lambda: self._manila.deny_snapshot_access(snapshot_id, rule_id)):
            return
        state = self._poll(snapshot_id, rule_id, {statuses.ERROR, None})
        if state is not None:
            detail = self._client.reason(rule_id)
            raise AccessNotTakenBack(snapshot_id, rule_id, state, detail)

    @property
    def _long(self) -> float:
        """Seconds that a change of a rule may take."""
        return self._client.timeouts.undo

    def _poll(self, snapshot_id: str, rule_id: str, final: Collection[str | None]) -> str | None:
        """The state of a rule once it is one of these, or time is over; None when it is gone."""

        def look() -> str | None:
            states = {rule["id"]: str(rule["state"]) for rule in self.rules(snapshot_id)}
            return states.get(rule_id)

        return poll(
            look,
            lambda state: state in final,
            timeout=self._long,
            clock=self._client.clock,
            longest=_LONGEST,
        )

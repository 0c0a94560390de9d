# SPDX-License-Identifier: Apache-2.0
"""What a driver may be able to do besides the contract: each ability is a class that it also is."""

import abc
from collections.abc import Collection
from typing import Final

from karbor_manila.common.errors import NotSupported
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.snapshot_access import Access, Mountable
from karbor_manila.manila.views import NewShare, Placement, Revertible, View


class Reverts(abc.ABC):
    """Can put a share back in place. The share is the kept one's ``share_id``."""

    @abc.abstractmethod
    def inspect_revert(self, kept: Kept, *, project_id: str) -> Revertible:
        """What a revert of the share would find; writes nothing.

        :param project_id: whose the share must be
        :raises RevertRefused: it would be refused, for another reason than a newer snapshot
        :raises SnapshotGone, SnapshotDoubtful: as :meth:`.base.Driver.check`
        """

    @abc.abstractmethod
    def preflight_revert(self, found: Revertible, *, safety_copy: bool) -> None:
        """Whether the quota suffices; writes nothing.

        :param safety_copy: whether the present content is copied into a new share first
        :raises QuotaTooSmall: it does not
        :raises CopyUnsupported: no copy can be made
        """

    @abc.abstractmethod
    def revert(self, kept: Kept, *, retry_conflict: bool = False) -> None:
        """Begin to put the share back. Repeating it puts it back again: only while nobody else may
        have written to the share.

        :param retry_conflict: newer snapshots have just been removed, and may still be counted: an
            HTTP 409 is retried
        """

    @abc.abstractmethod
    def wait_reverted(self, share_id: str) -> View:
        """Wait until the share is available again.

        :raises RevertFailed: only an administrator can mend it
        """


class KeepsTogether(abc.ABC):  # noqa: B024 - who keeps nothing but ids together overrides nothing
    """One thing on the server may keep several shares of a checkpoint: their ``Kept.id`` is the
    same. It goes when the last record of it goes: a roll back of one share's protection asks for
    the removal only when no other share of the checkpoint counts on it, and a deletion of the
    checkpoint asks for it once for each share, side by side.

    A view of :meth:`.base.Driver.everything` has all of them in ``share_ids``; its ``share_id`` is
    then what the mark that it bears has as resource.
    """

    def await_ready(  # noqa: B027 - most wait for nothing else
        self, share: View, timeout: float
    ) -> bool:
        """Wait until what is kept together with a share can be kept, after a refusal.

        :param timeout: seconds
        :returns: whether there was something to wait for
        :raises ShareNotProtectable: it cannot be kept as it is
        :raises DeadlineExceeded: it took too long
        """
        return False

    def members(self, kept: Kept) -> Collection[str]:
        """The ids of all shares that what keeps this one keeps, as far as its data tell."""
        return [kept.share_id]

    def place_as_group(self, kept: Kept, new: NewShare) -> Placement:
        """As :meth:`.base.Driver.place`, of a share that comes back with its group.

        :raises NotSupported: this driver gives nothing back as a group
        """
        raise NotSupported(
            f"Restoring as a group (as_group) with the driver {type(self).__name__}",
            "Restore the shares one by one: leave as_group out. Nothing was changed.",
        )


class Browsable(abc.ABC):
    """What keeps a share can be mounted beside it, read-only, without a restore.

    A rule bears no mark: it is ours by its id, or by what it allows if it was not there before.
    """

    @abc.abstractmethod
    def inspect_access(self, kept: Kept) -> Mountable:
        """Whether and where it is mounted; writes nothing.

        :raises NotMountable: it cannot be
        :raises ParentMissing: its share is not there any more
        """

    @abc.abstractmethod
    def access_rules(self, kept: Kept) -> list[View]:
        """Its access rules now: ``id``, ``access_type``, ``access_to``, ``state``; none of what is
        not there."""

    @abc.abstractmethod
    def allow_access(self, kept: Kept, access: Access, before: Collection[str]) -> str | None:
        """Ask for an access rule.

        :param before: the ids of the rules that were there before; another one of the same access
            is the work of a request whose reply was lost
        :returns: the rule's id; None when somebody else has asked for the same meanwhile
        """

    @abc.abstractmethod
    def wait_access(self, kept: Kept, rule_id: str, access: Access) -> None:
        """Wait until a rule is in force.

        :raises AccessFailed: it failed, or was taken back meanwhile
        :raises DeadlineExceeded: it took too long
        """

    @abc.abstractmethod
    def await_denied(self, kept: Kept, rule_id: str) -> None:
        """Wait until a rule is gone that somebody takes back. Raises DeadlineExceeded."""

    @abc.abstractmethod
    def revoke_access(self, kept: Kept, rule_id: str, *, project_id: str) -> None:
        """Take a rule back and wait until it is gone. Nothing to take back is success.

        :param project_id: whose it is; another project's is left alone, and counts as gone
        :raises AccessNotTakenBack: it is still there
        """


class RestoresInto(abc.ABC):
    """Can replace what another share holds, which is there and has nothing to do with the kept
    one."""

    @abc.abstractmethod
    def inspect_target(self, kept: Kept, share_id: str, *, project_id: str) -> Revertible:
        """What a restore into a share would find; writes nothing.

        :param share_id: the share that is to be overwritten
        :param project_id: whose it must be
        :raises RevertRefused: it would be refused, and why
        :raises SnapshotGone, SnapshotDoubtful: as :meth:`.base.Driver.check`
        """

    @abc.abstractmethod
    def restore_into(self, kept: Kept, share_id: str) -> None:
        """Begin to replace what a share holds; as :meth:`Reverts.revert`."""

    @abc.abstractmethod
    def wait_restored_into(self, share_id: str) -> View:
        """Wait until the share is available again; as :meth:`Reverts.wait_reverted`."""


#: The capability that stands for each ability.
ABILITIES: Final[dict[str, type]] = {
    "browse": Browsable,
    "into another share": RestoresInto,
    "revert": Reverts,
    "together": KeepsTogether,
}

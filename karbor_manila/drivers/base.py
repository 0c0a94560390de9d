# SPDX-License-Identifier: Apache-2.0
"""The contract of a driver: one way to protect a share. It knows nothing of Karbor or its bank.

A driver serves one flow, with the client of one session. That may be an administrator's, which
reaches every project: what belongs to another project than a method is told of is never removed,
adopted or restored from. Methods take and give plain values: a *view* is a dict as Manila's API
shows a share or a snapshot. Each method may be repeated after a crash or a lost reply: the same
mark means the same thing in Manila, never a second one. ``tests/contract`` holds every driver to
this, on a fake and on the real Manila.
"""

import abc
from collections.abc import Collection
from dataclasses import dataclass

from karbor_manila.common.errors import NotSupported
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.views import NewShare, Placement, Revertible, Rule, Source, View


@dataclass(frozen=True)
class Timeouts:
    """How long a driver waits, all in seconds; see the options of the same names in opts.py.

    ``request`` is for one answer.
    """

    request: float = 60.0
    outage: float = 120.0
    protect: float = 3600.0
    restore: float = 86400.0
    delete: float = 3600.0
    undo: float = 120.0
    settle: float = 15.0
    poll_min: float = 0.1
    poll_max: float = 15.0


class ShareDriver(abc.ABC):
    """One way to protect shares.

    Errors of every method: :class:`~karbor_manila.manila.errors.ManilaUnavailable` when transient
    errors went on for too long, :class:`~karbor_manila.manila.errors.ManilaRefused` when Manila
    said no.
    """

    #: The name by which configuration and records know the driver.
    name: str

    @abc.abstractmethod
    def capabilities(self) -> frozenset[str]:
        """What this driver can do on this server: names of its methods and of its promises."""

    @abc.abstractmethod
    def is_alive(self) -> bool:
        """Whether the server behind the driver answers."""

    @abc.abstractmethod
    def health(self) -> dict[str, str]:
        """The driver's name, its server and what limits it there, for an operator to read."""

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of what the driver holds. It is not used afterwards."""

    @abc.abstractmethod
    def preflight(self, shares: Collection[View]) -> dict[str, Exception]:
        """Which of these shares cannot be protected, and why; writes nothing.

        :returns: the errors by share id; shares without one can be protected
        :raises QuotaTooSmall: not all of them fit
        """

    def caveat(self, share: View) -> str:
        """What the user should know of a share that the preflight lets pass: a sentence, or
        nothing."""
        return ""

    def room(self, mark: Mark) -> int | None:
        """How many characters :meth:`protect` takes as a description beside this mark; None when
        the server alone sets the limit."""
        return None

    @abc.abstractmethod
    def protect(
        self, share: View, mark: Mark, *, name: str, description: str | None, force: bool
    ) -> str:
        """Begin to keep the share as it is now; adopts what already bears the mark.

        :returns: the id of what keeps it, as soon as the server has answered
        """

    @abc.abstractmethod
    def find(self, mark: Mark, *, project_id: str | None = None) -> list[View]:
        """What bears exactly this mark, as it is now: snapshots, or shares for a restore's mark.

        :param project_id: whose it is; by default of the project that the client works on. What an
            administrator makes for another project belongs to his own.
        :returns: views, those that can be used first
        """

    @abc.abstractmethod
    def everything(self) -> list[View]:
        """What may keep a share, in all the projects that the client sees, marked or not."""

    @abc.abstractmethod
    def show(self, snapshot_id: str) -> View | None:
        """One of :meth:`everything`, or None when it is not there."""

    @abc.abstractmethod
    def wait_protected(self, snapshot_id: str) -> View:
        """Wait until what :meth:`protect` began is complete.

        :raises ResourceFailed: it failed, with the server's reason
        :raises DeadlineExceeded: it took too long
        """

    @abc.abstractmethod
    def verify(
        self,
        snapshot_id: str,
        share_id: str,
        size: int | None = None,
        *,
        project_id: str | None = None,
    ) -> View:
        """The view of what keeps the share, when the share could be had back from it.

        :param share_id: the share that the snapshot must belong to
        :param size: GiB that it must have; None for any
        :param project_id: whose it must be; None for any

        :raises SnapshotGone: it is not there
        :raises SnapshotDoubtful: it is there and cannot be used
        """

    @abc.abstractmethod
    def preflight_restore(self, sizes: Collection[int]) -> None:
        """Whether the quota suffices for new shares of these sizes (GiB); writes nothing.

        :raises QuotaTooSmall: not all of them fit
        """

    @abc.abstractmethod
    def preflight_clone(self, source: Source, new: NewShare) -> Placement:
        """Whether the server would make this new share, by what the snapshot's share is now;
        writes nothing.

        :returns: what the new share will have
        :raises CloneUnsupported: its type allows no new share from a snapshot
        :raises ParentMissing: there is no such share any more
        :raises InvalidParameter: what the user asked for is not what that share has
        """

    @abc.abstractmethod
    def preflight_copy(self, sources: Collection[Source]) -> dict[str, Exception]:
        """Which of these cannot be copied, and why; writes nothing.

        A copy is a new share, by :meth:`restore`, and what :meth:`protect` makes of that one.

        :returns: the errors by snapshot id
        :raises QuotaTooSmall: not all of them fit
        """

    @abc.abstractmethod
    def restore(self, source: Source, mark: Mark, new: NewShare) -> str:
        """Begin to make a new share from what was kept; adopts one that already bears the mark.
        Nothing that the source says of type, network or zone is asked for.

        :returns: the new share's id, as soon as the server has answered
        """

    @abc.abstractmethod
    def wait_restored(self, share_id: str) -> View:
        """Wait until what :meth:`restore` began is complete; raises as :meth:`wait_protected`."""

    # What a driver without the capability ``revert`` need not have.

    def inspect_revert(self, snapshot_id: str, share_id: str, project_id: str) -> Revertible:
        """What a revert of the share would find; writes nothing.

        :raises RevertRefused: it would be refused, for another reason than a newer snapshot
        :raises SnapshotGone, SnapshotDoubtful: as :meth:`verify`
        """
        raise self._no_revert()

    def preflight_revert(self, found: Revertible, *, safety_copy: bool) -> None:
        """Whether the quota suffices; writes nothing.

        :param safety_copy: whether the present content is copied into a new share first
        :raises QuotaTooSmall: it does not
        :raises CopyUnsupported: no copy can be made
        """
        raise self._no_revert()

    def revert(self, snapshot_id: str, share_id: str, *, conflict_passes: bool = False) -> None:
        """Begin to put the share back. Repeating it puts it back again: only while nobody else
        may have written to the share.

        :param conflict_passes: newer snapshots have just been removed, and may still be counted
        """
        raise self._no_revert()

    def wait_reverted(self, share_id: str) -> View:
        """Wait until the share is available again.

        :raises RevertFailed: only an administrator can mend it
        """
        raise self._no_revert()

    def show_share(self, share_id: str) -> View | None:
        """A share, or None when it is not there."""
        raise self._no_revert()

    def find_temporary(self, mark: Mark, *, project_id: str | None = None) -> list[View]:
        """The snapshots that bear the mark of a restore, as they are now; see :meth:`find`."""
        raise self._no_revert()

    def _no_revert(self) -> NotSupported:
        return NotSupported(
            f"Restoring in place with the driver {self.name!r}",
            "Restore into a new share: leave share_id out. Nothing was changed.",
        )

    @abc.abstractmethod
    def access_rules(self, share_id: str) -> list[Rule] | None:
        """Who may mount a share: dicts with ``access_type``, ``access_to``, ``access_level`` and
        ``metadata``, never a key. None when the server does not tell.

        ``access_to`` is :data:`HIDDEN` in a rule that the server does not show to this user."""

    @abc.abstractmethod
    def grant(self, share_id: str, rules: Collection[Rule]) -> list[str]:
        """Give a share these access rules and wait until they are in force.

        :returns: a sentence for each rule that is not
        """

    @abc.abstractmethod
    def export_locations(self, share_id: str) -> list[str]:
        """Where a share can be mounted, the preferred first; empty when it is not told."""

    @abc.abstractmethod
    def discard(
        self, mark: Mark, share_id: str | None, *, project_id: str, undo: bool = True
    ) -> bool:
        """Remove the new share of a failed restore, by its id and by its mark. The protected share
        is never removed, whatever it bears.

        :param project_id: whose it is: that of the session which made it
        :param undo: within the undo timeout; else within the delete timeout
        :returns: whether anything had to be removed
        :raises NotAdministrator: the session does not see what that project has
        :raises DeadlineExceeded: it is still there
        """

    @abc.abstractmethod
    def delete(
        self, mark: Mark | None, snapshot_id: str | None, *, project_id: str, undo: bool = False
    ) -> None:
        """Remove what keeps a share, by its id and by its mark, and wait until it is gone.

        Nothing to remove is success, and so is what belongs to another project by now: that is left
        alone, whether it bears the mark or the id.

        :param project_id: whose it is
        :param mark: removes all that bears it as well; None for a record without one
        :param undo: this removes what the same flow has just made, within the undo timeout
        :raises NotAdministrator: the session does not see what that project has
        :raises NeedsAdministrator: only an administrator can remove it
        :raises DeadlineExceeded: it is still there
        """

    @abc.abstractmethod
    def delete_clone(
        self, mark: Mark | None, share_id: str | None, *, project_id: str, undo: bool = False
    ) -> None:
        """Remove the share of a copy, as :meth:`delete` removes what keeps a share; after it.

        :param mark: of the share (:meth:`Mark.of_clone`); None to go by the id alone. By the mark
            only what was made for a copy is removed: it can be forged
        """

    @abc.abstractmethod
    def excuse(self, share_id: str) -> None:
        """Say that this share of the flow will not be waited for (see :mod:`..waiting`)."""

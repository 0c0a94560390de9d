# SPDX-License-Identifier: Apache-2.0
"""The contract of a driver: one way to protect a share. It knows nothing of Karbor or its bank."""

import abc
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, ClassVar

from oslo_config import cfg

from karbor_manila.common.errors import KarborManilaError
from karbor_manila.drivers.copy_preflight import CopyPreflight
from karbor_manila.drivers.environment import Environment
from karbor_manila.drivers.periodic import PeriodicHookData
from karbor_manila.drivers.values import Preflight, ProtectOptions, Target
from karbor_manila.manila import eligibility
from karbor_manila.manila.errors import ShareNotProtectable
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.timeouts import Timeouts
from karbor_manila.manila.views import NewShare, Placement, View

__all__ = [
    "BASIC",
    "Driver",
    "Environment",
    "Kept",
    "Preflight",
    "ProtectOptions",
    "Target",
    "Timeouts",
    "protect_one",
]

#: What every driver can do, by the names that an operator reads.
BASIC = frozenset({"protect", "verify", "restore", "delete", "copy"})


class Driver(CopyPreflight, PeriodicHookData, abc.ABC):
    """One way to protect shares.

    A driver serves one flow, whose hooks call it side by side. Its session may be an
    administrator's, which reaches every project: what belongs to another project than a method
    names is never removed, adopted or restored from. Methods take and give plain values: a *view*
    is a dict as Manila's API shows a share or a snapshot. Each may be repeated after a crash or a
    lost reply: the same mark means the same snapshot or share in Manila, never a second one.
    :mod:`karbor_manila.drivers.testing` holds every driver to this.

    Errors of every method: :class:`~karbor_manila.manila.errors.ManilaUnavailable` when transient
    errors went on for too long, :class:`~karbor_manila.manila.errors.ManilaRefused` when Manila
    said no.
    """

    #: The name by which configuration and records know the driver; that of its entry point.
    name: ClassVar[str]
    #: Its options in the provider's file, group ``[karbor_manila_driver_<name>]``.
    options: ClassVar[Collection[cfg.Opt]] = ()
    #: What it can do: BASIC, and the names of the optional abilities whose classes it is
    #: (:data:`.abilities.ABILITIES`).
    capabilities: ClassVar[frozenset[str]] = BASIC
    #: The driver that keeps the share which a copy makes by :meth:`restore`; empty: this one.
    copies_by: ClassVar[str] = ""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment

    @classmethod
    def made_for(cls, options: Any) -> type["Driver"]:
        """The class to use with these values of its options: this one, unless what it can do
        depends on them."""
        return cls

    # -- before anything is made --------------------------------------------------------------

    @classmethod
    def objection(cls, share: View, project_id: str | None = None) -> ShareNotProtectable | None:
        """Why this driver could not protect the share, or never give it back, by its view alone.

        :meth:`preflight` asks it, and so do the list of what can be protected and the graph of a
        plan, without a connection.

        :param project_id: whose it must be; None for any
        """
        return eligibility.objection(share, cls.unsupported(share), project_id)

    @classmethod
    def unsupported(cls, share: View) -> ShareNotProtectable | None:
        """What this driver has against the type of a share; nothing, if it protects every type."""
        return None

    def check_options(  # noqa: B027 - most drivers take every text
        self, options: ProtectOptions, mark: Mark
    ) -> None:
        """Whether something can be made with these options under this mark; sends no request.

        :raises InvalidParameter: it cannot
        """

    @abc.abstractmethod
    def preflight(
        self,
        shares: Collection[View],
        options: Mapping[str, ProtectOptions],
        marks: Mapping[str, Mark],
    ) -> Preflight:
        """Which of these shares cannot be protected, and why; called once per flow and driver, and
        writes nothing.

        :param options, marks: by share id
        :raises QuotaTooSmall: not all that are not refused fit
        """

    # -- protect ------------------------------------------------------------------------------

    @abc.abstractmethod
    def protect(
        self,
        shares: Collection[View],
        marks: Mapping[str, Mark],
        options: Mapping[str, ProtectOptions],
    ) -> Iterator[tuple[str, Kept | Exception]]:
        """Begin to keep these shares as they are now; adopts what already bears a mark.

        Called once per flow with all shares that are this driver's and ready; those that were busy
        come in later calls. The error of one share is that share's.

        :param marks, options: by share id
        :returns: share ids, each with what keeps it or with its error, as soon as the server has
            answered for it: its id must get into the bank before anything else happens. Whoever
            does not exhaust this leaves in-doubt requests behind
        """

    @abc.abstractmethod
    def wait(self, kept: Kept) -> Kept:
        """Wait until what :meth:`protect` began is complete.

        :returns: it, as it is then
        :raises ResourceFailed: it failed, with the server's reason
        :raises DeadlineExceeded: it took too long
        """

    # -- what is kept -------------------------------------------------------------------------

    @abc.abstractmethod
    def check(self, kept: Kept, *, project_id: str | None = None) -> Kept:
        """Whether the share could be had back from what keeps it.

        :param kept: it must belong to its ``share_id`` and have its ``size``, if that is known
        :param project_id: whose it must be; None for any
        :returns: it, as it is now
        :raises SnapshotGone: it is not there
        :raises SnapshotDoubtful: it is there and cannot be used
        """

    @abc.abstractmethod
    def place(self, kept: Kept, new: NewShare | None = None) -> Placement:
        """Whether the server would make this new share, by what the kept share is now; writes
        nothing.

        :param new: what the user asks for; None for nothing in particular
        :returns: what the new share will have
        :raises CloneUnsupported: its type allows no new share
        :raises ParentMissing: there is no such share any more
        :raises InvalidParameter: what the user asked for is not what that share has
        """

    @abc.abstractmethod
    def restore(self, kept: Kept, target: Target) -> str:
        """Begin to make a new share from what was kept; adopts one that already bears the mark.
        Nothing is asked of type, network or zone but what the user asked for.

        :returns: the new share's id, as soon as the server has answered;
            :meth:`complete_restore` waits for it
        """

    def complete_restore(self, kept: Kept, target: Target, share_id: str) -> View:
        """Wait until the share that :meth:`restore` has begun has its content.

        It is called again after a crash, with what the bank and the share's mark tell: how far the
        restore had come the driver finds out from the server alone.

        :param share_id: what :meth:`restore` returned
        :returns: the share's view, available
        :raises ResourceFailed: it failed, with the server's reason
        :raises DeadlineExceeded: it took too long
        """
        return self.environment.shares.wait_restored(share_id)

    def forget_restore(  # noqa: B027 - most drivers make nothing besides the share
        self, mark: Mark, *, project_id: str
    ) -> None:
        """Remove what a restore with this mark made besides its share, and wait until it is gone.

        Called once the restore is complete or its share was removed, whoever ends it, and again
        until it has succeeded. What another share of the same restore still needs stays for that
        share's call. Nothing to remove is success.

        :param project_id: whose it is; another project's is left alone
        :raises: as :meth:`delete`
        """

    # -- delete -------------------------------------------------------------------------------

    @abc.abstractmethod
    def delete(
        self,
        kept: Kept | None = None,
        mark: Mark | None = None,
        *,
        project_id: str,
        undo: bool = False,
    ) -> None:
        """Remove what keeps a share, by its id and by its mark, and wait until it is gone.

        Nothing to remove is success, and so is what belongs to another project by now: that is left
        alone, whether it bears the mark or the id.

        :param kept: its id counts, and the driver's own data if there are any
        :param mark: removes all that bears it as well; None for a record without one
        :param project_id: whose it is
        :param undo: this removes what the same flow has just made, within the undo timeout
        :raises NotAdministrator: the session does not see what that project has
        :raises NeedsAdministrator: only an administrator can remove it
        :raises DeadlineExceeded: it is still there
        """

    # -- look ---------------------------------------------------------------------------------

    @abc.abstractmethod
    def find(self, mark: Mark, *, project_id: str | None = None) -> list[Kept]:
        """What keeps a share and bears exactly this mark, as it is now, what can be used first.

        With the mark of a restore: what that made to keep the present content for a while. The
        shares that a restore made are :meth:`.shares.Shares.find`'s.

        :param project_id: whose it is; by default of the project that the client works on. What an
            administrator makes for another project belongs to his own
        """

    @abc.abstractmethod
    def everything(self) -> list[View]:
        """What may keep a share, in all the projects that the client sees, marked or not: views
        with ``id``, ``share_id``, ``project_id``, ``status``, ``created_at`` and the mark."""

    @abc.abstractmethod
    def show(self, kept_id: str) -> View | None:
        """One of :meth:`everything`; None when it, asked for by its id, is not there."""

    # -- the driver itself --------------------------------------------------------------------

    def is_alive(self) -> bool:
        """Whether the server behind the driver answers."""
        return self.environment.manila.is_alive()

    def health(self) -> dict[str, Any]:
        """For an operator to read: ``driver``, ``alive``, ``latency`` of that probe in seconds, and
        what the driver says besides."""
        clock = self.environment.clock
        began = clock.now()
        alive = self.is_alive()
        found = {"driver": self.name, "alive": alive, "latency": clock.now() - began}
        try:
            return found | dict(self._health())
        except KarborManilaError as error:
            return found | {"error": str(error)}

    def _health(self) -> Mapping[str, Any]:
        """What else an operator should know: the server, and what limits the driver there."""
        return {}

    def gc(self, is_left: Callable[[View], bool]) -> list[View]:
        """Remove what the driver made for restores (:meth:`forget_restore`) and nobody ends.

        :param is_left: whether this, a view with its mark and ``created_at``, may be removed: the
            caller knows which restores go on, and of which bank marks count
        :returns: what was removed
        """
        return []

    def close(self) -> None:  # noqa: B027 - most drivers hold nothing
        """Let go of what the driver holds. It is not used afterwards."""


def protect_one(driver: Driver, share: View, mark: Mark, options: ProtectOptions) -> Kept:
    """As :meth:`Driver.protect`, of one share. Raises its error."""
    share_id = str(share["id"])
    results = dict(driver.protect([share], {share_id: mark}, {share_id: options}))
    result = results[share_id]
    if isinstance(result, Exception):
        raise result
    return result

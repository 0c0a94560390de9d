# SPDX-License-Identifier: Apache-2.0
"""What Manila's rules refuse, or would: of a share to protect, of a snapshot, and of a revert.

``endpoint`` is always the URL of Manila that was asked, empty when it is not known.
"""

from dataclasses import KW_ONLY, dataclass, field

from karbor_manila.common.errors import KarborManilaError
from karbor_manila.common.left_out import BROKEN, GONE, NOT_SUPPORTED
from karbor_manila.manila.errors.answers import at, reason


@dataclass(eq=False)
class ShareNotProtectable(KarborManilaError):
    """A share that cannot be protected as it is.

    ``kind`` is one of :mod:`karbor_manila.common.left_out`: what a checkpoint without it says.
    """

    share_id: str
    why: str
    advice: str
    _: KW_ONLY
    kind: str = NOT_SUPPORTED

    def _sentence(self) -> str:
        return f"Share {self.share_id} cannot be protected: {self.why}. {self.advice}"


@dataclass(eq=False)
class ShareGone(ShareNotProtectable):
    """A share that is not there to be protected any more, or is on its way out."""

    why: str = ""
    advice: str = "Take it out of the plan, if it was deleted or went to another project."
    _: KW_ONLY
    kind: str = GONE
    endpoint: str = ""

    def __post_init__(self) -> None:
        self.why = self.why or f"Manila{at(self.endpoint)} has no such share in this project"


@dataclass(eq=False)
class ShareStatusUnknown(ShareNotProtectable):
    """A share that did not become available in ``seconds`` from a status that is unknown here."""

    why: str = field(init=False)
    advice: str = field(
        init=False,
        default="Look at it in Manila; once it is available, or gone, protect again.",
    )
    status: str
    seconds: float
    _: KW_ONLY
    kind: str = BROKEN

    def __post_init__(self) -> None:
        self.why = (
            f"its status is {self.status!r}, which this release of karbor-manila does not know, "
            f"and it did not become available in {self.seconds:.0f} seconds"
        )


@dataclass(eq=False)
class NotRestorable(ShareNotProtectable):
    """A share whose snapshots could never be given back: its type allows neither way."""

    why: str = field(init=False)
    advice: str = field(
        init=False,
        default="Leave it out of the plan, or migrate it to a share type that has one of them.",
    )
    share_type: str | None

    def __post_init__(self) -> None:
        self.why = (
            f"its type {self.share_type} has neither create_share_from_snapshot_support nor "
            f"revert_to_snapshot_support, so that a snapshot of it could never be given back"
        )


@dataclass(eq=False)
class QuotaTooSmall(KarborManilaError):
    """The project's quota does not suffice for everything that was asked.

    ``what`` is counted: gigabytes, or snapshots; of the ``limit`` so many are ``left``.
    """

    what: str
    needed: int
    left: int
    limit: int

    def _sentence(self) -> str:
        return (
            f"{self.needed} {self.what} are needed but Manila's quota leaves {self.left} of "
            f"{self.limit}. Nothing was created. Delete old checkpoints or ask for a larger quota."
        )


@dataclass(eq=False)
class SnapshotDoubtful(KarborManilaError):
    """The snapshot is there, but it is not what the record says."""

    snapshot_id: str
    why: str

    def _sentence(self) -> str:
        return f"Snapshot {self.snapshot_id} cannot be used: {self.why}."


@dataclass(eq=False)
class SnapshotGone(SnapshotDoubtful):
    """The snapshot of a checkpoint is not in its project in Manila any more."""

    why: str = field(init=False)
    _: KW_ONLY
    endpoint: str = ""

    def __post_init__(self) -> None:
        self.why = (
            f"Manila{at(self.endpoint)} does not show it in this project any more. It was removed "
            f"there, or its share was transferred to another project, so this checkpoint cannot "
            f"give the share back; delete it and use another one"
        )


@dataclass(eq=False)
class ParentMissing(SnapshotDoubtful):
    """The share that a snapshot belongs to is not in Manila, although its snapshot is."""

    why: str = field(init=False)
    share_id: str

    def __post_init__(self) -> None:
        self.why = (
            f"share {self.share_id}, which it belongs to, is not there or not in this project, and "
            f"Manila makes no new share from a snapshot without it. Nothing was created. Ask the "
            f"administrator of Manila what became of the share"
        )


@dataclass(eq=False)
class RevertRefused(KarborManilaError):
    """A share whose content cannot be put back in place as it is now; nothing was changed."""

    share_id: str
    why: str
    advice: str = ""

    def _sentence(self) -> str:
        instead = self.advice or "Restore into a new share instead: leave share_id out."
        return (
            f"Share {self.share_id} cannot be restored in place: {self.why}. Nothing was changed. "
            f"{instead}"
        )


@dataclass(eq=False)
class TargetMissing(RevertRefused):
    """The protected share is not there any more, or not in this project."""

    why: str = field(init=False)
    advice: str = field(init=False, default="")
    _: KW_ONLY
    endpoint: str = ""

    def __post_init__(self) -> None:
        self.why = f"Manila{at(self.endpoint)} has no such share in this project"


@dataclass(eq=False)
class TargetNotAvailable(RevertRefused):
    """Manila reverts a share that is available alone."""

    why: str = field(init=False)
    advice: str = field(
        init=False,
        default="Wait until it is available, or restore into a new share: leave share_id out.",
    )
    status: str

    def __post_init__(self) -> None:
        self.why = f"its status is {self.status!r}, and Manila reverts an available share alone"


@dataclass(eq=False)
class TargetBusy(RevertRefused):
    """A long task, such as a migration, is under way on the share."""

    why: str = field(init=False)
    advice: str = field(
        init=False,
        default="Wait until that has ended, or restore into a new share: leave share_id out.",
    )
    task: str

    def __post_init__(self) -> None:
        self.why = f"a task is under way on it ({self.task})"


@dataclass(eq=False)
class RevertUnsupported(RevertRefused):
    """The share's type does not allow reverts."""

    why: str = field(init=False)
    advice: str = field(init=False, default="")
    share_type: str | None

    def __post_init__(self) -> None:
        self.why = f"its type {self.share_type!r} does not have revert_to_snapshot_support"


@dataclass(eq=False)
class CopyUnsupported(RevertRefused):
    """The share's type does not allow a new share from a snapshot, and so no safety copy."""

    why: str = field(init=False)
    advice: str = field(
        init=False,
        default="Restore it in place without safety_copy, if its present content is not needed.",
    )
    share_type: str | None

    def __post_init__(self) -> None:
        self.why = (
            f"no copy of it can be made (safety_copy): its type {self.share_type!r} does not have "
            f"create_share_from_snapshot_support"
        )


@dataclass(eq=False)
class AccessRulesNotActive(RevertRefused):
    """Manila reverts no share with an access rule that is not in force, such as one in error."""

    why: str = field(init=False)
    advice: str = field(
        init=False,
        default="Remove the rules that are in error, or wait until the others are in force.",
    )
    state: str

    def __post_init__(self) -> None:
        self.why = (
            f"its access rules are in state {self.state!r}, and Manila reverts a share alone whose "
            f"rules are all active"
        )


@dataclass(eq=False)
class CloneUnsupported(KarborManilaError):
    """The type of a snapshot's share does not allow a new share from it.

    ``revertible`` is whether it allows the share to be put back in place.
    """

    share_id: str
    share_type: str | None
    _: KW_ONLY
    revertible: bool

    @property
    def why(self) -> str:
        """A phrase that begins with "it", the share."""
        return f"it {self._lack()}"

    def _lack(self) -> str:
        lacks = f"its type {self.share_type!r} does not have create_share_from_snapshot_support"
        return (
            f"can only be restored in place (share_id): {lacks}, so that Manila makes no new share "
            f"from its snapshots"
            if self.revertible
            else f"cannot be restored now: {lacks}, nor revert_to_snapshot_support"
        )

    def _sentence(self) -> str:
        cure = " Ask the administrator of Manila for a type that has one of them."
        end = "" if self.revertible else cure
        return f"Share {self.share_id} {self._lack()}. Nothing was created.{end}"


@dataclass(eq=False)
class RevertFailed(KarborManilaError):
    """Manila gave up in the middle of a revert."""

    share_id: str
    status: str
    detail: str = ""

    def _sentence(self) -> str:
        return (
            f"Share {self.share_id} is in status {self.status!r}: its revert failed, and its "
            f"content may be in between.{reason(self.detail)} An administrator has to look at it "
            f"and reset it (openstack share set --status available {self.share_id}); restore it "
            f"again afterwards."
        )

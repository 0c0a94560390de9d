# SPDX-License-Identifier: Apache-2.0
"""Why an operation on a share came to nothing, beyond what Manila and the bank say."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field

from karbor_manila.bank.errors import RecordForeign
from karbor_manila.common.errors import KarborManilaError, NotSupported
from karbor_manila.manila.errors import RevertRefused, SnapshotDoubtful


class SharesFailed(Exception):  # noqa: N818 - the name of what happened, like its neighbours
    """The hooks of several shares of one flow failed, each of which has reported its own reason.

    :param failures: what each hook raised
    :param shares: how many shares the flow has
    """

    def __init__(self, failures: Sequence[Exception], shares: int) -> None:
        super().__init__(failures, shares)
        self.failures = list(failures)
        self.shares = shares

    def __str__(self) -> str:
        return f"{len(self.failures)} of {self.shares} shares failed; first: {self.failures[0]}"


@dataclass(eq=False)
class NotCopyable(KarborManilaError):
    """Something in a checkpoint that cannot be copied; nothing was touched."""

    what: str
    why: str

    def _sentence(self) -> str:
        return f"{self.what} cannot be copied: {self.why.rstrip('.')}. Nothing was copied."


@dataclass(eq=False)
class RecordMissing(KarborManilaError):
    """The checkpoint has no complete record of a share."""

    checkpoint_id: str
    share_id: str

    def _sentence(self) -> str:
        return (
            f"Checkpoint {self.checkpoint_id} has no complete record of share {self.share_id}: its "
            f"protection did not succeed. Use another checkpoint."
        )


@dataclass(eq=False)
class RecordDriverMissing(RecordForeign):
    """A record of a share driver that is not installed here. ``known`` are those that are."""

    why: str = field(init=False)
    driver: str = field()  # without the default that it has of other records
    known: list[str]

    def __post_init__(self) -> None:
        self.why = (
            f"share driver {self.driver!r} wrote it, which is not installed here (there are: "
            f"{', '.join(self.known) or 'none'}). Nothing was changed or removed. Install the "
            f"package that has this driver where karbor-protection runs, then ask again"
        )


@dataclass(eq=False)
class SnapshotSacrificed(SnapshotDoubtful):
    """The snapshot of a checkpoint was removed so that an older one could be put back.

    ``checkpoint_id`` is the older one.
    """

    why: str = field(init=False)
    checkpoint_id: str

    def __post_init__(self) -> None:
        self.why = (
            f"it was removed, as asked for (remove_newer), when the share was restored in place "
            f"from the older checkpoint {self.checkpoint_id}"
        )


@dataclass(eq=False)
class SnapshotGoing(SnapshotDoubtful):
    """The snapshot of a checkpoint is about to be removed so that an older one can be put back.

    ``checkpoint_id`` is the older one.
    """

    why: str = field(init=False)
    checkpoint_id: str

    def __post_init__(self) -> None:
        self.why = (
            f"it is being removed, as asked for (remove_newer), so that the share can be restored "
            f"in place from the older checkpoint {self.checkpoint_id}"
        )


@dataclass(eq=False)
class Unsettled(KarborManilaError):
    """Work of which it is not known here whether it is complete: nothing of it was removed.

    ``followed`` tells whether the reconciliation will bring it to its end.
    """

    share_id: str
    cause: str
    _: KW_ONLY
    followed: bool

    def _sentence(self) -> str:
        after = (
            "The reconciliation completes it, or removes it, once the bank answers."
            if self.followed
            else "Deleting the checkpoint removes it."
        )
        return (
            f"Whether share {self.share_id} is kept completely could not be made sure of, so "
            f"nothing of it was removed. {after} What happened: {self.cause}"
        )


@dataclass(eq=False)
class Interrupted(KarborManilaError):
    """Work on a share that a dead process had not got far enough with to be completed."""

    work: str
    share_id: str
    advice: str

    def _sentence(self) -> str:
        return (
            f"The process that worked on it died before the {self.work} of share {self.share_id} "
            f"was under way, and nothing is on record that it made. {self.advice}"
        )


@dataclass(eq=False)
class FailedBefore(KarborManilaError):
    """Work on a share that had failed before the process died that did it: it is told as it was."""

    share_id: str
    told: str

    def _sentence(self) -> str:
        return self.told


@dataclass(eq=False)
class HalfCopied(KarborManilaError):
    """A copy of which there is only the share; without its snapshot it cannot be used."""

    share_id: str

    def _sentence(self) -> str:
        return (
            f"The process that copied share {self.share_id} died before the copy was complete. "
            f"What it had made is removed. Copy the plan again."
        )


@dataclass(eq=False)
class ManilaShowsNothing(KarborManilaError):
    """A Manila that shows nothing of what it is asked to tell the end of a snapshot by."""

    share_id: str
    snapshot_id: str
    checkpoint_id: str

    def _sentence(self) -> str:
        return (
            f"Manila shows neither share {self.share_id} nor any snapshot of this bank: it may be "
            f"another region or endpoint. So it is not known what became of snapshot "
            f"{self.snapshot_id} of checkpoint {self.checkpoint_id}, and nothing was recorded of "
            f"it. Check [manila_client] in karbor.conf. If they are gone for good, delete "
            f"checkpoint {self.checkpoint_id}."
        )


@dataclass(eq=False)
class PublicShare(RevertRefused):
    """Other projects may have snapshots of a public share, and no user of this one sees them."""

    why: str = field(
        init=False,
        default="it is public: other projects may have newer snapshots of it, which do not show "
        "here, so that nothing is removed for it (remove_newer)",
    )
    advice: str = field(
        init=False,
        default="Make it private, or remove the newer checkpoints yourself, or restore into a new "
        "share: leave share_id out.",
    )


@dataclass(eq=False)
class SnapshotOfClone(RevertRefused):
    """A copied checkpoint keeps a snapshot of a clone, and Manila reverts a share to its own."""

    why: str = field(init=False)
    advice: str = field(
        init=False,
        default="Restore into a new share (leave share_id out), or use the checkpoint that was "
        "copied.",
    )
    clone_id: str

    def __post_init__(self) -> None:
        self.why = (
            f"the checkpoint is a copy, whose snapshot belongs to the clone {self.clone_id}, and "
            f"Manila reverts a share to its own snapshots alone"
        )


@dataclass(eq=False)
class BeingRestored(RevertRefused):
    """A share that another restore is still making."""

    why: str = field(init=False)
    advice: str = field(init=False, default="Name another share, or wait until that has ended.")
    restore_id: str

    def __post_init__(self) -> None:
        self.why = f"restore {self.restore_id} is still making it"


@dataclass(eq=False)
class RevertLacking(NotSupported):
    """A driver that puts no share back in place."""

    what: str = field(init=False)
    instead: str = field(
        init=False,
        default="What it keeps cannot be put back into the protected share itself. Restore into a "
        "new share: leave share_id out. Nothing was changed.",
    )
    driver: str

    def __post_init__(self) -> None:
        self.what = f"Restoring in place with the driver {self.driver!r}"


@dataclass(eq=False)
class GroupLacking(NotSupported):
    """A driver that gives no share back with its group."""

    what: str = field(init=False)
    instead: str = field(
        init=False,
        default="It keeps each share for itself. Restore the shares one by one: leave as_group "
        "out. Nothing was changed.",
    )
    driver: str

    def __post_init__(self) -> None:
        self.what = f"Restoring as a group (as_group) with the driver {self.driver!r}"


@dataclass(eq=False)
class NewerSnapshots(RevertRefused):
    """Manila reverts a share to its newest snapshot alone.

    ``newer`` says of each that is in the way what it is; ``removable`` whether ``remove_newer``
    would help.
    """

    why: str = field(init=False)
    advice: str = field(init=False)
    snapshot_id: str
    newer: list[str]
    _: KW_ONLY
    removable: bool

    def __post_init__(self) -> None:
        self.why = (
            f"Manila puts back a share's newest snapshot alone, and newer than {self.snapshot_id} "
            f"are: {'; '.join(self.newer)}"
        )
        removal = (
            "With remove_newer they are removed first, and their checkpoints lose this share."
            if self.removable
            else "remove_newer removes none as long as one of them belongs to another user; "
            "remove that one yourself if it is not needed."
        )
        self.advice = f"{removal} Or restore into a new share: leave share_id out."


@dataclass(eq=False)
class RevertUnknown(KarborManilaError):
    """Whether a revert was carried out is not known: its request is in doubt."""

    share_id: str
    snapshot_id: str

    def _sentence(self) -> str:
        return (
            f"The process that restored share {self.share_id} in place died when it had asked "
            f"Manila to revert it, or was about to. The share is available; whether it holds what "
            f"snapshot {self.snapshot_id} holds or what it held before is not known. Look at it, "
            f"and ask for the restore again if need be: it is not repeated by itself, because the "
            f"share may have been written to since."
        )

# SPDX-License-Identifier: Apache-2.0
"""What Manila's rules of share backups refuse, or would, and what goes wrong with a backup."""

from dataclasses import KW_ONLY, dataclass, field

from karbor_manila.common.errors import KarborManilaError
from karbor_manila.manila.errors.answers import ResourceFailed, at, reason
from karbor_manila.manila.errors.refusals import (
    RevertFailed,
    RevertRefused,
    SnapshotDoubtful,
    SnapshotGone,
)


@dataclass(eq=False)
class BackupsUnsupported(KarborManilaError):
    """A Manila that is too old for what was asked of a backup; nothing was changed.

    ``asked`` is what, as the begin of a sentence; ``instead`` what can be done.
    """

    asked: str
    needed: str
    offered: str
    instead: str
    _: KW_ONLY
    endpoint: str = ""

    def _sentence(self) -> str:
        return (
            f"{self.asked} needs microversion {self.needed} of Manila, and this "
            f"Manila{at(self.endpoint)} offers {self.offered}. Nothing was changed. {self.instead}"
        )


@dataclass(eq=False)
class BackupDoubtful(SnapshotDoubtful):
    """The backup is there, but it is not what the record says. ``snapshot_id`` is its id."""

    def _sentence(self) -> str:
        return f"Backup {self.snapshot_id} cannot be used: {self.why}."


@dataclass(eq=False)
class BackupGone(SnapshotGone):
    """The backup of a checkpoint is not in its project in Manila any more."""

    def _sentence(self) -> str:
        return (
            f"Backup {self.snapshot_id} cannot be used: Manila{at(self.endpoint)} does not show it "
            f"in this project any more, so this checkpoint cannot give the share back; delete it "
            f"and use another one."
        )


@dataclass(eq=False)
class TargetTooSmall(RevertRefused):
    """Manila restores a backup into a share that is as large at least. Sizes are in GiB."""

    why: str = field(init=False)
    advice: str = field(
        init=False, default="Extend it first, or restore into a new share: leave share_id out."
    )
    size: int
    needed: int

    def __post_init__(self) -> None:
        self.why = f"it has {self.size} GiB, and the backup has {self.needed}"


@dataclass(eq=False)
class TargetNotYours(RevertRefused):
    """A share that serves another purpose of karbor-manila's."""

    why: str = field(init=False)
    advice: str = field(init=False, default="Name another share, or leave share_id out.")
    purpose: str

    def __post_init__(self) -> None:
        self.why = f"karbor-manila made it itself, for a {self.purpose}, and removes it again"


@dataclass(eq=False)
class NoSafetyCopy(RevertRefused):
    """The present content of a share cannot be kept first (safety_copy)."""

    advice: str = "Restore it in place without safety_copy, if its present content is not needed."


@dataclass(eq=False)
class BackupRestoreFailed(RevertFailed):
    """Manila gave up in the middle of a restore from a backup into a share that is there."""

    _: KW_ONLY
    backup_id: str

    def _sentence(self) -> str:
        return (
            f"Share {self.share_id} is in status {self.status!r}: its restore from backup "
            f"{self.backup_id} failed, and its content may be in between.{reason(self.detail)} An "
            f"administrator has to look at it and reset it (openstack share set --status available "
            f"{self.share_id}); restore it again afterwards. If the backup is in error since then, "
            f"that was all that happened to it: openstack share backup set --status available "
            f"{self.backup_id}."
        )


@dataclass(eq=False)
class BackupRestoreRefused(ResourceFailed):
    """Manila does not restore a backup into the share that was made for it: the backup is gone, for
    instance. The share stays empty. ``detail`` is what Manila said."""

    def _sentence(self) -> str:
        return f"Nothing was restored into share {self.resource_id}: {self.detail}"

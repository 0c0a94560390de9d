# SPDX-License-Identifier: Apache-2.0
"""Why an operation on a share came to nothing, beyond what Manila and the bank say."""

from karbor_manila.bank.errors import RecordForeign
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.manila.errors import RevertRefused, SnapshotDoubtful


class NotCopyable(KarborManilaError):
    """Something in a checkpoint that cannot be copied; nothing was touched."""

    def __init__(self, what: str, why: str) -> None:
        self.what = what
        self.why = why
        super().__init__(f"{what} cannot be copied: {why.rstrip('.')}. Nothing was copied.")


class RecordMissing(KarborManilaError):
    """The checkpoint has no complete record of a share."""

    def __init__(self, checkpoint_id: str, share_id: str) -> None:
        self.checkpoint_id = checkpoint_id
        self.share_id = share_id
        super().__init__(
            f"Checkpoint {checkpoint_id} has no complete record of share {share_id}: its "
            f"protection did not succeed. Use another checkpoint."
        )


class RecordDriverMissing(RecordForeign):
    """A record of a share driver that is not installed here."""

    def __init__(self, what: str, driver: str, known: list[str]) -> None:
        self.driver = driver
        self.known = known
        super().__init__(
            what,
            f"share driver {driver!r} wrote it, which is not installed here (there are: "
            f"{', '.join(known) or 'none'}). Nothing was changed or removed. Install the package "
            f"that has this driver where karbor-protection runs, then ask again",
        )


class SnapshotSacrificed(SnapshotDoubtful):
    """The snapshot of a checkpoint was removed so that an older one could be put back."""

    def __init__(self, snapshot_id: str, checkpoint_id: str) -> None:
        self.checkpoint_id = checkpoint_id
        super().__init__(
            snapshot_id,
            f"it was removed, as asked for (remove_newer), when the share was restored in place "
            f"from the older checkpoint {checkpoint_id}",
        )


class SnapshotGoing(SnapshotDoubtful):
    """The snapshot of a checkpoint is about to be removed so that an older one can be put back."""

    def __init__(self, snapshot_id: str, checkpoint_id: str) -> None:
        self.checkpoint_id = checkpoint_id
        super().__init__(
            snapshot_id,
            f"it is being removed, as asked for (remove_newer), so that the share can be restored "
            f"in place from the older checkpoint {checkpoint_id}",
        )


class Unsettled(KarborManilaError):
    """Work of which it is not known here whether it is complete: nothing of it was removed.

    ``followed`` tells whether the reconciliation will bring it to its end.
    """

    def __init__(self, share_id: str, cause: str, *, followed: bool) -> None:
        self.share_id = share_id
        self.cause = cause
        self.followed = followed
        after = (
            "The reconciliation completes it, or removes it, once the bank answers."
            if followed
            else "Deleting the checkpoint removes it."
        )
        super().__init__(
            f"Whether share {share_id} is kept completely could not be made sure of, so nothing of "
            f"it was removed. {after} What happened: {cause}"
        )


class Interrupted(KarborManilaError):
    """Work on a share that a dead process had not got far enough with to be completed."""

    def __init__(self, work: str, share_id: str, advice: str) -> None:
        self.work = work
        self.share_id = share_id
        self.advice = advice
        super().__init__(
            f"The process that worked on it died before the {work} of share {share_id} was under "
            f"way, and nothing is on record that it made. {advice}"
        )


class HalfCopied(KarborManilaError):
    """A copy of which there is only the share; without its snapshot it is nothing."""

    def __init__(self, share_id: str) -> None:
        self.share_id = share_id
        super().__init__(
            f"The process that copied share {share_id} died before the copy was complete. What it "
            f"had made is removed. Copy the plan again."
        )


class ManilaShowsNothing(KarborManilaError):
    """A Manila that shows nothing of what it is asked to tell the end of a snapshot by."""

    def __init__(self, share_id: str, snapshot_id: str, checkpoint_id: str) -> None:
        self.share_id = share_id
        self.snapshot_id = snapshot_id
        self.checkpoint_id = checkpoint_id
        super().__init__(
            f"Manila shows neither share {share_id} nor any snapshot of this bank: it may be "
            f"another region or endpoint. So it is not known what became of snapshot {snapshot_id} "
            f"of checkpoint {checkpoint_id}, and nothing was said of it. Check [manila_client] in "
            f"karbor.conf. If they are gone for good, delete checkpoint {checkpoint_id}."
        )


class PublicShare(RevertRefused):
    """Other projects may have snapshots of a public share, and nobody in this one sees them."""

    def __init__(self, share_id: str) -> None:
        super().__init__(
            share_id,
            "it is public: other projects may have newer snapshots of it, which do not show here, "
            "so that nothing is removed for it (remove_newer)",
            "Make it private, or remove the newer checkpoints yourself, or restore into a new "
            "share: leave share_id out.",
        )


class SnapshotOfClone(RevertRefused):
    """A copied checkpoint keeps a snapshot of a clone, and Manila reverts a share to its own."""

    def __init__(self, share_id: str, clone_id: str) -> None:
        self.clone_id = clone_id
        super().__init__(
            share_id,
            f"the checkpoint is a copy, whose snapshot belongs to the clone {clone_id}, and Manila "
            f"reverts a share to its own snapshots alone",
            "Restore into a new share (leave share_id out), or use the checkpoint that was copied.",
        )


class NewerSnapshots(RevertRefused):
    """Manila reverts a share to its newest snapshot alone.

    ``newer`` says of each that is in the way what it is; ``removable`` whether ``remove_newer``
    would help.
    """

    def __init__(
        self, share_id: str, snapshot_id: str, newer: list[str], *, removable: bool
    ) -> None:
        self.snapshot_id = snapshot_id
        self.newer = newer
        self.removable = removable
        advice = (
            "With remove_newer they are removed first, and their checkpoints lose this share."
            if removable
            else "remove_newer removes none as long as one of them belongs to somebody else; "
            "remove that one yourself if it is not needed."
        )
        super().__init__(
            share_id,
            f"Manila puts back a share's newest snapshot alone, and newer than {snapshot_id} are: "
            + "; ".join(newer),
            f"{advice} Or restore into a new share: leave share_id out.",
        )


class RevertUnknown(KarborManilaError):
    """Whether a revert was carried out cannot be told."""

    def __init__(self, share_id: str, snapshot_id: str) -> None:
        self.share_id = share_id
        self.snapshot_id = snapshot_id
        super().__init__(
            f"The process that restored share {share_id} in place died when it had asked Manila to "
            f"revert it, or was about to. The share is available; whether it holds what snapshot "
            f"{snapshot_id} holds or what it held before is not known. Look at it, and ask for the "
            f"restore again if need be: it is not repeated by itself, because the share may have "
            f"been written to since."
        )

# SPDX-License-Identifier: Apache-2.0
"""Why nothing is judged by a bank or by a Manila, why a checkpoint is not adopted, why the post of
a hook is not called, and what is said of what Manila lost."""

from dataclasses import dataclass, field

from karbor_manila.bank.errors import checkpoints_named
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.manila.errors import SnapshotDoubtful


@dataclass(eq=False)
class BankSuspect(KarborManilaError):
    """A bank on whose word nothing is judged: it may be the wrong one, or not all of it."""

    provider: str
    why: str

    def _sentence(self) -> str:
        return (
            f"The bank of provider {self.provider} cannot be trusted to know its checkpoints: "
            f"{self.why}. Nothing was judged or removed. Check that it is mounted and is the right "
            f"one."
        )


@dataclass(eq=False)
class BankOlder(BankSuspect):
    """A bank that was put back from a copy: the database knows checkpoints that it never held.

    :ivar missing: their ids, the newest first
    """

    why: str = field(init=False, default="it is older than Karbor's database")
    provider_id: str
    missing: list[str]

    def _sentence(self) -> str:
        return (
            f"The bank of provider {self.provider} is older than Karbor's database, or another "
            f"one: it has never held {checkpoints_named(self.missing)}, which the database knows "
            f"as made and not deleted. Nothing was judged or removed. Put the newer bank back, or "
            f"have what Manila still keeps of them written into this one: karbor-manila adopt "
            f"{self.provider_id} --all. If they are given up, say so: karbor-manila bank accept "
            f"{self.provider_id}. From then on their snapshots are orphans."
        )


@dataclass(eq=False)
class NotAdoptable(KarborManilaError):
    """A checkpoint that cannot be written again from what Manila has; nothing of it was.

    ``why`` is a sentence.
    """

    checkpoint_id: str
    why: str

    def _sentence(self) -> str:
        return f"Checkpoint {self.checkpoint_id} is not adopted: {self.why}"


@dataclass(eq=False)
class ShareNotDescribed(KarborManilaError):
    """A share that is gone, and of which nothing says what it was."""

    share_id: str

    def _sentence(self) -> str:
        return f"Share {self.share_id} is gone from Manila, and what keeps it says no protocol."


@dataclass(eq=False)
class ManilaSuspect(KarborManilaError):
    """A Manila that shows nothing at all of what the records of a bank name.

    ``named`` is how many snapshots they name.
    """

    provider: str
    named: int

    def _sentence(self) -> str:
        return (
            f"Manila shows none of the {self.named} snapshots that the checkpoints of provider "
            f"{self.provider} name, nor any of their shares: it may be another region or endpoint, "
            f"or not all of it. Nothing was judged or changed. Check [manila_client] in "
            f"karbor.conf. If they are gone for good, delete the checkpoints."
        )


@dataclass(eq=False)
class HookNotConfigured(KarborManilaError):
    """A hook that has begun, and that the provider does not have any more."""

    name: str

    def _sentence(self) -> str:
        return (
            f"hook_drivers of the provider does not name {self.name!r} any more. Put it back until "
            f"its post is through, or undo by hand what it did and delete the checkpoint."
        )


@dataclass(eq=False)
class ToldInvalid(KarborManilaError):
    """What seems to come from Manila's hook, and is not what it writes."""

    why: str

    def _sentence(self) -> str:
        return f"This is not what karbor-manila's hook in manila-share writes: {self.why}."


@dataclass(eq=False)
class SnapshotTaken(SnapshotDoubtful):
    """The snapshot of a checkpoint is gone, and Manila said what became of it.

    :ivar said: that, with the time and by whom
    """

    why: str = field(init=False)
    said: str

    def __post_init__(self) -> None:
        """Make the sentence of it."""
        self.why = (
            f"it {self.said}. So this checkpoint cannot give the share back; delete it and use "
            f"another one"
        )

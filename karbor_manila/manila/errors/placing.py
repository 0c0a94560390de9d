# SPDX-License-Identifier: Apache-2.0
"""What keeps Manila from making a new share where its source is, or one from being removed."""

from dataclasses import KW_ONLY, dataclass

from karbor_manila.common.errors import KarborManilaError
from karbor_manila.manila.errors.answers import ManilaRefused, at


@dataclass(eq=False)
class NetworkUnsuitable(KarborManilaError):
    """The share network that a new share would be in cannot have it.

    ``why`` is a phrase that begins with "it", the network; ``advice`` a sentence.
    """

    share_id: str
    network_id: str
    why: str
    advice: str
    _: KW_ONLY
    endpoint: str = ""

    def _sentence(self) -> str:
        return (
            f"Manila{at(self.endpoint)} makes a new share from one of share {self.share_id} in "
            f"share network {self.network_id} alone, and {self.why}. Nothing was created. "
            f"{self.advice}"
        )


@dataclass(eq=False)
class KeyUnknown(KarborManilaError):
    """A share is encrypted, and this Manila cannot be asked for a share with a key."""

    share_id: str
    microversion: str
    _: KW_ONLY
    endpoint: str = ""

    def _sentence(self) -> str:
        return (
            f"Share {self.share_id} was encrypted with a key of its owner's, and this Manila"
            f"{at(self.endpoint)} speaks {self.microversion} here: a new share with that key can "
            f"be asked for since 2.90 (encryption_key_ref). Nothing was created. Upgrade Manila, "
            f"or restore in place (share_id)."
        )


@dataclass(eq=False)
class ShareLocked(ManilaRefused):
    """Manila deletes no share on which there is a lock; whoever made the lock can remove it.

    ``locks`` are their ids.
    """

    share_id: str = ""
    locks: tuple[str, ...] = ()

    def _sentence(self) -> str:
        several = "s" if len(self.locks) > 1 else ""
        command = f"openstack share lock delete {' '.join(self.locks)}"
        return (
            f"Share {self.share_id} cannot be deleted: lock{several} {', '.join(self.locks)} "
            f"keep{'' if several else 's'} it (Manila{at(self.endpoint)}: HTTP {self.status}). "
            f"Remove the lock{several} ({command}), then it can go."
        )

# SPDX-License-Identifier: Apache-2.0
"""What Manila's rules refuse of access to what was kept, or what became of it."""

from dataclasses import dataclass

from karbor_manila.common.errors import KarborManilaError
from karbor_manila.manila.errors.answers import reason


@dataclass(eq=False)
class NotMountable(KarborManilaError):
    """The type of a snapshot's share does not allow its snapshots to be mounted."""

    snapshot_id: str
    share_id: str
    share_type: str | None

    def _sentence(self) -> str:
        return (
            f"Snapshot {self.snapshot_id} cannot be mounted: the type {self.share_type!r} of share "
            f"{self.share_id} does not have mount_snapshot_support. Nothing was granted. Restore "
            f"the share into a new one and mount that, or ask the administrator of Manila for a "
            f"type with mount_snapshot_support."
        )


@dataclass(eq=False)
class AccessFailed(KarborManilaError):
    """An access rule of a snapshot did not come into force.

    ``state`` is Manila's word for where it ended, ``detail`` what Manila says of it.
    """

    snapshot_id: str
    access: str
    state: str
    detail: str = ""

    def _sentence(self) -> str:
        why = reason(self.detail, " Manila gives no reason; its backend may not know such rules.")
        return (
            f"Manila did not bring the access rule {self.access} of snapshot {self.snapshot_id} "
            f"into force: its state is {self.state!r}.{why}"
        )


@dataclass(eq=False)
class OthersRuleFailed(AccessFailed):
    """Somebody else's rule of the same is in the way, and not in force."""

    def _sentence(self) -> str:
        return (
            f"Snapshot {self.snapshot_id} has an access rule {self.access} already that Karbor did "
            f"not ask for, and its state is {self.state!r}. Nothing was granted. Remove that rule "
            f"(openstack share snapshot access delete) and try again."
        )


@dataclass(eq=False)
class AccessNotTakenBack(KarborManilaError):
    """An access rule of a snapshot is still there, whatever was tried."""

    snapshot_id: str
    rule_id: str
    state: str
    detail: str = ""

    def _sentence(self) -> str:
        return (
            f"Access rule {self.rule_id} of snapshot {self.snapshot_id} could not be taken back: "
            f"its state is {self.state!r}.{reason(self.detail, ' Manila gives no reason.')} Karbor "
            f"goes on trying; if that does not help, ask the administrator of Manila."
        )

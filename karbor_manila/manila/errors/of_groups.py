# SPDX-License-Identifier: Apache-2.0
"""What share groups refuse: what cannot be kept, made or removed together."""

from dataclasses import KW_ONLY, dataclass

from karbor_manila.common.errors import KarborManilaError
from karbor_manila.manila.errors.refusals import CloneUnsupported


@dataclass(eq=False)
class GroupDoubtful(KarborManilaError):
    """A share group that cannot be used as it is."""

    group_id: str
    why: str

    def _sentence(self) -> str:
        return f"Share group {self.group_id} cannot be used: {self.why}."


@dataclass(eq=False)
class OnlyAsGroup(CloneUnsupported):
    """A share that comes back with its whole group alone: its type lets nobody make a share of its
    own from a member of a group snapshot. ``lacks`` is what its type does not have."""

    _: KW_ONLY
    revertible: bool = False
    lacks: str = "create_share_from_snapshot_support"

    def _lack(self) -> str:
        return (
            f"can only be restored with its whole group (as_group): its type {self.share_type!r} "
            f"does not have {self.lacks}, so that Manila makes no share of its own"
        )

    def _sentence(self) -> str:
        return f"Share {self.share_id} {self._lack()}. Nothing was created."

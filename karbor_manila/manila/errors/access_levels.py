# SPDX-License-Identifier: Apache-2.0
"""Access rules of a share that cannot be made read-only for a while, or not be put back."""

from dataclasses import KW_ONLY, dataclass

from karbor_manila.common.errors import KarborManilaError, RefusedError
from karbor_manila.manila.errors.answers import at


@dataclass(eq=False)
class AccessLevelsUnsupported(KarborManilaError):
    """A Manila that cannot change the level of an access rule; nothing was touched."""

    offered: str
    _: KW_ONLY
    needed: str = "2.88"
    endpoint: str = ""

    def _sentence(self) -> str:
        return (
            f"To make access rules read-only for a while needs microversion {self.needed} of "
            f"Manila, and this Manila{at(self.endpoint)} offers {self.offered}. No rule was "
            f"touched. Upgrade Manila, or take 'quiesce' out of hook_drivers."
        )


@dataclass(eq=False)
class RuleNotChanged(KarborManilaError):
    """The backend of a share did not take the level that an access rule was given."""

    share_id: str
    rule: str
    level: str

    def _sentence(self) -> str:
        return (
            f"Access rule {self.rule} of share {self.share_id} could not be made {self.level!r}: "
            f"its backend refuses it, and its state is 'error'. Ask the administrator of Manila."
        )


@dataclass(eq=False)
class RulesOfBusyShare(RefusedError):
    """Manila changes no rule of a share in transition (manila/share/api.py, update_access)."""

    share_id: str
    status: str

    def _sentence(self) -> str:
        return (
            f"It is {self.status!r}, and Manila changes no access rule of share {self.share_id} "
            f"until that is over."
        )


@dataclass(eq=False)
class RulesNotPutBack(KarborManilaError):
    """Access rules are read-only still. ``why`` are sentences by the ids of shares."""

    why: dict[str, str]

    def _sentence(self) -> str:
        told = " ".join(f"Share {share}: {said}" for share, said in sorted(self.why.items()))
        return (
            f"Access rules that were made read-only were not all put back. {told} "
            f"The reconciliation tries again until they are."
        )

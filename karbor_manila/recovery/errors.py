# SPDX-License-Identifier: Apache-2.0
"""Why nothing is judged by a bank or by a Manila, and why the post of a hook is not called."""

from dataclasses import dataclass, field

from karbor_manila.bank.errors import checkpoints_named
from karbor_manila.common.errors import KarborManilaError


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
            f"as made and not deleted. Nothing was judged or removed. Put the newer bank back; if "
            f"these are given up, say so: karbor-manila bank accept {self.provider_id}. From then "
            f"on their snapshots are orphans."
        )


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

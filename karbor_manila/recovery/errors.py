# SPDX-License-Identifier: Apache-2.0
"""Why nothing is judged by a bank, or by a Manila."""

from karbor_manila.bank.errors import checkpoints_named
from karbor_manila.common.errors import KarborManilaError


class BankSuspect(KarborManilaError):
    """A bank on whose word nothing is judged: it may be the wrong one, or not all of it."""

    def __init__(self, provider: str, why: str) -> None:
        self.provider = provider
        self.why = why
        super().__init__(
            f"The bank of provider {provider} cannot be trusted to know its checkpoints: {why}. "
            f"Nothing was judged or removed. Check that it is mounted and is the right one."
        )


class BankOlder(BankSuspect):
    """A bank that was put back from a copy: the database knows checkpoints that it never held.

    :ivar missing: their ids, the newest first
    """

    def __init__(self, provider: str, provider_id: str, missing: list[str]) -> None:
        self.provider_id = provider_id
        self.missing = missing
        KarborManilaError.__init__(
            self,
            f"The bank of provider {provider} is older than Karbor's database, or another one: it "
            f"has never held {checkpoints_named(missing)}, which the database knows as made and "
            f"not deleted. Nothing was judged or removed. Put the newer bank back; if these are "
            f"given up, say so: karbor-manila bank accept {provider_id}. From then on their "
            f"snapshots are orphans.",
        )
        self.provider = provider
        self.why = "it is older than Karbor's database"


class ManilaSuspect(KarborManilaError):
    """A Manila that shows nothing at all of what the records of a bank name."""

    def __init__(self, provider: str, named: int) -> None:
        self.provider = provider
        self.named = named
        super().__init__(
            f"Manila shows none of the {named} snapshots that the checkpoints of provider "
            f"{provider} name, nor any of their shares: it may be another region or endpoint, or "
            f"not all of it. Nothing was judged or changed. Check [manila_client] in karbor.conf. "
            f"If they are gone for good, delete the checkpoints."
        )

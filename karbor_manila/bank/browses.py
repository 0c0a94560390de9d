# SPDX-License-Identifier: Apache-2.0
"""What access to snapshots is open, in a bank: keys that say when each is to be looked at.

A key stands from before the intent of a browse is written until after that has gone, so one list of
these, which are few, tells what is due, however many checkpoints the bank holds. The intent in the
share's section is what counts: a key that says too early a time costs one look.
"""

import datetime
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import identity
from karbor_manila.common.ids import is_id

_PREFIX = identity.PREFIX + "/browses/"
_MOMENT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Entry:
    """``due`` (UTC) is when it is to be looked at; ``browse_id`` is of Karbor's verification."""

    due: datetime.datetime
    checkpoint_id: str
    share_id: str
    browse_id: str

    def key(self, provider_id: str) -> str:
        """Where it stands in the bank."""
        due = self.due.astimezone(datetime.UTC).strftime(_MOMENT)
        return f"{_PREFIX}{provider_id}/{due}@{self.checkpoint_id}@{self.share_id}@{self.browse_id}"


def put(bank: Any, provider_id: str, entry: Entry) -> None:
    """Have this one. Raises BankUnreadable."""
    value = {"share_id": entry.share_id, "verification_id": entry.browse_id}
    key = entry.key(provider_id)
    bank_access.ask(lambda: bank.update_object(key, value), "take what access is open")


def entries(bank: Any, provider_id: str) -> list[Entry]:
    """All of a provider, by the time at which they are due. Raises BankUnreadable."""
    prefix = f"{_PREFIX}{provider_id}/"
    keys = bank_access.ask(lambda: bank.list_objects(prefix), "list what access is open")
    return list(_parsed(sorted(key.removeprefix(prefix) for key in keys)))


def forget(
    bank: Any, provider_id: str, share_id: str, browse_id: str, keep: Entry | None = None
) -> None:
    """Have none of this share and verification, but for the one to ``keep``.

    :raises BankUnreadable: one of them may still be there
    """
    kept = keep.key(provider_id) if keep else ""
    for entry in entries(bank, provider_id):
        key = entry.key(provider_id)
        if (entry.share_id, entry.browse_id) == (share_id, browse_id) and key != kept:
            bank_access.remove(bank, key, "forget access that is taken back")


def lock_id(checkpoint_id: str, share_id: str) -> str:
    """The id under which who gives or takes back access to a share of a checkpoint claims that, so
    that nobody takes back what another one is just about to extend."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{_PREFIX}{checkpoint_id}/{share_id}"))


def _parsed(names: list[str]) -> Iterator[Entry]:
    for name in names:
        moment, *ids = name.split("@")
        try:
            due = datetime.datetime.strptime(moment, _MOMENT).replace(tzinfo=datetime.UTC)
        except ValueError:
            continue  # no key of ours
        if len(ids) == 3 and is_id(ids[0]) and is_id(ids[2]):
            yield Entry(due, *ids)

# SPDX-License-Identifier: Apache-2.0
"""Which deletions wait, in a bank: keys that say when each is to be carried out.

A key stands from before the checkpoint says so until after it is gone or had back, so one list of
these, which are few, tells what is due. What the checkpoint says is what counts: a key that says
another time costs one look.
"""

import dataclasses
import datetime
from collections.abc import Iterator
from typing import Any

from oslo_serialization import jsonutils

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import checkpoints, identity
from karbor_manila.common import deferral
from karbor_manila.common.deferral import Deferral
from karbor_manila.common.ids import is_id

_PREFIX = identity.PREFIX + "/deletions/"
_MOMENT = "%Y%m%dT%H%M%SZ"


@dataclasses.dataclass(frozen=True)
class Entry:
    """``due`` (UTC, whole seconds) is when the deletion is carried out."""

    due: datetime.datetime
    checkpoint_id: str

    def key(self, provider_id: str) -> str:
        """Where it stands in the bank."""
        due = self.due.astimezone(datetime.UTC).strftime(_MOMENT)
        return f"{_PREFIX}{provider_id}/{due}@{self.checkpoint_id}"


def put(bank: Any, provider_id: str, entry: Entry) -> None:
    """Have this one. Raises BankUnreadable."""
    key, value = entry.key(provider_id), {"checkpoint_id": entry.checkpoint_id}
    bank_access.ask(lambda: bank.update_object(key, value), "take which deletion waits")


def entries(bank: Any, provider_id: str) -> list[Entry]:
    """All of a provider, by the time at which they are due. Raises BankUnreadable."""
    prefix = f"{_PREFIX}{provider_id}/"
    keys = bank_access.ask(lambda: bank.list_objects(prefix), "list which deletions wait")
    return list(_parsed(sorted(key.removeprefix(prefix) for key in keys)))


def forget(bank: Any, provider_id: str, checkpoint_id: str, keep: Deferral | None = None) -> None:
    """Have none of this checkpoint, but for the one to ``keep``.

    :raises BankUnreadable: one of them may still be there
    """
    kept = Entry(keep.due, checkpoint_id).key(provider_id) if keep else ""
    for entry in entries(bank, provider_id):
        key = entry.key(provider_id)
        if entry.checkpoint_id == checkpoint_id and key != kept:
            bank_access.remove(bank, key, "forget a deletion that waits no more")


def of(checkpoint: Any) -> Deferral | None:
    """The deletion of a checkpoint that waits; None for one that was not deleted, or of which it
    is not known when it is due."""
    if checkpoint.status != deferral.PENDING:
        return None
    try:
        return deferral.of(checkpoints.info(checkpoint))
    except ValueError:
        return None  # a tenant's own extra_info


def note(checkpoint: Any, waits: Deferral | None) -> None:
    """Put down in a checkpoint that its deletion waits, or does no more. The caller commits.

    :raises ValueError: its ``extra_info`` is a tenant's own, and no JSON
    """
    info = checkpoints.info(checkpoint)
    rest = {key: value for key, value in info.items() if key != deferral.KEY}
    checkpoint.extra_info = jsonutils.dumps(rest | ({deferral.KEY: waits.dump()} if waits else {}))


def becomes(checkpoint: Any, status: str) -> None:
    """Give a checkpoint at rest another status. One whose deletion waits goes on waiting: that is
    the status with which it can be had back. The caller commits.

    :raises ValueError: its ``extra_info`` is a tenant's own, and no JSON
    """
    if checkpoint.status != deferral.PENDING:
        checkpoint.status = status
    elif waits := of(checkpoint):
        note(checkpoint, dataclasses.replace(waits, was=status))


def _parsed(names: list[str]) -> Iterator[Entry]:
    for name in names:
        moment, _, checkpoint_id = name.partition("@")
        try:
            due = datetime.datetime.strptime(moment, _MOMENT).replace(tzinfo=datetime.UTC)
        except ValueError:
            continue  # no key of ours
        if is_id(checkpoint_id):
            yield Entry(due, checkpoint_id)

# SPDX-License-Identifier: Apache-2.0
"""Karbor's index of checkpoints in a bank: its keys say when each was made, and for whom.

An entry stands in three branches: by provider, by date, and by plan
(karbor/services/protection/checkpoint.py).
"""

import datetime
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from karbor import exception as karbor_exception
from oslo_log import log as logging

from karbor_manila.bank import access as bank_access
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.common.turns import taking_turns

LOG = logging.getLogger(__name__)

_INDICES = "/indices"

# The year 9999, in seconds since the epoch: its last day has ended in no time zone.
_LATEST = 253_370_764_800


@dataclass(frozen=True)
class Entry:
    """A checkpoint in the index. ``made`` is in seconds since the epoch, UTC."""

    made: int
    id: str
    project_id: str

    @property
    def day(self) -> datetime.date:
        """The UTC day on which it was made."""
        return datetime.datetime.fromtimestamp(self.made, datetime.UTC).date()


def entries(
    bank: Any, provider_id: str, project_id: str | None, plan_id: str | None
) -> Iterator[Entry]:
    """The entries of a provider's checkpoints, in the order of the bank.

    Read from the keys ``/by-provider/<provider>/<project>/<timestamp>@<id>`` and
    ``/by-plan/<plan>/<project>/<day>/<timestamp>@<id>``.

    :param project_id: only of this one
    :param plan_id: only of this plan, whichever provider it has
    :raises karbor.exception.BankListObjectsFailed: the bank cannot be listed
    """
    prefix = f"by-plan/{plan_id}" if plan_id else f"by-provider/{provider_id}"
    if project_id is not None:
        prefix += f"/{project_id}"
    section = bank.get_sub_section(_INDICES)
    try:
        keys = bank_access.ask(lambda: section.list_objects(prefix=f"/{prefix}/"), "list its index")
    except BankUnreadable as error:
        raise karbor_exception.BankListObjectsFailed(reason=str(error)) from error
    yield from _parsed(keys)


def _parsed(keys: Iterable[str]) -> Iterator[Entry]:
    for key in taking_turns(keys):
        parts = key.strip("/").split("/")
        made, _, checkpoint_id = parts[-1].partition("@")
        second = _second(made)
        if checkpoint_id and second is not None:
            yield Entry(second, checkpoint_id, parts[2])
        elif checkpoint_id:
            LOG.error("The index entry %r is damaged and is passed over: it has no time", key)


def _second(text: str) -> int | None:
    """A time in a key; None for what is none that every time zone has a day for."""
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(_LATEST)):
        return None
    second = int(text)
    return second if second < _LATEST else None


def made_since(bank: Any, since: datetime.datetime, now: datetime.datetime) -> Iterator[Entry]:
    """The entries of the checkpoints, of all providers, that were made since then, by the clocks of
    those who made them: one list for each day, ``/by-date/<day>/<project>/<timestamp>@<id>``.

    :param since, now: UTC; a clock may be up to a day ahead of ``now``
    :raises BankUnreadable: the bank cannot be listed
    """
    section = bank.get_sub_section(_INDICES)
    for number in range((now.date() - since.date()).days + 2):
        day = since.date() + datetime.timedelta(days=number)
        prefix = f"/by-date/{day:%Y-%m-%d}/"
        keys = bank_access.ask(
            functools.partial(section.list_objects, prefix=prefix), "list its index"
        )
        for entry in _parsed(keys):
            if entry.made >= since.timestamp():
                yield entry


def indexed(bank: Any) -> set[str]:
    """The ids of all checkpoints that are in the index, in any of its three branches.

    :raises BankUnreadable: the bank cannot be listed
    """
    return {key.rpartition("@")[2] for key in _keys(bank) if "@" in key}


def times(bank: Any) -> dict[str, int]:
    """When each checkpoint of the index was made, in seconds since the epoch, by its id.

    :raises BankUnreadable: the bank cannot be listed
    """
    names = (key.rpartition("/")[2].partition("@") for key in _keys(bank))
    times = {each: _second(made) for made, _, each in names if each}
    return {each: second for each, second in times.items() if second is not None}


def _keys(bank: Any) -> list[str]:
    keys: list[str] = bank_access.ask(
        lambda: bank.list_objects(_INDICES + "/"), "list its checkpoints"
    )
    return keys


def mend_index(checkpoint: Any) -> None:
    """Put a checkpoint's entries into the index again.

    A deletion that was stopped among them has removed some, and Karbor's next one fails over each
    that is not there (karbor/services/protection/checkpoint.py, delete). They are written under
    the claim under which the checkpoint is.

    :raises BankUnreadable: the bank cannot be written
    """
    bank_access.ask(
        lambda: _mend_index(checkpoint), f"take the index of checkpoint {checkpoint.id}"
    )


def _mend_index(checkpoint: Any) -> None:
    index = checkpoint.checkpoint_section.get_object("index.json")
    plan, project = index["protection_plan"], index["project_id"]
    name, day = f"{index['timestamp']}@{checkpoint.id}", index["created_at"]
    section = checkpoint.checkpoint_section.bank.get_sub_section(_INDICES)
    for key in (
        f"/by-provider/{plan['provider_id']}/{project}/{name}",
        f"/by-date/{day}/{project}/{name}",
        f"/by-plan/{plan['id']}/{project}/{day}/{name}",
    ):
        section.update_object(key, checkpoint.id)

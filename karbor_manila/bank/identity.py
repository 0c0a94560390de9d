# SPDX-License-Identifier: Apache-2.0
"""The id of a bank: an object written once into it, and known to Karbor's database.

It is part of every mark, so that two Karbors never clean up each other. What lies in the place of a
bank need not be the bank: a mount is missing, or another one is there. So the id is also kept by
provider in Karbor's database, and whoever writes into a bank, judges by it, or takes somebody's
claim over because of it confirms first that it is the one that is known.
"""

import contextlib
import datetime
import re
import uuid
from typing import Any

from oslo_log import log as logging

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import history
from karbor_manila.bank.errors import BankNotOurs, BankUnreadable, checkpoints_named
from karbor_manila.database.known_banks import EVER, Known, KnownBanks

LOG = logging.getLogger(__name__)

PREFIX = "/karbor-manila"
KEY = PREFIX + "/bank.json"

#: What each database keeps whole, and is part of marks.
_AN_ID = re.compile("[ -~]{1,255}")

#: By Karbor's own database.
KNOWN = KnownBanks()


def confirm(bank: Any, provider_id: str, known: KnownBanks = KNOWN) -> str:
    """The id of the provider's bank, which is there.

    The first time ever a bank is given one; one that has an id and that the database does not know
    (an upgrade, a new database) is adopted, unless it holds nothing of what the database knows.
    It costs one look into the bank, and one into the database that serves for a few seconds.

    :param bank: Karbor's Bank (karbor/services/protection/bank_plugin.py)
    :raises BankNotOurs: another bank is there, or none
    :raises BankUnreadable: the bank cannot be read or written
    """
    found, expected = _compare(bank, provider_id, known, by_history=True)
    if expected is None:
        if found:
            expected = known.add(provider_id, found).bank_id
        else:
            expected = known.give(provider_id, lambda: bank_id(bank)).bank_id
            found = read(bank)
        if expected != found:  # another process was quicker, with another id
            raise BankNotOurs(provider_id, expected, found)
        LOG.info("The bank of provider %s is %s from now on", provider_id, expected)
    known.confirmed[provider_id] = expected
    return expected


def check(bank: Any, provider_id: str, known: KnownBanks = KNOWN) -> None:
    """As :func:`confirm`, by what this process has confirmed before: it asks no database, and so
    may be called in a thread that is no green one.

    :raises BankNotOurs, BankUnreadable: as above; until the bank is confirmed, too
    """
    expected = known.confirmed.get(provider_id)
    # Such a thread asks once: its next turn asks again.
    found = _id_in(bank_access.ask(lambda: _look_at_list(bank), "give its id", attempts=1))
    if expected is None:
        raise BankUnreadable(
            "be confirmed", f"it was not there when the bank of provider {provider_id} was asked"
        )
    if found != expected:
        raise BankNotOurs(provider_id, expected, found)


def compare(
    bank: Any, provider_id: str, known: KnownBanks = KNOWN, *, by_history: bool = True
) -> str | None:
    """The id of what is there, when that may be the provider's bank; nothing is changed.

    :param by_history: also compare with the checkpoints that the database knows, as long as it
        knows no id
    :returns: None when it has no id and none is known: it is new, or Karbor's own plugins used it
    :raises BankNotOurs, BankUnreadable: as :func:`confirm`
    """
    return _compare(bank, provider_id, known, by_history=by_history)[0]


def missing(
    bank: Any, provider_id: str, known: KnownBanks = KNOWN, checkpoint_id: str | None = None
) -> list[str]:
    """The checkpoints that this bank must have held since it has its id, and never has: it was put
    back from an older copy. Those of all providers that have this bank, the newest first of each.

    :param checkpoint_id: only this one
    :raises BankUnreadable: the bank cannot be read
    """
    stored = _stored(bank) or {}
    since = {row.provider_id: row.since for row in known.all() if row.bank_id == stored.get("id")}
    since.setdefault(provider_id, EVER)
    kept: list[str] = []
    for each, accepted in sorted(since.items()):
        begun = max(_born(stored), accepted)
        kept += history.kept(known.engine, each, begun, checkpoint_id)
    return history.unheard_of(bank, kept)


def lacking(bank: Any, provider_id: str, known: KnownBanks = KNOWN) -> list[str]:
    """All checkpoints of a provider that the database knows as made and not deleted since the last
    time that a bank was accepted, and that were never in this one, whichever it is.

    :raises BankUnreadable: the bank cannot be read
    """
    row = known.get(provider_id)
    kept = history.kept(known.engine, provider_id, row.since if row else EVER)
    return history.unheard_of(bank, kept)


def accept(bank: Any, provider_id: str, known: KnownBanks = KNOWN) -> Known:
    """An operator says that what is there is the provider's bank, and that what it lacks is given
    up. A bank that holds checkpoints and has lost its id gets the known one back, an empty one a
    new one: the marks of what is gone must not be its.

    :raises BankUnreadable: the bank cannot be read or written
    """
    expected = known.get(provider_id)
    if expected and read(bank) is None and history.holds_any(bank):
        _write(bank, expected.bank_id)
    return known.accept(provider_id, bank_id(bank))


def bank_id(bank: Any) -> str:
    """The id of this bank, given to it if it has none, whichever bank it is: :func:`confirm` is
    what everybody else asks.

    :raises BankUnreadable: the bank cannot be read or written. An id that is there but cannot be
        read is never replaced.
    """
    known = read(bank)
    if known:
        return known
    _write(bank, str(uuid.uuid4()))
    written = read(bank)
    if not written:
        raise BankUnreadable("keep its id", "it is not there after it was written")
    return written


def read(bank: Any) -> str | None:
    """The id of this bank, or None when it was never given one.

    :raises BankUnreadable: the bank cannot be read, or its id is damaged
    """
    return _id_in(bank_access.ask(lambda: _look(bank), "give its id"))


def _compare(
    bank: Any, provider_id: str, known: KnownBanks, *, by_history: bool
) -> tuple[str | None, str | None]:
    """The id that is found, and the one that is known."""
    # The row first: whoever adds one has written the id before, and a look at the bank before that
    # would show another bank than the known one.
    row = known.recent(provider_id)
    found = read(bank)
    if row and row.bank_id != found:
        row = known.get(provider_id)  # an operator may just have accepted another one
        if row and row.bank_id != found:
            raise BankNotOurs(provider_id, row.bank_id, found)
    if row is None and by_history:
        # A folder without its mount, or another bank, holds nothing of what is known.
        kept = history.kept(known.engine, provider_id, EVER)
        if kept and len(history.unheard_of(bank, kept)) == len(kept):
            held = checkpoints_named(kept)
            raise BankNotOurs(provider_id, None, found, held)
    return found, row.bank_id if row else None


def _write(bank: Any, identifier: str) -> None:
    born = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    bank_access.ask(
        lambda: bank.update_object(KEY, {"id": identifier, "born": born}), "take its id"
    )


def _born(stored: dict[str, Any]) -> datetime.datetime:
    """When the bank was given its id (UTC); without a time that can be read, ever."""
    with contextlib.suppress(ValueError):
        born = datetime.datetime.fromisoformat(str(stored.get("born")))
        return born if born.tzinfo else born.replace(tzinfo=datetime.UTC)
    return EVER


def _stored(bank: Any) -> Any:
    """What stands there, which has an id, or None."""
    stored = bank_access.ask(lambda: _look(bank), "give its id")
    _id_in(stored)
    return stored.value


def _id_in(stored: bank_access.Stored) -> str | None:
    """The id in what stands there. Raises BankUnreadable when there is something without one."""
    if stored.is_absent:
        return None
    found = str(stored.value.get("id") or "") if isinstance(stored.value, dict) else ""
    if not _AN_ID.fullmatch(found):
        raise BankUnreadable("give its id", f"{KEY} is damaged")
    return found


def _look_at_list(bank: Any) -> bank_access.Stored:
    """As :func:`_look`, without asking for what is absent where that is not silent."""
    if bank_access.lists_lag(bank) or _is_listed(bank):
        return _look(bank)
    return bank_access.Stored(bank_access.Outcome.ABSENT)


def _look(bank: Any) -> bank_access.Stored:
    """What stands there. Raises what the bank's client raises."""
    return bank_access.look(lambda: bank.get_object(KEY), lambda: _is_listed(bank))


def _is_listed(bank: Any) -> bool:
    return KEY in set(bank.list_objects(PREFIX + "/"))

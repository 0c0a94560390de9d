# SPDX-License-Identifier: Apache-2.0
"""What is known of a bank from earlier searches, so that a search reads what may be unfinished.

A checkpoint that was seen at rest stays at rest until somebody works on it, and that shows: in a
claim, in one of Karbor's operation logs, or in a new entry of the index. So a search reads

- what was made, begun or ended since the last search (and :data:`MARGIN` before it: the clocks of
  two hosts differ, and the list of an object store lags behind);
- what was seen not at rest, until it is.

What shows in none of these (a process that died between its first two writes, a log that was lost,
a database that was put back) is found by reading the whole bank. That is due after the start of a
process, and then once a day, of all processes on the bank together, and no turn reads more than
:data:`MOST` checkpoints of it. What was not at rest is kept in the bank for the next start of a
process, under the id of the bank: in another bank, or in one that was put back from a copy together
with it, it says nothing wrong.
"""

import contextlib
import datetime
import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from oslo_log import log as logging

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import identity
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.common.ids import is_id

LOG = logging.getLogger(__name__)

#: By how much the clocks of two hosts may differ, and a list may lag behind.
MARGIN = datetime.timedelta(hours=1)

#: How old the word of a look at the whole bank may become before the next one begins.
WHOLE_EVERY = datetime.timedelta(days=1)

#: So many checkpoints of a look at the whole bank are read in one turn.
MOST = 500

#: What was made in this time is read first, in a bank that was never searched.
FIRST = datetime.timedelta(days=2)

_SEARCHED = identity.PREFIX + "/searched/"


class Look(enum.Enum):
    """Where a search looks; each includes those before it."""

    #: In Karbor's database: what our manager has claimed.
    DATABASE = enum.auto()
    #: In the banks: what may be unfinished, and some of the rest.
    BANKS = enum.auto()
    #: At every checkpoint in the banks, now.
    EVERYTHING = enum.auto()


@dataclass
class Searched:
    """What one process knows of the bank of one provider.

    :ivar bank_id: of the bank
    :ivar since: when the last search began (UTC)
    :ivar whole: when the last look at the whole bank began that came to its end, whoever made it;
        None when there was none
    :ivar watched: the ids of the checkpoints that were not seen at rest yet
    :ivar unread: the ids that the look at the whole bank has yet to read; None when none is under
        way
    :ivar begun: when that look began
    """

    bank_id: str
    since: datetime.datetime
    whole: datetime.datetime | None = None
    watched: set[str] = field(default_factory=set)
    unread: list[str] | None = None
    begun: datetime.datetime | None = None

    def is_due(self, now: datetime.datetime) -> bool:
        """Whether a look at the whole bank has to begin."""
        return self.unread is None and not is_young(self.whole, now)

    def begin(self, ids: Iterable[str], now: datetime.datetime) -> None:
        """A look at these checkpoints, which are all that the bank holds, begins."""
        self.unread, self.begun = list(ids), now

    def next(self) -> Iterator[str]:
        """The checkpoints that are read in this turn; those that were given are read."""
        for _number in range(MOST):
            if not self.unread:
                return
            yield self.unread[-1]
            self.unread.pop()

    def end(self) -> bool:
        """Whether the look at the whole bank has just come to its end."""
        if self.unread is None or self.unread:
            return False
        self.unread, self.whole = None, self.begun
        return True

    def learn(self, other: "Searched | None") -> None:
        """Another process may have looked at the whole bank since."""
        if other and (self.whole is None or (other.whole and other.whole > self.whole)):
            self.whole = other.whole
            self.watched |= other.watched


@dataclass
class Memory:
    """What the searches of this process leave to the next ones, and what it is about to claim."""

    #: The ids of deleted checkpoints: they stay in the bank, and stay deleted.
    deleted: set[str] = field(default_factory=set)
    #: By provider, the ids of checkpoints that somebody was seen to work on since the last search
    #: of its bank.
    worked_on: dict[str, set[str]] = field(default_factory=dict)
    #: By provider.
    banks: dict[str, Searched] = field(default_factory=dict)
    #: When restores and verifications were first seen without a claim, by their ids, on the clock
    #: that is never set.
    unclaimed: dict[str, float] = field(default_factory=dict)
    #: How many checkpoints this process is making that it has not claimed yet.
    making: int = 0

    @contextlib.contextmanager
    def is_making(self) -> Iterator[None]:
        """While this process makes checkpoints that it has not claimed yet, however long that
        takes."""
        self.making += 1
        try:
            yield
        finally:
            self.making -= 1

    def of(self, provider: Any, bank_id: str, now: datetime.datetime) -> Searched:
        """What is known of the bank of a provider, of this process or an earlier one."""
        known = self.banks.get(provider.id)
        if known is None or known.bank_id != bank_id:
            known = read(provider, bank_id, now) or Searched(bank_id, now - FIRST)
            # Whoever started may be the heir of one that died between the first writes of a
            # checkpoint, which show nowhere else: it looks at the whole bank as well.
            known.whole = None
            self.banks[provider.id] = known
        return known

    def forget_unclaimed_but(self, request_ids: set[str]) -> None:
        """Only these restores and verifications are in work still."""
        for request_id in self.unclaimed.keys() - request_ids:
            del self.unclaimed[request_id]

    def work_on(self, provider_id: str, checkpoint_id: str) -> None:
        """Somebody works on a checkpoint: it is looked at when that is over."""
        self.worked_on.setdefault(provider_id, set()).add(checkpoint_id)


def is_young(whole: datetime.datetime | None, now: datetime.datetime) -> bool:
    """Whether the word of a look at the whole bank that began then still counts."""
    return whole is not None and now - WHOLE_EVERY < whole < now + MARGIN


def read(provider: Any, bank_id: str, now: datetime.datetime) -> Searched | None:
    """What the last look at the whole bank left there, if it counts and can be read."""
    key = _SEARCHED + provider.id
    try:
        stored = bank_access.ask(
            lambda: bank_access.look(
                lambda: provider.bank.get_object(key),
                lambda: key in set(provider.bank.list_objects(_SEARCHED)),
            ),
            "say how far it was searched",
        )
    except BankUnreadable as error:
        # It only saves reading; if it is the bank that is away, the search itself fails.
        LOG.warning("How far the bank of provider %s was searched: %s", provider.id, error)
        return None
    try:
        whole = datetime.datetime.fromisoformat(stored.value["whole"])
        if stored.value["bank"] != bank_id or not is_young(whole, now):
            return None
        watched = {str(each) for each in stored.value["watched"]}
    except (KeyError, TypeError, ValueError):
        return None  # there is none, or it is damaged: the whole bank is read
    return Searched(bank_id, whole, whole, {each for each in watched if is_id(each)})


def write(provider: Any, known: Searched) -> None:
    """Keep how far the bank was searched. A bank that does not take it is logged: the next process
    reads the whole bank."""
    if known.whole is None:
        return
    value = {
        "bank": known.bank_id,
        "whole": known.whole.isoformat(timespec="seconds"),
        "watched": sorted(known.watched),
    }
    try:
        # Nothing is written into what lies in the place of the bank by now.
        if identity.compare(provider.bank, provider.id) == known.bank_id:
            bank_access.ask(
                lambda: provider.bank.update_object(_SEARCHED + provider.id, value),
                "take how far it was searched",
            )
    except BankUnreadable as error:
        LOG.warning("How far the bank of provider %s was searched: %s", provider.id, error)

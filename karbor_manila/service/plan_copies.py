# SPDX-License-Identifier: Apache-2.0
"""The green thread that keeps the copies of plans in the banks as Karbor's database has them."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import eventlet
from eventlet import queue
from oslo_log import log as logging
from oslo_serialization import jsonutils

from karbor_manila.bank import identity, plan_copies
from karbor_manila.bank.errors import RecordInvalid, RecordVersionUnknown
from karbor_manila.bank.plan_copies import Place, PlanCopy
from karbor_manila.common.turns import taking_turns
from karbor_manila.database import plans as database
from karbor_manila.operations.plugin import protects_shares

LOG = logging.getLogger(__name__)

#: Seconds between two looks, however many plans are protected.
_SOONEST = 5.0

#: A turn that took one second is followed by none for so many, but for the interval.
_SHARE = 20

#: So many turns, and what is in the bank is looked at anew: another process may have been slower.
_ANEW = 60


@dataclass
class _Seen:
    """What this process has last seen of one plan in the database.

    ``schedules`` are their ids: who was seen there and is there no more was deleted, as long as the
    plan's row is the same one, ``written`` at the same time.
    """

    content: int
    schedules: frozenset[str]
    written: Any


@dataclass
class _Bank:
    """What this process knows of one provider's bank.

    :ivar seen: by plan, what the database had, whether or not the copy is the same
    :ivar current: the plans of which it is
    :ivar listed: which copies the last list showed
    """

    identifier: str
    seen: dict[str, _Seen] = field(default_factory=dict)
    current: set[str] = field(default_factory=set)
    listed: set[Place] = field(default_factory=set)
    turns: int = 0


class PlanCopies:
    """Copies plans and schedules into the banks of their providers, from turn to turn.

    Several processes do the same. One that slept between its look at the database and its write may
    have written what was true before; the next turn of any of them that saw a change, or the next
    look at all, mends that.

    :param providers: gives Karbor's providers
    :param interval: seconds between two turns; 0 for none at all
    :param read: gives what the database has
    """

    def __init__(
        self,
        providers: Callable[[], Iterable[Any]],
        *,
        interval: float,
        read: Callable[[], database.Plans] = database.read,
    ) -> None:
        self._providers = providers
        self._interval = interval
        self._read = read
        self._banks: dict[str, _Bank] = {}
        self._wake: Any = queue.LightQueue(1)
        self._thread: Any = None

    def start(self) -> None:
        """Begin, unless it is turned off; the first turn is at once."""
        if self._interval:
            self._thread = eventlet.spawn(self.run_for_ever)

    def stop(self) -> None:
        """End it where it waits: the next start looks at everything anew."""
        if self._thread is not None:
            self._thread.kill()

    def soon(self) -> None:
        """A plan is used: it is not to wait for the interval. Returns at once."""
        if self._thread is not None and not self._wake.full():
            self._wake.put_nowait(True)

    def run_for_ever(self) -> None:
        """Turn after turn."""
        while True:
            began = time.monotonic()
            self.turn()
            rest = max(_SOONEST, (time.monotonic() - began) * _SHARE)
            eventlet.sleep(min(rest, self._interval))
            try:
                self._wake.get(timeout=max(0.01, self._interval - rest))
            except queue.Empty:
                continue

    def turn(self) -> None:
        """One look at the database, and at the banks as far as something has changed. What fails is
        a line in the log, and is tried again."""
        try:
            there = self._read()
        except Exception as error:  # noqa: BLE001 - of the database, which may be away
            LOG.warning("The plans are not copied into the banks: %s", error)
            return
        for provider in self._providers():
            if not protects_shares(provider):
                continue
            try:
                self._copy(provider, there)
            except Exception as error:  # noqa: BLE001 - of a bank, which may be away
                LOG.warning("Provider %s: its plans are not copied: %s", provider.id, error)

    def _copy(self, provider: Any, there: database.Plans) -> None:
        """:raises BankNotOurs, BankUnreadable: nothing is known of what is in the bank"""
        identifier = identity.confirm(provider.bank, provider.id)
        known = self._banks.get(provider.id)
        if known is None or known.identifier != identifier:
            known = self._banks[provider.id] = _Bank(identifier)
        if known.turns % _ANEW == 0:
            known.current.clear()
            known.listed = set(plan_copies.places(provider.bank, provider.id))
            for place in known.listed:
                if place.plan_id in there.deleted:
                    plan_copies.remove(provider.bank, place)
        known.turns += 1
        for plan_id, plan in taking_turns(there.plans.items()):
            if plan["provider_id"] == provider.id and plan_copies.is_storable(plan):
                schedules = tuple(there.schedules.get(plan_id, ()))
                wanted = PlanCopy(plan, schedules)
                self._copy_one(provider.bank, known, wanted, there.written.get(plan_id))
        for plan_id in known.seen.keys() - there.plans.keys():
            if plan_id in there.deleted:
                self._remove(provider.bank, provider.id, plan_id)
            # Else the database is another one: what it had of the plan says nothing any more.
            del known.seen[plan_id]
            known.current.discard(plan_id)

    def _copy_one(self, bank: Any, known: _Bank, wanted: PlanCopy, written: Any) -> None:
        plan_id = wanted.place.plan_id
        now = _seen(wanted, written)
        before = known.seen.get(plan_id)
        if before and before.written != written:
            before = None  # the plan was put back, between two turns
        if plan_id in known.current and before and before.content == now.content:
            return
        gone = before.schedules - now.schedules if before else frozenset()
        try:
            # A list that has it costs no other one; it may be gone since.
            listed = wanted.place in known.listed
            stored = plan_copies.read(bank, wanted.place, listed=listed)
        except RecordVersionUnknown as error:
            LOG.warning("Plan %s is left to a later release: %s", plan_id, error)
            known.current.add(plan_id)
            return
        except RecordInvalid as error:
            LOG.warning("The copy of plan %s is made anew: %s", plan_id, error)
            stored = None
        copy = wanted.after(stored, gone) if stored else wanted
        try:
            if copy != stored:
                plan_copies.write(bank, copy)
        except RecordInvalid as error:  # the others are to be copied
            LOG.warning("Plan %s cannot be copied: %s", plan_id, error)
        known.seen[plan_id] = now
        known.current.add(plan_id)

    @staticmethod
    def _remove(bank: Any, provider_id: str, plan_id: str) -> None:
        """A plan that was there was deleted."""
        for place in plan_copies.places(bank, provider_id):
            if place.plan_id == plan_id:
                plan_copies.remove(bank, place)


def _seen(copy: PlanCopy, written: Any) -> _Seen:
    content = jsonutils.dumps([copy.plan, copy.schedules], sort_keys=True)
    return _Seen(hash(content), frozenset(str(each["id"]) for each in copy.schedules), written)

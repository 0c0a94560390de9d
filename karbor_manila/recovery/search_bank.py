# SPDX-License-Identifier: Apache-2.0
"""Searches a bank for what dead processes left there without a claim; nothing is changed but what
the next search is to know (:mod:`.searched`)."""

import datetime
from collections.abc import Iterable, Iterator
from typing import Any

from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank import browses, checkpoints, deletions, identity, index
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.common.clock import Clock
from karbor_manila.common.turns import taking_turns
from karbor_manila.database import requested
from karbor_manila.recovery import operation_logs, searched
from karbor_manila.recovery.claim_table import DEFERRED
from karbor_manila.recovery.claims import BROWSE, Claims
from karbor_manila.recovery.searched import Memory, Searched
from karbor_manila.recovery.unfinished import IN_PROGRESS, Unfinished

LOG = logging.getLogger(__name__)

# By the status of a checkpoint in work, what is done with it.
_OPERATION_OF = {
    constants.CHECKPOINT_STATUS_PROTECTING: constants.OPERATION_PROTECT,
    constants.CHECKPOINT_STATUS_DELETING: constants.OPERATION_DELETE,
    constants.CHECKPOINT_STATUS_WAIT_COPYING: constants.OPERATION_COPY,
    constants.CHECKPOINT_STATUS_COPYING: constants.OPERATION_COPY,
}

# So many checkpoints may be unreadable before it counts as an outage of the bank.
_FAILURES = 5


class BankSearch:
    """One search of the bank of one provider.

    :param claims: of this process
    :param memory: of the searches of this process
    :param grace: seconds for which what is not claimed is left alone
    """

    def __init__(
        self, provider: Any, claims: Claims, memory: Memory, *, grace: float, clock: Clock
    ) -> None:
        self._provider = provider
        self._claims = claims
        self._memory = memory
        self._grace = grace
        self._clock = clock
        #: The ids of the checkpoints that were not seen at rest.
        self._restless: set[str] = set()
        #: Whether something was seen of which it is not known yet whether it is abandoned.
        self.unsure = False
        #: Why not everything was seen.
        self.away: Exception | None = None
        self._failures = 0
        #: Whether the look at the whole bank goes on with the next search.
        self.more = False

    def everything(self) -> Iterator[Unfinished]:
        """What is unfinished, by every checkpoint that the bank has ever held.

        :raises BankUnreadable: the bank cannot be listed
        """
        found = checkpoints.inventory(self._provider.bank)
        for checkpoint_id in taking_turns(found.checkpoints):
            yield from self._unclaimed(checkpoint_id)
        yield from self._leftovers(found.open_restores)
        yield from self._incomplete_reports(found.kept_and_begun)
        yield from self._lost_browses(found.open_browses)

    def what_may_be(self, bank_id: str) -> Iterator[Unfinished]:
        """What is unfinished, by the checkpoints that may be, and by some of the others.

        :param bank_id: of the bank
        :raises BankUnreadable: the bank cannot be listed, or most of what is asked for
        :raises BankNotOurs: it is another one by now
        """
        now = self._clock.utcnow()
        known = self._memory.of(self._provider, bank_id, now)
        yield from self._lost_browses(self._begin_to_read_all(known, now))
        # Our clock may have been put back. If it was put forward by more, or we slept, a look at
        # the whole bank is due, or another process has made one.
        since = max(min(known.since, now), now - searched.FIRST)
        known.watched |= self._touched(since - searched.MARGIN, now)
        at_rest = set()
        for checkpoint_id in taking_turns(sorted(known.watched)):
            yield from self._look_at(checkpoint_id)
            if checkpoint_id not in self._restless:
                at_rest.add(checkpoint_id)
        # In another bank, or in the folder without its mount, none of them is.
        identity.compare(self._provider.bank, self._provider.id)
        known.watched -= at_rest
        known.since = now
        yield from self._some_of_the_others(known)

    def _touched(self, since: datetime.datetime, now: datetime.datetime) -> set[str]:
        """The ids of the checkpoints that somebody made or worked on since then."""
        provider = self._provider
        made = {entry.id for entry in index.made_since(provider.bank, since, now)}
        logged = operation_logs.worked_on(provider.id, since)
        return made | logged | self._memory.worked_on.pop(provider.id, set())

    def _look_at(self, checkpoint_id: str) -> Iterator[Unfinished]:
        """One that cannot be read keeps none of the others from being looked at."""
        try:
            found = checkpoints.inventory(self._provider.bank, checkpoint_id)
            if not found.checkpoints:
                return  # it was never there, or is not there any more
            yield from self._unclaimed(checkpoint_id)
            yield from self._leftovers(found.open_restores)
            yield from self._incomplete_reports(found.kept_and_begun)
        except Exception as error:
            # Raised again if it is most likely the bank itself, or the database.
            LOG.exception("What is unfinished in checkpoint %s is not known", checkpoint_id)
            self._restless.add(checkpoint_id)
            self.away = error
            self._failures += 1
            if self._failures > _FAILURES:
                raise

    def _begin_to_read_all(
        self, known: Searched, now: datetime.datetime
    ) -> list[tuple[str, str, str]]:
        """Begin a look at the whole bank, if one is due. What its list shows of intents is looked
        at in this turn, the rest in the next ones. Returns what access it shows to be open."""
        provider = self._provider
        if known.is_due(now) and known.begun:
            known.learn(searched.read(provider, known.bank_id, now))
        if not known.is_due(now):
            return []
        try:
            found = checkpoints.inventory(provider.bank)
        except BankUnreadable as error:
            # The folder of an old checkpoint may be what cannot be read. What may be unfinished is
            # looked at all the same, and fails as well if it is the bank.
            LOG.error("The bank of provider %s cannot be read as a whole: %s", provider.id, error)
            self.away = error
            return []
        identity.compare(provider.bank, provider.id)  # else it may have been another list
        known.begin(found.checkpoints, now)
        # A copy of the bank that was put back may have brought some of them back.
        self._memory.deleted.difference_update(found.checkpoints)
        known.watched |= {each for each, _share_id, _request_id in found.open_restores}
        known.watched |= {each for each, _share_id in found.kept_and_begun}
        return found.open_browses

    def _some_of_the_others(self, known: Searched) -> Iterator[Unfinished]:
        """One turn of the look at the whole bank, if one is under way."""
        for checkpoint_id in taking_turns(known.next()):
            yield from self._unclaimed(checkpoint_id)
        known.watched |= self._restless
        self.more = bool(known.unread)
        if known.end():
            searched.write(self._provider, known)

    # -- what is unfinished ---------------------------------------------------------------------

    def _unclaimed(self, checkpoint_id: str) -> Iterator[Unfinished]:
        """A checkpoint in work that never had a claim."""
        if checkpoint_id in self._memory.deleted:
            return
        try:
            checkpoint = self._provider.get_checkpoint(checkpoint_id)
            due = self._due(checkpoint)
            if not due and not self._is_abandoned(checkpoint):
                return
            project_id = checkpoint.project_id
        except Exception as error:  # noqa: BLE001 - Karbor takes any index for one
            LOG.error("Checkpoint %s cannot be read: %s", checkpoint_id, error)
            self._restless.add(checkpoint_id)
            return
        yield Unfinished(
            DEFERRED if due else _OPERATION_OF[checkpoint.status],
            checkpoint_id,
            checkpoint_id,
            self._provider.id,
            project_id,
            due,
            claimed=False,
        )

    def _due(self, checkpoint: Any) -> datetime.datetime | None:
        """When a deletion was due that waits, and whose key may be lost; None if it is not due."""
        waits = deletions.of(checkpoint)
        if waits is None or checkpoint.provider_id != self._provider.id:
            return None
        is_over = waits.due <= self._clock.utcnow() and not self._claims.get(checkpoint.id)
        return waits.due if is_over else None

    def _is_abandoned(self, checkpoint: Any) -> bool:
        if checkpoint.status == constants.CHECKPOINT_STATUS_DELETED:
            self._memory.deleted.add(checkpoint.id)
        if checkpoint.provider_id != self._provider.id:
            return False
        if checkpoint.status in checkpoints.IN_WORK:
            self._restless.add(checkpoint.id)
        if not self._claims.is_abandoned(checkpoint):
            self.unsure |= self._is_unclaimed(checkpoint)
            return False
        if self._is_being_made(checkpoint):
            self.unsure = True
            return False
        return True

    def _is_unclaimed(self, checkpoint: Any) -> bool:
        """In work, of a process that does not claim; whether that one lives is not known yet."""
        return (
            checkpoint.status in checkpoints.IN_WORK
            and checkpoint.id not in self._claims.held
            and self._claims.get(checkpoint.id) is None
        )

    def _is_being_made(self, checkpoint: Any) -> bool:
        """Karbor puts a checkpoint into the bank before our worker can claim it."""
        section = checkpoint.checkpoint_section
        if checkpoint.owner_id != section.get_owner_id():
            return False
        if self._memory.making:
            return True
        made = float(section.get_object("index.json")["timestamp"])
        # Either way: the clock of this process may have been ahead, and was set right since.
        return abs(self._clock.utcnow().timestamp() - made) < self._grace

    def _leftovers(self, open_restores: Iterable[tuple[str, str, str]]) -> Iterator[Unfinished]:
        """Restores and verifications that have ended and could not remove what they made.

        :param open_restores: the ids of checkpoint, share and request, by their intents in the bank
        """
        for checkpoint_id, _share_id, request_id in open_restores:
            kind = requested.kind_of(request_id)
            if kind is None:
                continue
            self._restless.add(checkpoint_id)
            if self._claims.get(request_id):
                continue
            request = requested.get_record(kind, request_id)
            if request.provider_id != self._provider.id or request.status == IN_PROGRESS:
                continue
            yield Unfinished(
                kind, request_id, checkpoint_id, self._provider.id, request.project_id, None
            )

    def _lost_browses(self, opened: list[tuple[str, str, str]]) -> Iterator[Unfinished]:
        """Access that is open, although nothing in the bank says when it is to be taken back: a
        copy of the bank was put back, for instance. It gets its key again, or ends.

        :param opened: the ids of checkpoint, share and verification, by their intents in the bank
        """
        if not opened:
            return
        provider = self._provider
        known = {
            (entry.checkpoint_id, entry.share_id, entry.browse_id)
            for entry in browses.entries(provider.bank, provider.id)
        }
        for checkpoint_id, _share_id, browse_id in sorted(set(opened) - known):
            if self._claims.get(browse_id):
                continue
            try:
                checkpoint = checkpoints.get(provider, checkpoint_id)
            except Exception as error:  # noqa: BLE001 - a damaged one holds up no other
                LOG.error("Checkpoint %s cannot be read: %s", checkpoint_id, error)
                self.away = error
                continue
            if checkpoint.provider_id == provider.id:
                project_id = checkpoint.project_id
                yield Unfinished(BROWSE, browse_id, checkpoint_id, provider.id, project_id, None)

    def _incomplete_reports(self, kept: Iterable[tuple[str, str]]) -> Iterator[Unfinished]:
        """Checkpoints at rest with a share that is complete and has an intent all the same: its
        protection or copy could not report that.

        :param kept: the ids of checkpoint and share
        """
        for checkpoint_id in sorted({each for each, _share_id in kept}):
            self._restless.add(checkpoint_id)
            if self._claims.get(checkpoint_id):
                continue
            try:
                checkpoint = checkpoints.get(self._provider, checkpoint_id)
            except Exception as error:  # noqa: BLE001 - a damaged one holds up no other, however many
                LOG.error("Checkpoint %s cannot be read: %s", checkpoint_id, error)
                self.away = error
                continue
            if (
                checkpoint.provider_id != self._provider.id
                or checkpoint.status in checkpoints.IN_WORK
            ):
                continue
            yield Unfinished(
                constants.OPERATION_PROTECT,
                checkpoint_id,
                checkpoint_id,
                self._provider.id,
                checkpoint.project_id,
                None,
            )

# SPDX-License-Identifier: Apache-2.0
"""Brings to an end what dead processes left unfinished, so that a user can act on it.

Karbor recovers nothing itself: a checkpoint stays ``protecting``, a restore ``in_progress``. This
finds what is in work although nobody is at it, claims it, and has it brought to its end
(:mod:`karbor_manila.recovery.settle`). What a living process works on is never touched.
"""

import contextlib
import datetime
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import futurist
import futurist.waiters
from karbor import objects
from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank import checkpoints, fencing
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import ClaimLost, Taken
from karbor_manila.common.turns import taking_turns
from karbor_manila.database import requested
from karbor_manila.recovery import claims, settle
from karbor_manila.recovery.slots import SideBySide, Slots

LOG = logging.getLogger(__name__)


#: So much is ended at a time; what only waits does not count.
MOST = 200

# So much may be under way, with what waits. The executor has no thread for what is not there.
_UNDER_WAY = 1_000_000


def one_by_one(_count: int) -> Any:
    """An executor that does each task when it is submitted."""
    return futurist.SynchronousExecutor()


@dataclass(frozen=True)
class Unfinished:
    """Work that nobody will end any more: on the checkpoint, restore or verification ``id``.

    ``since`` is UTC, or None when nobody wrote down when it began. What nobody has ``claimed`` may
    be of Karbor's own code, which creates in Manila before it writes anything down.
    """

    operation: str
    id: str
    checkpoint_id: str
    provider_id: str
    project_id: str
    since: datetime.datetime | None
    claimed: bool = True


class Reconciliation:
    """What is unfinished in the banks of some providers, and its ends.

    :param providers: gives Karbor's providers
    :param held: the claims of this process
    :param grace: seconds for which a restore or verification that nobody has claimed is left alone:
        the request for it may still be on its way
    :param executor: makes an executor for at most so many tasks, which are run side by side: one of
        them may have to wait for Manila, for hours. So are the shares of a checkpoint.
    :param most: so many of the tasks, and of the shares, do something at a time; the others wait
    """

    def __init__(
        self,
        providers: Callable[[], Iterable[Any]],
        held: claims.Claims,
        *,
        grace: float,
        executor: Callable[[int], Any] = one_by_one,
        most: int = MOST,
        clock: Clock | None = None,
    ) -> None:
        self._providers = providers
        self._claims = held
        self._grace = grace
        self._executor = executor
        self._clock = clock or Clock()
        self._pool: Any = None
        self._slots = Slots(most)
        self._under_way: dict[str, tuple[Unfinished, Any]] = {}
        # A deleted checkpoint stays in the bank, and deleted.
        self._deleted: set[str] = set()
        #: Why the last search did not see everything: the error of a bank or of the database.
        self.away: Exception | None = None
        #: Whether the last search saw something that nobody has claimed and that is too young to be
        #: given up: it is worth another look before long.
        self.unsure = False
        self._making = 0

    def run(
        self, *, everywhere: bool = True, patience: float | None = None
    ) -> dict[Unfinished, str]:
        """End everything that is unfinished.

        What takes longer than ``patience`` goes on beside what is found later, and is in the result
        of a later run.

        :param everywhere: search the banks, too, not only the database
        :param patience: seconds; None waits for the end of everything
        :returns: what came to its end, each with the status that it has now; empty for what has to
            be tried again later. :attr:`away` says whether all was searched.
        """
        ended = self._collect()
        self._pool = self._pool or self._executor(_UNDER_WAY)
        # Where the executor has fewer threads than there are restores, these wait for one another.
        for item in sorted(self.find(everywhere=everywhere), key=_may_wait):
            if item.id not in self._under_way and item not in ended:
                self._under_way[item.id] = (item, self._pool.submit(self.end, item))
        if self._under_way:
            futures = [future for _item, future in self._under_way.values()]
            futurist.waiters.wait_for_all(futures, timeout=patience)
        return ended | self._collect()

    def _collect(self) -> dict[Unfinished, str]:
        """What is under way no more, with its status."""
        done = [key for key, (_item, future) in self._under_way.items() if future.done()]
        over = [self._under_way.pop(key) for key in done]
        return {item: future.result() for item, future in over}

    def find(self, *, everywhere: bool = True) -> list[Unfinished]:
        """What is unfinished in the banks that are at hand; nothing is changed."""
        found: dict[str, Unfinished] = {}
        self.away = None
        self.unsure = False
        for provider in self._providers():
            try:
                settle.check_mounted(provider)
                for item in self._search(provider, everywhere=everywhere):
                    found.setdefault(item.id, item)
            except Exception as error:  # noqa: BLE001 - the banks of the others may be at hand
                LOG.error("Nobody knows what is unfinished in %s: %s", provider.id, error)
                self.away = error
        return list(found.values())

    def _search(self, provider: Any, *, everywhere: bool) -> Iterator[Unfinished]:
        yield from self._claimed({provider.id: provider})
        yield from self._records({provider.id: provider})
        if everywhere:
            found = checkpoints.inventory(provider.bank)
            yield from self._unclaimed(provider, found.checkpoints)
            yield from self._leftovers(provider, found.unended)
            yield from self._unsaid(provider, found.unsaid)

    def end(self, item: Unfinished) -> str:
        """End one of them; empty when that has to be tried again later, else its status now."""
        with self._slots.one():
            return self._end_claimed(item)

    def _end_claimed(self, item: Unfinished) -> str:
        provider = {each.id: each for each in self._providers()}[item.provider_id]
        held: list[str] = []
        status = ""
        try:
            self._take(provider, item, item.id, claims.RECONCILE, held)
            if item.operation == constants.OPERATION_RESTORE:
                for share_id in settle.targets(item.id):
                    self._take(provider, item, share_id, claims.REVERT, held)
            status = self._end(provider, item)
        except Taken as taken:
            LOG.info("%s %s is left alone: %s", item.operation, item.id, taken)
        except (settle.Later, BankUnreadable, ClaimLost) as later:
            LOG.warning("%s %s is ended later: %s", item.operation, item.id, later)
        except Exception:  # one that resists must not keep the others from their ends
            LOG.exception("%s %s could not be ended", item.operation, item.id)
        finally:
            for thing in reversed(held):
                (self._claims.release if status else self._claims.leave)(thing)
        if status:
            LOG.info("%s %s: a dead process left it, now it is %s", item.operation, item.id, status)
        return status

    def _take(
        self, provider: Any, item: Unfinished, thing: str, operation: str, held: list[str]
    ) -> None:
        self._claims.take(
            thing,
            operation,
            provider_id=item.provider_id,
            checkpoint_id=item.checkpoint_id,
            bank=provider.bank,
        )
        held.append(thing)

    def _end(self, provider: Any, item: Unfinished) -> str:
        """The status in which it has come to its end. Nothing is written once its claim is
        lost."""
        if item.operation == claims.REVERT:
            return "released"  # its restore has come to its end before
        fenced = fencing.Provider(provider, fencing.Hold(self._claims, item.id))
        side_by_side = SideBySide(self._executor, self._slots)
        if item.operation in requested.RECORDS:
            return settle.end_record(
                fenced, item.operation, item.id, claimed=item.claimed, side_by_side=side_by_side
            )
        return settle.end_checkpoint(
            fenced, item.id, claimed=item.claimed, side_by_side=side_by_side
        )

    def _claimed(self, providers: dict[str, Any]) -> Iterator[Unfinished]:
        everything = self._claims.all()
        restored = {
            claim.checkpoint_id
            for claim in everything
            if claim.operation != claims.REVERT and claim.id != claim.checkpoint_id
        }
        for claim in everything:
            provider = providers.get(claim.provider_id)
            if provider is None:
                continue
            if self._claims.is_alive(claim, provider.bank):
                self.unsure |= not self._claims.is_proven(claim)
                continue
            if claim.operation == claims.REVERT and claim.checkpoint_id in restored:
                continue  # the target of a restore comes to its end with that
            yield Unfinished(
                _operation(claim),
                claim.id,
                claim.checkpoint_id,
                claim.provider_id,
                _project_of(provider, claim.checkpoint_id),
                claim.since,
            )

    def _unclaimed(self, provider: Any, held: Iterable[str]) -> Iterator[Unfinished]:
        """Checkpoints in work of whom nobody has ever claimed them."""
        for checkpoint_id in taking_turns(held):
            if checkpoint_id in self._deleted:
                continue
            try:
                checkpoint = provider.get_checkpoint(checkpoint_id)
                if checkpoint.status == constants.CHECKPOINT_STATUS_DELETED:
                    self._deleted.add(checkpoint_id)
                ours = checkpoint.provider_id == provider.id
                if not ours or not self._claims.is_abandoned(checkpoint):
                    self.unsure |= ours and self._is_unclaimed(checkpoint)
                    continue
                if self._is_being_made(checkpoint):
                    self.unsure = True
                    continue
                project_id = checkpoint.project_id
            except Exception as error:  # noqa: BLE001 - Karbor takes any index for one
                LOG.error("Checkpoint %s cannot be read: %s", checkpoint_id, error)
                continue
            yield Unfinished(
                settle.OPERATION_OF[checkpoint.status],
                checkpoint_id,
                checkpoint_id,
                provider.id,
                project_id,
                None,
                claimed=False,
            )

    def _is_unclaimed(self, checkpoint: Any) -> bool:
        """In work, of a process that does not claim; whether that one lives is not known yet."""
        return (
            checkpoint.status in checkpoints.IN_WORK
            and checkpoint.id not in self._claims.held
            and self._claims.get(checkpoint.id) is None
        )

    @contextlib.contextmanager
    def making(self) -> Iterator[None]:
        """While this process makes checkpoints that it has not claimed yet, however long that
        takes."""
        self._making += 1
        try:
            yield
        finally:
            self._making -= 1

    def _is_being_made(self, checkpoint: Any) -> bool:
        """Karbor puts a checkpoint into the bank before our worker can claim it."""
        section = checkpoint.checkpoint_section
        if checkpoint.owner_id != section.get_owner_id():
            return False
        if self._making:
            return True
        made = float(section.get_object("index.json")["timestamp"])
        return self._clock.utcnow().timestamp() - made < self._grace

    def _records(self, providers: dict[str, Any]) -> Iterator[Unfinished]:
        """Restores and verifications that nobody has claimed, although they are not new."""
        for operation, kind in requested.RECORDS.items():
            in_work = getattr(objects, f"{kind}List").get_all(
                requested.as_karbor(), None, None, filters={"status": settle.IN_PROGRESS}
            )
            for record in in_work:
                provider = providers.get(record.provider_id)
                begun = record.created_at.replace(tzinfo=datetime.UTC)
                young = (self._clock.utcnow() - begun).total_seconds() < self._grace
                if provider is None or self._claims.get(record.id):
                    continue
                if young:
                    self.unsure = True
                    continue
                yield Unfinished(
                    operation,
                    record.id,
                    record.checkpoint_id,
                    record.provider_id,
                    record.project_id,
                    begun,
                    claimed=False,
                )

    def _leftovers(
        self, provider: Any, unended: Iterable[tuple[str, str, str]]
    ) -> Iterator[Unfinished]:
        """Restores and verifications that have ended and could not remove what they made."""
        for checkpoint_id, _share_id, record_id in unended:
            kind = requested.kind_of(record_id)
            if kind is None or self._claims.get(record_id):
                continue
            record = requested.get_record(kind, record_id)
            if record.provider_id != provider.id or record.status == settle.IN_PROGRESS:
                continue
            yield Unfinished(kind, record_id, checkpoint_id, provider.id, record.project_id, None)

    def _unsaid(self, provider: Any, unsaid: Iterable[tuple[str, str]]) -> Iterator[Unfinished]:
        """Checkpoints at rest with a share that is kept, and whose protection or copy could not say
        its last words."""
        for checkpoint_id in sorted({each for each, _share_id in unsaid}):
            if self._claims.get(checkpoint_id):
                continue
            checkpoint = checkpoints.get(provider, checkpoint_id)
            if checkpoint.provider_id != provider.id or checkpoint.status in checkpoints.IN_WORK:
                continue
            yield Unfinished(
                constants.OPERATION_PROTECT,
                checkpoint_id,
                checkpoint_id,
                provider.id,
                checkpoint.project_id,
                None,
            )


def _may_wait(item: Unfinished) -> bool:
    """Whether it may have to be waited for for days."""
    return item.operation == constants.OPERATION_RESTORE


def _operation(claim: claims.Claim) -> str:
    """What a claim was for; a reconciliation may have died as well."""
    if claim.id == claim.checkpoint_id:
        return claim.operation
    return requested.kind_of(claim.id) or claim.operation


def _project_of(provider: Any, checkpoint_id: str) -> str:
    try:
        return str(provider.get_checkpoint(checkpoint_id).project_id)
    except Exception as error:  # noqa: BLE001 - told again, and in full, when it is to be ended
        LOG.warning("Checkpoint %s cannot be read: %s", checkpoint_id, error)
        return ""

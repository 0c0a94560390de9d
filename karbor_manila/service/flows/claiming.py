# SPDX-License-Identifier: Apache-2.0
"""The claims of this process on what its flows work on: before they are built, and while they run.

A request takes the claim; the flow that it begins keeps it until that flow is over. Where no flow
came of a request, the claim is given back, or left to the reconciliation when the status of its
checkpoint may say that it is in work.
"""

import contextlib
import datetime
import functools
from collections.abc import Callable, Iterator
from typing import Any

import tenacity
from karbor.services.protection.flows import worker
from oslo_log import log as logging

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import fencing
from karbor_manila.bank.checkpoints import IN_WORK
from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import Taken
from karbor_manila.recovery.claims import AUDIT, BROWSE, DRILL, HOLD, RECONCILE, Claim, Claims
from karbor_manila.service.flows.running import FAILED, Running

LOG = logging.getLogger(__name__)

#: Seconds for which a request waits while what it is about is being reconciled or held, something
#: that a driver left of it is being removed, or access to it is being given to somebody else.
_RECONCILED = 20.0

_SHORT = frozenset({AUDIT, BROWSE, HOLD, RECONCILE})

#: Seconds for which a request waits for the last line of a flow.
_LAST_LINE = 5.0


class ClaimingWorker(worker.Worker):
    """Karbor's Worker, which knows its flows and under which claims they run.

    :param claims: of this process; a flow holds that of its checkpoint, restore or verification
    """

    def __init__(
        self, claims: Claims, engine_path: str | None = None, clock: Clock | None = None
    ) -> None:
        super().__init__(engine_path)
        self._claims = claims
        self._clock = clock or Clock()
        #: By the id() of their engines.
        self._flows: dict[int, Running] = {}
        # What was claimed for a flow that is to be built, each with the ids of its targets.
        self._lent: dict[str, list[str]] = {}
        #: Is told the plan of each checkpoint that was made, well or not; it returns at once.
        self.made: Callable[[str], None] = lambda _plan_id: None
        # Checkpoints whose status says that they are in work, before they have a flow.
        self._begun: set[str] = set()

    def hold(self, claimed_id: str) -> fencing.Hold:
        """What this process does under its claim on a checkpoint or record."""
        return fencing.Hold(self._claims, claimed_id)

    def utcnow(self) -> datetime.datetime:
        """The time of the day, UTC."""
        return self._clock.utcnow()

    def await_end(self, checkpoint: Any, timeout: float = _LAST_LINE) -> None:
        """Let a flow end that has written its last status but not yet its last line.

        Karbor commits ``available`` before it ends the operation log, and a reader of that may
        go on at once.

        :param timeout: seconds
        """
        deadline = self._clock.now() + timeout
        while (
            checkpoint.status not in FAILED
            and self._is_ending(checkpoint.id)
            and self._clock.now() < deadline
        ):
            self._clock.sleep(0.05)

    @contextlib.contextmanager
    def claimed(
        self,
        checkpoint: Any,
        operation: str,
        timeout: float = _RECONCILED,
        *,
        over_dead: bool = True,
    ) -> Iterator[bool]:
        """Hold the claim of a checkpoint; a flow that is begun meanwhile keeps it until its end.

        Gives whether it was taken over from a dead process.

        :param timeout: seconds to wait while the checkpoint is being reconciled
        :param over_dead: whether it may be; otherwise that has to be settled first
        :raises Taken: another operation is at work on it
        """
        take = functools.partial(
            self._take, checkpoint.id, operation, checkpoint, over_dead=over_dead
        )
        claim = self._once_reconciled(take, timeout)
        self._lent[checkpoint.id] = []
        refused = False
        try:
            yield claim.took_over
            settled = True
        except Exception as error:
            settled, refused = False, bank_access.was_refused(error)
            raise
        except BaseException:
            # Nothing is swallowed: a green thread is killed, and what it leaves is abandoned.
            settled = False
            raise
        finally:
            del self._lent[checkpoint.id]
            begun = checkpoint.id in self._begun and not (refused and not _is_in_work(checkpoint))
            self._begun.discard(checkpoint.id)
            if not self._has_flow(checkpoint.id):
                # Without a claim, what is in work would be its maker's, who may live elsewhere.
                left = not settled and (begun or claim.took_over)
                (self._claims.leave if left else self._claims.release)(checkpoint.id)

    def begins(self, checkpoint: Any) -> None:
        """The status of a claimed checkpoint is about to say that it is in work. If no flow comes
        of that, it is left to the reconciliation."""
        self._begun.add(checkpoint.id)

    @contextlib.contextmanager
    def using(
        self, checkpoint: Any, record: Any, operation: str, timeout: float = _RECONCILED
    ) -> Iterator[Callable[[str, str], None]]:
        """Hold the claim of a restore or verification of a checkpoint; a flow that is begun
        meanwhile keeps it until its end. So long the checkpoint cannot be deleted.

        Gives a function that claims besides, by its id, a share that is to be reverted (REVERT),
        access that is to be changed (BROWSE) or a plan that is drilled once (DRILL).

        :param timeout: seconds to wait while the checkpoint is being reconciled
        :raises Taken: an operation that excludes this one is at work on the checkpoint or the share
        """
        self._once_reconciled(lambda: self._take(record.id, operation, checkpoint), timeout)
        targets = self._lent[record.id] = []

        def target(claimed_id: str, operation: str) -> None:
            # What a dead restore has left of it is settled before the next one; what a dead browse
            # has left, the next one ends itself, and of a dead drill the verification is settled.
            dead = operation in (BROWSE, DRILL)
            take = functools.partial(self._take, claimed_id, operation, checkpoint, over_dead=dead)
            self._once_reconciled(take, timeout) if dead else take()
            targets.append(claimed_id)

        try:
            yield target
        finally:
            del self._lent[record.id]
            if not any(flow.claimed_id == record.id for flow in self._flows.values()):
                for claimed_id in (*targets, record.id):
                    self._claims.release(claimed_id)

    def _once_reconciled(self, take: Callable[[], Claim], timeout: float) -> Claim:
        """Take a claim, when the reconciliation or the change of access that may hold it is
        done."""
        deadline = self._clock.now() + timeout

        def is_reconciled(error: BaseException) -> bool:
            return (
                isinstance(error, Taken)
                and error.claim is not None
                and error.claim.operation in _SHORT
                and self._clock.now() < deadline
            )

        claim: Claim = tenacity.Retrying(
            retry=tenacity.retry_if_exception(is_reconciled),
            wait=tenacity.wait_fixed(0.2),
            sleep=self._clock.sleep,
            reraise=True,
        )(take)
        return claim

    def _take(
        self, claimed_id: str, operation: str, checkpoint: Any, *, over_dead: bool = True
    ) -> Claim:
        return self._claims.take(
            claimed_id,
            operation,
            provider_id=checkpoint.provider_id,
            checkpoint_id=checkpoint.id,
            bank=checkpoint.checkpoint_section.bank,
            over_dead=over_dead,
        )

    def _has_flow(self, checkpoint_id: str) -> bool:
        return any(checkpoint_id in flow.claimed_ids for flow in self._flows.values())

    def _is_ending(self, checkpoint_id: str) -> bool:
        """Whether the checkpoint has a flow; for the source of a copy, one at its last line."""
        return any(
            flow.claimed_id == checkpoint_id
            or (checkpoint_id in flow.claimed_ids and flow.checkpoint.status not in FAILED)
            for flow in self._flows.values()
        )


def _is_in_work(checkpoint: Any) -> bool:
    """Whether the bank holds a status that says so. A bank that does not answer may."""
    try:
        now = fencing.checkpoint(checkpoint, lambda: None)
    except Exception:  # whatever a bank raises: the reconciliation finds it out
        LOG.exception("Checkpoint %s: whether it is in work is not known", checkpoint.id)
        return True
    return now.status in IN_WORK

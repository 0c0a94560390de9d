# SPDX-License-Identifier: Apache-2.0
"""Karbor's Worker with us in it: it builds the flows, runs them, and knows which ones run."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import tenacity
from karbor import exception as karbor_exception
from karbor.common import constants
from karbor.services.protection.flows import worker
from oslo_config import cfg
from oslo_log import log as logging
from taskflow import exceptions as taskflow_exceptions

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import fencing
from karbor_manila.bank.checkpoints import IN_WORK
from karbor_manila.bank.errors import BankNotOurs
from karbor_manila.common import left_out
from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import ClaimLost, Taken
from karbor_manila.database import columns, requested
from karbor_manila.operations import reporting
from karbor_manila.operations.last_word import LastWord
from karbor_manila.operations.plugin import protects_shares
from karbor_manila.recovery import operation_logs
from karbor_manila.recovery.claims import RECONCILE, REVERT, Claim, Claims
from karbor_manila.service import copy_flow, engine, lacking, refusals, retention_facts
from karbor_manila.service.errors import NothingProtected
from karbor_manila.service.graph import GraphBuilder

LOG = logging.getLogger(__name__)

# What a checkpoint or record is when its flow has ended badly, by the status it had in the flow.
_AFTER = {
    constants.CHECKPOINT_STATUS_PROTECTING: constants.CHECKPOINT_STATUS_ERROR,
    constants.CHECKPOINT_STATUS_DELETING: constants.CHECKPOINT_STATUS_ERROR_DELETING,
    constants.CHECKPOINT_STATUS_WAIT_COPYING: constants.CHECKPOINT_STATUS_ERROR,
    constants.CHECKPOINT_STATUS_COPYING: constants.CHECKPOINT_STATUS_ERROR,
    constants.RESTORE_STATUS_IN_PROGRESS: constants.RESTORE_STATUS_FAILURE,
}


# What a checkpoint is when it is to be filled.
_BEGUN = {
    constants.OPERATION_PROTECT: constants.CHECKPOINT_STATUS_PROTECTING,
    constants.OPERATION_COPY: constants.CHECKPOINT_STATUS_WAIT_COPYING,
}


@dataclass(frozen=True)
class _Running:
    """What a flow works on. ``record`` is Karbor's restore or verification, if it is one;
    ``source`` the checkpoint that is copied, if it is a copy; ``targets`` are the ids of the shares
    that are restored in place."""

    operation: str
    checkpoint: Any
    record: Any
    source: Any = None
    targets: tuple[str, ...] = ()
    word: LastWord | None = None
    provider: fencing.Provider | None = None

    @property
    def thing(self) -> str:
        """The id of what is claimed for it."""
        return str(self.record.id if self.record is not None else self.checkpoint.id)

    @property
    def sources(self) -> tuple[str, ...]:
        """The id of the checkpoint that is copied. It must not be deleted meanwhile."""
        return () if self.source is None else (str(self.source.id),)

    @property
    def things(self) -> list[str]:
        """The ids of all that is claimed until it ends."""
        return [self.thing, *self.sources, *self.targets]


class Worker(worker.Worker):
    """Builds and runs flows; no checkpoint is left in work when its flow has ended.

    :param claims: of this process; a flow holds that of its checkpoint, restore or verification
    """

    def __init__(
        self, claims: Claims, engine_path: str | None = None, clock: Clock | None = None
    ) -> None:
        super().__init__(engine_path)
        self._claims = claims
        self._clock = clock or Clock()
        self._flows: dict[int, _Running] = {}
        # What was claimed for a flow that is to be built, each with the ids of its targets.
        self._lent: dict[str, list[str]] = {}
        # Checkpoints whose status says that they are in work, before they have a flow.
        self._begun: set[str] = set()

    def _load_engine(self, engine_path: str | None) -> Any:
        """The engine that ``workflow_engine`` names; ours instead of the one it names unasked."""
        path = engine_path or cfg.CONF.workflow_engine
        if path == worker.workflow_opts[0].default:
            return engine.Engine()
        return super()._load_engine(path)

    def await_end(self, checkpoint: Any, patience: float = 5.0) -> None:
        """Let a flow end that has written its last status but not yet its last line.

        Karbor commits ``available`` before it ends the operation log, and whoever reads that may
        go on at once.

        :param patience: seconds
        """
        deadline = self._clock.now() + patience
        while (
            checkpoint.status not in _AFTER
            and self._is_ending(checkpoint.id)
            and self._clock.now() < deadline
        ):
            self._clock.sleep(0.05)

    def hold(self, thing: str) -> fencing.Hold:
        """What this process does under its claim on a thing."""
        return fencing.Hold(self._claims, thing)

    @contextlib.contextmanager
    def claimed(self, checkpoint: Any, operation: str, patience: float = 20.0) -> Iterator[bool]:
        """Hold the claim of a checkpoint; a flow that is begun meanwhile keeps it until its end.

        Gives whether it was taken over from somebody dead.

        :param patience: seconds to wait while the checkpoint is being reconciled
        :raises Taken: somebody else is at work on it
        """
        claim = self._once_reconciled(
            lambda: self._take(checkpoint.id, operation, checkpoint), patience
        )
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
        of that, its end is left to the reconciliation."""
        self._begun.add(checkpoint.id)

    @contextlib.contextmanager
    def using(
        self, checkpoint: Any, record: Any, operation: str, patience: float = 20.0
    ) -> Iterator[Callable[[str], None]]:
        """Hold the claim of a restore or verification of a checkpoint; a flow that is begun
        meanwhile keeps it until its end. Nobody ends the checkpoint so long.

        Gives a function that claims a share, by its id, that is to be restored in place.

        :param patience: seconds to wait while the checkpoint is being reconciled
        :raises Taken: somebody is at work on the checkpoint, or on the share, that excludes this
        """
        self._once_reconciled(lambda: self._take(record.id, operation, checkpoint), patience)
        targets = self._lent[record.id] = []

        def target(share_id: str) -> None:
            # What a dead restore has left of it is settled before the next one.
            self._take(share_id, REVERT, checkpoint, over_dead=False)
            targets.append(share_id)

        try:
            yield target
        finally:
            del self._lent[record.id]
            if not any(job.thing == record.id for job in self._flows.values()):
                for thing in (*targets, record.id):
                    self._claims.release(thing)

    def _once_reconciled(self, take: Callable[[], Claim], patience: float) -> Claim:
        deadline = self._clock.now() + patience

        def is_reconciled(error: BaseException) -> bool:
            return (
                isinstance(error, Taken)
                and error.claim is not None
                and error.claim.operation == RECONCILE
                and self._clock.now() < deadline
            )

        claim: Claim = tenacity.Retrying(
            retry=tenacity.retry_if_exception(is_reconciled),
            wait=tenacity.wait_fixed(0.2),
            sleep=self._clock.sleep,
            reraise=True,
        )(take)
        return claim

    def get_flow(
        self, context: Any, operation_type: str, checkpoint: Any, provider: Any, **kwargs: Any
    ) -> Any:
        """The flow of an operation; of a new checkpoint, only over what the provider protects.

        A checkpoint whose flow cannot be built is not left in work: its status becomes the one of
        a failure, with the reason.

        :raises Taken: somebody else is at work on the checkpoint, restore or verification
        """
        record = kwargs.get("restore") or kwargs.get("verify")
        if operation_type == constants.OPERATION_COPY and "source" not in kwargs:
            return super().get_flow(context, operation_type, checkpoint, provider, **kwargs)
        job = _Running(operation_type, checkpoint, record, kwargs.get("source"))
        # From now on, not only once the flow is there: listing the shares of a project takes time
        # in which somebody may delete the checkpoint.
        lent = job.thing in self._lent
        try:
            if not lent:
                self._take(job.thing, operation_type, checkpoint)
            hold = fencing.Hold(self._claims, job.thing, job.sources)
            job = self._fenced(job, hold)
            hold.confirm()  # the log that Karbor's flow begins with is written by Karbor alone
            fenced = fencing.Provider(provider, hold, _parameters(operation_type, kwargs))
            job = dataclasses.replace(job, provider=fenced)
            flow = self._build(context, job, fenced, kwargs)
        except (Taken, BankNotOurs) as refused:
            # What somebody else works on, or another bank holds, is not ours to settle. A record is
            # not in the bank, and is ours as long as its claim is.
            if job.record is not None and self._claims.is_held(job.thing):
                _settle(job, refusals.sentence(refused))
                self._settle_log(context, job, refusals.sentence(refused))
            if not lent:
                self._claims.leave(job.thing)  # unless it was never ours
            raise
        except Exception as raised:
            LOG.exception(
                "The %s flow of checkpoint %s cannot be built", operation_type, checkpoint.id
            )
            error = refusals.of_ours(raised)
            settled = True
            if not isinstance(error, ClaimLost) and self._is_ours(job):
                settled = _settle(job, refusals.sentence(error))
                self._settle_log(context, job, refusals.sentence(error))
            if not lent:
                (self._claims.release if settled else self._claims.leave)(job.thing)
            if error is not raised:
                raise error from raised
            raise
        self._flows[id(flow)] = job
        return flow

    def run_flows(self, flow_engines: list[Any]) -> None:
        """Run flows one after the other, whether or not those before it went well."""
        waiting = list(flow_engines)
        try:
            while waiting:
                self.run_flow(waiting.pop(0))
        finally:
            for flow in waiting:  # killed: as in run_flow
                for thing in self._flows.pop(id(flow)).things:
                    self._claims.leave(thing)

    def run_flow(self, flow_engine: Any) -> None:
        """Run a flow to its end, good or bad. The reason of a bad one was written by its hooks."""
        job = self._flows.get(id(flow_engine))
        settled = True
        try:
            self._run_and_close(flow_engine, job)
        except Exception as error:  # noqa: BLE001 - the end of a green thread: nobody catches it
            LOG.error(
                "The %s flow of checkpoint %s failed: %s",
                job.operation if job else "?",
                job.checkpoint.id if job else "?",
                error,
            )
            if job and not all(map(self._claims.is_held, (job.thing, *job.sources))):
                LOG.warning(
                    "Checkpoint %s: the claim of its %s is lost; nothing more is written",
                    job.checkpoint.id,
                    job.operation,
                )
                settled = False
            elif job:
                # The hooks tell what fails in them; this is of Karbor's own steps around them.
                settled = _settle(job, _untold(error))
        except BaseException:
            # Nothing is swallowed: a green thread is killed, and what it leaves is abandoned,
            # and has not come to its end.
            for thing in job.things if job else ():
                self._claims.leave(thing)
            raise
        finally:
            self._flows.pop(id(flow_engine), None)
        for thing in job.things if job else ():
            # What could not be settled the reconciliation brings to its end.
            (self._claims.release if settled else self._claims.leave)(thing)

    def _run_and_close(self, flow_engine: Any, job: _Running | None) -> None:
        """Run a flow, and let its plugins roll back what no hook collected, under its claim. Who is
        killed rolls nothing back: the reconciliation settles what that leaves."""
        try:
            super().run_flow(flow_engine)
        except Exception:
            _close(job)
            raise
        _close(job)

    def _build(self, context: Any, job: _Running, provider: Any, kwargs: dict[str, Any]) -> Any:
        checkpoint = job.checkpoint
        engine.cut_back_extra_args()
        provider = lacking.Provider(provider, job.operation)
        if job.source is not None:
            flow = copy_flow.build(context, self.workflow_engine, provider, checkpoint, **kwargs)
            provider.tell(checkpoint, None)
            return flow
        builder = None
        if job.operation == constants.OPERATION_PROTECT:
            builder = GraphBuilder(kwargs["protectable_registry"], provider.plugins)
            kwargs = kwargs | {"protectable_registry": builder}
        if job.operation == constants.OPERATION_DELETE and checkpoint.resource_graph is None:
            # It died before its graph was stored, so nothing was ever made for it.
            checkpoint.resource_graph = []
        flow = super().get_flow(context, job.operation, checkpoint, provider, **kwargs)
        _fence_log(flow, provider.hold)
        if builder:
            _tell_left_out(checkpoint, builder.left_out(), protects_shares(provider))
        provider.tell(checkpoint, job.record)
        return flow

    def _fenced(self, job: _Running, hold: fencing.Hold) -> _Running:
        """The same with a checkpoint, as it is now, and a record that are written to under the
        claim alone.

        :raises karbor.exception.CheckpointNotAvailable: it is to be used, and has been deleted
        :raises ClaimLost: it was to be made, or is a restore or verification, and another process
            has brought it to its end
        """
        checkpoint = fencing.checkpoint(job.checkpoint, hold.check)
        begun = _BEGUN.get(job.operation)
        if begun and checkpoint.status != begun:
            # Karbor makes it before we can claim it, and a process may sleep in between.
            why = f"it is {checkpoint.status} already"
            raise ClaimLost(checkpoint.id, why)
        if job.record is not None:
            stands = requested.get_record(job.operation, job.record.id).status
            if stands != constants.RESTORE_STATUS_IN_PROGRESS:  # the word of verifications, too
                # Whoever saw it unclaimed for too long has told its user how it ended.
                raise ClaimLost(job.record.id, f"it is {stands} already")
            fencing.record(job.record, hold.check)
            if checkpoint.status != constants.CHECKPOINT_STATUS_AVAILABLE:
                raise karbor_exception.CheckpointNotAvailable(checkpoint_id=checkpoint.id)
        targets = tuple(self._lent.get(job.thing, ()))
        last = (checkpoint, "commit") if job.record is None else (job.record, "save")
        word = LastWord(*last)
        return dataclasses.replace(job, checkpoint=checkpoint, targets=targets, word=word)

    def _take(
        self, thing: str, operation: str, checkpoint: Any, *, over_dead: bool = True
    ) -> Claim:
        return self._claims.take(
            thing,
            operation,
            provider_id=checkpoint.provider_id,
            checkpoint_id=checkpoint.id,
            bank=checkpoint.checkpoint_section.bank,
            over_dead=over_dead,
        )

    def _is_ours(self, job: _Running) -> bool:
        """Whether the failure of a job is ours to tell. A checkpoint that was just made and could
        not be claimed may have been brought to its end by another process."""
        if self._claims.is_held(job.thing):
            return True
        try:
            now = fencing.checkpoint(job.checkpoint, lambda: None)
        except Exception:  # a bank that gives it no more takes it no more: the reconciliation does
            LOG.exception("Checkpoint %s: its failure is not written down", job.checkpoint.id)
            return False
        return bool(now.status == job.checkpoint.status)

    def _settle_log(self, context: Any, job: _Running, reason: str) -> None:
        """End the operation log that Karbor's flow made before it could not be built."""
        operation_logs.end(
            context,
            operation_logs.Sought(
                project_id=(job.record or job.checkpoint).project_id,
                checkpoint_id=job.checkpoint.id,
                operation=job.operation,
                restore_id=job.record.id if job.operation == constants.OPERATION_RESTORE else None,
                not_before=job.record.created_at if job.record is not None else None,
            ),
            self.hold(job.thing).check,
            error_info=reason,
        )

    def _has_flow(self, checkpoint_id: str) -> bool:
        return any(checkpoint_id in job.things for job in self._flows.values())

    def _is_ending(self, checkpoint_id: str) -> bool:
        """Whether the checkpoint has a flow; for the source of a copy, one at its last line."""
        return any(
            job.thing == checkpoint_id
            or (checkpoint_id in job.things and job.checkpoint.status not in _AFTER)
            for job in self._flows.values()
        )


def _parameters(operation: str, kwargs: dict[str, Any]) -> Any:
    """The parameters of the plan that is protected; None of another operation."""
    if operation != constants.OPERATION_PROTECT:
        return None
    return (kwargs.get("plan") or {}).get("parameters") or {}


def _close(job: _Running | None) -> None:
    if job is None or job.provider is None:
        return
    try:
        job.provider.close()
    except Exception:  # whatever a driver raises: the flow has ended, and its intents stay
        LOG.exception("Checkpoint %s: not all of its flow could be closed", job.checkpoint.id)


def _fence_log(flow: Any, hold: fencing.Hold) -> None:
    """Karbor's tasks write the log of a flow after the checkpoint or record, and may sleep in
    between."""
    storage = getattr(flow, "storage", None)  # another workflow_engine may have none
    if storage is not None:
        fencing.record(storage.fetch("operation_log"), hold.check)


def _is_in_work(checkpoint: Any) -> bool:
    """Whether the bank holds a status that says so. A bank that does not tell may."""
    try:
        now = fencing.checkpoint(checkpoint, lambda: None)
    except Exception:  # whatever a bank raises: the reconciliation finds it out
        LOG.exception("Checkpoint %s: whether it is in work is not known", checkpoint.id)
        return True
    return now.status in IN_WORK


def _tell_left_out(checkpoint: Any, entries: list[dict[str, Any]], ours: bool) -> None:
    """Say in a new checkpoint what it does not hold.

    :param ours: whether it is our plugin that protects the provider's shares
    :raises karbor.exception.KarborException: it holds nothing. An empty checkpoint would be
        available, and restorable, and push out a full one
    """
    if entries:
        reporting.add(checkpoint, left_out.KEY, entries)
        bank_access.commit(checkpoint)
    if missing := left_out.broken({left_out.KEY: entries}):
        LOG.warning("Checkpoint %s is partial: %s", checkpoint.id, [item["id"] for item in missing])
    if ours and not retention_facts.contents(checkpoint):
        nothing = NothingProtected(checkpoint.protection_plan["id"], entries)
        raise karbor_exception.KarborException(str(nothing)) from nothing


def _settle(job: _Running, reason: str) -> bool:
    """Whatever Karbor's flow left in work is brought to the end that a failure has.

    :param reason: empty when it is told already
    :returns: whether that could be written down
    """
    if job.word and (job.word.complete or job.word.open):
        # Complete, but for Karbor's own last writes; or nobody knows. The reconciliation says it.
        LOG.warning("%s: its end is left to the reconciliation", job.thing)
        return False
    try:
        if job.record is not None:
            _settle_record(job, reason)
        elif reason or job.checkpoint.status in _AFTER:
            status = job.checkpoint.status
            job.checkpoint.status = _AFTER.get(status, status)
            if job.checkpoint.resource_graph is None:
                # python-karborclient cannot show a checkpoint without one.
                job.checkpoint.resource_graph = []
            if reason:
                key = f"checkpoint#{job.checkpoint.id}"
                reporting.tell(job.checkpoint, {key: reason})
            bank_access.commit(job.checkpoint)
    except Exception:  # whatever a bank or a database raises; the flow's own error is told already
        LOG.exception("Checkpoint %s: its failure could not be written down", job.checkpoint.id)
        return False
    return True


def _untold(error: Exception) -> str:
    """What is not yet written of why a flow failed; empty when its hooks have written it all.

    taskflow raises a single failure as it is and several of them wrapped.
    """
    failures = list(error) if isinstance(error, taskflow_exceptions.WrappedFailure) else []
    causes = [failure.exception for failure in failures] or [error]
    untold = [refusals.sentence(cause) for cause in causes if not reporting.is_told(cause)]
    return " ".join(dict.fromkeys(untold))


def _settle_record(job: _Running, reason: str) -> None:
    if reason:
        key = f"checkpoint#{job.checkpoint.id}"
        columns.tell(job.record, key, constants.RESOURCE_STATUS_ERROR, reason)
    if job.record.status in _AFTER:
        job.record.status = _AFTER[job.record.status]
    columns.save(job.record)

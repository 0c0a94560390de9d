# SPDX-License-Identifier: Apache-2.0
"""Karbor's Worker with us in it: it builds the flows, runs them, and knows which ones run."""

import collections
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from karbor import exception as karbor_exception
from karbor import objects
from karbor.common import constants
from karbor.services.protection.flows import worker
from oslo_log import log as logging
from oslo_utils import timeutils

from karbor_manila import ownership
from karbor_manila.graph import GraphBuilder
from karbor_manila.operations import reasons
from karbor_manila.waiting import Clock

LOG = logging.getLogger(__name__)

# What a checkpoint or record is when its flow has ended badly, by the status it had in the flow.
_AFTER = {
    constants.CHECKPOINT_STATUS_PROTECTING: constants.CHECKPOINT_STATUS_ERROR,
    constants.CHECKPOINT_STATUS_DELETING: constants.CHECKPOINT_STATUS_ERROR_DELETING,
    constants.RESTORE_STATUS_IN_PROGRESS: constants.RESTORE_STATUS_FAILURE,
}


@dataclass(frozen=True)
class _Running:
    """What a flow works on. ``record`` is Karbor's restore or verification, if it is one."""

    operation: str
    checkpoint: Any
    record: Any


class Worker(worker.Worker):
    """Builds and runs flows; no checkpoint is left in work when its flow has ended."""

    def __init__(self, engine_path: str | None = None, clock: Clock | None = None) -> None:
        super().__init__(engine_path)
        self._clock = clock or Clock()
        self._flows: dict[int, _Running] = {}
        self._begun: collections.Counter[str] = collections.Counter()

    @property
    def running(self) -> frozenset[str]:
        """The ids of the checkpoints that this process is changing, or about to change."""
        flows = (flow.checkpoint.id for flow in self._flows.values() if flow.record is None)
        return frozenset(flows) | frozenset(self._begun)

    def await_end(self, checkpoint: Any, patience: float = 5.0) -> None:
        """Let a flow end that has written its last status but not yet its last line.

        Karbor commits ``available`` before it ends the operation log, and whoever reads that may
        go on at once.

        :param patience: seconds
        """
        deadline = self._clock.now() + patience
        while (
            checkpoint.status not in _AFTER
            and checkpoint.id not in self._begun
            and checkpoint.id in self.running
            and self._clock.now() < deadline
        ):
            self._clock.sleep(0.05)

    @contextlib.contextmanager
    def beginning(self, checkpoint_id: str) -> Iterator[None]:
        """While something is about to be begun on a checkpoint: it counts as running."""
        self._begun[checkpoint_id] += 1
        try:
            yield
        finally:
            self._begun[checkpoint_id] -= 1
            if not self._begun[checkpoint_id]:
                del self._begun[checkpoint_id]

    def get_flow(
        self, context: Any, operation_type: str, checkpoint: Any, provider: Any, **kwargs: Any
    ) -> Any:
        """The flow of an operation; of a new checkpoint, only over what the provider protects.

        A checkpoint whose flow cannot be built is not left in work: its status becomes the one of
        a failure, with the reason.
        """
        record = kwargs.get("restore") or kwargs.get("verify")
        job = _Running(operation_type, checkpoint, record)
        if operation_type == constants.OPERATION_COPY:
            return super().get_flow(context, operation_type, checkpoint, provider, **kwargs)
        # From now on, not only once the flow is there: listing the shares of a project takes time
        # in which somebody may ask for the end of the checkpoint.
        begun = contextlib.nullcontext() if record else self.beginning(checkpoint.id)
        with begun:
            try:
                flow = self._build(context, job, provider, kwargs)
            except Exception as error:
                LOG.exception(
                    "The %s flow of checkpoint %s cannot be built", operation_type, checkpoint.id
                )
                _settle(job, _sentence(error))
                _settle_log(context, job, _sentence(error))
                raise
            self._flows[id(flow)] = job
        return flow

    def run_flow(self, flow_engine: Any) -> None:
        """Run a flow to its end, good or bad. The reason of a bad one was written by its hooks."""
        job = self._flows.get(id(flow_engine))
        try:
            super().run_flow(flow_engine)
        except Exception as error:  # noqa: BLE001 - the end of a green thread: nobody catches it
            LOG.error(
                "The %s flow of checkpoint %s failed: %s",
                job.operation if job else "?",
                job.checkpoint.id if job else "?",
                error,
            )
            if job:
                _settle(job, "")
        finally:
            self._flows.pop(id(flow_engine), None)

    def _build(self, context: Any, job: _Running, provider: Any, kwargs: dict[str, Any]) -> Any:
        checkpoint = job.checkpoint
        builder = None
        if job.operation == constants.OPERATION_PROTECT:
            builder = GraphBuilder(kwargs["protectable_registry"], provider.plugins)
            kwargs = kwargs | {"protectable_registry": builder}
        if job.operation == constants.OPERATION_DELETE and checkpoint.resource_graph is None:
            # It died before its graph was stored, so nothing was ever made for it.
            checkpoint.resource_graph = []
        if job.record is None:
            ownership.claim(checkpoint, job.operation)
        flow = super().get_flow(context, job.operation, checkpoint, provider, **kwargs)
        if builder and builder.left_out():
            reasons.add(checkpoint, "left_out", builder.left_out())
            checkpoint.commit()
        return flow


def _settle(job: _Running, reason: str) -> None:
    """Whatever Karbor's flow left in work is brought to the end that a failure has."""
    try:
        if job.record is not None:
            _settle_record(job, reason)
        elif job.checkpoint.status in _AFTER:
            job.checkpoint.status = _AFTER[job.checkpoint.status]
            if job.checkpoint.resource_graph is None:
                # python-karborclient cannot show a checkpoint without one.
                job.checkpoint.resource_graph = []
            if reason:
                key = f"checkpoint#{job.checkpoint.id}"
                reasons.add(job.checkpoint, "reasons", {key: reason})
            job.checkpoint.commit()
    except Exception:  # whatever a bank or a database raises; the flow's own error is told already
        LOG.exception("Checkpoint %s: its failure could not be written down", job.checkpoint.id)


def _settle_record(job: _Running, reason: str) -> None:
    if reason:
        job.record.update_resource_status(
            "checkpoint", job.checkpoint.id, constants.RESOURCE_STATUS_ERROR, reason
        )
    if job.record.status in _AFTER:
        job.record.status = _AFTER[job.record.status]
    job.record.save()


def _settle_log(context: Any, job: _Running, reason: str) -> None:
    """End the operation log that Karbor's flow made before it could not be built: the newest."""
    restore_id = job.record.id if job.operation == constants.OPERATION_RESTORE else None
    try:
        logs = objects.OperationLogList.get_all_by_project(
            context,
            (job.record or job.checkpoint).project_id,  # an administrator's restore is not theirs
            None,
            None,
            filters={"checkpoint_id": job.checkpoint.id},
        )
        ours = [
            log
            for log in logs
            if log.status in _AFTER
            and log.ended_at is None
            and log.restore_id == restore_id
            # Karbor calls the log of a deletion one of a protection, too.
            and (job.record is None) == (log.operation_type == constants.OPERATION_PROTECT)
        ]
        if ours:
            log = max(ours, key=lambda log: log.started_at)
            log.update(
                {
                    "status": _AFTER[log.status],
                    "error_info": reason,
                    "ended_at": timeutils.utcnow(),
                }
            )
            log.save()
    except Exception:  # the log is a courtesy; the error of the flow goes on to the caller
        LOG.exception("Checkpoint %s: its operation log could not be ended", job.checkpoint.id)


def _sentence(error: Exception) -> str:
    """What a user may read of an error that may be anybody's."""
    if isinstance(error, karbor_exception.KarborException):
        return str(error.msg)
    return f"An unexpected error ({type(error).__name__}); Karbor's log has it."

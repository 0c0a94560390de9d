# SPDX-License-Identifier: Apache-2.0
"""Karbor's Worker with us in it: it builds flows under their claims, and runs them to their end."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from karbor.common import constants
from karbor.services.protection.flows import worker
from oslo_config import cfg
from oslo_log import log as logging

from karbor_manila.bank import fencing
from karbor_manila.bank.errors import BankNotOurs
from karbor_manila.common.errors import ClaimLost, Taken
from karbor_manila.service import refusals
from karbor_manila.service.flows import building, ending, engine, telling
from karbor_manila.service.flows.claiming import ClaimingWorker
from karbor_manila.service.flows.running import Running

LOG = logging.getLogger(__name__)


class Worker(ClaimingWorker):
    """Builds and runs flows; no checkpoint is left in work when its flow is over."""

    def _load_engine(self, engine_path: str | None) -> Any:
        """The engine that ``workflow_engine`` names; ours instead of the one it names unasked."""
        path = engine_path or cfg.CONF.workflow_engine
        if path == worker.workflow_opts[0].default:
            return engine.Engine()
        return super()._load_engine(path)

    def get_flow(
        self, context: Any, operation_type: str, checkpoint: Any, provider: Any, **kwargs: Any
    ) -> Any:
        """The engine of an operation's flow, under its claim; nothing runs yet.

        A flow that cannot be built leaves nothing in work: the status of its checkpoint or record
        becomes the one of a failure, with the reason.

        :raises Taken: another operation is at work on the checkpoint, restore or verification
        """
        if operation_type == constants.OPERATION_COPY and "source" not in kwargs:
            # Karbor's own copies, of a provider whose shares are not ours.
            return super().get_flow(context, operation_type, checkpoint, provider, **kwargs)
        record = kwargs.get("restore") or kwargs.get("verify")
        source = kwargs.get("source")
        running = Running(operation_type, checkpoint, record, source, context=context)
        # From now on, not only once the flow is there: listing the shares of a project takes time
        # in which a request may delete the checkpoint.
        lent = running.claimed_id in self._lent
        try:
            if not lent:
                self._take(running.claimed_id, operation_type, checkpoint)
            targets = tuple(self._lent.get(running.claimed_id, ()))
            running = dataclasses.replace(running, targets=targets)
            hold = fencing.Hold(self._claims, running.claimed_id, running.besides_ids)
            running = building.fenced(running, hold)
            hold.confirm()  # the log that Karbor's flow begins with is written by Karbor alone
            build = super().get_flow
            fenced = fencing.Provider(provider, hold)
            flow = building.build(context, self.workflow_engine, build, running, fenced, kwargs)
        except (Taken, BankNotOurs) as refused:
            self._refused(context, running, refused, lent=lent)
            raise
        except Exception as raised:
            error = self._not_built(context, running, raised, lent=lent)
            if error is not raised:
                raise error from raised
            raise
        self._flows[id(flow)] = running
        return flow

    def run_flows(self, flow_engines: Iterable[Any]) -> None:
        """Run flows one after the other, whether or not those before it went well."""
        waiting = list(flow_engines)
        try:
            while waiting:
                self.run_flow(waiting.pop(0))
        finally:
            for flow_engine in waiting:  # killed: as in run_flow
                self._over(flow_engine, settled=False)

    def run_flow(self, flow_engine: Any, first: Callable[[], None] | None = None) -> None:
        """Run a flow to its end, good or bad. The reason of a bad one was written by its hooks.

        :param first: what is done before, under the claim of the flow; it raises nothing
        """
        settled = False
        try:
            if first:
                first()
            settled = self._run(flow_engine)
        finally:
            # A green thread that is killed leaves all to the reconciliation: it has no end here.
            self._over(flow_engine, settled=settled)

    def _run(self, flow_engine: Any) -> bool:
        """Run a flow. Returns whether nothing of it is left to the reconciliation."""
        running = self._flows.get(id(flow_engine))
        told = telling.begins(running, self._clock)
        try:
            self._run_and_close(flow_engine, running)
        except Exception as error:  # noqa: BLE001 - the end of a green thread: nothing catches it
            settled = self._failed(running, error)
            told.over(error, settled=settled)
            return settled
        told.over()
        return True

    def _failed(self, running: Running | None, error: Exception) -> bool:
        """Bring to its end what a flow that failed left in work. Returns as above."""
        if running is None:
            LOG.error("A flow failed: %s", error)
            return True
        operation, checkpoint_id = running.operation, running.checkpoint.id
        LOG.error("The %s flow of checkpoint %s failed: %s", operation, checkpoint_id, error)
        if not all(map(self._claims.is_held, (running.claimed_id, *running.besides_ids))):
            LOG.warning(
                "Checkpoint %s: the claim of its %s is lost; nothing more is written",
                checkpoint_id,
                operation,
            )
            return False
        # The hooks report what fails in them; this is of Karbor's own steps around them.
        reason = ending.unreported(error)
        settled = ending.fail(running, reason)
        # Karbor ends its log itself, unless its database was away. Of the logs of verifications
        # none says of which it is, and another one may be under way.
        if settled and operation != constants.OPERATION_VERIFY:
            guard = self.hold(running.claimed_id).check
            settled = ending.end_log(running.context, running, guard, reason)
        return settled

    def _run_and_close(self, flow_engine: Any, running: Running | None) -> None:
        """Run a flow, and let its plugins give up what they hold open. A flow that is killed closes
        nothing: its other green threads may still run."""
        try:
            super().run_flow(flow_engine)
        except Exception:  # nothing is swallowed; a killed green thread does not come by here
            if running:
                building.close(running)
            raise
        if running:
            building.close(running)

    def _over(self, flow_engine: Any, *, settled: bool) -> None:
        """The flow is over: its claims are given back; what could not be settled is left to the
        reconciliation under them."""
        running = self._flows.get(id(flow_engine))
        if running is None:
            return
        # The claims first count as without a flow: a request may wait for just that.
        del self._flows[id(flow_engine)]
        for claimed_id in running.claimed_ids:
            (self._claims.release if settled else self._claims.leave)(claimed_id)
        if settled and running.operation in (constants.OPERATION_PROTECT, constants.OPERATION_COPY):
            self.made(str(running.checkpoint.protection_plan["id"]))

    def _refused(self, context: Any, running: Running, refused: Exception, *, lent: bool) -> None:
        """What another operation works on, or another bank holds, is not ours to settle. A record
        is not in the bank, and is ours as long as its claim is."""
        if running.record is not None and self._claims.is_held(running.claimed_id):
            self._fail(context, running, refused)
        building.close(running)
        if not lent:
            self._claims.leave(running.claimed_id)  # unless it was never ours

    def _not_built(
        self, context: Any, running: Running, raised: Exception, *, lent: bool
    ) -> Exception:
        """Settle what has no flow. Returns the error that its requester may read."""
        checkpoint_id = running.checkpoint.id
        LOG.exception(
            "The %s flow of checkpoint %s cannot be built", running.operation, checkpoint_id
        )
        error = refusals.of_ours(raised)
        settled = True
        if not isinstance(error, ClaimLost) and self._is_ours(running):
            settled = self._fail(context, running, error)
        telling.not_built(running, error, settled=settled)
        building.close(running)
        if not lent:
            (self._claims.release if settled else self._claims.leave)(running.claimed_id)
        return error

    def _fail(self, context: Any, running: Running, error: Exception) -> bool:
        """Bring what has no flow, and the log that Karbor may have made for it, to the end of a
        failure. Returns whether that could be written down."""
        reason = refusals.sentence(error)
        settled = ending.fail(running, reason)
        guard = self.hold(running.claimed_id).check
        return ending.end_log(context, running, guard, reason) and settled

    def _is_ours(self, running: Running) -> bool:
        """Whether the failure of a flow is ours to write down. A checkpoint that was just made and
        could not be claimed may have been brought to its end by another process."""
        if self._claims.is_held(running.claimed_id):
            return True
        try:
            now = fencing.checkpoint(running.checkpoint, lambda: None)
        except Exception:  # a bank that gives it no more takes it no more: the reconciliation does
            LOG.exception("Checkpoint %s: its failure is not written down", running.checkpoint.id)
            return False
        return bool(now.status == running.checkpoint.status)

# SPDX-License-Identifier: Apache-2.0
"""Karbor's ProtectionManager with us in it: policy and order across checkpoints.

Named in ``[DEFAULT] protection_manager`` of ``karbor.conf``. Karbor's API checks no status before
it calls the manager, so what Karbor's own manager refuses for good (a checkpoint in
``error-deleting``, or one that a dead process left) can be allowed here.
"""

import contextlib
import datetime
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import eventlet
import futurist
from karbor import exception
from karbor.common import constants
from karbor.services.protection import manager
from oslo_config import cfg
from oslo_log import log as logging
from oslo_messaging.rpc import dispatcher
from oslo_service import loopingcall

from karbor_manila import opts
from karbor_manila.bank import access as bank_access
from karbor_manila.bank import checkpoints, fencing, index
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.common.errors import ClaimLost, KarborManilaError, Taken
from karbor_manila.database import columns
from karbor_manila.operations import parameters, reporting, restore_plan
from karbor_manila.operations.plugin import protects_shares
from karbor_manila.recovery import claims, lease, lease_keeper, loop, operation_logs
from karbor_manila.service import (
    ahead,
    bank_refusals,
    copies,
    lacking,
    refusals,
    retention_run,
    sessions,
)
from karbor_manila.service import requests as plan_requests
from karbor_manila.service.errors import StaysForRetention
from karbor_manila.service.protectable import ShareProtectable
from karbor_manila.service.worker import Worker

LOG = logging.getLogger(__name__)

_LEASES_KEPT = 7 * 24 * 3600.0  # seconds

# Seconds that a run of the reconciliation waits for what it began; the rest goes on beside others.
_RUN_PATIENCE = 10.0

_BANKS_EVERY = 20  # runs

_FIRST_RETRY = 5.0  # seconds; the pause doubles from there

# As Karbor's manager has it (reset_state).
_CAN_BE_RESET = frozenset(
    {
        constants.CHECKPOINT_STATUS_AVAILABLE,
        constants.CHECKPOINT_STATUS_ERROR,
        constants.CHECKPOINT_STATUS_COPYING,
        constants.CHECKPOINT_STATUS_WAIT_COPYING,
        constants.CHECKPOINT_STATUS_COPY_FINISHED,
    }
)

_LONGEST_REFUSAL = 8_000  # bytes; the record of the restore tells more


class ProtectionManager(manager.ProtectionManager):
    """Karbor's manager, with shares protected as they should be."""

    def __init__(self, service_name: str | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(service_name, *args, **kwargs)
        self._settings = opts.register_service_opts(cfg.CONF)
        #: Seconds for which Manila is asked while somebody waits for the answer to a request.
        self._answer_timeout = float(self._settings.listing_timeout)
        # With two plugins for a type the last one registered wins, and the order in which entry
        # points are found is that of directories: this makes it ours for certain.
        self.protectable_registry.register_plugin(ShareProtectable())
        opts.check_lease(self._settings)
        self.claims = claims.Claims(self._settings.lease_timeout)
        self.worker: Worker = Worker(self.claims)
        self._keepers: dict[str, lease_keeper.Keeper] = {}
        self._watch: loopingcall.FixedIntervalLoopingCall | None = None
        self.reconciliation = loop.Reconciliation(
            self._providers,
            self.claims,
            grace=self._settings.lease_timeout,
            executor=lambda count: futurist.GreenThreadPoolExecutor(max_workers=count),
        )
        self._reconciler: Any = None
        self._recogniser = retention_run.Recogniser(
            lambda: sessions.karbor_user_id(timeout=self._settings.listing_timeout / 2 or 1.0)
        )
        self._retention = retention_run.RetentionRun(
            self.claims, spawn=self._in_background, delete=self._delete
        )
        for provider in self._providers():
            _register_verify_schemas(provider)

    def init_host(self, **kwargs: Any) -> None:
        """Begin to say in every bank that this process is alive.

        A bank that is not there yet is used as soon as it is: every operation, lease and search
        looks again.
        """
        super().init_host(**kwargs)
        for provider in self._providers():
            if bank_refusals.is_there(provider):
                lease.prune(provider.bank, _LEASES_KEPT)
            self._keep_lease(provider)
        self._watch = loopingcall.FixedIntervalLoopingCall(self._watch_leases)
        self._watch.start(interval=self._settings.lease_interval, stop_on_exception=False)
        self._reconciler = eventlet.spawn(self._reconcile_for_ever)

    def cleanup_host(self) -> None:
        """The leases stay: by them, what this process left unfinished is known as abandoned."""
        if self._reconciler:
            self._reconciler.kill()
        if self._watch:
            self._watch.stop()
        for keeper in self._keepers.values():
            keeper.stop()
        super().cleanup_host()

    @refusals.answering(
        exception.InvalidPlan,
        exception.ProviderNotFound,
        exception.FlowError,
    )
    def protect(self, context: Any, plan: Any, checkpoint_properties: Any = None) -> str:
        """Protect a plan. A bad one, and one whose bank is not there, is refused before its
        checkpoint exists (HTTP 400)."""
        if not plan:
            return str(super().protect(context, plan, checkpoint_properties))
        provider = self.provider_registry.show_provider(plan.get("provider_id"))
        bank_refusals.require(provider)
        plan_requests.check_plan(plan, provider, context)
        ahead.refuse_plan(plan, provider, context, self._answer_timeout)
        with bank_refusals.creation_explained(provider), self.reconciliation.making():
            return str(super().protect(context, plan, checkpoint_properties))

    @refusals.answering(
        exception.InvalidPlan,
        exception.ProviderNotFound,
        exception.FlowError,
        exception.BankListObjectsFailed,
    )
    def copy(self, context: Any, plan: Any) -> Any:
        """Copy every available checkpoint of a plan that has no copy, one after the other."""
        if not plan:
            return super().copy(context, plan)
        provider = self.provider_registry.show_provider(plan.get("provider_id"))
        bank_refusals.require(provider)
        if not protects_shares(provider):
            return super().copy(context, plan)
        making = self.reconciliation.making()
        with _one_at_a_time(), bank_refusals.explained(provider), making:
            begun = copies.begin(
                self.worker, provider, context, plan, self._settings.listing_timeout
            )
        if begun.flows:
            self._spawn(self.worker.run_flows, begun.flows)
        return begun.pairs

    @refusals.answering(
        exception.ProviderNotFound,
        exception.CheckpointNotFound,
        exception.CheckpointNotAvailable,
        exception.FlowError,
        exception.AccessCheckpointNotAllowed,
    )
    def restore(self, context: Any, restore: Any, restore_auth: Any) -> None:
        """Restore a checkpoint. What is refused is refused with a reason in the restore."""
        with (
            _explained(restore, constants.RESTORE_STATUS_FAILURE),
            refusals.explained(),
            self._using(context, restore, constants.OPERATION_RESTORE) as target,
        ):
            for share_id in self._check_record(context, restore, parameters.restore_options):
                target(share_id)
            super().restore(context, restore, restore_auth)

    @refusals.answering(
        exception.ProviderNotFound,
        exception.CheckpointNotFound,
        exception.CheckpointNotAvailable,
        exception.FlowError,
        exception.AccessCheckpointNotAllowed,
    )
    def verification(self, context: Any, verification: Any) -> None:
        """Verify a checkpoint, of one's own project only, which Karbor does not check."""
        with (
            _explained(verification, constants.VERIFICATION_STATUS_FAILURE),
            refusals.explained(),
            self._using(context, verification, constants.OPERATION_VERIFY),
        ):
            self._check_record(context, verification, parameters.verify_options)
            super().verification(context, verification)

    @refusals.answering(
        exception.DeleteCheckpointNotAllowed,
        exception.CheckpointNotFound,
        exception.ProviderNotFound,
        exception.FlowError,
    )
    def delete(self, context: Any, provider_id: str, checkpoint_id: str) -> None:
        """Delete a checkpoint; again, too, when that failed or was abandoned.

        What a user asks for goes. What Karbor's retention asks for goes when nothing is lost with
        it (:mod:`karbor_manila.service.retention`).
        """
        self._delete(context, provider_id, checkpoint_id)

    def _delete(self, context: Any, provider_id: str, checkpoint_id: str) -> None:
        checkpoint = self._own_checkpoint(context, provider_id, checkpoint_id)
        provider = self.provider_registry.show_provider(provider_id)
        lacking.check(provider, constants.OPERATION_DELETE, checkpoint)
        self.worker.await_end(checkpoint)
        with _one_at_a_time():
            abandoned = self.claims.is_abandoned(checkpoint)
        with (
            _one_at_a_time(),
            bank_refusals.explained(self.provider_registry.show_provider(provider_id)),
            self.worker.claimed(checkpoint, constants.OPERATION_DELETE) as took_over,
        ):
            checkpoint = self._claimed_now(checkpoint)  # somebody may have been quicker
            if checkpoint.status == constants.CHECKPOINT_STATUS_DELETED:
                raise exception.CheckpointNotFound(checkpoint_id=checkpoint_id)
            self._check_retention(context, checkpoint)
            left = checkpoint.status
            if self._is_dead_end(checkpoint, abandoned=abandoned or took_over):
                self._reopen(checkpoint)
            elif checkpoint.status in checkpoints.IN_WORK:
                raise exception.InvalidInput(
                    reason=f"checkpoint {checkpoint_id} is {checkpoint.status}, and the process "
                    f"that works on it is alive; wait until it ends"
                )
            # Who died at the last line of a flow has left the log of it open.
            self._end_logs(context, checkpoint, left)
            self._begin_deletion(context, provider_id, checkpoint)

    @refusals.answering(
        exception.AccessCheckpointNotAllowed,
        exception.CheckpointNotBeReset,
        exception.CheckpointNotFound,
        exception.ProviderNotFound,
        refusal=exception.CheckpointNotBeReset,
    )
    def reset_state(self, context: Any, provider_id: str, checkpoint_id: str, state: str) -> None:
        """Set the status of a checkpoint, of an abandoned one too."""
        checkpoint = self._own_checkpoint(context, provider_id, checkpoint_id)
        self.worker.await_end(checkpoint)
        with bank_refusals.explained(self.provider_registry.show_provider(provider_id)):
            abandoned = self.claims.is_abandoned(checkpoint)
        with (
            bank_refusals.explained(self.provider_registry.show_provider(provider_id)),
            self.worker.claimed(checkpoint, claims.RESET) as took_over,
        ):
            checkpoint = self._claimed_now(checkpoint)
            left = checkpoint.status
            dead_end = self._is_dead_end(checkpoint, abandoned=abandoned or took_over)
            if not dead_end and left not in _CAN_BE_RESET:
                raise exception.CheckpointNotBeReset(checkpoint_id=checkpoint_id)
            if dead_end:
                index.mend_index(checkpoint)
            LOG.info("Checkpoint %s: %s becomes %s", checkpoint_id, left, state)
            checkpoint.status = state
            bank_access.commit(checkpoint)
            self._end_logs(context, checkpoint, left)

    @refusals.answering(
        exception.ProviderNotFound,
        exception.CheckpointNotFound,
        exception.AccessCheckpointNotAllowed,
    )
    def show_checkpoint(self, context: Any, provider_id: str, checkpoint_id: str) -> Any:
        """A checkpoint; nothing is called absent on the word of another bank."""
        provider = self.provider_registry.show_provider(provider_id)
        bank_refusals.require(provider)
        return super().show_checkpoint(context, provider_id, checkpoint_id)

    @refusals.answering(
        exception.ProviderNotFound,
        exception.CheckpointNotFound,
        exception.BankListObjectsFailed,
    )
    def list_checkpoints(
        self,
        context: Any,
        provider_id: str,
        marker: str | None = None,
        limit: int | None = None,
        sort_keys: list[str] | None = None,
        sort_dirs: list[str] | None = None,
        filters: dict[str, str] | None = None,
        all_tenants: bool = False,
    ) -> list[dict[str, Any]]:
        """Checkpoints by the time of their making, the newest first unless asked otherwise.

        Karbor's retention is told what it may remove, and what may go besides is removed. An empty
        list is never what is said of a bank that is not there.
        """
        filters = filters or {}
        provider = self.provider_registry.show_provider(provider_id)
        bank_refusals.require(provider)
        plan_id = filters.get("plan_id")
        if plan_id and protects_shares(provider) and self._recogniser.is_retention(context):
            return self._retention.shown(context, provider, plan_id)[:limit]
        wanted = filters.get("project_id") if all_tenants else context.project_id
        found = checkpoints.find(
            provider,
            checkpoints.Query(
                provider_id=provider_id,
                project_id=wanted,
                plan_id=filters.get("plan_id"),
                first_day=_day(filters.get("start_date")),
                last_day=_day(filters.get("end_date")),
                marker=marker,
                limit=limit,
                newest_first=not sort_dirs or sort_dirs[0] != "asc",
            ),
        )
        return [checkpoint.to_dict() for checkpoint in found]

    def _in_background(self, work: Callable[..., Any], *args: Any) -> None:
        self._spawn(work, *args)

    def _check_retention(self, context: Any, checkpoint: Any) -> None:
        """Refuse to Karbor's retention what it never removes. The caller holds the claim."""
        provider = self.provider_registry.show_provider(checkpoint.provider_id)
        if not protects_shares(provider) or not self._recogniser.is_retention(context):
            return
        try:
            self._retention.check(provider, checkpoint)
        except StaysForRetention as stays:
            raise exception.InvalidInput(reason=str(stays)) from stays

    def _providers(self) -> list[Any]:
        return list(self.provider_registry.providers.values())

    def _keep_lease(self, provider: Any) -> None:
        """Renew the lease in a bank by a thread of its own, and count on no older one."""
        keeper = lease_keeper.of_provider(
            provider,
            interval=self._settings.lease_interval,
            timeout=self._settings.lease_timeout,
        )
        keeper.start()
        self._keepers[provider.id] = keeper
        self.claims.keep(provider.id, keeper)

    def _watch_leases(self) -> None:
        """Look at the leases of the others who have claimed something; and say of one's own when
        it cannot be renewed, since the keeper's thread must not write logs. A bank that was not
        there is confirmed here as soon as it is."""
        for provider_id, keeper in self._keepers.items():
            if keeper.trouble:
                LOG.warning(
                    "Provider %s: the lease could not be renewed: %s", provider_id, keeper.trouble
                )
        there = [provider for provider in self._providers() if bank_refusals.is_there(provider)]
        self.claims.watch({provider.id: provider.bank for provider in there})

    def _reconcile_for_ever(self) -> None:
        """End what dead processes left, in the background; sooner again when that did not work."""
        retry, clean = _FIRST_RETRY, False
        for turn in itertools.count():
            try:
                # What our own flows leave is in the database; the banks are searched at the start
                # and now and then, for what Karbor's own manager or another one has left.
                everywhere = not clean or turn % _BANKS_EVERY == 0
                ended = self.reconciliation.run(everywhere=everywhere, timeout=_RUN_PATIENCE)
                work = self.reconciliation
                clean = all(ended.values()) and not (work.away or work.unsure)
            except Exception:  # whatever a bank or a database raises: it may be back the next time
                LOG.exception("Nobody knows what is unfinished; this is tried again")
                clean = False
            longest = self._settings.reconcile_interval
            eventlet.sleep(longest if clean else min(retry, longest))
            retry = _FIRST_RETRY if clean else retry * 2

    def _own_checkpoint(self, context: Any, provider_id: str, checkpoint_id: str) -> Any:
        provider = self.provider_registry.show_provider(provider_id)
        bank_refusals.require(provider)
        with bank_refusals.explained(provider):
            checkpoint = checkpoints.get(provider, checkpoint_id, context)
        if not context.is_admin and checkpoint.project_id != context.project_id:
            raise exception.AccessCheckpointNotAllowed(checkpoint_id=checkpoint_id)
        return checkpoint

    @contextlib.contextmanager
    def _using(self, context: Any, record: Any, operation: str) -> Iterator[Callable[[str], None]]:
        """Hold the claim of a restore or verification, so that nobody ends its checkpoint.

        Gives what claims a share that is restored in place, too.
        """
        checkpoint = self._own_checkpoint(context, record["provider_id"], record["checkpoint_id"])
        with _one_at_a_time(), self.worker.using(checkpoint, record, operation) as target:
            yield target

    def _claimed_now(self, checkpoint: Any) -> Any:
        """A checkpoint whose claim was just taken, as it is now, written to under that alone."""
        return fencing.checkpoint(checkpoint, fencing.Hold(self.claims, checkpoint.id).check)

    def _end_logs(self, context: Any, checkpoint: Any, left: str) -> None:
        guard = fencing.Hold(self.claims, checkpoint.id).check
        operation_logs.end_all(context, checkpoint, left, guard)

    def _begin_deletion(self, context: Any, provider_id: str, checkpoint: Any) -> None:
        """As Karbor's manager does it (karbor/services/protection/manager.py, delete), but for
        what stands under the claim."""
        self.worker.begins(checkpoint)
        reporting.begin_anew(checkpoint)
        checkpoint.status = constants.CHECKPOINT_STATUS_DELETING
        bank_access.commit(checkpoint)
        try:
            flow = self.worker.get_flow(
                context=context,
                operation_type=constants.OPERATION_DELETE,
                checkpoint=checkpoint,
                provider=self.provider_registry.show_provider(provider_id),
            )
        except Exception as error:  # the worker has logged it and written down why
            why = f"Failed to create delete checkpoint flow. {refusals.sentence(error)}"
            if isinstance(error, KarborManilaError):
                raise exception.InvalidInput(reason=why) from error
            raise exception.FlowError(flow=constants.OPERATION_DELETE, error=why) from error
        self._spawn(self.worker.run_flow, flow)

    def _reopen(self, checkpoint: Any) -> None:
        """Make a checkpoint that nobody will bring to an end one that can be deleted."""
        LOG.info("Checkpoint %s is %s and is deleted again", checkpoint.id, checkpoint.status)
        index.mend_index(checkpoint)
        # Karbor's manager deletes from this status; a crash in between leaves one that can be
        # deleted, too.
        checkpoint.status = constants.CHECKPOINT_STATUS_ERROR
        bank_access.commit(checkpoint)

    @staticmethod
    def _is_dead_end(checkpoint: Any, *, abandoned: bool) -> bool:
        """Whether the checkpoint is in a status that nobody will ever change any more.

        The caller holds its claim.

        :param abandoned: what was said of it before the claim was taken
        """
        if checkpoint.status == constants.CHECKPOINT_STATUS_ERROR_DELETING:
            return True
        return abandoned and checkpoint.status in checkpoints.IN_WORK

    def _check_record(
        self, context: Any, record: Any, check: Callable[[str, dict[str, Any]], Any]
    ) -> list[str]:
        """Refuse a restore or verification that cannot be done, before anything is begun.

        :returns: the ids of the shares that are restored in place
        """
        checkpoint = self._own_checkpoint(context, record["provider_id"], record["checkpoint_id"])
        if checkpoint.status != constants.CHECKPOINT_STATUS_AVAILABLE:
            raise exception.InvalidInput(
                reason=f"checkpoint {checkpoint.id} is {checkpoint.status}, and only an available "
                f"one can be used"
            )
        provider = self.provider_registry.show_provider(record["provider_id"])
        if not protects_shares(provider):
            return []
        nodes = checkpoints.resources(checkpoint)
        shares = [node.id for node in nodes if node.type == plan_requests.SHARE]

        in_place = []

        def checked(share_id: str, given: dict[str, Any]) -> None:
            options = check(share_id, given)
            restore_plan.check_by_record(checkpoint, share_id, options)
            if options.include and options.is_revert:
                in_place.append(share_id)

        given, patience = record["parameters"], self._answer_timeout
        wrong = plan_requests.check_restore(given, shares, checked)
        wrong = wrong or ahead.check_asked(checkpoint, provider, context, given, shares, patience)
        told = columns.Told(record)
        for share_id, reason in wrong.items():
            key = f"{plan_requests.SHARE}#{share_id}"
            told.tell(record, key, constants.RESOURCE_STATUS_ERROR, reason)
        if wrong:
            every = " ".join(sorted(set(wrong.values())))
            raise exception.InvalidInput(reason=columns.text(every, _LONGEST_REFUSAL))
        return in_place


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """What somebody else works on is refused with a 400 and who it is; what the bank does not give
    or take, with a 400 as well."""
    try:
        yield
    except Taken as taken:
        raise exception.InvalidInput(reason=str(taken)) from taken
    except BankUnreadable as error:
        raise exception.InvalidInput(reason=f"{error} Try again") from error


@contextlib.contextmanager
def _explained(record: Any, failure: str) -> Iterator[None]:
    """A restore or verification that is refused ends as failed, and says why.

    Karbor's API sets the status of most of them and the reason of none
    (karbor/api/v1/restores.py). Karbor's manager says of every flow that cannot be built that it
    cannot be built: what we know of it takes the place of that.
    """
    try:
        yield
    except (exception.KarborException, dispatcher.ExpectedException) as error:
        refusal = error.exc_info[1] if isinstance(error, dispatcher.ExpectedException) else error
        cause = refusals.origin(refusal)
        unnamed = cause is not None and isinstance(refusal, exception.FlowError)
        if unnamed:
            refusal = exception.InvalidInput(reason=str(cause))
        if not isinstance(cause, ClaimLost):  # else another process has told how it ended
            _tell_refusal(record, failure, str(getattr(refusal, "msg", refusal)))
        if unnamed:
            raise refusal from cause
        raise


def _tell_refusal(record: Any, failure: str, reason: str) -> None:
    if record["status"] == failure and record.get("resources_reason"):
        return  # told under the claim, while the flow was being built
    if not record.get("resources_reason"):
        key = f"checkpoint#{record['checkpoint_id']}"
        columns.tell(record, key, constants.RESOURCE_STATUS_ERROR, reason)
    record["status"] = failure
    try:
        columns.save(record)
    except Exception:  # a database that is away must not take the refusal's place
        LOG.exception("The reason of a refusal could not be written into %s", record["id"])


def _register_verify_schemas(provider: Any) -> None:
    """Put the verify schemas where Karbor looks for them; its provider never does. All schemas get
    the properties that Karbor takes for granted."""
    published = provider.extended_info_schema
    schemas_of_types = published.setdefault("verify_schema", {})
    for resource_type, plugin in provider.plugins.items():
        # Karbor's base class raises NotImplementedError, and Karbor asks for no base class.
        with contextlib.suppress(NotImplementedError, AttributeError):
            schemas_of_types[resource_type] = plugin.get_verify_schema(resource_type)
        for kind in ("options_schema", "restore_schema"):
            # The noop plugin's are empty, and Karbor then answers with a KeyError to parameters of
            # its types, which dashboards send for all types (karbor/api/v1/plans.py).
            if resource_type in published[kind]:
                published[kind][resource_type].setdefault("properties", {})


def _day(text: object) -> datetime.date | None:
    """A day as Karbor's API takes it: YYYY-MM-DD. (It makes a number of what looks like one.)"""
    if not text:
        return None
    try:
        return datetime.date.fromisoformat(str(text))
    except ValueError:
        raise exception.InvalidInput(reason=f"{text!r} is not a day (YYYY-MM-DD)") from None

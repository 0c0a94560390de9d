# SPDX-License-Identifier: Apache-2.0
"""Karbor's ProtectionManager with us in it: one method for each RPC.

Named in ``[DEFAULT] protection_manager`` of ``karbor.conf``. Karbor's API checks no status before
it calls the manager, so what Karbor's own manager refuses for good (a checkpoint in
``error-deleting``, or one that a dead process left) can be allowed here. What is checked, refused
and claimed for a request is in :mod:`karbor_manila.service.requests`.
"""

from collections.abc import Callable
from typing import Any

from karbor import exception
from karbor.services.protection import manager

from karbor_manila.service import counts, refusals, registration
from karbor_manila.service.requests import (
    copies,
    deletion,
    holding,
    listing,
    plans,
    reset_state,
    restores,
)
from karbor_manila.service.retention.recogniser import Recogniser
from karbor_manila.service.retention.run import RetentionRun
from karbor_manila.service.runtime import Runtime


class ProtectionManager(manager.ProtectionManager):
    """Karbor's manager, with shares protected as they should be."""

    def __init__(self, service_name: str | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(service_name, *args, **kwargs)
        self.runtime = Runtime(self.provider_registry, self._in_background)
        registration.register_protectable(self.protectable_registry, self.runtime.choices)
        self.worker = self.runtime.worker
        self.claims = self.runtime.claims
        self.reconciliation = self.runtime.reconciliation
        recogniser = Recogniser(timeout=self.runtime.answer_timeout / 2 or 1.0)
        self.retention = RetentionRun(
            self.claims,
            recogniser,
            spawn=self._in_background,
            delete=self._delete,
            kept=self.runtime.keep_run.kept,
        )
        for provider in self.runtime.providers():
            registration.publish_schemas(provider)

    def init_host(self, **kwargs: Any) -> None:
        """Begin to show in every bank that this process is alive, and to reconcile."""
        super().init_host(**kwargs)
        self.runtime.start(self.cleanup_host)

    def cleanup_host(self) -> None:
        """End what :meth:`init_host` began. Karbor does not call it at its end; we do."""
        self.runtime.stop()
        super().cleanup_host()

    @refusals.answering(
        exception.InvalidPlan,
        exception.ProviderNotFound,
        exception.FlowError,
    )
    def protect(self, context: Any, plan: Any, checkpoint_properties: Any = None) -> str:
        """Protect a plan. A bad one, and one whose bank is not there, is refused before its
        checkpoint exists (HTTP 400)."""
        with plans.accepted(self.runtime, context, plan):
            return str(super().protect(context, plan, checkpoint_properties))

    @refusals.answering(
        exception.InvalidPlan,
        exception.ProviderNotFound,
        exception.FlowError,
        exception.BankListObjectsFailed,
    )
    def copy(self, context: Any, plan: Any) -> Any:
        """Copy every available checkpoint of a plan that has no copy, one after the other."""
        if not copies.are_ours(self.runtime, plan):
            return super().copy(context, plan)
        return copies.begin(self.runtime, context, plan)

    @refusals.answering(
        exception.ProviderNotFound,
        exception.CheckpointNotFound,
        exception.CheckpointNotAvailable,
        exception.FlowError,
        exception.AccessCheckpointNotAllowed,
    )
    def restore(self, context: Any, restore: Any, restore_auth: Any) -> None:
        """Restore a checkpoint. What is refused is refused with a reason in the restore."""
        with restores.accepted(self.runtime, context, restore, restores.RESTORE):
            super().restore(context, restore, restore_auth)

    @refusals.answering(
        exception.ProviderNotFound,
        exception.CheckpointNotFound,
        exception.CheckpointNotAvailable,
        exception.FlowError,
        exception.AccessCheckpointNotAllowed,
    )
    def verification(self, context: Any, verification: Any) -> None:
        """Verify or hold a checkpoint, of one's own project only, which Karbor does not check."""
        if holding.is_asked(verification):
            holding.carry_out(self.runtime, context, verification)
            return
        with restores.accepted(self.runtime, context, verification, restores.VERIFICATION):
            super().verification(context, verification)

    @refusals.answering(
        exception.DeleteCheckpointNotAllowed,
        exception.CheckpointNotFound,
        exception.ProviderNotFound,
        exception.FlowError,
    )
    def delete(self, context: Any, provider_id: str, checkpoint_id: str) -> None:
        """Delete a checkpoint; again, too, when that failed or was abandoned."""
        if not self._delete(context, provider_id, checkpoint_id):
            counts.make_up(context, context.project_id)

    @refusals.answering(
        exception.AccessCheckpointNotAllowed,
        exception.CheckpointNotBeReset,
        exception.CheckpointNotFound,
        exception.ProviderNotFound,
        refusal=exception.CheckpointNotBeReset,
    )
    def reset_state(self, context: Any, provider_id: str, checkpoint_id: str, state: str) -> None:
        """Set the status of a checkpoint, of an abandoned one too."""
        reset_state.reset(self.runtime, context, provider_id, checkpoint_id, state)

    @refusals.answering(
        exception.ProviderNotFound,
        exception.CheckpointNotFound,
        exception.AccessCheckpointNotAllowed,
    )
    def show_checkpoint(self, context: Any, provider_id: str, checkpoint_id: str) -> Any:
        """A checkpoint; nothing is called absent because of what another bank holds."""
        self.runtime.provider_with_bank(provider_id)
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
        """Checkpoints by the time of their making, the newest first unless asked otherwise."""
        return listing.found(
            self.runtime,
            self.retention,
            context,
            provider_id,
            marker=marker,
            limit=limit,
            sort_dirs=sort_dirs,
            filters=filters or {},
            all_tenants=all_tenants,
        )

    def _delete(self, context: Any, provider_id: str, checkpoint_id: str) -> bool:
        return deletion.begin(self.runtime, self.retention, context, provider_id, checkpoint_id)

    def _in_background(self, work: Callable[..., Any], *args: Any) -> None:
        self._spawn(work, *args)

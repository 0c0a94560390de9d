# SPDX-License-Identifier: Apache-2.0
"""The protection plugin for OS::Manila::Share. Karbor makes one instance for each flow."""

from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any, ClassVar, TypeVar

from karbor.common import constants
from karbor.services.protection import protection_plugin
from oslo_log import log as logging

from karbor_manila import opts
from karbor_manila.bank import fencing, record
from karbor_manila.common.clock import Clock
from karbor_manila.drivers import catalogue
from karbor_manila.hooks import catalogue as hooks
from karbor_manila.manila.client import Manila
from karbor_manila.operations.copy import CopyOperation
from karbor_manila.operations.delete import DeleteOperation
from karbor_manila.operations.flow import Connect, FlowContext
from karbor_manila.operations.plugin import SharePlugin
from karbor_manila.operations.protect import ProtectOperation
from karbor_manila.operations.restore import RestoreOperation
from karbor_manila.operations.share_operation import ShareOperation
from karbor_manila.operations.verify import VerifyOperation
from karbor_manila.operations.work import Work
from karbor_manila.schemas import OPTIONS_SCHEMA, RESTORE_SCHEMA, SAVED_INFO_SCHEMA, VERIFY_SCHEMA
from karbor_manila.service import forms, sessions

LOG = logging.getLogger(__name__)

T = TypeVar("T", bound=ShareOperation)


class ShareProtectionPlugin(protection_plugin.ProtectionPlugin, SharePlugin):
    """Protects shares with the drivers of karbor-manila.

    :param config: the ConfigOpts of the provider's file
    """

    _TYPES: ClassVar[list[str]] = [constants.SHARE_RESOURCE_TYPE]

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._settings = opts.register_provider_opts(config)
        self._drivers = catalogue.of_provider(config, self._settings)
        self._hooks = hooks.make(config)
        self._flow = FlowContext(
            self._settings, self._connect, catalogue=self._drivers, hooks=self._hooks
        )
        self._hold: fencing.Hold | None = None
        self._operations: dict[type[ShareOperation], Any] = {}

    def act_under(self, hold: fencing.Hold) -> None:
        """From now on nothing is changed without this claim. Under Karbor's own manager there is
        none."""
        self._hold = self._flow.hold = hold

    def close_flow(self) -> None:
        """The flow has ended; see :meth:`FlowContext.close`."""
        self._flow.close()

    @classmethod
    def get_supported_resources_types(cls) -> list[str]:
        """OS::Manila::Share."""
        return cls._TYPES

    @classmethod
    def get_options_schema(cls, resource_type: str) -> dict[str, Any]:
        """The parameters of a plan, as a form."""
        return forms.form(OPTIONS_SCHEMA)

    @classmethod
    def get_restore_schema(cls, resource_type: str) -> dict[str, Any]:
        """The parameters of a restore, as a form."""
        return forms.form(RESTORE_SCHEMA)

    @classmethod
    def get_verify_schema(cls, resource_type: str) -> dict[str, Any]:
        """The parameters of a verification, as a form."""
        return forms.form(VERIFY_SCHEMA)

    @classmethod
    def get_saved_info_schema(cls, resource_type: str) -> dict[str, Any]:
        """What a checkpoint tells of a share."""
        return SAVED_INFO_SCHEMA

    @classmethod
    def get_saved_info(cls, metadata_store: Any, resource: Any) -> dict[str, Any]:
        """What the checkpoint keeps of the share, by the saved info schema.

        :param metadata_store: Karbor's bank section of the resource
        :raises RecordInvalid: the record cannot be understood
        """
        stored: Mapping[str, Any] = metadata_store.get_object("metadata")
        known = record.load_record(stored)
        return {name: getattr(known, name) for name in SAVED_INFO_SCHEMA["properties"]}

    def get_protect_operation(self, resource: Any) -> ProtectOperation:
        """Karbor asks for the operation of every resource before any of them runs."""
        return self._operation(ProtectOperation, resource)

    def get_restore_operation(self, resource: Any) -> RestoreOperation:
        """As above."""
        return self._operation(RestoreOperation, resource)

    def get_verify_operation(self, resource: Any) -> VerifyOperation:
        """As above."""
        return self._operation(VerifyOperation, resource)

    def get_delete_operation(self, resource: Any) -> DeleteOperation:
        """As above."""
        return self._operation(DeleteOperation, resource)

    def get_copy_operation(self, resource: Any) -> CopyOperation:
        """As above."""
        return self._operation(CopyOperation, resource)

    def _operation(self, kind: type[T], resource: Any) -> T:
        """The operation of a kind: the same one for all resources of the flow."""
        self._flow.register(resource.id)
        if kind not in self._operations:
            self._operations[kind] = kind(self._flow)
        operation: T = self._operations[kind]
        return operation

    def context_for_a_call(
        self, work: Work, share_ids: Iterable[str], timeout: float
    ) -> FlowContext:
        """What is shared by work that is done while a tenant's request waits.

        :param timeout: seconds for which transient errors are retried
        """
        # One request that hangs must leave time for another.
        of_a_request = min(self._settings.request_timeout, max(1.0, timeout / 2))
        changed = {"outage_timeout": timeout, "request_timeout": of_a_request}
        settings = SimpleNamespace(**{**self._settings, **changed})

        def connect(context: Any, project_id: str) -> Manila:
            return sessions.connect(
                context,
                project_id=project_id,
                timeout=of_a_request,
                parallel=self._settings.max_parallel_requests,
                patience=of_a_request,
            )

        flow = FlowContext(settings, connect, work=work, catalogue=self._drivers)
        for share_id in share_ids:
            flow.register(share_id)
        return flow

    def context_as_karbor(
        self,
        share_ids: Iterable[str],
        clock: Callable[[Clock], Clock] | None = None,
        connect: Callable[[Connect], Connect] | None = None,
    ) -> FlowContext:
        """What a flow shares that runs without a tenant, with Karbor's own user.

        :param share_ids: the resources of the flow
        :param clock: makes the clock of the flow from the usual one
        :param connect: makes what connects the flow to Manila from what usually does
        """
        usual = self._connect_as_karbor
        flow = FlowContext(
            self._settings,
            connect(usual) if connect else usual,
            own_clock=clock,
            catalogue=self._drivers,
            hooks=self._hooks,
        )
        flow.hold = self._hold
        for share_id in share_ids:
            flow.register(share_id)
        return flow

    def _connect_as_karbor(self, context: Any, project_id: str) -> Manila:
        return sessions.connect_as_karbor(
            project_id,
            timeout=self._settings.request_timeout,
            parallel=self._settings.max_parallel_requests,
        )

    def _connect(self, context: Any, project_id: str) -> Manila:
        return sessions.connect(
            context,
            project_id=project_id,
            timeout=self._settings.request_timeout,
            parallel=self._settings.max_parallel_requests,
        )

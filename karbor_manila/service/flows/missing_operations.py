# SPDX-License-Identifier: Apache-2.0
"""Plugins of others that lack an operation: passed over where that does no harm, refused by name
elsewhere.

Karbor asks a plugin for the operation of each resource and lets a NotImplementedError end the whole
flow (karbor/services/protection/resource_flow.py, on_node_enter). Its noop plugin, which often
stands for projects, can neither verify nor copy.
"""

import functools
from collections.abc import Mapping
from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants
from karbor.services.protection import protection_plugin

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import checkpoints
from karbor_manila.common import left_out
from karbor_manila.database import columns
from karbor_manila.operations import reporting
from karbor_manila.service.errors import OperationLacking

#: The status of a resource that is passed over, as of one that is left out.
PASSED_OVER = "undefined"

# Karbor keeps all reasons of a verification in one column; the statuses name the others.
_MOST_REASONS = 20


def can_be_copied(plugins: Mapping[str, Any], resource: Any) -> bool:
    """Whether a copy of a checkpoint with this resource is whole. A project has no data."""
    plugin = plugins.get(resource.type)
    if plugin is None:
        return False
    if resource.type == constants.PROJECT_RESOURCE_TYPE:
        return True
    return _operation(plugin, constants.OPERATION_COPY, resource) is not None


def check(provider: Any, operation: str, checkpoint: Any) -> None:
    """Refuse an operation that a plugin of a checkpoint's resources lacks, before it is begun.

    :raises karbor.exception.InvalidInput: (HTTP 400) with the resource by name
    """
    nothing = (None, getattr(protection_plugin.ProtectionPlugin, _getter(operation), None))
    for resource in checkpoints.resources(checkpoint):
        plugin = provider.plugins.get(resource.type)
        if plugin is not None and getattr(plugin, _getter(operation), None) in nothing:
            raise Provider(provider, operation).refusal(resource)


class Provider:
    """A provider for the building of one flow, whose plugins have the operation or are passed over.

    :param provider: Karbor's
    :param operation: Karbor's name of it
    :param loaded: gets the plugins that are made for the flow
    :ivar passed_over: the resources, known when the flow has been built
    """

    def __init__(self, provider: Any, operation: str, loaded: list[Any] | None = None) -> None:
        self._provider = provider
        self._wanted = operation
        self._loaded = [] if loaded is None else loaded
        self.passed_over: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    def load_plugins(self) -> dict[str, Any]:
        """The plugins by the types of their resources, as Karbor's flows take them."""
        plugins = self._provider.load_plugins()
        self._loaded.extend(plugins.values())
        return {kind: _Plugin(self, plugin) for kind, plugin in plugins.items()}

    def operation_of(self, plugin: Any, operation: str, resource: Any) -> Any:
        """What a plugin does with a resource; nothing for one that is passed over.

        :raises karbor.exception.InvalidInput: it lacks what cannot be left undone
        """
        found = _operation(plugin, operation, resource)
        if found is not None:
            return found
        if operation != constants.OPERATION_VERIFY and not (
            operation == constants.OPERATION_COPY
            and resource.type == constants.PROJECT_RESOURCE_TYPE
        ):
            raise self.refusal(resource)
        self.passed_over.append(resource)
        return protection_plugin.Operation()

    def report(self, checkpoint: Any, record: Any) -> None:
        """Name what is passed over; before the flow runs, whose hooks write there too.

        :param checkpoint: the one that is made, of a copy
        :param record: Karbor's verification, of one
        :raises karbor.exception.InvalidInput: it is all that there is
        """
        if not self.passed_over:
            return
        if record is None:
            for each in self.passed_over:
                reporting.append(checkpoint, left_out.KEY, self._left_out(each))
            bank_access.commit(checkpoint)
            return
        there = {(each.type, each.id) for each in checkpoints.resources(checkpoint)}
        if len(self.passed_over) == len(there):
            raise self.refusal(self.passed_over[0])
        report = columns.Report(record)
        for number, each in enumerate(self.passed_over):
            reason = str(self._lack(each, passed_over=True)) if number < _MOST_REASONS else None
            report.add(record, f"{each.type}#{each.id}", PASSED_OVER, reason)
        columns.save(record, report)

    def _left_out(self, resource: Any) -> dict[str, str]:
        reason = str(self._lack(resource, passed_over=True))
        return {
            "type": resource.type,
            "id": resource.id,
            "name": resource.name,
            "reason": reason.rstrip("."),
            "kind": left_out.NOT_SUPPORTED,
        }

    def refusal(self, resource: Any) -> karbor_exception.InvalidInput:
        """The error of a resource that cannot be passed over."""
        lack = self._lack(resource, passed_over=False)
        refusal = karbor_exception.InvalidInput(reason=str(lack))
        refusal.__cause__ = lack
        return refusal

    def _lack(self, resource: Any, *, passed_over: bool) -> OperationLacking:
        return OperationLacking(
            self._provider.name,
            self._wanted,
            resource.type,
            resource.id,
            passed_over=passed_over,
        )


class _Plugin:
    """A plugin that is asked for operations in our place."""

    def __init__(self, provider: Provider, plugin: Any) -> None:
        self._provider = provider
        self._plugin = plugin

    def __getattr__(self, name: str) -> Any:
        operation = name.removeprefix("get_").removesuffix("_operation")
        if name != _getter(operation):
            return getattr(self._plugin, name)
        return functools.partial(self._provider.operation_of, self._plugin, operation)


def _operation(plugin: Any, operation: str, resource: Any) -> Any:
    """A plugin's operation for a resource; None when it has none. Karbor asks for no base class,
    and its own raises NotImplementedError."""
    getter = getattr(plugin, _getter(operation), None)
    if getter is None:
        return None
    try:
        return getter(resource)
    except NotImplementedError:
        return None


def _getter(operation: str) -> str:
    return f"get_{operation}_operation"

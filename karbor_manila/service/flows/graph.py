# SPDX-License-Identifier: Apache-2.0
"""The graph of a new checkpoint: only what its provider can protect, and a list of the rest.

Karbor's own way fails the whole checkpoint for one resource of a type without a plugin, swallows
what cannot be listed, and stumbles over a share that a plan names beside its project
(karbor/services/protection/protectable_registry.py, graph.py, resource_flow.py).
"""

import time
from collections.abc import Collection, Iterable
from typing import Any

import eventlet
from karbor import exception as karbor_exception
from karbor.resource import Resource
from karbor.services.protection import graph
from oslo_config import cfg
from oslo_log import log as logging

from karbor_manila.common import left_out
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.common.left_out import LeftOut
from karbor_manila.service.protectable import Objection, ShareProtectable, unlistable

LOG = logging.getLogger(__name__)

#: So many seconds in all are spent on the names of what is not protected: Karbor's API waits for
#: the graph, and Karbor's plugins ask Nova, Cinder and so on without a timeout.
REPORT_SECONDS = 10.0


class GraphBuilder:
    """Stands in for Karbor's protectable registry while one checkpoint's graph is built.

    :param registry: Karbor's ProtectableRegistry
    :param types: the types for which the provider has plugins
    :param objection: says why the provider's drivers cannot protect a share; by default any
        provider's
    """

    def __init__(
        self, registry: Any, types: Collection[str], objection: Objection | None = None
    ) -> None:
        self._registry = registry
        self._types = frozenset(types)
        self._objection = objection
        self._left_out: list[LeftOut] = []
        self._named: frozenset[tuple[str, str]] = frozenset()
        self._until = time.monotonic() + REPORT_SECONDS

    def build_graph(self, context: Any, resources: Iterable[Resource]) -> list[graph.GraphNode]:
        """The graph below these resources; called by Karbor's protect flow.

        :raises karbor.exception.KarborException: the shares of a project cannot be listed
        """
        start = {(item.type, item.id): item for item in resources}
        self._named = frozenset(start)

        def children(parent: Resource) -> list[Resource]:
            # Karbor compares resources by their names too: a share that the plan names under an
            # older name must be the same node.
            return [
                start.get((child.type, child.id), child)
                for child in self._children(context, parent)
            ]

        built: list[graph.GraphNode] = graph.build_graph(list(start.values()), children)
        return built

    def left_out(self) -> list[dict[str, Any]]:
        """What the checkpoint does not hold: dicts with ``type``, ``id``, ``name``, ``reason`` and
        ``kind``."""
        return left_out.dump(self._left_out)

    def _children(self, context: Any, parent: Resource) -> list[Resource]:
        children: list[Resource] = []
        for resource_type in self._registry.list_resource_types():
            plugin = self._registry.get_protectable_resource_plugin(resource_type)
            if parent.type not in plugin.get_parent_resource_types():
                continue
            if resource_type not in self._types:
                self._report(context, plugin, resource_type, parent)
            elif isinstance(plugin, ShareProtectable):
                children.extend(self._shares(context, plugin, parent))
            else:
                children.extend(self._others(context, plugin, resource_type, parent))
        return children

    def _shares(self, context: Any, plugin: ShareProtectable, parent: Resource) -> list[Resource]:
        try:
            inventory = plugin.inventory(context, parent.id, self._objection)
        except KarborManilaError as error:
            raise unlistable(parent, error) from error
        for share in inventory.left_out:
            self._leave_out(share)
        return inventory.shares

    def _others(
        self, context: Any, plugin: Any, resource_type: str, parent: Resource
    ) -> list[Resource]:
        """As Karbor does it: what cannot be listed is passed over, but here it is also reported."""
        try:
            found = plugin.instance(context, cfg.CONF).get_dependent_resources(context, parent)
        except karbor_exception.ListProtectableResourceFailed as error:
            LOG.error("Resources of type %s are passed over: %s", resource_type, error)
            # What is missing is not known.
            reason = f"they could not be listed: {error}"
            self._leave_out(LeftOut(resource_type, None, None, reason, left_out.BROKEN))
            return []
        return list(found or [])

    def _report(self, context: Any, plugin: Any, resource_type: str, parent: Resource) -> None:
        found: Any = None
        left = max(0.0, self._until - time.monotonic())
        try:
            with eventlet.Timeout(left, False):
                found = plugin.instance(context, cfg.CONF).get_dependent_resources(context, parent)
        except Exception as error:  # noqa: BLE001 - any plugin's, of a type that is not protected
            LOG.info(
                "Resources of type %s, which this provider does not protect, cannot be listed: %s",
                resource_type,
                error,
            )
            return
        for item in found or []:
            reason = "the provider has no protection plugin for this type"
            kind = left_out.NOT_SUPPORTED
            self._leave_out(LeftOut(item.type, item.id, item.name, reason, kind))

    def _leave_out(self, item: LeftOut) -> None:
        if (item.type, item.id) in self._named:
            return  # the plan names it itself: it is not left out, it fails
        LOG.info("%s %s is left out: %s", item.type, item.id, item.reason)
        self._left_out.append(item)

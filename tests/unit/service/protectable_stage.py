# SPDX-License-Identifier: Apache-2.0
"""Shares as a Manila lists them, and how Karbor asks for them."""

from typing import Any

from karbor.resource import Resource
from karbor.services.protection.protectable_registry import ProtectableRegistry

from karbor_manila.manila.errors import (
    ManilaTransient,
)
from tests.unit.karbor_stage import PROJECT, SHARE, context_of

OWN = "own-project"


OTHER = "other-project"


RPC_RESPONSE_TIMEOUT = 60.0  # oslo.messaging's default


def view(share_id: str, **fields: Any) -> dict[str, Any]:
    """A share as Manila shows it."""
    return {
        "id": share_id,
        "name": f"name of {share_id}",
        "status": "available",
        "project_id": OWN,
        "snapshot_support": True,
        "create_share_from_snapshot_support": True,
        "revert_to_snapshot_support": True,
        "share_type_name": "default",
        "is_soft_deleted": False,
        "is_public": False,
    } | fields


class Listing:
    """A Manila that shows whatever it is told to, and counts."""

    def __init__(self) -> None:
        self.views: list[dict[str, Any]] = []
        self.outage: Exception | None = None
        self.failures: list[Exception] = []
        self.sessions: list[tuple[Any, str | None]] = []
        self.timeouts: list[float] = []
        self.asked = 0

    def connect(self, context: Any, *, project_id: str | None, **kwargs: Any) -> "Listing":
        self.sessions.append((context.project_id, project_id))
        self.timeouts.append(kwargs["timeout"])
        return self

    def shares(self) -> list[dict[str, Any]]:
        self._ask()
        return self.views

    def share(self, share_id: str) -> dict[str, Any] | None:
        self._ask()
        return next((item for item in self.views if item["id"] == share_id), None)

    def _ask(self) -> None:
        self.asked += 1
        if self.failures:
            raise self.failures.pop()
        if self.outage:
            raise self.outage


def listed(registry: ProtectableRegistry, **kwargs: Any) -> list[str]:
    return [item.id for item in registry.list_resources(context_of(OWN, **kwargs), SHARE)]


def dependents(registry: ProtectableRegistry, project_id: str = OWN, **kwargs: Any) -> list[str]:
    parent = Resource(type=PROJECT, id=project_id, name="project")
    found = registry.fetch_dependent_resources(context_of(OWN, **kwargs), parent)
    return [item.id for item in found]


def transient(retry_after: float = 0.0) -> ManilaTransient:
    return ManilaTransient("list the shares", "HTTP 503, out of order", retry_after)

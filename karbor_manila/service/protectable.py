# SPDX-License-Identifier: Apache-2.0
"""The protectable plugin for OS::Manila::Share: which shares there are, and which belong to a
project."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from karbor import exception as karbor_exception
from karbor import resource
from karbor.common import constants
from karbor.services.protection import protectable_plugin
from oslo_config import cfg
from oslo_log import log as logging

from karbor_manila import opts
from karbor_manila.common import left_out
from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.common.left_out import LeftOut
from karbor_manila.common.retry import retry
from karbor_manila.manila import cloning, marks, statuses
from karbor_manila.manila.client import Manila, View
from karbor_manila.service import sessions

LOG = logging.getLogger(__name__)

T = TypeVar("T")


class Objection(NamedTuple):
    """Why a share cannot be protected: one of the kinds of :mod:`left_out`, and a phrase."""

    kind: str
    reason: str


@dataclass(frozen=True)
class Inventory:
    """The shares of a project: those that can be protected, and those that are left out."""

    shares: list[resource.Resource]
    left_out: list[LeftOut]


class ShareProtectable(protectable_plugin.ProtectablePlugin):
    """The shares of a project.

    Karbor keeps one instance for all requests, made with the context of the first one
    (karbor/services/protection/protectable_registry.py), so nothing here remembers a context.
    """

    def __init__(
        self,
        context: Any = None,
        conf: Any = None,
        connect: Callable[..., Manila] = sessions.connect,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(None, conf)  # Karbor would keep the first request's token for ever
        self._conf = conf or cfg.CONF
        self._connect = connect
        self._clock = clock or Clock()

    def instance(self, context: Any = None, conf: Any = None) -> "ShareProtectable":
        """Karbor's way to make the instance that serves requests."""
        return type(self)(context, conf, self._connect, self._clock)

    def get_resource_type(self) -> str:
        """The type of what is listed here."""
        return str(constants.SHARE_RESOURCE_TYPE)

    def get_parent_resource_types(self) -> tuple[str, ...]:
        """A share depends on its project."""
        return (constants.PROJECT_RESOURCE_TYPE,)

    def list_resources(self, context: Any, parameters: Any = None) -> list[resource.Resource]:
        """The shares of the requester's project that can be protected.

        :raises karbor.exception.ListProtectableResourceFailed: with Manila's reason
        """
        try:
            return self.inventory(context, context.project_id).shares
        except KarborManilaError as error:
            raise karbor_exception.ListProtectableResourceFailed(
                type=self.get_resource_type(), reason=str(error)
            ) from error

    def show_resource(
        self, context: Any, resource_id: str, parameters: Any = None
    ) -> resource.Resource:
        """One share of the requester's project.

        :raises karbor.exception.ProtectableResourceNotFound: there is no such share in the project
        :raises karbor.exception.InvalidProtectableInstance: it cannot be protected now
        :raises karbor.exception.ListProtectableResourceFailed: Manila cannot be asked
        """
        try:
            view = self._ask(context, None, lambda manila: manila.share(resource_id))
        except KarborManilaError as error:
            raise karbor_exception.ListProtectableResourceFailed(
                type=self.get_resource_type(), reason=str(error)
            ) from error
        if view is None or view.get("project_id") != context.project_id:
            raise karbor_exception.ProtectableResourceNotFound(
                id=resource_id,
                type=self.get_resource_type(),
                reason="there is no such share in this project",
            )
        objected = objection(view)
        if objected:
            # Whatever it is, Karbor's API makes an HTTP 500 of it, with this text
            # (karbor/api/v1/protectables.py, instances_show).
            raise karbor_exception.InvalidProtectableInstance(
                f"Share {resource_id} cannot be protected: {objected.reason}."
            )
        return self._resource(view)

    def get_dependent_resources(
        self, context: Any, parent_resource: resource.Resource
    ) -> list[resource.Resource]:
        """The shares of a project that can be protected, for the graph of a checkpoint.

        :raises karbor.exception.KarborException: they cannot be listed. It is not
            ListProtectableResourceFailed, which Karbor would swallow: the checkpoint would be
            available, and empty (protectable_registry.py, fetch_dependent_resources)
        """
        try:
            inventory = self.inventory(context, parent_resource.id)
        except KarborManilaError as error:
            raise unlistable(parent_resource, error) from error
        return inventory.shares

    def inventory(self, context: Any, project_id: str) -> Inventory:
        """Every share of one project. Transient errors are retried for ``listing_timeout``.

        :raises KarborManilaError: Manila cannot be asked, or refuses
        """
        elsewhere = None if project_id == context.project_id else project_id
        views = self._ask(context, elsewhere, lambda manila: manila.shares())
        # Manila adds shares of other projects in more than one case (public ones; for
        # administrators, all): what counts is whose they are.
        own = [view for view in views if view.get("project_id") == project_id]
        missing = [
            LeftOut(self.get_resource_type(), view["id"], view.get("name"), why.reason, why.kind)
            for view in own
            if (why := objection(view))
        ]
        for share in missing:
            LOG.info("Share %s of project %s is left out: %s", share.id, project_id, share.reason)
        return Inventory([self._resource(view) for view in own if not objection(view)], missing)

    def _ask(self, context: Any, project_id: str | None, what: Callable[[Manila], T]) -> T:
        settings = opts.register_service_opts(self._conf)
        # One request that hangs must leave time for another.
        timeout = min(settings.request_timeout, max(1.0, settings.listing_timeout / 2))
        connect = functools.partial(
            self._connect,
            context,
            project_id=project_id,
            timeout=timeout,
            parallel=settings.max_parallel_requests,
        )
        return retry(
            lambda: what(connect()),
            timeout=settings.listing_timeout,
            attempt_takes=timeout,
            clock=self._clock,
        )

    def _resource(self, view: View) -> resource.Resource:
        return resource.Resource(
            type=self.get_resource_type(), id=view["id"], name=view.get("name") or view["id"]
        )


def unlistable(
    parent: resource.Resource, error: KarborManilaError
) -> karbor_exception.KarborException:
    """What Karbor is told when the shares of a project cannot be listed."""
    return karbor_exception.KarborException(
        f"The shares of project {parent.id} cannot be listed. {error}"
    )


def objection(view: View) -> Objection | None:
    """Why a share cannot be protected; None when it can, now or in a moment.

    A busy share is no objection: its protection waits for it. What a share can never do is told
    before what is wrong with it just now: mending it would not help.
    """
    purpose = (view.get("metadata") or {}).get(marks.PURPOSE)
    if purpose:
        return Objection(left_out.NOT_SUPPORTED, f"karbor-manila made it itself, for a {purpose}")
    if view.get("is_soft_deleted"):
        return Objection(left_out.NOT_SUPPORTED, "it is in the recycle bin")
    if view["status"] in statuses.SHARE_GOING:
        return Objection(left_out.GONE, f"its status is {view['status']}")
    refusal = cloning.refusal(view)
    if refusal:
        return Objection(left_out.NOT_SUPPORTED, refusal.why)
    if view["status"] in statuses.SHARE_FINAL:
        return Objection(left_out.BROKEN, f"its status is {view['status']}")
    return None

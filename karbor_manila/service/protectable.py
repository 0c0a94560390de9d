# SPDX-License-Identifier: Apache-2.0
"""The protectable plugin for OS::Manila::Share: which shares there are, and which belong to a
project."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from karbor import exception as karbor_exception
from karbor import resource
from karbor.common import constants
from karbor.services.protection import protectable_plugin
from oslo_config import cfg
from oslo_log import log as logging

from karbor_manila import opts
from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.common.left_out import LeftOut
from karbor_manila.common.retry import retry
from karbor_manila.common.turns import taking_turns
from karbor_manila.manila.client import Manila, View
from karbor_manila.manila.errors import ShareNotProtectable
from karbor_manila.service import sessions
from karbor_manila.service.choices import Choices

LOG = logging.getLogger(__name__)

T = TypeVar("T")

#: Why a share (a view) cannot be protected, if it cannot.
Objection = Callable[[View], ShareNotProtectable | None]


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
        choices: Choices | None = None,
    ) -> None:
        super().__init__(None, conf)  # Karbor would keep the first request's token for ever
        self._choices = choices or Choices()
        self._conf = conf or cfg.CONF
        self._connect = connect
        self._clock = clock or Clock()

    def instance(self, context: Any = None, conf: Any = None) -> "ShareProtectable":
        """Karbor's way to make the instance that serves requests."""
        return type(self)(context, conf, self._connect, self._clock, self._choices)

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
            return self.inventory(context, context.project_id, with_driver=True).shares
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
        objected = self._choices.objection(view)
        if objected:
            # Whatever it is, Karbor's API makes an HTTP 500 of it, with this text
            # (karbor/api/v1/protectables.py, instances_show).
            raise karbor_exception.InvalidProtectableInstance(
                f"Share {resource_id} cannot be protected: {objected.why}."
            )
        return self._resource(view, with_driver=True)

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

    def inventory(
        self,
        context: Any,
        project_id: str,
        objection: Objection | None = None,
        *,
        with_driver: bool = False,
    ) -> Inventory:
        """Every share of one project. Transient errors are retried for ``listing_timeout``.

        :param objection: says why a share cannot be protected; by default by any provider
        :param with_driver: whether each share says which driver would keep it (``extra_info``)
        :raises KarborManilaError: Manila cannot be asked, or refuses
        """
        elsewhere = None if project_id == context.project_id else project_id
        views = self._ask(context, elsewhere, lambda manila: manila.shares())
        # Manila adds shares of other projects in more than one case (public ones; for
        # administrators, all): what counts is whose they are.
        own = [view for view in views if view.get("project_id") == project_id]
        objection = objection or self._choices.objection
        missing = [
            LeftOut(self.get_resource_type(), view["id"], view.get("name"), found.why, found.kind)
            for view in taking_turns(own)
            if (found := objection(view))
        ]
        for share in missing:
            LOG.info("Share %s of project %s is left out: %s", share.id, project_id, share.reason)
        refused = {share.id for share in missing}
        able = [view for view in own if view["id"] not in refused]
        shares = [self._resource(view, with_driver=with_driver) for view in taking_turns(able)]
        return Inventory(shares, missing)

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
            patience=timeout,
        )
        return retry(
            lambda: what(connect()),
            timeout=settings.listing_timeout,
            attempt_takes=timeout,
            clock=self._clock,
        )

    def _resource(self, view: View, *, with_driver: bool) -> resource.Resource:
        drivers = self._choices.drivers(view) if with_driver else []
        return resource.Resource(
            type=self.get_resource_type(),
            id=view["id"],
            name=view.get("name") or view["id"],
            extra_info={"driver": ", ".join(drivers)} if drivers else None,
        )


def unlistable(
    parent: resource.Resource, error: KarborManilaError
) -> karbor_exception.KarborException:
    """What Karbor gets when the shares of a project cannot be listed."""
    return karbor_exception.KarborException(
        f"The shares of project {parent.id} cannot be listed. {error}"
    )

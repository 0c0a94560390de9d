# SPDX-License-Identifier: Apache-2.0
"""What the operator's commands work with: Karbor's configuration, providers and database, on
Karbor's own host."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from karbor import objects, version
from karbor.common import config  # noqa: F401 - registers Karbor's options
from karbor.services.protection import manager  # noqa: F401 - as above
from karbor.services.protection.provider import ProviderRegistry
from oslo_config import cfg
from oslo_log import log as logging

from karbor_manila import exception, lease_keeper, opts, plans
from karbor_manila.claims import Claims
from karbor_manila.waiting import Clock

LOG = logging.getLogger(__name__)

T = TypeVar("T")


class Host:
    """Karbor as its configuration describes it, without its services.

    :param config_files: paths; none for those that Karbor's services find themselves
    :raises NoProvider: it describes none
    """

    def __init__(self, config_files: list[str]) -> None:
        arguments = [word for path in config_files for word in ("--config-file", path)]
        cfg.CONF(arguments, project="karbor", version=version.version_string())
        objects.register_all()
        self.settings = opts.register_service_opts(cfg.CONF)
        self.providers: list[Any] = list(ProviderRegistry().providers.values())
        if not self.providers:
            raise exception.NoProvider("provider", [])

    def ours(self) -> list[Any]:
        """The providers whose shares our plugin protects.

        :raises NoProvider: there is none
        """
        ours = [provider for provider in self.providers if plans.protects_shares(provider)]
        if not ours:
            raise exception.NoProvider(
                "provider whose shares karbor-manila protects",
                sorted(provider.name for provider in self.providers),
            )
        return ours

    def claims(self) -> Claims:
        """The claims of this process."""
        return Claims(self.settings.lease_timeout)

    def turns(self, turn: Callable[[], T], unsure: Callable[[], bool]) -> Iterator[T]:
        """The results of a turn that is repeated while it meets processes of which it cannot tell
        yet whether they are dead: their leases have to be watched for ``lease_timeout`` seconds.

        :param unsure: whether the last turn met one
        """
        clock = Clock()
        deadline = clock.now() + self.settings.lease_timeout + self.settings.lease_interval
        yield turn()
        while unsure() and clock.now() < deadline:
            LOG.warning(
                "Somebody is, or was, at work; his lease is watched for up to %d s more",
                deadline - clock.now(),
            )
            clock.sleep(min(self.settings.lease_interval, deadline - clock.now()))
            yield turn()

    @contextlib.contextmanager
    def alive(self, held: Claims) -> Iterator[None]:
        """Say in every bank that this process lives, so that what it works on is left to it, and
        count on nothing that is claimed once that cannot be said any more."""
        keepers = {
            provider.id: lease_keeper.of_provider(
                provider,
                interval=self.settings.lease_interval,
                timeout=self.settings.lease_timeout,
            )
            for provider in self.providers
        }
        for provider_id, keeper in keepers.items():
            keeper.start()
            held.keep(provider_id, keeper)
        try:
            yield
        finally:
            for keeper in keepers.values():
                keeper.stop()

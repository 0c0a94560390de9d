# SPDX-License-Identifier: Apache-2.0
"""What the operator's commands work with: Karbor's configuration, providers and database, on
Karbor's own host."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import futurist.periodics
from karbor import objects, version
from karbor.common import config  # noqa: F401 - registers Karbor's options
from karbor.services.protection import manager  # noqa: F401 - as above
from karbor.services.protection.provider import ProviderRegistry
from oslo_config import cfg
from oslo_log import log as logging

from karbor_manila import exception, lease, opts, plans

LOG = logging.getLogger(__name__)


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

    @contextlib.contextmanager
    def alive(self) -> Iterator[None]:
        """Say in every bank that this process lives, so that what it works on is left to it."""

        @futurist.periodics.periodic(self.settings.lease_interval, run_immediately=False)
        def renew() -> None:
            for provider in self.providers:
                lease.renew(provider.bank)

        renew()
        worker = futurist.periodics.PeriodicWorker([(renew, (), {})])
        thread = threading.Thread(target=worker.start, daemon=True)
        thread.start()
        try:
            yield
        finally:
            worker.stop()
            thread.join()

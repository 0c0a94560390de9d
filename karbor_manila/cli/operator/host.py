# SPDX-License-Identifier: Apache-2.0
"""What the operator's commands work with: Karbor's configuration, providers and database, on
Karbor's own host."""

import contextlib
import os
import pwd
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

from karbor import objects, version
from karbor.common import config  # noqa: F401 - registers Karbor's options
from karbor.services.protection import manager  # noqa: F401 - as above
from karbor.services.protection.bank_plugins.file_system_bank_plugin import (
    FileSystemBankPlugin as KarborsBank,
)
from karbor.services.protection.provider import ProviderRegistry
from oslo_config import cfg
from oslo_log import log as logging

from karbor_manila import opts
from karbor_manila.bank import identity, opening
from karbor_manila.cli.errors import NoProvider, WrongUser
from karbor_manila.common.clock import Clock
from karbor_manila.operations.plugin import protects_shares
from karbor_manila.recovery import lease_keeper, postponed
from karbor_manila.recovery.claims import Claims
from karbor_manila.telemetry import listening

LOG = logging.getLogger(__name__)

T = TypeVar("T")


def configure(config_files: list[str]) -> None:
    """Read Karbor's configuration, and nothing else.

    :param config_files: paths; none for those that Karbor's services find themselves
    """
    arguments = [word for path in config_files for word in ("--config-file", path)]
    cfg.CONF(arguments, project="karbor", version=version.version_string())


class Host:
    """Karbor as its configuration describes it, without its services.

    :param config_files: as for :func:`configure`
    :raises NoProvider: it describes none
    """

    def __init__(self, config_files: list[str]) -> None:
        configure(config_files)
        objects.register_all()
        self.settings = opts.register_service_opts(cfg.CONF)
        with opening.as_found():
            self.providers: list[Any] = list(ProviderRegistry().providers.values())
        if not self.providers:
            raise NoProvider("provider", [])

    def ours(self) -> list[Any]:
        """The providers whose shares our plugin protects.

        :raises NoProvider: there is none
        """
        ours = [provider for provider in self.providers if protects_shares(provider)]
        if not ours:
            raise NoProvider(
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
                "Another process is, or was, at work; its lease is watched for up to %d s more",
                deadline - clock.now(),
            )
            clock.sleep(min(self.settings.lease_interval, deadline - clock.now()))
            yield turn()

    @staticmethod
    def check_user(provider: Any, command: str) -> None:
        """Karbor's own file-system bank leaves what it writes to its own user; ours gives it to
        the owner of its folder.

        :param command: that was given, with its options
        :raises WrongUser: this user is not the one of the bank's folder
        """
        plugin = getattr(provider.bank, "_plugin", None)
        if not isinstance(plugin, KarborsBank):
            return
        folder = Path(plugin.object_container_path)
        owner = folder.stat().st_uid if folder.exists() else os.geteuid()
        if owner == os.geteuid():
            return
        try:
            name = pwd.getpwuid(owner).pw_name
        except KeyError:
            name = f"'#{owner}'"
        raise WrongUser(provider.name, str(folder), name, command)

    def writable(self, command: str) -> list[Any]:
        """The providers into whose banks this user may write; the log has why not, of the others.

        :param command: as above
        """
        found = []
        for provider in self.providers:
            try:
                self.check_user(provider, command)
            except WrongUser as error:
                LOG.error("%s", error)
            else:
                found.append(provider)
        return found

    def told(self) -> AbstractContextManager[None]:
        """While this is held, what is done here is told to the listeners of ``karbor.conf``; at its
        end it waits for them for ``event_stop_timeout`` seconds at most.

        :raises cfg.Error: one of them cannot be used
        """
        return listening.while_running(cfg.CONF, opts.GROUP)

    @contextlib.contextmanager
    def alive(self, held: Claims, providers: Iterable[Any] | None = None) -> Iterator[None]:
        """Say in the banks of these providers (by default of all) that this process lives, so that
        what it works on is left to it, and count on nothing that is claimed once that cannot be
        said any more."""
        named = self.providers if providers is None else list(providers)
        for provider in named:
            _confirm(provider)
        # Banks are opened once more, and no container is made.
        with opening.as_found():
            keepers = {
                provider.id: lease_keeper.of_provider(
                    provider,
                    interval=self.settings.lease_interval,
                    timeout=self.settings.lease_timeout,
                )
                for provider in named
            }
        for provider_id, keeper in keepers.items():
            keeper.start()
            held.keep(provider_id, keeper)
        try:
            yield
        finally:
            for keeper in keepers.values():
                keeper.stop()


def _confirm(provider: Any) -> None:
    """Into another bank no lease is written; and a command gives an empty one no id."""
    try:
        postponed.check_mounted(provider)
        identity.confirm(provider.bank, provider.id)
    except Exception as error:  # noqa: BLE001 - banks let through what their clients raise
        # Who is to be kept alive there looks into that bank himself, and fails of it aloud.
        LOG.info("No lease is kept in the bank of provider %s: %s", provider.id, error)

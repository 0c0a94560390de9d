# SPDX-License-Identifier: Apache-2.0
"""What an operator's checks look at: Karbor's files, providers, Manila and Keystone, each when it
is first asked for."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from karbor import exception as karbor_exception
from karbor import utils
from karbor.services.protection.provider import PluggableProtectionProvider, provider_opts
from keystoneauth1 import adapter
from oslo_config import cfg

from karbor_manila import opts
from karbor_manila.bank import opening
from karbor_manila.cli.diagnosis import Asked
from karbor_manila.cli.errors import NotKnown
from karbor_manila.cli.operator import host
from karbor_manila.common.clock import Clock
from karbor_manila.drivers.catalogue import Catalogue
from karbor_manila.manila.client import EVERY_PROJECT, Manila
from karbor_manila.operations.plugin import protects_shares
from karbor_manila.service import driver_options, sessions

#: In the order in which the catalogue is searched.
INTERFACES = ("public", "internal", "admin")

_PARALLEL = 10  # requests to Manila at a time

Sections = dict[str, dict[str, list[str]]]


@dataclass
class ProviderFile:
    """A file in the folder of the providers.

    :ivar sections: option to values, by section, as they are written
    :ivar error: why the file itself cannot be used; None when it can
    :ivar provider: Karbor's; None when it is not enabled, or cannot be loaded (``failure``)
    """

    path: Path
    sections: Sections = field(default_factory=dict)
    error: Exception | None = None
    failure: Exception | None = None
    provider: Any = None
    conf: Any = None

    @property
    def name(self) -> str:
        """Of its provider, for people."""
        return self.one("name") or self.path.name

    def one(self, option: str) -> str:
        """The value of an option of the section ``provider``; the last one counts."""
        return (self.sections.get("provider", {}).get(option) or [""])[-1]

    def plugins(self) -> list[str]:
        """What its lines ``plugin`` name, in their order."""
        return self.sections.get("provider", {}).get("plugin", [])


class HostFacts:
    """Karbor on its own host, as its configuration describes it.

    :param config_files: as of :func:`.host.configure`
    :param timeout: seconds to wait for one answer of Keystone or Manila
    :param look_for_releases: whether the package index is asked
    """

    def __init__(
        self,
        config_files: list[str],
        timeout: float,
        *,
        look_for_releases: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self.config_files = config_files
        self.timeout = timeout
        self.look_for_releases = look_for_releases
        self.clock = clock or Clock()
        self.asked = Asked()

    def settings(self) -> Any:
        """Our options in ``karbor.conf``; Karbor's own are in cfg.CONF from then on.

        :raises cfg.Error: it cannot be read
        """
        return self.asked("karbor.conf", self._configured)

    def _configured(self) -> Any:
        host.configure(self.config_files)
        return opts.register_service_opts(cfg.CONF)

    def karbor_files(self) -> list[Path]:
        """The files that ``karbor.conf`` is made of, in the order in which they count."""
        self.settings()
        inside = [Path(folder).glob("*.conf") for folder in cfg.CONF.config_dir or []]
        found = [Path(path) for path in cfg.CONF.config_file or []]
        return [*found, *(path for paths in inside for path in sorted(paths))]

    def files(self) -> list[ProviderFile]:
        """All files of providers, by name.

        :raises karbor.exception.ConfigNotFound: there is no folder for them
        """
        self.settings()
        return self.asked("the providers' files", _files)

    def providers(self) -> list[Any]:
        """The providers that Karbor offers.

        :raises NotKnown: there is none
        """
        found = [each.provider for each in self.files() if each.provider]
        if not found:
            raise NotKnown("Karbor has no provider that it can load")
        return found

    def ours(self) -> list[Any]:
        """Those whose shares our plugin protects.

        :raises NotKnown: there is none
        """
        found = [provider for provider in self.providers() if protects_shares(provider)]
        if not found:
            raise NotKnown("karbor-manila protects the shares of no provider")
        return found

    def catalogue_of(self, provider: Any) -> Catalogue:
        """Which drivers a provider uses; raises as :func:`.driver_options.catalogue_of`."""
        about = f"the drivers of provider {provider.name}"
        return self.asked(about, lambda: driver_options.catalogue_of(provider))

    def manila(self) -> Manila:
        """Manila, as Karbor's own user reaches it, for all projects; raises as
        :func:`.sessions.connect_as_karbor`."""
        self.settings()
        return self.asked("Manila", self._connected)

    def _connected(self) -> Manila:
        return sessions.connect_as_karbor(EVERY_PROJECT, timeout=self.timeout, parallel=_PARALLEL)

    def session(self) -> Any:
        """A session of Karbor's own user; raises as :func:`.sessions.for_service`."""
        self.settings()
        return self.asked(
            "Karbor's own user", lambda: sessions.for_service(None, timeout=self.timeout)
        )

    def keystone(self) -> Any:
        """Keystone's API, as Karbor's own user reaches it."""
        return adapter.Adapter(
            self.session(), service_type="identity", interface=INTERFACES, min_version=(3, 0)
        )

    def token(self) -> dict[str, Any]:
        """What Keystone says of the token of Karbor's own user: ``roles``, ``catalog``,
        ``expires_at``, ``issued_at``, ``project`` and so on."""
        return self.asked("the token of Karbor's own user", self._token)

    def _token(self) -> dict[str, Any]:
        keystone = self.keystone()
        own = {"X-Subject-Token": self.session().get_token()}
        said: dict[str, Any] = keystone.get("/auth/tokens", headers=own).json()["token"]
        return said


def sections_of(path: Path) -> Sections:
    """What stands in a file, read as oslo.config reads it.

    :raises OSError, oslo_config.iniparser.ParseError: it cannot be read
    """
    found: Sections = {}
    cfg.ConfigParser(str(path), found).parse()
    return found


def _files() -> list[ProviderFile]:
    try:
        folder = Path(utils.find_config(cfg.CONF.provider_config_dir))
    except karbor_exception.ConfigNotFound as error:
        raise NotKnown(f"there is no folder {cfg.CONF.provider_config_dir}") from error
    found = []
    for name in sorted(os.listdir(folder)):  # noqa: PTH208 - as Karbor lists it
        if name.endswith(".conf"):
            found.append(_file(folder / name))
    return found


def _file(path: Path) -> ProviderFile:
    """A file as Karbor loads it (karbor/services/protection/provider.py, ProviderRegistry)."""
    found = ProviderFile(path)
    try:
        found.sections = sections_of(path)
        found.conf = cfg.ConfigOpts()
        found.conf(args=[f"--config-file={path}"])
        found.conf.register_opts(provider_opts, "provider")
        enabled = found.conf.provider.enabled
    except Exception as error:  # noqa: BLE001 - it is the finding of the check that asks
        found.error = error
        return found
    if enabled:
        try:
            with opening.as_found():
                found.provider = PluggableProtectionProvider(found.conf)
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises; as above
            found.failure = error
    return found

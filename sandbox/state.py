# SPDX-License-Identifier: Apache-2.0
"""The state folder: everything of one sandbox, and nothing of anybody else."""

import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sandbox import errors, files
from sandbox.cluster import layout as cluster
from sandbox.keystone import content
from sandbox.manila import releases

MARKER = "state-of-the-karbor-manila-sandbox"
SERVICES = ("keystone", "manila", "proxy", "karbor")
"""In the order of their start."""
SECOND_KARBOR = "karbor2"
"""Another Karbor beside the first, on the same database and bank; started on demand."""
REDIS = "redis"
ZAQAR = "zaqar"
MESSAGING = (REDIS, ZAQAR)
"""A Zaqar and the Redis that holds its messages; there when the profile is chosen."""
FILES = "files"
S3 = "s3"
SWIFT = content.SWIFT
BANKS = (FILES, S3, SWIFT)
"""Where the bank can be."""
STORES = (S3, SWIFT)
"""Those of them that are services."""
BANK_PROXY = "bank_proxy"
"""Stands between Karbor and the store of its bank: counts requests, injects faults."""
CLUSTER_SERVICES = (
    *cluster.INFRASTRUCTURE,
    "keystone",
    "manila",
    "proxy",
    cluster.API,
    cluster.ENGINE,
)
"""As SERVICES, of the layout cluster; after them come as many workers as are wanted."""
EVERY_SERVICE = (
    *MESSAGING,
    *cluster.INFRASTRUCTURE,
    *STORES,
    BANK_PROXY,
    *SERVICES,
    SECOND_KARBOR,
    *cluster.KARBOR,
)
CLUSTER_ONLY = (*cluster.INFRASTRUCTURE, *cluster.KARBOR)
_SECRETS = (*content.USERS, cluster.MARIADB, cluster.RABBITMQ)
"""Whose passwords are made with the folder."""


@dataclass(frozen=True)
class Settings:
    """What can be chosen about a sandbox; kept in the state until something else is chosen.

    Options are ``group/name`` to value; see the module of each service for the rest.

    :ivar layout: ``one`` (Karbor in one process) or ``cluster``, see ``sandbox.cluster``. That of
        the first start in a folder stays.
    :ivar workers: how many karbor-protection a cluster has, at most 9.
    :ivar clock_offsets: of a cluster's workers, by number: by how many seconds their clock is fast.
    :ivar debug: debug logs of Karbor, Manila and Keystone.
    :ivar stock_manager: Karbor's own protection manager instead of ours.
    :ivar second_karbor: start ``karbor2``, too: another process, as of another host.
    :ivar zaqar: start ``redis`` and ``zaqar``, too, and name Zaqar in Keystone's catalog.
    :ivar bank: one of ``BANKS``: the file system, or the object store that is then started, too.
    :ivar stock_bank: our provider has Karbor's own plugin for that bank, not ours.
    :ivar apart: the two Karbors have nothing in common, neither database nor bank: the first has
        our provider alone; the second has Karbor's own manager and plugin alone.
    :ivar mortal_bank: the bank can be told to end Karbor's process, see
        ``sandbox.karbor.mortal_bank``. The second Karbor's cannot.
    :ivar manila_release: an older Manila, one of ``sandbox.manila.releases.OLDER``, on MariaDB; by
        default what the environment says. That of the first start in a folder stays.
    :ivar simulated_manila: ``sandbox.simulator`` instead of Manila. Karbor finds it in the catalog
        itself, not the proxy: it counts and disturbs on its own.
    :ivar simulator_profile: how that behaves, see ``sandbox.simulator.profile``.
    :ivar pythonpath: folders that Karbor's process searches before its venv and this repository.
    :ivar share_options: of the provider karbor-manila, see ``sandbox.karbor.providers``.
    :ivar karbor_environment: variables of Karbor's process, such as those of a web proxy, which no
        service of a sandbox inherits.
    """

    layout: str = cluster.ONE
    workers: int = 3
    clock_offsets: Mapping[str, int] = field(default_factory=dict)
    debug: bool = False
    stock_manager: bool = False
    second_karbor: bool = False
    zaqar: bool = False
    bank: str = FILES
    stock_bank: bool = False
    apart: bool = False
    mortal_bank: bool = False
    manila_release: str = field(default_factory=releases.chosen)
    simulated_manila: bool = False
    pythonpath: tuple[str, ...] = ()
    share_options: Mapping[str, Any] = field(default_factory=dict)
    karbor_options: Mapping[str, Any] = field(default_factory=dict)
    manila_options: Mapping[str, Any] = field(default_factory=dict)
    keystone_options: Mapping[str, Any] = field(default_factory=dict)
    simulator_profile: Mapping[str, Any] = field(default_factory=dict)
    karbor_environment: Mapping[str, str] = field(default_factory=dict)

    def changed(self, **changes: Any) -> "Settings":
        """Return settings with those replaced that are given and not None."""
        given = {name: value for name, value in changes.items() if value is not None}
        if "pythonpath" in given:
            folders = given["pythonpath"]
            given["pythonpath"] = tuple(str(Path(folder).absolute()) for folder in folders)
        if "clock_offsets" in given:
            # JSON has no numbers for keys.
            given["clock_offsets"] = {str(key): it for key, it in given["clock_offsets"].items()}
        return replace(self, **given)

    @property
    def is_cluster(self) -> bool:
        """Whether Karbor runs in processes of its own."""
        return self.layout == cluster.CLUSTER

    @property
    def has_older_manila(self) -> bool:
        """Whether Manila is an older one; the simulated one has no release."""
        return bool(self.manila_release) and not self.simulated_manila

    def clock_offset(self, service: str) -> int:
        """By how many seconds the clock of a service is fast."""
        return int(self.clock_offsets.get(service.removeprefix("worker"), 0))

    def always(self) -> tuple[str, ...]:
        """Those that a start starts whatever else is chosen."""
        if self.is_cluster:
            return (*CLUSTER_SERVICES, *cluster.WORKERS[: self.workers])
        return SERVICES

    def services(self) -> tuple[str, ...]:
        """Those that a start starts."""
        wanted = {
            *self.always(),
            *(MESSAGING if self.zaqar else ()),
            *self.stores(),
            *([BANK_PROXY] if self.stores() else ()),
            *([cluster.MARIADB] if self.has_older_manila else []),
            *([SECOND_KARBOR] if self.second_karbor else ()),
        }
        return tuple(name for name in EVERY_SERVICE if name in wanted)

    def stores(self) -> tuple[str, ...]:
        """The service that the bank is in, if it is in one."""
        return (self.bank,) if self.bank in STORES else ()

    def venvs(self) -> tuple[str, ...]:
        """The venvs that this needs besides those that are always made."""
        older = (releases.venv(self.manila_release),) if self.has_older_manila else ()
        return (*((ZAQAR,) if self.zaqar else ()), *self.stores(), *older)


class State:
    """Paths and small records below one folder."""

    def __init__(self, directory: Path) -> None:
        self.root = directory.absolute()
        self.bank = self.root / "bank"
        self.second_bank = self.root / "bank2"  # of the second Karbor, when they are apart
        self.mortal = self.root / "mortal"
        self.lock = self.root / "lock"

    def directory(self, service: str) -> Path:
        """Return the folder for one service's configuration and data."""
        return self.root / service

    def log(self, service: str) -> Path:
        """Return the log of one service; both its outputs go there, start after start."""
        return self.root / "logs" / f"{service}.log"

    def pid(self, service: str) -> Path:
        """Return the record of one service's process."""
        return self.root / "run" / f"{service}.json"

    def ready(self, service: str) -> Path:
        """Return the file that one service writes when it serves."""
        return self.root / "run" / f"{service}.ready"

    def exists(self) -> bool:
        """Return whether the folder is a sandbox's state."""
        return (self.root / MARKER).exists()

    def ensure(self) -> None:
        """Create the folder, for its owner only, or recognise it.

        :raises errors.NotAState: it holds something else.
        """
        if self.exists():
            self._add_passwords()
            return
        if self.root.is_dir() and any(self.root.iterdir()):
            raise errors.NotAState(self.root)
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._add_passwords()
        # Last, so that a folder with the marker has all that belongs to it.
        files.write(self.root / MARKER, "")

    def _add_passwords(self) -> None:
        """One for each user who has none: a folder of an earlier version knows fewer of them."""
        known = files.read_json(self.root / "passwords.json") or {}
        missing = [user for user in _SECRETS if user not in known]
        if missing:
            made = {user: secrets.token_urlsafe(16) for user in missing}
            files.write_json(self.root / "passwords.json", {**known, **made})

    def remove(self) -> None:
        """Remove the folder with all it holds.

        :raises errors.NotAState: it is not a sandbox's.
        """
        if not self.root.exists():
            return
        if not self.exists():
            raise errors.NotAState(self.root)
        # Under another name first: killed half-way, a folder without its marker is nobody's.
        doomed = self.root.with_name(self.root.name + ".removed")
        shutil.rmtree(doomed, ignore_errors=True)
        self.root.rename(doomed)
        shutil.rmtree(doomed)

    def passwords(self) -> dict[str, str]:
        """Return the passwords by user, made when the folder was."""
        return files.read_json(self.root / "passwords.json")

    def ports(self) -> dict[str, int]:
        """Return the ports of the last start, by name; empty before the first."""
        return files.read_json(self.root / "ports.json") or {}

    def save_ports(self, ports: dict[str, int]) -> None:
        """Remember the ports for the next start."""
        files.write_json(self.root / "ports.json", ports)

    def settings(self) -> Settings:
        """Return the settings of the last start, or the defaults."""
        values = files.read_json(self.root / "settings.json") or {}
        return Settings().changed(**values)

    def save_settings(self, settings: Settings) -> None:
        """Remember the settings for the next start."""
        files.write_json(self.root / "settings.json", asdict(settings))

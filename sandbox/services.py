# SPDX-License-Identifier: Apache-2.0
"""How each service is configured and started. Configuration is written anew at every start."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import credentials, files, paths, ports, process
from sandbox.cluster import layout, processes
from sandbox.karbor import config as karbor
from sandbox.karbor import providers
from sandbox.keystone import config as keystone
from sandbox.keystone import content
from sandbox.manila import config as manila
from sandbox.manila import releases
from sandbox.s3 import config as s3
from sandbox.state import (
    BANK_PROXY,
    MESSAGING,
    REDIS,
    S3,
    SECOND_KARBOR,
    STORES,
    SWIFT,
    ZAQAR,
    Settings,
    State,
)
from sandbox.swift import config as swift
from sandbox.zaqar import config as zaqar
from sandbox.zaqar import redis

CLUSTER_PORTS = (*layout.INFRASTRUCTURE, "rabbitmq_distribution")
PORTS = (
    *("identity", "manila", "proxy", "proxy_control", "karbor", SECOND_KARBOR),
    *MESSAGING,
    *CLUSTER_PORTS,
    *(*s3.PORTS, *swift.PORTS, BANK_PROXY, "bank_proxy_control"),
)
PORTS_OF = {
    "keystone": ("identity",),
    "manila": ("manila",),
    "proxy": ("proxy", "proxy_control"),
    "karbor": ("karbor",),
    SECOND_KARBOR: (SECOND_KARBOR,),
    REDIS: (REDIS,),
    ZAQAR: (ZAQAR,),
    layout.MARIADB: (layout.MARIADB,),
    layout.EPMD: (layout.EPMD,),
    layout.RABBITMQ: (layout.RABBITMQ, "rabbitmq_distribution"),
    layout.API: ("karbor",),
    S3: s3.PORTS,
    SWIFT: swift.PORTS,
    BANK_PROXY: (BANK_PROXY, "bank_proxy_control"),
}
# Karbor takes up its schedules at once, and they log in; Zaqar does not start without its Redis;
# the second Karbor finds the tables of the first. The bank is looked at at once, too.
AFTER = {
    ZAQAR: ("keystone", REDIS),
    "karbor": ("keystone", ZAQAR, *STORES, BANK_PROXY),
    SECOND_KARBOR: ("keystone", "karbor"),
    **layout.AFTER,
    **{name: (*layout.AFTER[name], *STORES, BANK_PROXY) for name in layout.WORKERS},
}
"""Which services have to serve before one is started, if they are to be started as well."""
# Neither the proxies nor the simulator has a venv of its own: Karbor's has aiohttp.
VENV_OF = dict.fromkeys(("proxy", BANK_PROXY, "simulator", SECOND_KARBOR), "karbor")
MODULE_OF = {SECOND_KARBOR: "karbor", BANK_PROXY: "proxy"}
SIMULATOR = "simulator"
KARBORS = ("karbor", SECOND_KARBOR, *layout.KARBOR)


@dataclass(frozen=True)
class Services:
    """Everything that starting a service needs to know."""

    home: paths.Home
    state: State
    settings: Settings
    ports: dict[str, int]

    def url(self, name: str) -> str:
        """Return the URL of a port, by its name, without a path."""
        return f"http://{ports.HOST}:{self.ports[name]}"

    def spawn(self, name: str) -> tuple[process.Process, int]:
        """Configure and start one service, without waiting for it.

        :returns: the process, and the size of its log before.
        """
        log, ready = self.state.log(name), self.state.ready(name)
        ready.parent.mkdir(parents=True, exist_ok=True)
        ready.unlink(missing_ok=True)
        offset = log.stat().st_size if log.exists() else 0
        argv = self._argv(name, ready)
        started = process.spawn(name, argv, self._environment(name), log, paths.REPO)
        started.save(self.state.pid(name))
        return started, offset

    def sign(self, name: str) -> process.Sign:
        """What says that a service serves."""
        return processes.sign(self, name)

    def _argv(self, name: str, ready: Path) -> list[str]:
        if name == REDIS:
            return self._redis(ready)
        if name in (*layout.INFRASTRUCTURE, *layout.KARBOR):
            return processes.argv(self, name, ready)
        return self._python(name, ready)

    def _python(self, name: str, ready: Path) -> list[str]:
        """The command of a service that is a module of ours."""
        arguments = getattr(self, f"_{name}")()
        runs = SIMULATOR if name == "manila" and self.settings.simulated_manila else name
        venv = releases.venv(self.settings.manila_release) if runs == "manila" else runs
        python = self.home.python(VENV_OF.get(runs, venv))
        # -P: the modules come from PYTHONPATH in its order, never from the current folder first.
        module = f"sandbox.{MODULE_OF.get(runs, runs)}"
        argv = [str(python), "-P", "-m", module, *map(str, arguments)]
        return [*argv, "--ready-file", str(ready)]

    def _environment(self, name: str) -> dict[str, str]:
        env = credentials.without_openstack(os.environ)
        env = {key: value for key, value in env.items() if not key.startswith("PYTHON")}
        env |= self.settings.karbor_environment if name in KARBORS else {}
        folders = [*(self.settings.pythonpath if name in KARBORS else ()), str(paths.REPO)]
        env |= {"PYTHONPATH": os.pathsep.join(folders), "PYTHONUNBUFFERED": "1"}
        return {**env, **processes.environment(self, name)}

    def _keystone(self) -> list[Any]:
        directory = self.state.directory("keystone")
        names = ["identity", "manila", "proxy", "karbor", *([ZAQAR] if self.settings.zaqar else [])]
        urls = {name: self.url(name) for name in names}
        if self.settings.bank == SWIFT:
            urls[SWIFT] = self.url(BANK_PROXY)
        if self.settings.simulated_manila:
            urls["proxy"] = urls["manila"]
        wanted = content.content(urls, self.state.passwords())
        options = self.settings.keystone_options
        conf = keystone.write(directory, debug=self.settings.debug, options=options)
        wanted_file = files.write_json(directory / "content.json", wanted)
        return [
            *("--config-file", conf, "--content-file", wanted_file),
            *("--ids-file", self.ids_file, "--port", self.ports["identity"]),
        ]

    @property
    def ids_file(self) -> Path:
        """Where Keystone's launcher writes the ids of projects and users."""
        return self.state.directory("keystone") / "ids.json"

    def _manila(self) -> list[Any]:
        if self.settings.simulated_manila:
            return self._simulator()
        sections: dict[str, Any] = {
            "DEFAULT": {"debug": self.settings.debug, "log_file": self.state.log("manila")}
        }
        if self.settings.is_cluster:
            files.merge(sections, processes.manila_options(self))
        elif self.settings.has_older_manila:
            files.merge(sections, processes.manila_database(self))
        files.merge(sections, self.settings.manila_options)
        conf = manila.write(
            self.state.directory("manila"),
            port=self.ports["manila"],
            keystone_url=f"{self.url('identity')}/v3",
            password=self.state.passwords()["manila"],
            **sections,
        )
        return ["--config-file", conf]

    def _simulator(self) -> list[Any]:
        profile = self.state.directory("manila") / "profile.json"
        files.write_json(profile, dict(self.settings.simulator_profile))
        identity = f"{self.url('identity')}/v3"
        return ["--port", self.ports["manila"], "--identity", identity, "--profile", profile]

    def _redis(self, ready: Path) -> list[str]:
        conf = redis.write(self.state.directory(REDIS), port=self.ports[REDIS], ready=ready)
        return [redis.program(), str(conf)]

    def _zaqar(self) -> list[Any]:
        conf = zaqar.write(
            self.state.directory(ZAQAR),
            keystone_url=f"{self.url('identity')}/v3",
            password=self.state.passwords()[ZAQAR],
            redis_port=self.ports[REDIS],
            debug=self.settings.debug,
        )
        return ["--config-file", conf, "--port", self.ports[ZAQAR]]

    def _s3(self) -> list[Any]:
        self.s3_access()  # whose file the server reads
        chosen = json.dumps({name: self.ports[name] for name in s3.PORTS})
        return ["--directory", self.state.directory(S3), "--ports", chosen]

    def s3_access(self) -> s3.Access:
        """How the S3 server is reached, through the proxy."""
        return s3.access(self.state.directory(S3), self.url(BANK_PROXY))

    def _swift(self) -> list[Any]:
        return ["--directory", swift.write_for(self)]

    def _bank_proxy(self) -> list[Any]:
        return [
            *("--upstream", self.url(self.settings.bank), "--port", self.ports[BANK_PROXY]),
            *("--control-port", self.ports["bank_proxy_control"]),
        ]

    def _proxy(self) -> list[Any]:
        return [
            *("--upstream", self.url("manila"), "--port", self.ports["proxy"]),
            *("--control-port", self.ports["proxy_control"]),
        ]

    def _karbor(self) -> list[Any]:
        mortal = self.state.mortal if self.settings.mortal_bank else None
        return self._karbor_of("karbor", "sandbox", mortal)

    def _karbor2(self) -> list[Any]:
        arguments = self._karbor_of(SECOND_KARBOR, "sandbox2", None)
        return arguments if self.settings.apart else [*arguments, "--no-engine"]

    def karbor_conf(self) -> Path:
        """Write what the services of a cluster have in common and return the path."""
        return self._karbor_of("karbor", layout.CLUSTER, None)[1]

    def _karbor_of(self, name: str, host: str, mortal: Path | None) -> list[Any]:
        directory = self.state.directory(name)
        settings = self.settings
        alone = settings.apart and name == SECOND_KARBOR  # Karbor without us
        stock = alone or settings.stock_manager
        folder = providers.write(
            directory / "providers.d",
            self.state.second_bank if alone else self.state.bank,
            options=settings.share_options,
            mortal=mortal,
            names=self._providers_of(name),
            store=self._store(),
        )
        conf = karbor.write(
            directory,
            port=self.ports[name],
            host=host,
            database=self.state.directory(name if alone else "karbor") / karbor.DATABASE,
            identity=self.url("identity"),
            password=self.state.passwords()["karbor"],
            manager=karbor.STOCK_MANAGER if stock else karbor.OUR_MANAGER,
            paste=self.home.venv("karbor") / "etc" / "karbor" / "api-paste.ini",
            providers=folder,
            debug=settings.debug,
            options={**self._watch(), **settings.karbor_options},
            **(processes.karbor_settings(self) if settings.is_cluster else {}),
        )
        return ["--config-file", conf]

    def _store(self) -> providers.Store:
        """Where the banks of the providers are."""
        of = {S3: lambda: self.s3_access().sections(), SWIFT: lambda: swift.sections_for(self)}
        sections = of[self.settings.bank]() if self.settings.stores() else {}
        return providers.Store(self.settings.bank, sections, stock=self.settings.stock_bank)

    def _watch(self) -> dict[str, Any]:
        """Where Manila's hook tells what becomes of snapshots."""
        if self.settings.simulated_manila:
            return {}
        folder = self.state.directory("manila") / manila.WATCH
        return {"manila_share_protection/watch_spool": folder}

    def _providers_of(self, name: str) -> tuple[str, ...]:
        if not self.settings.apart:
            # Karbor's own bank cannot be used on this server (doc/operating/bank-s3.md).
            alone = self.settings.bank == S3 and not self.settings.stock_bank
            return (providers.OURS,) if alone else (providers.OURS, providers.STOCK)
        if name == SECOND_KARBOR:
            return (providers.STOCK, providers.STOCK_DEFAULT)
        return (providers.OURS,)


def users(services: Services) -> Mapping[str, credentials.Credentials]:
    """Return the credentials of those users that people and tests work as."""
    ids = files.read_json(services.ids_file)
    passwords = services.state.passwords()
    return {
        name: credentials.Credentials(
            username=name,
            user_id=ids["users"][name],
            password=passwords[name],
            project=name,
            project_id=ids["projects"][name],
            domain=content.DOMAIN,
            auth_url=f"{services.url('identity')}/v3",
            region=content.REGION,
        )
        for name in (*content.TENANTS, "admin")
    }

# SPDX-License-Identifier: Apache-2.0
"""The sandbox as one object, for the command line, the functional tests and the demo.

Example::

    stack = Stack("a/folder", share_options={"poll_interval": 0.2})
    info = stack.start()
    with stack.proxy.fault(Rule.lose_reply("POST", "/snapshots$")):
        ...  # protect a share of the user info.users["alpha"]
    stack.kill("karbor", signal.SIGKILL)
    stack.start_service("karbor")
    stack.destroy()
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sandbox import credentials, errors, files, paths, ports, process
from sandbox.cluster import mariadb, workers
from sandbox.cluster import processes as cluster
from sandbox.cluster.layout import KARBOR
from sandbox.info import StackInfo
from sandbox.install import Say, install
from sandbox.karbor import providers
from sandbox.manila import releases
from sandbox.proxy.control import Proxy
from sandbox.services import AFTER, PORTS, PORTS_OF, Services, users
from sandbox.simulator.control import Simulator
from sandbox.state import (
    BANK_PROXY,
    CLUSTER_ONLY,
    EVERY_SERVICE,
    MESSAGING,
    SECOND_KARBOR,
    STORES,
    ZAQAR,
    Settings,
    State,
)
from sandbox.zaqar import redis

READY_SECONDS = 120
STOP_SECONDS = 15


class Stack(workers.Workers):
    """Starts, stops and disturbs the services of one state folder.

    Several programs may hold a Stack on one folder; what runs is known from the folder alone.

    :param state: the state folder; the default is ``.sandbox/state`` in the repository.
    :param home: the folder with the venvs, see ``sandbox.paths.Home``.
    :param say: takes one line of progress; silent by default.
    :param settings: fields of ``sandbox.state.Settings`` to change; the others stay as they were
        at the last start in this folder.
    """

    def __init__(
        self,
        state: str | Path | None = None,
        *,
        home: str | Path | None = None,
        say: Say = lambda line: None,
        **settings: Any,
    ) -> None:
        self.home = paths.Home.find(home)
        self.state = State(Path(state) if state else self.home.state)
        self._say = say
        self._changes = settings

    def __enter__(self) -> "Stack":
        """Start."""
        self.start()
        return self

    def __exit__(self, *args: object) -> None:
        """Stop; the state stays."""
        self.stop()

    @property
    def info(self) -> StackInfo:
        """Where everything is.

        :raises errors.NotStarted: before the first start.
        """
        return StackInfo.load(self.state.root)

    @property
    def proxy(self) -> Proxy:
        """The control of the proxy between Karbor and Manila: counts and faults."""
        return Proxy(self.info.proxy_control_url)

    @property
    def bank_proxy(self) -> Proxy:
        """The control of the proxy between Karbor and the store of its bank, if it is in one."""
        return Proxy(self.info.bank_proxy_control_url)

    @property
    def simulator(self) -> Simulator:
        """The control of the simulated Manila, if it is one (``simulated_manila=True``)."""
        return Simulator(self.info.manila_url.removesuffix("/v2"))

    def start(self) -> StackInfo:
        """Install what is missing, start what does not run, return when all of it serves.

        :raises errors.SandboxError: with what failed and the end of its log; what this call had
            started is stopped again.
        """
        self._install(self.state.settings().changed(**self._changes))
        self.state.ensure()
        with files.locked(self.state.lock):
            before = self.state.settings()
            settings = before.changed(**self._changes)
            self._check_layout(before, settings)
            if (settings.zaqar, settings.bank) != (before.zaqar, before.bank):
                self._stop(["keystone"])  # whose catalog is to name it
            self.state.save_ports(self._choose_ports())
            todo = [name for name in settings.services() if not self.running(name)]
            if settings != before and len(todo) < len(settings.services()):
                self._say("what runs already takes changed options after a restart")
            self.state.save_settings(settings)
            try:
                self._launch(todo)
            except BaseException:
                self._stop(todo)
                # Options that do not work must not be in the way of the next start.
                self.state.save_settings(before)
                raise
        return self.info

    def stop(self) -> None:
        """End all services, the last one first. The state stays for the next start."""
        if self.state.exists():
            with files.locked(self.state.lock):
                self._stop(EVERY_SERVICE)

    def destroy(self) -> None:
        """Stop, and remove the state folder.

        :raises errors.NotAState: the folder is not a sandbox's.
        """
        self.stop()
        self.state.remove()

    def status(self) -> dict[str, int | None]:
        """Return the pid of each service, None for one that does not run.

        The second Karbor, Zaqar and its Redis are there only while they run.
        """
        always = self.state.settings().always()
        found = {name: process.Process.load(self.state.pid(name)) for name in EVERY_SERVICE}
        pids = {name: it.pid if it and it.alive() else None for name, it in found.items()}
        return {name: pid for name, pid in pids.items() if pid or name in always}

    def running(self, name: str) -> bool:
        """Return whether a service runs; of ``karbor`` in a cluster, whether all of it does."""
        status = self.status()
        return all(status.get(each) for each in self._members(name))

    def configure(self, **changes: Any) -> None:
        """Change settings (fields of ``sandbox.state.Settings``) for the next start of a service.

        A mapping replaces the whole mapping that was there.
        """
        self.state.save_settings(self.state.settings().changed(**changes))

    def start_service(self, name: str) -> None:
        """Start one service that does not run, on the port that it had, and wait until it serves.

        :raises errors.ServiceFailed: with the end of its log.
        :raises errors.NotChosen: it is of a profile that this sandbox was started without.
        """
        if not self.state.ports():
            raise errors.NotStarted(self.state.root)
        if name in MESSAGING and not self.state.settings().zaqar:
            raise errors.NotChosen(name, "--zaqar")
        if name in (*STORES, BANK_PROXY) and name not in self.state.settings().services():
            raise errors.NotChosen(name, f"--bank {STORES[0] if name == BANK_PROXY else name}")
        if name in CLUSTER_ONLY and name not in self.state.settings().always():
            raise errors.NotChosen(name, "--layout cluster --workers N")
        with files.locked(self.state.lock):
            self._launch([each for each in self._members(name) if not self.running(each)])

    def stop_service(self, name: str, seconds: float = STOP_SECONDS) -> bool:
        """End one service, cleanly if it can; nothing happens when it does not run.

        :param seconds: how long it may take before it is killed.
        :returns: whether it ended by itself.
        """
        with files.locked(self.state.lock):
            return self._stop(self._members(name), seconds)

    def restart(self, name: str, **changes: Any) -> None:
        """End one service and start it again, with changed settings if any are given.

        :raises errors.ServiceFailed: with the end of its log; the settings are as before.
        """
        self.stop_service(name)
        before = self.state.settings()
        if changes:
            self.configure(**changes)
        try:
            self.start_service(name)
        except BaseException:
            # As at a start of all: who starts it next gets those that worked.
            self.state.save_settings(before)
            raise

    def _install(self, settings: Settings) -> None:
        """Make the venvs of what is to be started, if anything is."""
        if settings.zaqar:
            redis.program()
        if settings.is_cluster:
            cluster.check(settings.clock_offsets)
        if settings.has_older_manila:
            mariadb.program()
        if not all(map(self.running, settings.services())):
            install(self.home, self._say, *settings.venvs(), layout=settings.layout)

    def _check_layout(self, before: Settings, wanted: Settings) -> None:
        if self.state.ports() and before.layout != wanted.layout:
            raise errors.OtherLayout(self.state.root, before.layout, wanted.layout)
        releases_of = before.manila_release, wanted.manila_release
        if self.state.ports() and len({*releases_of}) > 1:
            raise errors.OtherManila(self.state.root, *releases_of)

    def _choose_ports(self) -> dict[str, int]:
        old = self.state.ports()
        alive = [name for name in EVERY_SERVICE if self.running(name)]
        served = {port for name in alive for port in PORTS_OF.get(name, ())}
        dead = {port for needed in PORTS_OF.values() for port in needed} - served
        if set(PORTS) <= set(old) and all(ports.is_free(old[name]) for name in dead):
            return old
        # Somebody else has one of our ports by now. The catalog must follow, so Keystone has to
        # start again, and with it everyone who has read the catalog.
        self._stop(EVERY_SERVICE)
        return ports.choose(PORTS, old)

    def _launch(self, names: list[str]) -> None:
        """Start services, each as soon as those serve that it needs, and wait for all of them."""
        services = Services(self.home, self.state, self.state.settings(), self.state.ports())
        todo = [name for name in EVERY_SERVICE if name in names]
        waiting: dict[str, tuple[process.Process, int]] = {}
        while todo or waiting:
            for name in [name for name in todo if not {*todo, *waiting} & {*AFTER.get(name, ())}]:
                todo.remove(name)
                waiting[name] = services.spawn(name)
            wanted = {before for name in todo for before in AFTER.get(name, ())}
            name = next(iter([name for name in waiting if name in wanted] or waiting))
            self._wait(services.sign(name), name, *waiting.pop(name))
            if name == "keystone":
                self._save_info(services)

    def _wait(self, ready: process.Sign, name: str, started: process.Process, offset: int) -> None:
        process.wait_ready(started, ready, self.state.log(name), offset, READY_SECONDS)
        self._say(f"{name}: ready (pid {started.pid})")

    def _stop(self, names: Iterable[str], seconds: float = STOP_SECONDS) -> bool:
        ordered = [name for name in reversed(EVERY_SERVICE) if name in names]
        found = {name: process.Process.load(self.state.pid(name)) for name in ordered}
        # Karbor's of a cluster do not wait for each other.
        together = [it for name, it in found.items() if name in KARBOR and it]
        for it in together:
            it.ask_to_end()
        clean = True
        for name, it in found.items():
            if it and it.alive():
                ended = it.await_end(seconds) if it in together else it.stop(seconds)
                if not ended:
                    self._say(f"{name}: did not end in {seconds:.0f} s and was killed")
                    clean = False
            self.state.pid(name).unlink(missing_ok=True)
        return clean

    def _save_info(self, services: Services) -> None:
        people = dict(users(services))
        info = StackInfo(
            state=self.state.root,
            auth_url=f"{services.url('identity')}/v3",
            karbor_url=services.url("karbor"),
            karbor2_url=services.url(SECOND_KARBOR),
            zaqar_url=services.url(ZAQAR) if services.settings.zaqar else "",
            manila_url=f"{services.url('manila')}/v2",
            manila_microversion=releases.MICROVERSIONS[services.settings.manila_release],
            proxy_url=f"{services.url('proxy')}/v2",
            proxy_control_url=services.url("proxy_control"),
            users=people,
            providers=dict(providers.IDS),
            bank=self.state.bank,
            **_bank(services),
            shares=self.state.directory("manila") / "exports",
            logs={name: self.state.log(name) for name in EVERY_SERVICE},
            bin=self.home.venv("karbor") / "bin",
            openrc=credentials.openrc(self.state.root / "openrc", people["alpha"]),
            clouds=credentials.clouds(self.state.root / "clouds.yaml", people),
        )
        info.save()


def _bank(services: Services) -> dict[str, str]:
    """Where the bank is, when it is in an object store."""
    if not services.settings.stores():
        return {}
    control = services.url("bank_proxy_control")
    return {"bank_url": services.url(BANK_PROXY), "bank_proxy_control_url": control}

# SPDX-License-Identifier: Apache-2.0
"""A real Swift behind the proxy, with a real Keystone, as the banks' store."""

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from karbor.services.protection.bank_plugin import Bank
from karbor.services.protection.bank_plugins import swift_bank_plugin as karbors
from karbor.services.protection.clients import swift as karbors_client
from keystoneauth1 import identity, session
from oslo_config import cfg
from swiftclient import client as swiftclient

from karbor_manila.bank.objects import options
from karbor_manila.bank.testing import BankWorld, Fault
from sandbox import install, paths, ports, process
from sandbox.proxy.control import Proxy
from sandbox.proxy.rules import Rule
from sandbox.services import PORTS, Services
from sandbox.state import BANK_PROXY, SWIFT, Settings, State
from sandbox.swift import config as swift

READY_SECONDS = 60
# Seconds, of one request of a bank: on a busy machine (Keystone's answer is one of them), and where
# the store never answers.
PATIENT, IMPATIENT = 60.0, 1.0
SILENCE = 10  # seconds: far beyond the patience of who is asked then
SLOW = 0.3


class Swift:
    """The servers, while they run."""

    def __init__(self, services: Services) -> None:
        self.sections = swift.sections_for(services)
        self.proxy = Proxy(services.url("bank_proxy_control"))
        self.direct = services.url(SWIFT)

    def session(self) -> session.Session:
        """Of the bank's user."""
        given = self.sections["swift_client"]
        return session.Session(
            identity.Password(
                auth_url=given["swift_auth_url"],
                username=given["swift_user"],
                password=given["swift_key"],
                project_name=given["swift_tenant_name"],
                user_domain_name=given["swift_user_domain_name"],
                project_domain_name=given["swift_project_domain_name"],
            )
        )

    def client(self) -> Any:
        """A client of the server itself, behind the backs of banks and proxy."""
        login = self.session()
        account = f"{self.direct}/v1/AUTH_{login.get_project_id()}"
        return swiftclient.Connection(preauthurl=account, preauthtoken=login.get_token())


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Swift]:
    """Start Keystone, Swift and the proxy, in a state folder of their own; end them."""
    home = paths.Home.find()
    install.install(home, lambda _line: None, SWIFT)
    state = State(folder / "state")
    state.ensure()
    # Each bank that is opened logs in: Keystone need not spend long on that here.
    quick = {"identity/password_hash_rounds": 4}
    settings = Settings(bank=SWIFT, keystone_options=quick)
    services = Services(home, state, settings, ports.choose(PORTS))
    started = []
    try:
        for name in ("keystone", SWIFT, BANK_PROXY):
            server, offset = services.spawn(name)
            started.append(server)
            log, ready = state.log(name), state.ready(name)
            process.wait_ready(server, ready, log, offset, READY_SECONDS)
        yield Swift(services)
    finally:
        for server in reversed(started):
            server.stop()


class SwiftWorld(BankWorld):
    """A bank in a container of its own.

    :param plugin: the bank's class
    """

    faults: ClassVar[frozenset[Fault]] = frozenset(Fault)
    page: ClassVar[int] = swift.LISTING

    def __init__(self, store: Swift, plugin: Any) -> None:
        self._store = store
        self._plugin = plugin
        self._container = f"karbor-{uuid.uuid4()}"
        self.secrets = (store.sections["swift_client"]["swift_key"],)
        store.proxy.reset()

    def open(self) -> Any:
        return self._open(PATIENT)

    def open_impatient(self) -> Any:
        return self._open(IMPATIENT)

    def _open(self, timeout: float) -> Any:
        conf = cfg.ConfigOpts()
        conf(args=[])
        conf.register_opts(karbors.swift_bank_plugin_opts, "swift_bank_plugin")
        karbors_client.register_opts(conf)
        conf.register_opts(options.OBJECT_BANK_OPTS, options.GROUP)
        for name, value in self._store.sections["swift_client"].items():
            conf.set_override(name, value, "swift_client")
        conf.set_override("swift_retry_attempts", 0, "swift_client")
        conf.set_override("bank_swift_object_container", self._container, "swift_bank_plugin")
        conf.set_override("request_timeout", timeout, options.GROUP)
        return Bank(self._plugin(conf))

    def spoil(self, key: str) -> None:
        self._store.client().put_object(
            self._container, key, b'{"a": ', headers={"X-Object-Meta-Serialized": "True"}
        )

    @contextlib.contextmanager
    def trouble(self, fault: Fault, times: int | None = None) -> Iterator[None]:
        self.requires(fault)
        if fault is Fault.GONE:
            self._store.proxy.outage(600)
            try:
                yield
            finally:
                self._store.proxy.end_outage()
            return
        many: dict[str, Any] = {"times": times}
        rule = {
            Fault.ERROR: Rule.answer("*", "/v1/", 500, **many),
            Fault.BUSY: Rule.answer("*", "/v1/", 503, **many),
            Fault.SLOW: Rule.delay("*", "/v1/", SLOW, **many),
            Fault.SILENT: Rule.silence("*", "/v1/", SILENCE, **many),
            Fault.LOST_REPLY: Rule.lose_reply("*", "/v1/", **many),
            Fault.FULL: Rule.answer("PUT", "/v1/", 507, **many),
            Fault.DENIED: Rule.answer("*", "/v1/", 403, **many),
        }[fault]
        with self._store.proxy.fault(rule):
            yield

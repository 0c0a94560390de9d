# SPDX-License-Identifier: Apache-2.0
"""A real S3 server without the rest of the sandbox, behind the proxy, as the banks' store."""

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import botocore.session
from karbor.services.protection.bank_plugin import Bank
from oslo_config import cfg

from karbor_manila.bank.s3 import options
from karbor_manila.bank.testing import BankWorld, Fault
from sandbox import install, paths, ports, process
from sandbox.proxy.control import Proxy
from sandbox.proxy.rules import Rule
from sandbox.s3 import config as s3
from sandbox.services import PORTS, Services
from sandbox.state import BANK_PROXY, S3, Settings, State

READY_SECONDS = 60
# Seconds, of one request of a bank: on a busy machine, and where the store never answers.
PATIENT, IMPATIENT = 60.0, 1.0
SILENCE = 10  # seconds: far beyond the patience of who is asked then
SLOW = 0.5
_DENIED = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"


class S3Store:
    """The server and the proxy, while they run."""

    def __init__(self, services: Services) -> None:
        self.access: s3.Access = services.s3_access()
        self.proxy = Proxy(services.url("bank_proxy_control"))
        self.client = client_of(self.access, services.url(S3))

    def empty(self) -> None:
        """Have no object and no rule left."""
        self.proxy.reset()
        for bucket in self.client.list_buckets()["Buckets"]:
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket["Name"])
            for page in pages:
                for found in page.get("Contents", ()):
                    self.client.delete_object(Bucket=bucket["Name"], Key=found["Key"])


@functools.cache
def _session() -> Any:
    return botocore.session.get_session()


def client_of(access: s3.Access, endpoint: str) -> Any:
    """A client of the server itself, behind the backs of banks and proxy."""
    return _session().create_client(
        "s3",
        aws_access_key_id=access.access_key,
        aws_secret_access_key=access.secret_key,
        endpoint_url=endpoint,
    )


@contextlib.contextmanager
def running(folder: Path) -> Iterator[S3Store]:
    """Start both, in a state folder of their own; end them."""
    home = paths.Home.find()
    install.install(home, lambda _line: None, S3)
    state = State(folder / "state")
    state.ensure()
    services = Services(home, state, Settings(bank=S3), ports.choose(PORTS))
    started = []
    try:
        for name in (S3, BANK_PROXY):
            server, offset = services.spawn(name)
            started.append(server)
            sign, log = services.sign(name), state.log(name)
            process.wait_ready(server, sign, log, offset, READY_SECONDS)
        yield S3Store(services)
    finally:
        for server in reversed(started):
            server.stop()


class S3World(BankWorld):
    """A bank in a bucket in which nothing is.

    :param plugin: the bank's class
    """

    faults: ClassVar[frozenset[Fault]] = frozenset(Fault)
    page: ClassVar[int] = 50

    def __init__(self, store: S3Store, plugin: Any) -> None:
        self._store = store
        self._plugin = plugin
        self.secrets = (store.access.access_key, store.access.secret_key)
        store.empty()

    def open(self) -> Any:
        return self._open(PATIENT)

    def open_impatient(self) -> Any:
        return self._open(IMPATIENT)

    def _open(self, timeout: float) -> Any:
        conf = cfg.ConfigOpts()
        conf(args=[])
        options.register(conf)
        for group, values in self._store.access.sections().items():
            for name, value in values.items():
                conf.set_override(name, value, group)
        conf.set_override("request_timeout", timeout, options.OBJECTS)
        conf.set_override("s3_retry_attempts", 2, options.CLIENT)
        return Bank(self._plugin(conf))

    def spoil(self, key: str) -> None:
        self._store.client.put_object(Bucket=s3.BUCKET, Key=key, Body=b"")

    @contextlib.contextmanager
    def trouble(self, fault: Fault, times: int | None = None) -> Iterator[None]:
        many: dict[str, Any] = {"times": times}
        rules = {
            Fault.ERROR: Rule.answer("*", "", 500, **many),
            Fault.BUSY: Rule.answer("*", "", 503, **many),
            Fault.SLOW: Rule.delay("*", "", SLOW, **many),
            Fault.SILENT: Rule.silence("*", "", SILENCE, **many),
            Fault.GONE: Rule.reset("*", "", **many),
            Fault.LOST_REPLY: Rule.lose_reply("*", "", **many),
            Fault.FULL: Rule.answer("PUT", "", 507, **many),
            Fault.DENIED: Rule.answer("*", "", 403, _DENIED, **many),
        }
        if fault is Fault.GONE:
            self._store.proxy.outage(600)
            try:
                yield
            finally:
                self._store.proxy.end_outage()
        else:
            with self._store.proxy.fault(rules[fault]):
                yield

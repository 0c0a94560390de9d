# SPDX-License-Identifier: Apache-2.0
"""Karbor's protection service as it is, on a folder: its manager with ours in it, its provider from
a real ``providers.d``, its file-system bank, its flows, its objects on a database in memory.

Only Manila is a fake, and what Karbor would do in a green thread of its own is done when the test
says so (:meth:`Service.run`).
"""

import contextlib
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from karbor import context as karbor_context
from karbor import objects
from karbor.common import config  # noqa: F401 - registers Karbor's options
from karbor.db.sqlalchemy import api as sqlalchemy_api
from karbor.resource import Resource
from karbor.services.protection import manager as karbor_manager
from karbor.services.protection import provider as karbor_provider  # noqa: F401 - as above
from karbor.services.protection.protectable_plugin import ProtectablePlugin
from oslo_config import cfg
from oslo_db.sqlalchemy import engines
from oslo_messaging.rpc import dispatcher
from oslo_serialization import jsonutils

from karbor_manila import opts
from karbor_manila.bank import access as bank_access
from karbor_manila.bank import identity
from karbor_manila.manager import ProtectionManager
from karbor_manila.operations import flow
from karbor_manila.recovery import claims, lease, lease_keeper, loop
from karbor_manila.service import sessions
from karbor_manila.service.flows import claiming
from karbor_manila.service.protectable import ShareProtectable
from tests.fakes import database as tables
from tests.fakes.manila import Cloud, FakeClock, FakeManila

SHARE = "OS::Manila::Share"
PROJECT = "OS::Keystone::Project"
VOLUME = "OS::Cinder::Volume"

OURS = "karbor-manila-share-protection-plugin"
OUR_PROJECT = "karbor-manila-project-plugin"
KARBORS = "karbor-share-protection-plugin"
NOOP = "karbor-noop-protection-plugin"

TOKEN = "gAAAAABsecret-token-of-the-tenant"


class Foreign(ProtectablePlugin):
    """A protectable plugin of somebody else's."""

    kind = VOLUME
    parents: tuple[str, ...] = (PROJECT,)

    def __init__(self, found: Any = (), error: Exception | None = None) -> None:
        super().__init__()
        self.found = found
        self.error = error

    def instance(self, context: Any = None, conf: Any = None) -> "Foreign":
        return self

    def get_resource_type(self) -> str:
        return self.kind

    def get_parent_resource_types(self) -> tuple[str, ...]:
        return self.parents

    def list_resources(self, context: Any, parameters: Any = None) -> Any:
        return self.found

    def show_resource(self, context: Any, resource_id: str, parameters: Any = None) -> Any:
        return None

    def get_dependent_resources(self, context: Any, parent_resource: Any) -> Any:
        if self.error:
            raise self.error
        if self.found is None:
            return None
        return [Resource(type=self.kind, id=item, name=f"name of {item}") for item in self.found]


def provider_file(
    folder: Path,
    provider_id: str,
    plugins: tuple[str, ...],
    bank: str = "karbor-fs-bank-plugin",
    options: tuple[str, ...] = (),
) -> None:
    """A provider as an operator writes it: ``providers.d/<id>.conf`` and a bank beside it.

    :param options: lines for our own section
    """
    lines = [f"plugin = {plugin}" for plugin in plugins]
    (folder / "providers.d").mkdir(exist_ok=True)
    (folder / "providers.d" / f"{provider_id}.conf").write_text(
        "\n".join(
            [
                "[provider]",
                f"name = {provider_id}",
                "description = files",
                f"id = {provider_id}",
                f"bank = {bank}",
                "enabled = True",
                *lines,
                "[file_system_bank_plugin]",
                f"file_system_bank_path = {folder / 'bank'}",
                f"[{opts.GROUP}]",
                *options,
                "",
            ]
        ),
        encoding="utf-8",
    )


@contextlib.contextmanager
def configured(folder: Path) -> Iterator[None]:
    """Karbor's configuration for a test, and nothing left of it afterwards."""
    cfg.CONF.set_override("provider_config_dir", str(folder / "providers.d"))
    try:
        yield
    finally:
        cfg.CONF.clear_override("provider_config_dir")
        opts.register_service_opts(cfg.CONF)  # the next line fails without
        cfg.CONF.unregister_opts(opts.SERVICE_OPTS, opts.GROUP)


@contextlib.contextmanager
def database(monkeypatch: pytest.MonkeyPatch, connection: str = "sqlite://") -> Iterator[None]:
    """Karbor's tables, in memory unless ``connection`` says otherwise."""
    monkeypatch.setattr(sqlalchemy_api, "_FACADE", None)
    cfg.CONF.set_override("connection", connection, "database")
    try:
        engine = sqlalchemy_api.get_engine()
        tables.fill(engine)
        sqlalchemy.event.listen(engine, "do_execute", _as_mariadb_would)
        # A turn for green threads after each statement; here it is a real sleep, and none waits.
        sqlalchemy.event.remove(engine, "checkin", engines._thread_yield)
        objects.register_all()
        yield
        engine.dispose()
    finally:
        cfg.CONF.clear_override("connection", "database")


#: What a TEXT column of MySQL and MariaDB holds, in bytes.
TEXT_BYTES = 65_535


def _as_mariadb_would(cursor: Any, statement: str, parameters: Any, context: Any) -> None:
    """Refuse what MariaDB refuses with strict modes (oslo.db's default) and ``utf8``: SQLite takes
    everything."""
    if not (context and (context.isinsert or context.isupdate) and context.compiled):
        return
    table = context.compiled.statement.table
    for values in context.compiled_parameters:
        for name, value in values.items():
            column = table.c.get(name)
            if column is None or not isinstance(value, str):
                continue
            if any(ord(letter) > 0xFFFF for letter in value):
                raise sqlite3.DataError(1366, f"Incorrect string value for column '{name}'")
            is_text = isinstance(column.type, sqlalchemy.Text)
            length = len(value.encode()) if is_text else len(value)
            most = TEXT_BYTES if is_text else getattr(column.type, "length", None)
            if most is not None and length > most:
                raise sqlite3.DataError(1406, f"Data too long for column '{name}' at row 1")


def context_of(project_id: str, *, is_admin: bool = False) -> Any:
    """Karbor's request context of a user in this project."""
    return karbor_context.RequestContext(
        "user",
        project_id,
        is_admin=is_admin,
        auth_token=TOKEN,
        overwrite=False,
        project_name="project",
    )


def unwrapped(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a method of a manager as oslo.messaging does: the caller gets the error itself."""
    try:
        return call(*args, **kwargs)
    except dispatcher.ExpectedException as wrapped:
        raise wrapped.exc_info[1] from None


class Service:
    """One karbor-protection process. Made by :func:`started`."""

    def __init__(
        self,
        folder: Path,
        cloud: Cloud,
        manager: type[karbor_manager.ProtectionManager] = ProtectionManager,
    ) -> None:
        self.folder = folder
        self.cloud = cloud
        self.microversion = "2.98"
        self.karbor_is_administrator = True
        self.project_id = str(uuid.UUID(int=0xA))
        self.other_project = str(uuid.UUID(int=0xB))
        self.spawned: list[Callable[[], Any]] = []
        self.manager: Any = manager()
        registry = self.manager.protectable_registry
        for foreign in set(registry.list_resource_types()) - {PROJECT}:
            del registry._plugin_map[foreign]  # they would ask Nova, Cinder and so on
        registry.register_plugin(
            ShareProtectable(
                connect=self.connect, clock=cloud.clock, choices=self.manager.runtime.choices
            )
        )
        self.manager._spawn = lambda func, *args: self.spawned.append(lambda: func(*args))
        self.manager.reconciliation._executor = loop.one_by_one
        (self.provider,) = self.manager.provider_registry.providers.values()

    def connect(self, context: Any, *, project_id: str | None = None, **_kwargs: Any) -> Any:
        """Stands in for :func:`karbor_manila.service.sessions.connect`."""
        elsewhere = project_id if project_id != context.project_id else None
        manila = FakeManila(
            self.cloud,
            context.project_id,
            self.microversion,
            administrator=bool(context.is_admin),
            works_for=elsewhere,
        )
        if elsewhere:
            manila.require_administrator(elsewhere)
        return manila

    def connect_as_karbor(self, project_id: str, **_kwargs: Any) -> Any:
        """Stands in for :func:`karbor_manila.service.sessions.connect_as_karbor`."""
        manila = FakeManila(
            self.cloud,
            "karbors-own",
            self.microversion,
            administrator=self.karbor_is_administrator,
            works_for=project_id,
        )
        manila.require_administrator()
        return manila

    def die(self) -> "Service":
        """This process is killed; returns the one that is started instead of it."""
        bank = self.provider.bank
        lease.renew(bank)
        key = f"{identity.PREFIX}/leases/{bank.get_owner_id()}"
        # Both are the same process of the operating system: its pid must seem to be used again.
        bank.update_object(key, bank.get_object(key) | {"ticks": 1})
        self.spawned.clear()
        heir = Service(self.folder, self.cloud, type(self.manager))
        heir.microversion = self.microversion
        return heir

    def share(self, **fields: Any) -> str:
        """The id of a new share of the project."""
        return str(self.cloud.add_share(self.project_id, **fields)["id"])

    def context(self, project_id: str | None = None, *, is_admin: bool = False) -> Any:
        return context_of(project_id or self.project_id, is_admin=is_admin)

    def plan(
        self, *share_ids: str, resources: Any = None, parameters: Any = None, **fields: Any
    ) -> Any:
        """A plan on these shares as Karbor's API hands it to the manager."""
        shares = [{"type": SHARE, "id": item, "name": "share"} for item in share_ids]
        return objects.Plan(
            **{
                "id": str(uuid.uuid4()),
                "name": "plan",
                "provider_id": self.provider.id,
                "project_id": self.project_id,
                "resources": shares + (resources or []),
                "parameters": parameters or {},
                "status": "suspended",
            }
            | fields
        )

    def call(self, method: str, *args: Any, context: Any = None, **kwargs: Any) -> Any:
        """One RPC of the project's user (or of ``context``)."""
        return unwrapped(getattr(self.manager, method), context or self.context(), *args, **kwargs)

    def protect(self, plan: Any, properties: Any = None, **kwargs: Any) -> Any:
        """Protect a plan to the end; the checkpoint as the bank has it then."""
        checkpoint_id = self.call("protect", plan, properties, **kwargs)
        self.run()
        return self.checkpoint(checkpoint_id)

    def restore(self, checkpoint_id: str, parameters: Any = None, context: Any = None) -> Any:
        """A restore as Karbor's API makes it, in the database and to the end."""
        record = self.record(objects.Restore, checkpoint_id, parameters, context)
        self.call("restore", record, None, context=context)
        self.run()
        return record

    def verify(self, checkpoint_id: str, parameters: Any = None, context: Any = None) -> Any:
        """A verification, likewise."""
        record = self.record(objects.Verification, checkpoint_id, parameters, context)
        self.call("verification", record, context=context)
        self.run()
        return record

    def record(
        self, kind: Any, checkpoint_id: str, parameters: Any = None, context: Any = None
    ) -> Any:
        """The record of a restore or verification that Karbor's API has just made."""
        context = context or self.context()
        record = kind(
            context=context,
            project_id=context.project_id,
            provider_id=self.provider.id,
            checkpoint_id=checkpoint_id,
            parameters=parameters or {},
            status="in_progress",
        )
        record.create()
        return record

    def delete(self, checkpoint_id: str, **kwargs: Any) -> None:
        """DELETE of a checkpoint, to the end."""
        self.call("delete", self.provider.id, checkpoint_id, **kwargs)
        self.run()

    def run(self) -> None:
        """Let Karbor's green threads run to their ends."""
        while self.spawned:
            self.spawned.pop(0)()

    def checkpoint(self, checkpoint_id: str) -> Any:
        """The checkpoint as it stands in the bank."""
        return self.provider.get_checkpoint(checkpoint_id)

    def checkpoints(self) -> list[str]:
        """The ids of all checkpoints in the index of the bank."""
        keys = self.provider.bank.list_objects("/indices/by-provider/")
        return [key.partition("@")[2] for key in keys]

    def saved(self, record: Any) -> Any:
        """A restore or verification as the database has it."""
        return type(record).get_by_id(self.context(is_admin=True), record.id)

    def logs(self) -> list[Any]:
        """Karbor's operation logs, the oldest first."""
        found = objects.OperationLogList.get_all(
            self.context(is_admin=True), None, None, sort_keys=["started_at"], sort_dirs=["asc"]
        )
        return list(found)


def told(checkpoint: Any) -> dict[str, Any]:
    """The ``extra_info`` of a checkpoint, as Karbor's flows load it."""
    info: dict[str, Any] = jsonutils.loads(checkpoint.extra_info) if checkpoint.extra_info else {}
    return info


@contextlib.contextmanager
def started(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *plugins: str,
    manager: type[karbor_manager.ProtectionManager] = ProtectionManager,
    connection: str = "sqlite://",
    bank: str = "karbor-fs-bank-plugin",
    options: tuple[str, ...] = (),
) -> Iterator[Service]:
    """A service with one provider that has these plugins (by default ours)."""
    cloud = Cloud(FakeClock())
    provider_file(folder, str(uuid.UUID(int=0x1)), plugins or (OURS, OUR_PROJECT), bank, options)
    monkeypatch.setattr(flow, "Clock", lambda: cloud.clock)
    monkeypatch.setattr(claims, "Clock", lambda: cloud.clock)
    monkeypatch.setattr(bank_access, "pause", lambda _seconds: None)
    # One request at a time: threads of a process that died would go on, in another order each time.
    monkeypatch.setattr(FakeManila, "parallel", 1)
    monkeypatch.setattr(flow.FlowContext, "at_a_time", 1)
    monkeypatch.setattr(claiming, "Clock", lambda: cloud.clock)
    # The clock moves by waiting, which gives a real thread no time to renew the lease first.
    monkeypatch.setattr(lease_keeper.Keeper, "start", lease_keeper.Keeper.renew)
    with configured(folder), database(monkeypatch, connection):
        service = Service(folder, cloud, manager)
        monkeypatch.setattr(sessions, "connect", service.connect)
        monkeypatch.setattr(sessions, "connect_as_karbor", service.connect_as_karbor)
        yield service

# SPDX-License-Identifier: Apache-2.0
"""A stage for operations: Karbor's real bank and checkpoint on a folder, Manila in memory."""

import uuid
from pathlib import Path
from typing import Any

from karbor.resource import Resource
from karbor.services.protection.bank_plugin import Bank
from karbor.services.protection.bank_plugins.file_system_bank_plugin import (
    FileSystemBankPlugin,
    file_system_bank_plugin_opts,
)
from karbor.services.protection.checkpoint import CheckpointCollection
from oslo_config import cfg

from karbor_manila import opts
from karbor_manila.bank.identity import bank_id
from karbor_manila.hooks.base import Hook
from karbor_manila.hooks.terms import Time
from karbor_manila.operations.delete import DeleteOperation
from karbor_manila.operations.errors import SharesFailed
from karbor_manila.operations.flow import FlowContext
from karbor_manila.operations.protect import ProtectOperation
from karbor_manila.operations.restore import RestoreOperation
from karbor_manila.operations.verify import VerifyOperation
from karbor_manila.operations.work import Work
from tests.fakes.manila import Cloud, FakeClock, FakeManila

SHARE = "OS::Manila::Share"


class Context:
    """As much of Karbor's request context as is looked at."""

    def __init__(self, project_id: str, *, is_admin: bool = False) -> None:
        self.project_id = project_id
        self.is_admin = is_admin


class Record(dict[str, Any]):
    """Stands in for Karbor's restore, verification and operation log, which need its database."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(id=str(uuid.uuid4()), resources_status={}, resources_reason={}, **fields)

    @property
    def id(self) -> str:
        return str(self["id"])

    @property
    def parameters(self) -> dict[str, Any]:
        """As the user gave them to Karbor."""
        return dict(self.get("parameters") or {})

    def update_resource_status(
        self, resource_type: str, resource_id: str, status: str, reason: str | None = None
    ) -> None:
        self["resources_status"][f"{resource_type}#{resource_id}"] = status
        if reason is not None:
            self["resources_reason"][f"{resource_type}#{resource_id}"] = reason

    def save(self) -> None:
        """Nowhere to save to."""


class DyingBank(FileSystemBankPlugin):
    """Karbor's file-system bank that can die or fail at its n-th write."""

    dies_at: tuple[int, bool, type[BaseException]] | None = None
    writes = 0

    def _reached(self, *, after: bool) -> None:
        if self.dies_at and self.dies_at[:2] == (self.writes, after):
            raise self.dies_at[2]

    def update_object(self, key: str, value: Any, context: Any = None) -> None:
        self.writes += 1
        self._reached(after=False)
        super().update_object(key, value, context)
        self._reached(after=True)

    def delete_object(self, key: str, context: Any = None) -> None:
        self.writes += 1
        self._reached(after=False)
        super().delete_object(key, context)
        self._reached(after=True)


class Stage:
    """One project, one bank, any number of operations."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.cloud = Cloud(
            FakeClock(),
            seconds={
                "create_snapshot": 3.0,
                "create_share": 20.0,
                "delete_snapshot": 2.0,
                "delete_share": 2.0,
                "revert_share": 5.0,
            },
        )
        self.project_id = "project-a"
        self.folder = folder
        self.settings = settings
        self.microversion = "2.98"
        #: Whether an administrator of Karbor is one of Manila.
        self.administers_manila = True
        #: What Karbor's database has of restores and verifications, by id: see requested.find.
        self.requested: dict[str, tuple[str, Record]] = {}
        #: What is called around the calls of drivers, and in which time.
        self.hooks: tuple[Hook, ...] = ()
        self.hook_time: Time | None = None
        self.bank_plugin = self.open_bank()

    def open_bank(self) -> DyingBank:
        """The bank, as a process that starts anew finds it."""
        conf = cfg.ConfigOpts()
        conf(args=[])
        conf.register_opts(file_system_bank_plugin_opts, "file_system_bank_plugin")
        conf.set_override("file_system_bank_path", str(self.folder), "file_system_bank_plugin")
        self.bank_plugin = DyingBank(conf)
        self.bank = Bank(self.bank_plugin)
        self.checkpoints = CheckpointCollection(self.bank)
        return self.bank_plugin

    def checkpoint(self, *share_ids: str) -> Any:
        """A new checkpoint of a plan with these shares."""
        plan = {
            "id": str(uuid.uuid4()),
            "name": "plan",
            "provider_id": str(uuid.uuid4()),
            "project_id": self.project_id,
            "resources": [{"type": SHARE, "id": share, "name": "s"} for share in share_ids],
        }
        return self.checkpoints.create(plan)

    def flow(self, *share_ids: str) -> FlowContext:
        """What one flow over these shares has in common, as the plugin makes it."""
        conf = cfg.ConfigOpts()
        conf(args=[])
        group = opts.register_provider_opts(conf)
        for name, value in self.settings.items():
            conf.set_override(name, value, opts.GROUP)

        def connect(context: Any, project_id: str) -> Any:
            elsewhere = None if project_id == context.project_id else project_id
            manila = FakeManila(
                self.cloud,
                context.project_id,
                self.microversion,
                administrator=context.is_admin and self.administers_manila,
                works_for=elsewhere,
            )
            if elsewhere:
                manila.require_administrator(elsewhere)
            return manila

        # There is no database here that would know the bank, or what was asked for.
        shared = FlowContext(
            group,
            connect,
            self.cloud.clock,
            confirm=lambda bank, _provider: bank_id(bank),
            requested=self.requested.get,
            hooks=self.hooks,
        )
        if self.hook_time:
            shared.hook_time = self.hook_time
        for share_id in share_ids:
            shared.register(share_id)
        return shared

    def bound(self, *share_ids: str) -> FlowContext:
        """As :meth:`flow`, at work for the stage's project."""
        flow = self.flow(*share_ids)
        flow.bind(Work(Context(self.project_id), self.project_id))
        return flow

    def run(
        self,
        kind: type,
        checkpoint: Any,
        *share_ids: str,
        given: Any = None,
        context: Context | None = None,
        **extras: Any,
    ) -> list[BaseException]:
        """Run one flow: the main hooks of all shares, one after the other.

        :returns: the errors of those that failed
        """
        shared = self.flow(*share_ids)
        for name in ("restore", "verify"):
            record = extras.get(name)
            if record is not None:
                record["parameters"] = {SHARE: given or {}}
                self.requested[record.id] = (name, record)
        shared.at_a_time = 1
        extras.setdefault("operation_log", Record())
        hooks = [
            {
                "checkpoint": checkpoint,
                "resource": Resource(type=SHARE, id=share_id, name="s"),
                "context": context or Context(self.project_id),
                "parameters": given or {},
                **extras,
            }
            for share_id in share_ids
        ]
        errors: list[BaseException] = []
        try:
            kind(shared).run_together(hooks)
        except SharesFailed as failed:
            errors += failed.failures
        except Exception as error:  # noqa: BLE001 - it is what the test looks at
            errors.append(error)
        shared.close()
        return errors

    def protect(self, checkpoint: Any, *share_ids: str, **kwargs: Any) -> list[BaseException]:
        return self.run(ProtectOperation, checkpoint, *share_ids, **kwargs)

    def restore(self, checkpoint: Any, *share_ids: str, **kwargs: Any) -> list[BaseException]:
        return self.run(RestoreOperation, checkpoint, *share_ids, **kwargs)

    def verify(self, checkpoint: Any, *share_ids: str, **kwargs: Any) -> list[BaseException]:
        return self.run(VerifyOperation, checkpoint, *share_ids, **kwargs)

    def delete(self, checkpoint: Any, *share_ids: str, **kwargs: Any) -> list[BaseException]:
        return self.run(DeleteOperation, checkpoint, *share_ids, **kwargs)

    def pages(self, checkpoint: Any, share_id: str) -> dict[str, Any]:
        """What the bank holds for a share, by key."""
        section = checkpoint.get_resource_bank_section(share_id)
        return {key: section.get_object(key) for key in section.list_objects()}

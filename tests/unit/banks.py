# SPDX-License-Identifier: Apache-2.0
"""Karbor's own file-system bank on a folder, and banks with faults."""

import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from karbor import exception as karbor_exception
from karbor.services.protection import checkpoint as karbor_checkpoint
from karbor.services.protection.bank_plugin import Bank
from karbor.services.protection.bank_plugins.file_system_bank_plugin import (
    FileSystemBankPlugin,
    file_system_bank_plugin_opts,
)
from oslo_config import cfg

CONTAINER = "karbor"


class FaultyPlugin(FileSystemBankPlugin):
    """Its operations that are named in ``out`` (``list``, ``get``, ``update``, ``delete``) fail."""

    out: frozenset[str] = frozenset()

    def list_objects(self, *args: Any, **kwargs: Any) -> Any:
        if "list" in self.out:
            raise karbor_exception.BankListObjectsFailed(reason="out of order")
        return super().list_objects(*args, **kwargs)

    def get_object(self, key: str, context: Any = None) -> Any:
        if "get" in self.out:
            raise karbor_exception.BankGetObjectFailed(reason="out of order", key=key)
        return super().get_object(key, context)

    def update_object(self, key: str, value: Any, context: Any = None) -> None:
        if "update" in self.out:
            raise karbor_exception.BankUpdateObjectFailed(reason="out of order", key=key)
        super().update_object(key, value, context)

    def delete_object(self, key: str, context: Any = None) -> None:
        if "delete" in self.out:
            raise karbor_exception.BankDeleteObjectFailed(reason="out of order", key=key)
        super().delete_object(key, context)


class ForgetfulPlugin(FileSystemBankPlugin):
    """Says yes to every write and keeps nothing."""

    def update_object(self, key: str, value: Any, context: Any = None) -> None:
        """Nothing is kept."""


class ShuffledPlugin(FileSystemBankPlugin):
    """Lists in an order that is nobody's, but the same every time."""

    def list_objects(self, *args: Any, **kwargs: Any) -> Any:
        keys = sorted(super().list_objects(*args, **kwargs))
        return keys[1::2] + keys[0::2]


def open_bank(folder: Path, plugin: type[FileSystemBankPlugin] = FileSystemBankPlugin) -> Bank:
    """The bank in this folder, as a process that starts anew opens it: with a new owner id."""
    conf = cfg.ConfigOpts()
    conf(args=[])
    conf.register_opts(file_system_bank_plugin_opts, "file_system_bank_plugin")
    conf.set_override("file_system_bank_path", str(folder), "file_system_bank_plugin")
    return Bank(plugin(conf))


def outage(bank: Bank, *operations: str) -> None:
    """An outage (``sandbox/faults.py``) of these operations of a bank of a FaultyPlugin begins."""
    bank._plugin.out = frozenset(operations)


def end_outage(bank: Bank) -> None:
    """All of its operations work again."""
    bank._plugin.out = frozenset()


def stored(folder: Path, key: str) -> Path:
    """The file that holds an object of the bank in this folder."""
    return folder / CONTAINER / key.lstrip("/")


def open_provider(bank: Bank, provider_id: str = "provider-1") -> Any:
    """As much of Karbor's provider as is looked at."""
    collection = karbor_checkpoint.CheckpointCollection(bank)
    return SimpleNamespace(
        id=provider_id, bank=bank, collection=collection, get_checkpoint=collection.get
    )


def make_checkpoint(
    bank: Bank,
    made: datetime.datetime | None = None,
    *,
    project_id: str = "project-a",
    plan_id: str = "plan-1",
    provider_id: str = "provider-1",
) -> Any:
    """A new checkpoint, ``protecting``, made by Karbor's own code; ``made`` (UTC) is now unless
    given."""
    plan = {
        "id": plan_id,
        "name": "nightly",
        "provider_id": provider_id,
        "project_id": project_id,
        "resources": [],
    }
    made = made or datetime.datetime.now(datetime.UTC)
    clock = SimpleNamespace(utcnow=lambda: made, utcnow_ts=lambda: int(made.timestamp()))
    with mock.patch.object(karbor_checkpoint, "timeutils", clock):
        return karbor_checkpoint.CheckpointCollection(bank).create(plan)

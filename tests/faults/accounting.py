# SPDX-License-Identifier: Apache-2.0
"""What is in Manila and unaccounted for. The books are the bank's objects, read as they stand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from karbor import utils
from karbor.services.protection.bank_plugin import Bank
from karbor.services.protection.provider import PROTECTION_NAMESPACE
from oslo_config import cfg

from sandbox.karbor import providers
from sandbox.stack import Stack
from sandbox.state import FILES
from tests.crash.ways import Kept

#: The object under a key, or None.
Reader = Callable[[str], dict[str, Any] | None]


def reader(stack: Stack) -> Reader:
    """Reads the bank beside Karbor, and beside all faults in it: a folder's files as they are, an
    object store's by our bank."""
    kind = stack.state.settings().bank
    if kind == FILES:
        return lambda key: _file(stack.state.bank / "karbor" / key.lstrip("/"))
    conf = cfg.ConfigOpts()
    path = stack.state.directory("karbor") / "providers.d" / f"{providers.OURS}.conf"
    conf(["--config-file", str(path)])
    bank = Bank(utils.load_plugin(PROTECTION_NAMESPACE, providers.BANKS[kind][0], conf))

    def read(key: str) -> dict[str, Any] | None:
        listed = bank.list_objects(key)
        return bank.get_object(key) if key in listed else None

    return read


def _file(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text()) if path.exists() else None


class Books:
    """The pages of one checkpoint's shares in the bank."""

    def __init__(self, read: Reader, checkpoint_id: str) -> None:
        self._read = read
        self._checkpoint_id = checkpoint_id

    def name(self, kept: Kept) -> bool:
        """Whether what keeps shares is named by the record or the intent of one of them.

        An intent without an id names what bears its mark.
        """
        return any(self._names(share_id, kept) for share_id in kept.shares)

    def _names(self, share_id: str, kept: Kept) -> bool:
        record, intent = self._page(share_id, "metadata"), self._page(share_id, "intent")
        if kept.id in (record.get("snapshot_id"), intent.get("created_id")):
            return True
        marked = {*(kept.view.get("metadata") or {}).values()}
        checkpoint = self._checkpoint_id
        described = checkpoint.replace("-", "") in str(kept.view.get("description"))
        known = described or checkpoint in marked
        return bool(intent) and intent["created_id"] is None and known

    def pages(self, share_id: str) -> list[str]:
        """The names of the pages that say that something is kept of a share.

        Those below ``restores`` are of shares that a restore made, which the owner was told of.
        """
        return [key for key in ("metadata", "intent") if self._find(share_id, key) is not None]

    def _page(self, share_id: str, key: str) -> dict[str, Any]:
        return self._find(share_id, key) or {}

    def _find(self, share_id: str, key: str) -> dict[str, Any] | None:
        return self._read(f"/checkpoints/{self._checkpoint_id}/resource-data/{share_id}/{key}")

# SPDX-License-Identifier: Apache-2.0
"""A bank in memory that counts what is read, and many checkpoints in it."""

import bisect
import datetime
import uuid
from types import SimpleNamespace
from typing import Any

from karbor import exception as karbor_exception
from karbor.services.protection import checkpoint as karbor_checkpoint
from karbor.services.protection.bank_plugin import Bank, BankPlugin

PROVIDER = str(uuid.UUID(int=0x1))
PROJECT = str(uuid.UUID(int=0xA))
PLAN = str(uuid.UUID(int=0xB))


class MemoryBank(BankPlugin):
    """As an object store: keys in their order, prefixes of any length, markers and limits."""

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, Any] = {}
        self._keys: list[str] = []
        self.owner = str(uuid.uuid4())
        #: The keys of the objects that were asked for.
        self.reads: list[str] = []
        #: How many keys were listed, and for which prefixes.
        self.listed = 0
        self.lists: list[str] = []
        self.writes: list[str] = []

    def forget(self) -> None:
        """Count anew."""
        self.reads.clear()
        self.lists.clear()
        self.writes.clear()
        self.listed = 0

    def read(self, prefix: str = "/checkpoints/") -> int:
        """How many objects below this were asked for."""
        return sum(key.startswith(prefix) for key in self.reads)

    def update_object(self, key: str, value: Any, context: Any = None) -> None:
        self.writes.append(key)
        self.put(key, value)

    def put(self, key: str, value: Any) -> None:
        if key not in self.objects:
            bisect.insort(self._keys, key)
        self.objects[key] = value

    def delete_object(self, key: str, context: Any = None) -> None:
        if key not in self.objects:
            raise karbor_exception.BankDeleteObjectFailed(reason="not there", key=key)
        del self.objects[key]
        self._keys.remove(key)

    def get_object(self, key: str, context: Any = None) -> Any:
        self.reads.append(key)
        if key not in self.objects:
            raise karbor_exception.BankGetObjectFailed(reason="not there", key=key)
        value = self.objects[key]
        return dict(value) if isinstance(value, dict) else value

    def list_objects(
        self,
        prefix: str | None = None,
        limit: int | None = None,
        marker: str | None = None,
        sort_dir: str | None = None,
        context: Any = None,
    ) -> list[str]:
        begin = bisect.bisect_left(self._keys, prefix or "")
        end = bisect.bisect_left(self._keys, (prefix or "") + "\U0010ffff")
        found = self._keys[begin:end]
        self.lists.append(prefix or "")
        self.listed += len(found)
        return found

    def get_owner_id(self, context: Any = None) -> str:
        return self.owner


def provider_on(plugin: BankPlugin, provider_id: str = PROVIDER) -> Any:
    """As much of Karbor's provider as is looked at; with a process of its own."""
    bank = Bank(plugin)
    collection = karbor_checkpoint.CheckpointCollection(bank)
    return SimpleNamespace(
        id=provider_id,
        name="files",
        bank=bank,
        plugins={},
        get_checkpoint=lambda each, context=None: collection.get(each),
    )


def add(
    plugin: MemoryBank,
    number: int,
    made: datetime.datetime,
    *,
    status: str = "available",
    owner: str = "another",
    shares: int = 1,
    provider_id: str = PROVIDER,
) -> str:
    """A checkpoint with a share or more, as Karbor writes it; its id."""
    checkpoint_id = str(uuid.UUID(int=number + 0x1000))
    day, name = f"{made:%Y-%m-%d}", f"{int(made.timestamp())}@{checkpoint_id}"
    index = {
        "version": "0.9",
        "id": checkpoint_id,
        "status": status,
        "owner_id": owner,
        "provider_id": provider_id,
        "project_id": PROJECT,
        "protection_plan": {"id": PLAN, "name": "p", "provider_id": provider_id, "resources": []},
        "extra_info": None,
        "created_at": day,
        "timestamp": int(made.timestamp()),
    }
    below = f"/checkpoints/{checkpoint_id}"
    plugin.put(f"{below}/index.json", index)
    for share in range(shares):
        plugin.put(f"{below}/resource-data/{uuid.UUID(int=share)}/metadata", {})
    if status != "deleted":
        plugin.put(f"/indices/by-provider/{provider_id}/{PROJECT}/{name}", checkpoint_id)
        plugin.put(f"/indices/by-date/{day}/{PROJECT}/{name}", checkpoint_id)
        plugin.put(f"/indices/by-plan/{PLAN}/{PROJECT}/{day}/{name}", checkpoint_id)
    return checkpoint_id

# SPDX-License-Identifier: Apache-2.0
"""A bank with many checkpoints, and the processes that search it."""

import datetime
import uuid
from typing import Any

import sqlalchemy as sa
from karbor.db.sqlalchemy import api as karbor_db
from karbor.db.sqlalchemy import models

from karbor_manila.bank import identity
from karbor_manila.recovery.claims import Claims
from karbor_manila.recovery.loop import Reconciliation
from karbor_manila.recovery.searched import Look
from tests.unit.clock import FakeClock
from tests.unit.memory_bank import PROJECT, PROVIDER, MemoryBank, add, provider_on

NOW = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)
OLD = NOW - datetime.timedelta(days=100)
TIMEOUT = 60.0
HOUR, DAY = 3600.0, 24 * 3600.0


class Time(FakeClock):
    """A clock with a time of the day."""

    def utcnow(self) -> datetime.datetime:
        return NOW + datetime.timedelta(seconds=self.now() - 1000.0)


class Bank:
    """A bank, and the processes that search it."""

    def __init__(self) -> None:
        self.clock = Time()
        self.plugin = MemoryBank()
        self.start()
        identity.confirm(self.provider.bank, PROVIDER, identity.KNOWN)

    def start(self) -> None:
        """A process starts, and has watched the leases for long enough."""
        self.plugin.owner = str(uuid.uuid4())
        self.provider = provider_on(self.plugin)
        claims = Claims(TIMEOUT, clock=self.clock)
        claims._observer.is_alive = lambda _bank, _owner: False  # type: ignore[method-assign]
        self.work = Reconciliation(lambda: [self.provider], claims, grace=TIMEOUT, clock=self.clock)

    def search(self, where: Look = Look.BANKS) -> set[str]:
        """The ids of what one search found, and nothing counted but that."""
        self.plugin.forget()
        found = {item.checkpoint_id for item in self.work.find(where)}
        assert self.work.away is None
        return found

    def search_all(self) -> set[str]:
        """The ids of what was found when the look at the whole bank had come to its end."""
        found = self.search()
        while self.work.more:
            found |= self.search()
        return found

    def add(self, number: int, made: datetime.datetime | None = None, **fields: Any) -> str:
        return add(self.plugin, number, made or self.clock.utcnow(), **fields)

    def becomes(self, checkpoint_id: str, status: str) -> None:
        key = f"/checkpoints/{checkpoint_id}/index.json"
        self.plugin.put(key, self.plugin.objects[key] | {"status": status})

    def log(self, checkpoint_id: str, **fields: Any) -> None:
        """A log of an operation, as Karbor's own manager makes it as well."""
        values = {
            "id": str(uuid.uuid4()),
            "deleted": False,
            "project_id": PROJECT,
            "operation_type": "protect",
            "checkpoint_id": checkpoint_id,
            "provider_id": PROVIDER,
            "started_at": self.clock.utcnow().replace(tzinfo=None),
        }
        with karbor_db.get_engine().begin() as connection:
            table = models.OperationLog.__table__
            connection.execute(sa.insert(table).values(**values | fields))

# SPDX-License-Identifier: Apache-2.0
"""The drivers' contract, held by the backup driver, on the real Manila."""

from collections.abc import Iterator
from typing import Any

import pytest
from oslo_config import cfg

from karbor_manila.drivers.backup import BackupDriver
from karbor_manila.drivers.base import Environment
from karbor_manila.drivers.catalogue import register_options
from karbor_manila.drivers.testing import DriverContract, World
from karbor_manila.manila.client import Manila
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.shares import Shares
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from tests.functional.real_world import RealWorld

View = dict[str, Any]


class RealBackupWorld(RealWorld):
    """Backups of the backend's own type; a share that cannot be protected has a replica."""

    driver_class = BackupDriver
    by_snapshots = False

    def _environment(self, manila: Manila, expected: int = 1) -> Environment:
        conf = cfg.ConfigOpts()
        options = register_options(conf, self.driver_class)
        conf.set_override("backup_type", "directories", group=options._group.name)  # noqa: SLF001
        client = FlowClient(manila, expected=expected)
        return Environment(client, Shares(client), options)

    def make_share(self, **fields: Any) -> View:
        if fields.pop("snapshot_support", True) is not False:
            return super().make_share(**fields)
        share = super().make_share(share_type="replicated")
        manila = self._tenant.manila
        manila.share_replicas.create(share["id"])
        wait(
            "its replica",
            lambda: manila.share_replicas.list(share=share["id"]),
            lambda seen: len(seen) > 1 and all(one.status == "available" for one in seen),
            60,
        )
        return dict(manila.shares.get(share["id"]).to_dict())

    def remove(self, kept_id: str) -> None:
        backups = self._tenant.manila.share_backups
        backups.delete(kept_id)
        wait("its end", backups.list, lambda left: kept_id not in {one.id for one in left}, 120)


@pytest.fixture
def emptied(alpha: Tenant) -> Iterator[Tenant]:
    yield alpha
    backups = Tenant(alpha.info, "admin").manila.share_backups

    def left() -> list[Any]:
        return list(backups.list(search_opts={"all_tenants": 1}))

    wait("the end of what goes on", left, lambda seen: all(_is_idle(one) for one in seen), 60)
    for one in left():
        backups.delete(one.id)
    wait("their end", left, lambda seen: not seen, 120)


def _is_idle(backup: Any) -> bool:
    return backup.status not in ("creating", "restoring", "deleting")


class TestBackupDriverOnManila(DriverContract):
    @pytest.fixture
    def world(self, stack: Stack, emptied: Tenant) -> World:
        return RealBackupWorld(stack, emptied)

# SPDX-License-Identifier: Apache-2.0
"""The contract of drivers, kept by the group driver on the real Manila."""

from typing import Any

import pytest

from karbor_manila.drivers.group import GroupDriver
from karbor_manila.drivers.testing import DriverContract, World
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from tests.functional.grouping import give_group, make_group
from tests.functional.real_world import RealWorld

View = dict[str, Any]


class GroupWorld(RealWorld):
    """Its shares are in groups, each in one of its own unless they are made together."""

    driver_class = GroupDriver

    def make_share(self, **fields: Any) -> View:
        if fields.get("snapshot_support") is False:
            return super().make_share(**fields)  # it is in no group
        return super().make_share(share_group_id=make_group(self._tenant).id, **fields)

    def make_together(self, number: int) -> list[View]:
        group = make_group(self._tenant)
        make = super().make_share
        return [make(share_group_id=group.id) for _ in range(number)]

    def transfer(self, share_id: str) -> None:
        group = self._admin.manila.shares.get(share_id).share_group_id
        if group is None:
            super().transfer(share_id)
        else:
            give_group(self._stack, group, self.other_project_id)

    def remove(self, kept_id: str) -> None:
        snapshots = self._tenant.manila.share_group_snapshots
        snapshots.delete(kept_id)
        wait("its end", snapshots.list, lambda left: kept_id not in {s.id for s in left}, 120)


class TestGroupDriverOnManila(DriverContract):
    @pytest.fixture
    def world(self, stack: Stack, alpha: Tenant) -> World:
        return GroupWorld(stack, alpha)

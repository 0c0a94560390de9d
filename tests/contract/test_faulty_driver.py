# SPDX-License-Identifier: Apache-2.0
"""The faulty driver keeps the contract as long as no fault is planned."""

import pytest

from karbor_manila.drivers.backup import BackupDriver
from karbor_manila.drivers.faulty import FaultyDriver, around
from karbor_manila.drivers.group import GroupDriver
from karbor_manila.drivers.testing import DriverContract, World
from tests.contract.backup_world import BackupWorld
from tests.contract.world import FakeGroupWorld, FakeWorld


class TestFaultyDriver(DriverContract):
    @pytest.fixture
    def world(self) -> World:
        return FakeWorld("2.98", FaultyDriver)


class TestFaultyDriverAroundGroups(DriverContract):
    """And it can what the driver can that it wraps."""

    @pytest.fixture
    def world(self) -> World:
        return FakeGroupWorld("2.98", around(GroupDriver))


class TestFaultyDriverAroundBackups(DriverContract):
    @pytest.fixture
    def world(self) -> World:
        world = BackupWorld()
        world.driver_class = around(BackupDriver)
        return world

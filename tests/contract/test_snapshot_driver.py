# SPDX-License-Identifier: Apache-2.0
"""The snapshot driver on the fake Manila: the contract, with and without snapshot metadata."""

import pytest

from karbor_manila.drivers.testing import DriverContract, World
from tests.contract.world import FakeWorld


class TestSnapshotDriver(DriverContract):
    @pytest.fixture
    def world(self) -> World:
        return FakeWorld("2.98")


class TestSnapshotDriverWithoutSnapshotMetadata(DriverContract):
    """Before microversion 2.73 the mark is in the description."""

    @pytest.fixture
    def world(self) -> World:
        return FakeWorld("2.37")

# SPDX-License-Identifier: Apache-2.0
"""The faulty driver keeps the contract as long as no fault is planned."""

import pytest

from karbor_manila.drivers.faulty import FaultyDriver
from karbor_manila.drivers.testing import DriverContract, World
from tests.contract.world import FakeWorld


class TestFaultyDriver(DriverContract):
    @pytest.fixture
    def world(self) -> World:
        return FakeWorld("2.98", FaultyDriver)

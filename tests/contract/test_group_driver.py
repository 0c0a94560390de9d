# SPDX-License-Identifier: Apache-2.0
"""The contract, kept by the group driver on the fake Manila, old and new."""

import pytest

from karbor_manila.drivers.group import GroupDriver
from karbor_manila.drivers.testing import DriverContract, World
from tests.contract.world import FakeGroupWorld


class TestGroupDriver(DriverContract):
    @pytest.fixture(params=["2.98", "2.55"])
    def world(self, request: pytest.FixtureRequest) -> World:
        return FakeGroupWorld(request.param, GroupDriver)

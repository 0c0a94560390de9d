# SPDX-License-Identifier: Apache-2.0
"""The outside driver is held to the contract as its own project would do it."""

import pytest
from outside_mirror import MirrorDriver

from karbor_manila.drivers import catalogue
from karbor_manila.drivers.testing import DriverContract, World
from tests.contract.world import FakeWorld


class TestMirrorDriver(DriverContract):
    @pytest.fixture
    def world(self) -> World:
        return FakeWorld("2.98", MirrorDriver)


def test_it_is_installed_and_found_by_its_name() -> None:
    assert "mirror" in catalogue.names()
    assert catalogue.load("mirror") is MirrorDriver
    assert "karbor_manila_driver_mirror" in dict(catalogue.options_of_all())

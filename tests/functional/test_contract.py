# SPDX-License-Identifier: Apache-2.0
"""The drivers' contract on the real Manila."""

import pytest

from karbor_manila.drivers.testing import DriverContract, World
from sandbox.stack import Stack
from sandbox.tenant import Tenant
from tests.functional.real_world import RealWorld


class TestSnapshotDriverOnManila(DriverContract):
    @pytest.fixture
    def world(self, stack: Stack, alpha: Tenant) -> World:
        return RealWorld(stack, alpha)

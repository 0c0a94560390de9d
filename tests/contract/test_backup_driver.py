# SPDX-License-Identifier: Apache-2.0
"""The backup driver on the fake Manila: the contract."""

import pytest

from karbor_manila.drivers.testing import DriverContract, World
from tests.contract.backup_world import BackupWorld


class TestBackupDriver(DriverContract):
    @pytest.fixture
    def world(self) -> World:
        return BackupWorld()

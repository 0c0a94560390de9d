# SPDX-License-Identifier: Apache-2.0
"""The contract of banks, kept by what is common to our banks in object stores."""

import pytest

from karbor_manila.bank.testing import BankContract, BankWorld
from tests.contract.banks.known import Known
from tests.contract.banks.memory_world import MemoryWorld


class TestObjectBank(BankContract, Known):
    @pytest.fixture
    def world(self) -> BankWorld:
        return MemoryWorld()

# SPDX-License-Identifier: Apache-2.0
"""The contract of banks, kept by our file-system bank."""

from pathlib import Path

import pytest

from karbor_manila.bank.filesystem.plugin import FileSystemBankPlugin
from karbor_manila.bank.testing import BankContract, BankWorld
from tests.contract.banks.folder_world import FolderWorld
from tests.contract.banks.known import Known


class TestFileSystemBank(BankContract, Known):
    @pytest.fixture
    def world(self, tmp_path: Path) -> BankWorld:
        return FolderWorld(tmp_path, FileSystemBankPlugin)

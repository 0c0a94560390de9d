# SPDX-License-Identifier: Apache-2.0
"""The banks that most tests of the bank room work on."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.bank.filesystem_stage import ours
from tests.unit.banks import open_bank


@pytest.fixture
def bank(tmp_path: Path) -> Any:
    """Our file-system bank."""
    return ours(tmp_path)


@pytest.fixture
def karbors(tmp_path: Path) -> Any:
    """Karbor's own file-system bank, on the same folder."""
    return open_bank(tmp_path)

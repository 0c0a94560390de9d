# SPDX-License-Identifier: Apache-2.0
"""The service of the tests of this room."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.karbor_stage import Service, started


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch) as service:
        yield service

# SPDX-License-Identifier: Apache-2.0
"""What most tests of the service room stand on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.karbor_stage import Service, started
from tests.unit.service.retention_stage import Stage


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch) as service:
        yield service


@pytest.fixture
def checkpoint(service: Service) -> Any:
    """An available checkpoint of one share."""
    checkpoint = service.protect(service.plan(service.share()))
    assert checkpoint.status == "available"
    service.cloud.calls.clear()
    return checkpoint


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with started(tmp_path, monkeypatch) as service:
        yield Stage(service, monkeypatch)

# SPDX-License-Identifier: Apache-2.0
"""What most tests of the operations room stand on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.karbor_stage import Service, started
from tests.unit.stage import Stage


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch) as service:
        yield service


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def share(stage: Stage) -> dict[str, Any]:
    return stage.cloud.add_share(stage.project_id)


@pytest.fixture
def checkpoint(stage: Stage, share: dict[str, Any]) -> Any:
    """An available checkpoint of the share."""
    checkpoint = stage.checkpoint(share["id"])
    assert stage.protect(checkpoint, share["id"]) == []
    stage.cloud.calls.clear()
    return checkpoint

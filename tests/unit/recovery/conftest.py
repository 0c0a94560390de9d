# SPDX-License-Identifier: Apache-2.0
"""The service of the tests of this room."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.karbor_stage import Service, started
from tests.unit.recovery import hooked


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch) as service:
        yield service


@pytest.fixture
def hooked_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service whose provider has the hooks of :mod:`.hooked`."""
    hooked.at_once(monkeypatch)
    hooked.forget()
    with started(tmp_path, monkeypatch, options=hooked.OPTIONS) as service:
        yield service
    hooked.forget()


@pytest.fixture
def hooked_checkpoint(hooked_service: Service) -> Any:
    """A checkpoint of one share, whose own hooks are through and forgotten."""
    share = hooked_service.share(name="books")
    checkpoint = hooked_service.protect(hooked_service.plan(share))
    hooked.forget()
    return checkpoint

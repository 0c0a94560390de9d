# SPDX-License-Identifier: Apache-2.0
"""The points at which the process of a test may die."""

import logging
from collections.abc import Iterator

import pytest
from oslo_db import api as oslo_db_api

from tests.unit.karbor_stage import (
    Service,
)
from tests.unit.points import Points


@pytest.fixture
def points(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Points]:
    monkeypatch.setattr(oslo_db_api.time, "sleep", lambda _seconds: None)
    logging.disable(logging.CRITICAL)  # half the time goes into lines that nobody reads
    yield Points(monkeypatch)
    logging.disable(logging.NOTSET)

# SPDX-License-Identifier: Apache-2.0
"""Two processes on one bank and one database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from karbor_manila.recovery import lease
from tests.unit.karbor_stage import Service, started


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch) as service:
        service.cloud.seconds.update(create_snapshot=1.0, create_share=5.0, revert_share=5.0)
        yield service


@pytest.fixture
def other(service: Service) -> Service:
    """Another process, on the same bank and database, that sees the first one alive."""
    lease.renew(service.provider.bank)
    return Service(service.folder, service.cloud, type(service.manager))

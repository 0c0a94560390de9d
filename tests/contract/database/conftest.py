# SPDX-License-Identifier: Apache-2.0
"""A fresh database of each kind for each test; those that are not installed are skipped aloud."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from oslo_db import api as oslo_db_api

from sandbox import errors
from tests.contract.database.servers import MARIADB, POSTGRESQL, SQLITE, Database, Servers


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    servers = Servers(tmp_path_factory.mktemp)
    yield servers
    servers.stop()


def _fresh(servers: Servers, kind: str, tmp_path: Path) -> Iterator[Database]:
    try:
        database = servers.fresh(kind, tmp_path)
    except errors.ProgramMissing as missing:
        pytest.skip(str(missing))
    yield database
    database.close()


@pytest.fixture(params=[SQLITE, MARIADB, POSTGRESQL])
def database(
    request: pytest.FixtureRequest, servers: Servers, tmp_path: Path
) -> Iterator[Database]:
    yield from _fresh(servers, request.param, tmp_path)


@pytest.fixture(params=[MARIADB, POSTGRESQL])
def served(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path) -> Iterator[Database]:
    """One with a server, accounts and real concurrency."""
    yield from _fresh(servers, request.param, tmp_path)


@pytest.fixture
def maria(servers: Servers, tmp_path: Path) -> Iterator[Database]:
    yield from _fresh(servers, MARIADB, tmp_path)


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the attempts at a database."""
    monkeypatch.setattr(oslo_db_api.time, "sleep", lambda _seconds: None)

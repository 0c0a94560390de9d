# SPDX-License-Identifier: Apache-2.0
"""The operator's commands on a Karbor of the tests' own process, with a database in a file."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor.db.sqlalchemy import api as karbor_db
from keystoneauth1 import session, token_endpoint
from oslo_config import cfg

from karbor_manila.cli.app import KarborManila
from karbor_manila.cli.operator import host
from karbor_manila.cli.operator.checks import facts
from karbor_manila.database import schema
from karbor_manila.recovery import audit, lease
from karbor_manila.service import sessions
from tests.unit.cli.operator.acts import (
    PASSWORD,
    Ran,
)
from tests.unit.cli.operator.doctoring import (
    KARBOR,
    KEYSTONE,
    MANILA,
    NOW,
    Diagnosis,
    Look,
    at,
    doctor,
    keystone_says,
    write_conf,
)
from tests.unit.karbor_stage import (
    Service,
    started,
)


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Karbor's own process, with a database that other processes can open, too."""
    connection = f"sqlite:///{tmp_path / 'karbor.sqlite'}"
    with started(tmp_path, monkeypatch, connection=connection) as service:
        monkeypatch.setattr(audit.act, "Clock", lambda: service.cloud.clock)
        monkeypatch.setattr(host, "Clock", lambda: service.cloud.clock)
        yield service
        cfg.CONF.clear()


@pytest.fixture
def conf(service: Service) -> Path:
    path = service.folder / "karbor.conf"
    path.write_text(
        "\n".join(
            [
                "[DEFAULT]",
                f"provider_config_dir = {service.folder / 'providers.d'}",
                "[database]",
                f"connection = sqlite:///{service.folder / 'karbor.sqlite'}",
                "[trustee]",
                "auth_type = password",
                "username = karbor",
                f"password = {PASSWORD}",
                "[keystone_authtoken]",
                f"password = {PASSWORD}",
                "",
            ]
        )
    )
    return path


@pytest.fixture
def run(conf: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def run(*argv: str, config: Path = conf) -> Ran:
        capsys.readouterr()
        try:
            code = KarborManila().run([*argv, "--config-file", str(config)])
        except SystemExit as ended:  # argparse
            code = ended.code
        said = capsys.readouterr()
        return Ran(code=code, out=said.out, err=said.err)

    return run


@pytest.fixture
def keystone(requests_mock: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(
        sessions,
        "for_service",
        lambda *_args, **_kwargs: session.Session(auth=token_endpoint.Token(KEYSTONE, "secret")),
    )
    version = {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": KEYSTONE}]}
    requests_mock.get(KEYSTONE, json={"version": version}, headers=at(0))
    requests_mock.get(MANILA, json={}, headers=at(0))
    requests_mock.get(f"{KARBOR}/providers", json={"providers": []})
    keystone_says(requests_mock)
    return requests_mock


@pytest.fixture
def look(service: Service, keystone: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> Look:
    monkeypatch.setattr(facts.Clock, "utcnow", lambda _self: NOW)
    monkeypatch.setattr(lease, "_now", lambda: NOW)
    lease.renew(service.provider.bank)
    schema.upgrade(karbor_db.get_engine())

    def look(*checks: str, argv: tuple[str, ...] = (), **options: str) -> Diagnosis:
        conf = write_conf(service, **options)
        named = [word for name in checks for word in ("--check", name)]
        return doctor(capsys, "doctor", *named, *argv, "--config-file", str(conf))

    return look

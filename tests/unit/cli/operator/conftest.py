# SPDX-License-Identifier: Apache-2.0
"""The operator's commands on a Karbor of the tests' own process, with a database in a file."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from oslo_config import cfg

from karbor_manila.cli.app import KarborManila
from karbor_manila.cli.operator import host
from karbor_manila.recovery import audit
from tests.unit.cli.operator.acts import (
    PASSWORD,
    Ran,
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

# SPDX-License-Identifier: Apache-2.0
"""A cloud in which the doctor finds nothing, for its tests to plant faults in."""

import datetime
import email.utils
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from karbor_manila.cli.app import KarborManila
from tests.unit.cli.operator.acts import PASSWORD
from tests.unit.karbor_stage import Service

KEYSTONE = "http://keystone.example/v3"
MANILA = "http://manila.invalid/"
KARBOR = "http://karbor.example/v1"
NOW = datetime.datetime(2026, 11, 20, 12, 0, tzinfo=datetime.UTC)

#: What Keystone says of the token of Karbor's own user.
TOKEN: dict[str, Any] = {
    "user": {"id": "karbor-id", "name": "karbor"},
    "project": {"id": "service-id", "name": "service"},
    "roles": [{"id": "1", "name": "admin"}, {"id": "2", "name": "service"}],
    "catalog": [
        {
            "type": kind,
            "endpoints": [{"interface": "public", "url": url, "region_id": "RegionOne"}],
        }
        for kind, url in (("sharev2", f"{MANILA}v2"), ("data-protect", KARBOR))
    ],
}


def at(seconds: float) -> dict[str, str]:
    """The header of an answer whose sender's clock is so many seconds ahead."""
    return {"Date": email.utils.format_datetime(NOW + datetime.timedelta(seconds=seconds))}


def keystone_says(mocker: Any, **changes: Any) -> None:
    """The token of Karbor's own user, with something changed."""
    mocker.get(f"{KEYSTONE}/auth/tokens", json={"token": TOKEN | changes})


def write_conf(service: Service, **options: str) -> Path:
    """A ``karbor.conf`` with all that we need; ``section__option`` changes it, an empty value
    takes it out."""
    wanted = {
        "DEFAULT__protection_manager": "karbor_manila.manager.ProtectionManager",
        "DEFAULT__provider_config_dir": str(service.folder / "providers.d"),
        "database__connection": f"sqlite:///{service.folder / 'karbor.sqlite'}",
        "trustee__auth_type": "password",
        "trustee__username": "karbor",
        "trustee__password": PASSWORD,
        "keystone_authtoken__password": PASSWORD,
        "keystone_authtoken__www_authenticate_uri": f"{KEYSTONE}/",
    } | options
    sections: dict[str, list[str]] = {}
    for name, value in wanted.items():
        section, _, option = name.partition("__")
        if value:
            sections.setdefault(section, []).append(f"{option} = {value}")
    path = service.folder / "karbor.conf"
    text = "\n".join("\n".join([f"[{name}]", *lines]) for name, lines in sections.items())
    path.write_text(f"{text}\n")
    return path


class Diagnosis:
    """What a doctor found: the exit code, and the lines."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err
        self.rows: list[dict[str, str]] = json.loads(out) if out else []

    def of(self, check: str, state: str | None = None) -> list[dict[str, str]]:
        """The lines of a check, or those in a state."""
        return [row for row in self.rows if row["Check"] == check and state in (None, row["State"])]

    def wrong(self) -> list[tuple[str, str]]:
        """Check and state of each line that is not good."""
        return [(row["Check"], row["State"]) for row in self.rows if row["State"] != "good"]


def doctor(capsys: Any, *argv: str) -> Diagnosis:
    """Run a doctor's command line."""
    capsys.readouterr()
    try:
        code = KarborManila().run([*argv, "-f", "json"])
    except SystemExit as ended:  # argparse
        code = int(ended.code or 0)
    said = capsys.readouterr()
    return Diagnosis(code, said.out, said.err)


#: The fixture: does these checks on a ``karbor.conf`` with these options.
Look = Callable[..., Diagnosis]

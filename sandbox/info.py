# SPDX-License-Identifier: Apache-2.0
"""What a started sandbox looks like from outside: read from ``<state>/stack.json``."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sandbox import errors, files
from sandbox.manila import releases

NAME = "stack.json"


@dataclass(frozen=True)
class Credentials:
    """One user and the project it works in."""

    username: str
    user_id: str
    password: str
    project: str
    project_id: str
    domain: str
    auth_url: str
    region: str


@dataclass(frozen=True)
class StackInfo:
    """Where everything is. URLs have no slash at the end.

    :ivar auth_url: Keystone, with ``/v3``.
    :ivar karbor_url: Karbor's API, without version and project.
    :ivar karbor2_url: that of the second Karbor, which serves once it was started.
    :ivar manila_url: Manila itself, with ``/v2`` (the catalog's internal endpoint).
    :ivar manila_microversion: the newest that it is spoken to in, directly.
    :ivar proxy_url: Manila through the proxy, with ``/v2`` (the catalog's public endpoint).
    :ivar proxy_control_url: for ``sandbox.proxy.control.Proxy``.
    :ivar zaqar_url: Zaqar, without a version; empty where there is none.
    :ivar users: ``alpha`` and ``beta`` (plain members), ``admin``.
    :ivar providers: ids of the providers ``karbor-manila`` and ``karbor-stock``.
    :ivar bank: folder of the bank that both providers share, unless that is in an object store.
    :ivar bank_url: of the object store then, through the proxy in front of it; else empty.
    :ivar bank_proxy_control_url: for ``sandbox.proxy.control.Proxy``; empty without a store.
    :ivar shares: folder below which Manila keeps the files of the shares.
    :ivar logs: one log per service, by name.
    """

    state: Path
    auth_url: str
    karbor_url: str
    manila_url: str
    proxy_url: str
    proxy_control_url: str
    users: dict[str, Credentials]
    providers: dict[str, str]
    bank: Path
    shares: Path
    logs: dict[str, Path]
    bin: Path
    openrc: Path
    clouds: Path
    karbor2_url: str = ""
    zaqar_url: str = ""
    bank_url: str = ""
    bank_proxy_control_url: str = ""
    manila_microversion: str = releases.MICROVERSIONS[releases.NEWEST]

    def karbor_endpoint(self, user: str, karbor: str = "karbor") -> str:
        """Return the URL of the API of a Karbor (``karbor2`` is the second one) for the project of
        one of ``users``.
        """
        url = self.karbor_url if karbor == "karbor" else self.karbor2_url
        return f"{url}/v1/{self.users[user].project_id}"

    def save(self) -> None:
        """Write ``stack.json``; it holds passwords, so only the owner can read it."""
        files.write_json(self.state / NAME, _plain(asdict(self)))

    @classmethod
    def load(cls, state: Path) -> "StackInfo":
        """Read ``stack.json``.

        :raises errors.NotStarted: there is none.
        """
        values = files.read_json(state / NAME)
        if values is None:
            raise errors.NotStarted(state)
        values["users"] = {name: Credentials(**user) for name, user in values["users"].items()}
        values["logs"] = {name: Path(path) for name, path in values["logs"].items()}
        for name in ("state", "bank", "shares", "bin", "openrc", "clouds"):
            values[name] = Path(values[name])
        return cls(**values)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return str(value) if isinstance(value, Path) else value

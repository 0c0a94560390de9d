# SPDX-License-Identifier: Apache-2.0
"""Who asks: by Keystone, once a token, or by what the token itself says."""

import abc
import time
from dataclasses import dataclass

import aiohttp

# keystonemiddleware's default (token_cache_time).
_CACHED = 300.0
_SECONDS = 30.0


@dataclass(frozen=True)
class Who:
    """A user in a project."""

    project_id: str
    roles: frozenset[str]

    @property
    def is_admin(self) -> bool:
        """Whether Manila's policies take this user for an administrator."""
        return "admin" in self.roles

    def reaches(self, project_id: str) -> bool:
        """Whether this user may see and change what is of the project."""
        return self.is_admin or project_id == self.project_id


class Identity(abc.ABC):
    """Answers whose a token is."""

    @abc.abstractmethod
    async def ask(self, token: str, service_token: str = "") -> Who | None:
        """Who has the token; None when it is nobody's.

        :param service_token: a service's, which vouches for a token that has expired
        """

    @abc.abstractmethod
    async def close(self) -> None:
        """Let go of connections."""


class Noauth(Identity):
    """The token says it: ``project-a:member``, ``project-b:admin,member``."""

    async def ask(self, token: str, service_token: str = "") -> Who | None:
        """See Identity."""
        project, colon, roles = token.partition(":")
        return Who(project, frozenset(roles.split(","))) if project and colon else None

    async def close(self) -> None:
        """See Identity."""


class Keystone(Identity):
    """Keystone is asked once a token and a while, with the token itself or the service's.

    :param url: with ``/v3``
    """

    def __init__(self, url: str) -> None:
        self._url = f"{url}/auth/tokens"
        self._known: dict[str, tuple[float, Who]] = {}
        self._session: aiohttp.ClientSession | None = None
        #: How often Keystone was asked.
        self.asked = 0

    async def ask(self, token: str, service_token: str = "") -> Who | None:
        """See Identity."""
        until, who = self._known.get(token, (0.0, None))
        if who and time.monotonic() < until:
            return who
        who = await self._look(token, service_token)
        if who:
            self._known[token] = (time.monotonic() + _CACHED, who)
        return who

    async def close(self) -> None:
        """See Identity."""
        if self._session:
            await self._session.close()

    async def _look(self, token: str, service_token: str) -> Who | None:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=_SECONDS)
            self._session = aiohttp.ClientSession(timeout=timeout)
        self.asked += 1
        headers = {"X-Subject-Token": token, "X-Auth-Token": service_token or token}
        query = {"allow_expired": "1"} if service_token else {}
        async with self._session.get(self._url, headers=headers, params=query) as reply:
            if reply.status != 200:
                return None
            found = (await reply.json())["token"]
        project = found.get("project")
        roles = frozenset(role["name"] for role in found.get("roles", ()))
        return Who(project["id"], roles) if project else None
